extension Graph {
    /// The graph with the extents that its file leaves open (−1) worked out from the inputs, whose
    /// own open extents are 1. Dilated convolutions need it: they put blocks of space into an open
    /// batch.
    ///
    /// - Throws: `tensorTooLarge`. What cannot be worked out stays 1, and the planner refuses it.
    func resolvingOpenExtents(_ limits: ModelLimits) throws(ModelError) -> Graph {
        var resolved = self
        for node in nodes {
            guard let x = node.inputs.first ?? nil else { continue }
            let source = resolved.tensors[x]
            for y in node.outputs {
                guard let axis = resolved.tensors[y].openAxis,
                    resolved.tensors[y].shape.indices.contains(axis),
                    let extent = try resolved.extent(of: axis, of: y, node, source), extent >= 1
                else { continue }
                resolved.tensors[y].shape[axis] = extent
                try resolved.checkSize(y, limits)
            }
        }
        return resolved
    }

    private func extent(
        of axis: Int, of tensor: Int, _ node: GraphNode, _ source: GraphTensor
    ) throws(ModelError) -> Int? {
        switch node.operation {
        case .reshape, .movement(.view):
            let others = tensors[tensor].elementCount / tensors[tensor].shape[axis]
            return source.elementCount % others == 0 ? source.elementCount / others : nil
        case .movement(.spaceToBatch):
            guard axis == 0, let blocks = try blockCount(node) else { return nil }
            let (extent, overflow) = (source.shape.first ?? 1).multipliedReportingOverflow(
                by: blocks)
            return overflow ? nil : extent
        case .movement(.batchToSpace):
            guard axis == 0, let blocks = try blockCount(node) else { return nil }
            return (source.shape.first ?? 1) / blocks
        case .convolution, .depthwiseConvolution, .averagePool, .maximumPool, .unary, .quantize,
            .dequantize, .softmax, .add, .binary:
            return axis == 0 && source.shape.count == tensors[tensor].shape.count
                ? source.shape.first : nil
        default: return nil
        }
    }

    /// Product of a constant block shape; nil when it is none.
    private func blockCount(_ node: GraphNode) throws(ModelError) -> Int? {
        guard node.inputs.count > 1, let tensor = node.inputs[1],
            tensors[tensor].elementType == .int32, let constant = tensors[tensor].constant
        else { return nil }
        var product = 1
        for offset in stride(from: constant.lowerBound, to: constant.upperBound, by: 4) {
            let block = Int(try bytes.load(Int32.self, at: offset))
            guard (1...4_096).contains(block), product <= 4_096 else { return nil }
            product *= block
        }
        return product
    }

    private func checkSize(_ tensor: Int, _ limits: ModelLimits) throws(ModelError) {
        let limit = min(limits.tensorBytes, Int(Int32.max))
        var bytes = tensors[tensor].elementType.byteCount ?? 1
        for extent in tensors[tensor].shape {
            let (product, overflow) = bytes.multipliedReportingOverflow(by: extent)
            guard !overflow, product <= limit else {
                throw .tensorTooLarge(tensor: tensors[tensor].name, limitBytes: limit)
            }
            bytes = product
        }
    }
}
