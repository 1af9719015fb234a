internal import CInferenceKernels

extension PlanBuilder {
    mutating func lowerMovement(
        _ node: GraphNode, _ index: Int, _ movement: Movement
    ) throws(ModelError) {
        switch movement {
        case .view: try lowerReshape(node, index)
        case .concatenation(let axis, let activation):
            try lowerConcatenation(node, index, axis, activation)
        case .pad: try lowerPad(node, index)
        case .mirrorPad(let includesEdge):
            try lowerMirrorPad(node, index, includesEdge: includesEdge)
        case .transpose: try lowerTranspose(node, index)
        case .split: try lowerSplit(node, index)
        case .splitSizes: try lowerSplitSizes(node, index)
        case .slice: try lowerSlice(node, index)
        case .stridedSlice(let masks): try lowerStridedSlice(node, index, masks)
        case .pack(let axis): try lowerPack(node, index, axis)
        case .unpack(let axis): try lowerUnpack(node, index, axis)
        case .gather(let axis, let batchAxes): try lowerGather(node, index, axis, batchAxes)
        case .spaceToBatch: try lowerSpaceToBatch(node, index)
        case .batchToSpace: try lowerBatchToSpace(node, index)
        case .broadcast: try lowerBroadcast(node, index)
        case .tile: try lowerTile(node, index)
        }
    }

    // MARK: - Joining

    private mutating func lowerConcatenation(
        _ node: GraphNode, _ index: Int, _ wanted: Int, _ activation: Activation
    ) throws(ModelError) {
        let y = try output(node)
        guard activation == .none else { throw unsupported(node, "a fused activation") }
        let axis = try axis(wanted, rank: shape(y).count, node)
        var total = 0
        for place in node.inputs.indices {
            let x = try input(node, place)
            guard shape(x).count == shape(y).count else {
                throw invalid(node, "its inputs differ in rank")
            }
            for other in shape(y).indices where other != axis {
                guard shape(x)[other] == shape(y)[other] else {
                    throw invalid(node, "its inputs differ off the axis")
                }
            }
            try requireSameElements(x, as: y, node)
            total += shape(x)[axis]
        }
        guard total == shape(y)[axis] else {
            throw invalid(node, "its inputs are \(total) long together, its output is not")
        }
        let inputs = try node.inputs.indices.map { place throws(ModelError) in
            try layout(try input(node, place))
        }
        let to = try outputLayout(y)
        let outputStrides = strides(to, y)
        var offset = 0
        for (place, from) in inputs.enumerated() {
            let x = try input(node, place)
            try copyBox(
                shape(x), from: from, at: 0, strides(from, x), to: to, at: offset, outputStrides,
                element: elementBytes(y), node, index)
            offset += shape(x)[axis] * outputStrides[axis]
        }
    }

    private mutating func lowerPack(
        _ node: GraphNode, _ index: Int, _ wanted: Int
    ) throws(ModelError) {
        let y = try output(node)
        let axis = try axis(wanted, rank: shape(y).count, node)
        guard shape(y)[axis] == node.inputs.count else {
            throw invalid(node, "\(node.inputs.count) inputs for \(shape(y)[axis]) places")
        }
        var part = shape(y)
        part.remove(at: axis)
        for place in node.inputs.indices {
            let x = try input(node, place)
            guard shape(x) == part else { throw invalid(node, "input \(place) is \(shape(x))") }
            try requireSameElements(x, as: y, node)
        }
        let inputs = try node.inputs.indices.map { place throws(ModelError) in
            try layout(try input(node, place))
        }
        let to = try outputLayout(y)
        var outputStrides = strides(to, y)
        let step = outputStrides.remove(at: axis)
        for (place, from) in inputs.enumerated() {
            let x = try input(node, place)
            try copyBox(
                part, from: from, at: 0, strides(from, x), to: to, at: place * step, outputStrides,
                element: elementBytes(y), node, index)
        }
    }

    // MARK: - Parting

    private mutating func lowerUnpack(
        _ node: GraphNode, _ index: Int, _ wanted: Int
    ) throws(ModelError) {
        let x = try input(node, 0)
        let axis = try axis(wanted, rank: shape(x).count, node)
        var part = shape(x)
        guard part.remove(at: axis) == node.outputs.count else {
            throw invalid(node, "\(node.outputs.count) outputs for \(shape(x)[axis]) places")
        }
        let from = try layout(x)
        var inputStrides = strides(from, x)
        let step = inputStrides.remove(at: axis)
        for (place, y) in node.outputs.enumerated() {
            try require(y, hasShape: part, node)
            try requireSameElements(x, as: y, node)
            let to = try outputLayout(y)
            try copyBox(
                part, from: from, at: place * step, inputStrides, to: to, at: 0, strides(to, y),
                element: elementBytes(y), node, index)
        }
    }

    private mutating func lowerSplit(_ node: GraphNode, _ index: Int) throws(ModelError) {
        let x = try input(node, 1)
        let wanted = try integers(try input(node, 0), node)
        guard wanted.count == 1 else { throw invalid(node, "it needs one axis") }
        let axis = try axis(wanted[0], rank: shape(x).count, node)
        let count = node.outputs.count
        guard count > 0, shape(x)[axis] % count == 0 else {
            throw invalid(node, "\(shape(x)[axis]) elements into \(count) equal parts")
        }
        try part(
            x, node, index, axis: axis,
            sizes: Array(repeating: shape(x)[axis] / count, count: count))
    }

