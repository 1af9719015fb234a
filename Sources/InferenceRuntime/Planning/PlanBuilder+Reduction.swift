internal import CInferenceKernels

extension PlanBuilder {
    mutating func lowerReduction(
        _ node: GraphNode, _ index: Int, _ reduction: Reduction, keepsAxes: Bool
    ) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        guard type(x) == type(y) else { throw unsupported(node, "a result of another type") }
        let rank = shape(x).count
        var gone = [Bool](repeating: false, count: rank)
        for wanted in try integers(try input(node, 1), node) {
            gone[try axis(wanted, rank: rank, node)] = true
        }
        var expected: [Int] = []
        for axis in 0..<rank where keepsAxes || !gone[axis] {
            expected.append(gone[axis] ? 1 : shape(x)[axis])
        }
        try require(y, hasShape: expected, node)
        try count(multiplyAdds: graph.tensors[x].elementCount)
        let count = graph.tensors[x].elementCount / graph.tensors[y].elementCount
        guard count <= 1 << 23 else { throw unsupported(node, "\(count) elements in one") }
        var p = ik_reduce()
        try describe(node, reduction, count, &p)

        let from = try layout(x)
        let to = try outputLayout(y)
        let inputStrides = strides(from, x)
        let outputStrides = strides(to, y)
        var (kept, removed) = (([Int](), [Int](), [Int]()), ([Int](), [Int]()))
        var place = 0
        for axis in 0..<rank {
            if gone[axis] {
                removed.0.append(shape(x)[axis])
                removed.1.append(inputStrides[axis])
            } else {
                kept.0.append(shape(x)[axis])
                kept.1.append(inputStrides[axis])
                kept.2.append(outputStrides[place])
            }
            if keepsAxes || !gone[axis] { place += 1 }
        }
        let box = Box(kept.0, [kept.1, kept.2])
        let inner = Box(removed.0, [removed.1])
        p.extent = try axes(box.extents, filler: 1, node)
        p.input_stride = try axes(box.strides[0], filler: 0, node)
        p.output_stride = try axes(box.strides[1], filler: 0, node)
        p.reduced = try axes(inner.extents, filler: 1, node)
        p.reduced_stride = try axes(inner.strides[0], filler: 0, node)
        p.count = Int64(count)
        p.input_flip = from.view.flip
        p.output_flip = to.view.flip
        let parameters = unsafe try stored(p)
        unsafe append(ik_scalar_reduce, parameters, from: from, to: to, index)
    }

    private func describe(
        _ node: GraphNode, _ reduction: Reduction, _ count: Int, _ p: inout ik_reduce
    ) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        let passes = reduction == .maximum || reduction == .minimum
        switch type(x) {
        case .int8, .uint8:
            let ratio = try finite(
                try activationScale(x, node) / (try activationScale(y, node)), node)
            guard !passes || graph.tensors[x].quantization == graph.tensors[y].quantization else {
                throw unsupported(node, "input and output of different quantization")
            }
            // xnn_init_qs8_reduce_scalar_params, and reshape_reduce_nd of reduce-nd.c.
            let bias = type(x) == .uint8 ? 128 : 0
            p.bias = Int32(bias)
            p.scale = reduction == .mean ? ratio * (1 / Float(count)) : ratio
            p.offset =
                Float(signedZeroPoint(y) + bias)
                - Float(count * (signedZeroPoint(x) + bias)) * p.scale
            switch reduction {
            case .mean, .sum: unsafe p.cell = ik_cell_sum_qs8
            case .maximum: unsafe p.cell = ik_cell_max_qs8
            case .minimum: unsafe p.cell = ik_cell_min_qs8
            case .product: throw unsupported(node, "elements of type \(type(x).rawValue)")
            }
        case .int16:
            guard count <= 1 << 16 else { throw unsupported(node, "\(count) elements in one") }
            let ratio = try finite(try scale16(x, node) / (try scale16(y, node)), node)
            guard !passes || ratio == 1 else {
                throw unsupported(node, "input and output of different quantization")
            }
            let factor = FixedMultiplier(
                Double(try scale16(x, node)) / Double(try scale16(y, node)))
            (p.multiplier, p.shift) = (factor.multiplier, factor.shift)
            if reduction == .mean {
                let shift = min(Int32(Int.bitWidth - 1 - count.leadingZeroBitCount), 31 + p.shift)
                p.multiplier = Int32(Int64(p.multiplier) << Int64(shift) / Int64(count))
                p.shift -= shift
            }
            switch reduction {
            case .mean: unsafe p.cell = ik_cell_mean_qs16
            case .sum: unsafe p.cell = ik_cell_sum_qs16
            case .maximum: unsafe p.cell = ik_cell_max_qs16
            case .minimum: unsafe p.cell = ik_cell_min_qs16
            case .product: throw unsupported(node, "elements of type \(type(x).rawValue)")
            }
        case .float32:
            p.scale = reduction == .mean ? 1 / Float(count) : 1
            switch reduction {
            case .mean, .sum: unsafe p.cell = ik_cell_sum_f32
            case .maximum: unsafe p.cell = ik_cell_max_f32
            case .minimum: unsafe p.cell = ik_cell_min_f32
            case .product: unsafe p.cell = ik_cell_product_f32
            }
        case .int32:
            switch reduction {
            case .mean: unsafe p.cell = ik_cell_mean_i32
            case .sum: unsafe p.cell = ik_cell_sum_i32
            case .maximum: unsafe p.cell = ik_cell_max_i32
            case .minimum: unsafe p.cell = ik_cell_min_i32
            case .product: throw unsupported(node, "elements of type \(type(x).rawValue)")
            }
        default: throw unsupported(node, "elements of type \(type(x).rawValue)")
        }
    }

    /// The first of equal elements counts.
    mutating func lowerArgumentOfExtreme(
        _ node: GraphNode, _ index: Int, isMinimum: Bool
    ) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        let wanted = try integers(try input(node, 1), node)
        guard wanted.count == 1 else { throw invalid(node, "it needs one axis") }
        let axis = try axis(wanted[0], rank: shape(x).count, node)
        var expected = shape(x)
        let extent = expected.remove(at: axis)
        try require(y, hasShape: expected, node)
        guard let code = castCode(type(x)), code != IK_I64, code != IK_BOOL else {
            throw unsupported(node, "elements of type \(type(x).rawValue)")
        }
        guard type(y) == .int32 || type(y) == .int64 else {
            throw unsupported(node, "indices of type \(type(y).rawValue)")
        }
        let from = try denseLayout(x, index)
        let to = try outputLayout(y)
        let parameters = unsafe try stored(
            ik_arg_extreme(
                outer: Int64(shape(x)[..<axis].reduce(1, *)), axis: Int64(extent),
                inner: Int64(shape(x)[(axis + 1)...].reduce(1, *)), type: Int32(code),
                index_bytes: Int32(elementBytes(y)), is_minimum: isMinimum ? 1 : 0))
        unsafe append(ik_scalar_arg_extreme, parameters, from: from, to: to, index)
    }
}
