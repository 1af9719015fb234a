internal import CInferenceKernels

extension PlanBuilder {
    mutating func lowerBatchMatrixProduct(
        _ node: GraphNode, _ index: Int, transposesLeft: Bool, transposesRight: Bool
    ) throws(ModelError) {
        let (a, b, y) = (try input(node, 0), try input(node, 1), try output(node))
        guard type(a) == type(y), type(b) == type(y) else {
            throw unsupported(node, "operands of different types")
        }
        let rank = shape(y).count
        guard rank >= 2, (2...rank).contains(shape(a).count), (2...rank).contains(shape(b).count)
        else { throw invalid(node, "its operands are no matrices") }
        let (left, right) = (Array(shape(a).suffix(2)), Array(shape(b).suffix(2)))
        let (rows, depth) = transposesLeft ? (left[1], left[0]) : (left[0], left[1])
        let (other, columns) = transposesRight ? (right[1], right[0]) : (right[0], right[1])
        guard depth == other, Array(shape(y).suffix(2)) == [rows, columns] else {
            throw invalid(node, "\(left) and \(right) do not make \(shape(y))")
        }
        guard depth <= 1 << 15 else { throw unsupported(node, "a depth of \(depth)") }
        try count(multiplyAdds: graph.tensors[y].elementCount, depth)
        var p = ik_batch_matmul()
        try describeScale(node, &p)
        let first = try layout(a)
        let second = try layout(b)
        let to = try outputLayout(y)
        let (own, its, result) = (strides(first, a), strides(second, b), strides(to, y))
        (p.rows, p.columns, p.depth) = (Int64(rows), Int64(columns), Int64(depth))
        let (outer, inner) = (Int64(own[own.count - 2]), Int64(own[own.count - 1]))
        (p.left_row, p.left_depth) = transposesLeft ? (inner, outer) : (outer, inner)
        let (itsOuter, itsInner) = (Int64(its[its.count - 2]), Int64(its[its.count - 1]))
        (p.right_depth, p.right_column) =
            transposesRight ? (itsInner, itsOuter) : (itsOuter, itsInner)
        (p.output_row, p.output_column) = (Int64(result[rank - 2]), Int64(result[rank - 1]))
        let batch = Array(shape(y).dropLast(2))
        p.extent = try axes(batch, filler: 1, node)
        p.left = try axes(
            batchStrides(Array(shape(a).dropLast(2)), own, over: batch, node), filler: 0, node)
        p.right = try axes(
            batchStrides(Array(shape(b).dropLast(2)), its, over: batch, node), filler: 0, node)
        p.output = try axes(Array(result.dropLast(2)), filler: 0, node)
        let parameters = unsafe try stored(p)
        unsafe append(ik_scalar_batch_matmul, parameters, from: first, and: second, to: to, index)
    }

    /// Strides of an operand's batch axes over the result's; 0 where it is repeated.
    private func batchStrides(
        _ operand: [Int], _ strides: [Int], over batch: [Int], _ node: GraphNode
    ) throws(ModelError) -> [Int] {
        let missing = batch.count - operand.count
        var result = [Int](repeating: 0, count: missing)
        for axis in operand.indices {
            if operand[axis] == batch[missing + axis] {
                result.append(strides[axis])
            } else if operand[axis] == 1 {
                result.append(0)
            } else {
                throw invalid(node, "its batch axes do not broadcast")
            }
        }
        return result
    }

    private func describeScale(
        _ node: GraphNode, _ p: inout ik_batch_matmul
    ) throws(ModelError) {
        let (a, b, y) = (try input(node, 0), try input(node, 1), try output(node))
        let product: Float
        let scale: Float
        switch type(y) {
        case .float32:
            p.type = Int32(IK_F32)
            return
        case .int8:
            p.type = Int32(IK_I8)
            product = try activationScale(a, node) * activationScale(b, node)
            scale = try activationScale(y, node)
            // LiteRT's delegate takes only constant second operands.
            if graph.tensors[b].constant != nil { p.scale = try finite(product / scale, node) }
        case .int16:
            p.type = Int32(IK_I16)
            product = try scale16(a, node) * scale16(b, node)
            scale = try scale16(y, node)
        default: throw unsupported(node, "elements of type \(type(y).rawValue)")
        }
        let factor = FixedMultiplier(Double(try finite(product, node)) / Double(scale))
        guard type(y) == .int8 || factor.shift <= 7 else {
            throw unsupported(node, "scales that multiply by 128 or more")
        }
        (p.multiplier, p.shift) = (factor.multiplier, factor.shift)
    }
}