    private mutating func lowerSplitSizes(_ node: GraphNode, _ index: Int) throws(ModelError) {
        let x = try input(node, 0)
        var sizes = try integers(try input(node, 1), node)
        let wanted = try integers(try input(node, 2), node)
        guard wanted.count == 1 else { throw invalid(node, "it needs one axis") }
        let axis = try axis(wanted[0], rank: shape(x).count, node)
        guard sizes.count == node.outputs.count, sizes.count(where: { $0 == -1 }) <= 1,
            sizes.allSatisfy({ $0 >= -1 && $0 <= shape(x)[axis] })
        else { throw invalid(node, "sizes \(sizes) for \(node.outputs.count) outputs") }
        let rest = shape(x)[axis] - sizes.reduce(0) { $0 + max($1, 0) }
        if let open = sizes.firstIndex(of: -1) { sizes[open] = rest }
        guard sizes.reduce(0, +) == shape(x)[axis], sizes.allSatisfy({ $0 > 0 }) else {
            throw invalid(node, "sizes \(sizes) of \(shape(x)[axis]) elements")
        }
        try part(x, node, index, axis: axis, sizes: sizes)
    }

    private mutating func part(
        _ x: Int, _ node: GraphNode, _ index: Int, axis: Int, sizes: [Int]
    ) throws(ModelError) {
        let from = try layout(x)
        let inputStrides = strides(from, x)
        var offset = 0
        for (y, size) in zip(node.outputs, sizes) {
            var part = shape(x)
            part[axis] = size
            try require(y, hasShape: part, node)
            try requireSameElements(x, as: y, node)
            let to = try outputLayout(y)
            try copyBox(
                part, from: from, at: offset, inputStrides, to: to, at: 0, strides(to, y),
                element: elementBytes(y), node, index)
            offset += size * inputStrides[axis]
        }
    }

    // MARK: - Reordering

    private mutating func lowerTranspose(_ node: GraphNode, _ index: Int) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        let rank = shape(x).count
        var order: [Int] = []
        for wanted in try integers(try input(node, 1), node) {
            order.append(try axis(wanted, rank: rank, node))
        }
        guard order.sorted() == Array(0..<rank) else {
            throw invalid(node, "\(order) is no order of \(rank) axes")
        }
        try require(y, hasShape: order.map { shape(x)[$0] }, node)
        try requireSameElements(x, as: y, node)
        let from = try layout(x)
        let inputStrides = strides(from, x)
        let to = try outputLayout(y)
        try copyBox(
            shape(y), from: from, at: 0, order.map { inputStrides[$0] }, to: to, at: 0,
            strides(to, y), element: elementBytes(y), node, index)
    }

    private mutating func lowerGather(
        _ node: GraphNode, _ index: Int, _ wanted: Int, _ batchAxes: Int
    ) throws(ModelError) {
        let (x, indices, y) = (try input(node, 0), try input(node, 1), try output(node))
        let axis = try axis(wanted, rank: shape(x).count, node)
        let batches = batchAxes < 0 ? batchAxes + shape(indices).count : batchAxes
        guard batches >= 0, batches <= axis, batches <= shape(indices).count,
            shape(x)[..<batches] == shape(indices)[..<batches]
        else { throw invalid(node, "its indices do not fit its batch axes") }
        guard type(indices) == .int32 || type(indices) == .int64 else {
            throw unsupported(node, "indices of type \(type(indices).rawValue)")
        }
        try require(
            y,
            hasShape: Array(
                shape(x)[..<axis] + shape(indices)[batches...] + shape(x)[(axis + 1)...]), node)
        try requireSameElements(x, as: y, node)
        let block = shape(x)[(axis + 1)...].reduce(elementBytes(x), *)
        let count = shape(indices)[batches...].reduce(1, *)
        let outer = shape(x)[batches..<axis].reduce(1, *)
        try checkIndices(indices, below: shape(x)[axis], node)
        let from = try denseLayout(x, index)
        let second = try denseLayout(indices, index)
        // Whole blocks lie without gaps only in a tensor without a border.
        let to = try denseOutputLayout(y)
        let parameters = unsafe try stored(
            ik_gather(
                batches: Int64(shape(x)[..<batches].reduce(1, *)), outer: Int64(outer),
                axis: Int64(shape(x)[axis]), count: Int64(count), block_bytes: Int64(block),
                input_batch_stride: Int64(outer * shape(x)[axis] * block),
                input_outer_stride: Int64(shape(x)[axis] * block),
                output_batch_stride: Int64(outer * count * block),
                output_outer_stride: Int64(count * block),
                index_bytes: Int32(elementBytes(indices))))
        unsafe append(ik_scalar_gather, parameters, from: from, and: second, to: to, index)
    }

    /// Constant indices are checked here; others are clamped when the model runs.
    private func checkIndices(
        _ tensor: Int, below extent: Int, _ node: GraphNode
    ) throws(ModelError) {
        guard let bytes = graph.tensors[tensor].constant else { return }
        for element in 0..<graph.tensors[tensor].elementCount {
            let value =
                type(tensor) == .int64
                ? try graph.bytes.load(Int64.self, at: bytes.lowerBound + 8 * element)
                : Int64(try graph.bytes.load(Int32.self, at: bytes.lowerBound + 4 * element))
            guard value >= 0, value < extent else {
                throw invalid(node, "index \(value) of \(extent)")
            }
        }
    }
}
