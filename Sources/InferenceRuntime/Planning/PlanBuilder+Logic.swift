internal import CInferenceKernels

/// Comparisons, choices, repetition and look-ups.
extension PlanBuilder {
    mutating func lowerComparison(
        _ node: GraphNode, _ index: Int, _ comparison: Comparison
    ) throws(ModelError) {
        let (a, b, y) = (try input(node, 0), try input(node, 1), try output(node))
        guard type(a) == type(b), type(y) == .bool else {
            throw unsupported(node, "operands of different types")
        }
        var p = ik_binary()
        switch (comparison, type(a)) {
        case (.less, .float32): unsafe p.row = ik_row_less_f32
        case (.less, .int32): unsafe p.row = ik_row_less_i32
        case (.less, .int64): unsafe p.row = ik_row_less_i64
        case (.lessOrEqual, .float32): unsafe p.row = ik_row_less_equal_f32
        case (.lessOrEqual, .int32): unsafe p.row = ik_row_less_equal_i32
        case (.lessOrEqual, .int64): unsafe p.row = ik_row_less_equal_i64
        case (.equal, .float32): unsafe p.row = ik_row_equal_f32
        case (.equal, .int32): unsafe p.row = ik_row_equal_i32
        case (.equal, .int64): unsafe p.row = ik_row_equal_i64
        case (.equal, .bool): unsafe p.row = ik_row_equal_bool
        case (.and, .bool): unsafe p.row = ik_row_and_bool
        case (.or, .bool): unsafe p.row = ik_row_or_bool
        case (.exclusiveOr, .bool): unsafe p.row = ik_row_xor_bool
        default: throw unsupported(node, "elements of type \(type(a).rawValue)")
        }
        try appendBinary(node, index, p, a, b, y)
    }

    /// The third input everywhere, then the second where the first says so.
    mutating func lowerSelect(_ node: GraphNode, _ index: Int) throws(ModelError) {
        let (condition, a, b) = (try input(node, 0), try input(node, 1), try input(node, 2))
        let y = try output(node)
        guard type(condition) == .bool, type(a) == type(y) else {
            throw unsupported(node, "a condition or elements of another type")
        }
        try requireSameElements(a, as: y, node)
        try requireSameElements(b, as: y, node)
        var p = ik_binary()
        switch type(y) {
        case .bool: unsafe p.row = ik_row_choose_1
        case .float32, .int32: unsafe p.row = ik_row_choose_4
        case .int64: unsafe p.row = ik_row_choose_8
        default: throw unsupported(node, "elements of type \(type(y).rawValue)")
        }
        let from = try layout(b)
        let to = try outputLayout(y)
        try copyBox(
            shape(y), from: from, at: 0, try broadcastStrides(from, b, to: y, node), to: to, at: 0,
            strides(to, y), element: elementBytes(y), node, index)
        try appendBinary(node, index, p, condition, a, y, into: to)
    }

    mutating func lowerBroadcast(_ node: GraphNode, _ index: Int) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        try requireSameElements(x, as: y, node)
        let from = try layout(x)
        let to = try outputLayout(y)
        try copyBox(
            shape(y), from: from, at: 0, try broadcastStrides(from, x, to: y, node), to: to, at: 0,
            strides(to, y), element: elementBytes(y), node, index)
    }

    /// Each axis of the result is two: the repetition, which does not move in the input, and the
    /// input's own.
    mutating func lowerTile(_ node: GraphNode, _ index: Int) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        try requireSameElements(x, as: y, node)
        guard shape(x).count == shape(y).count,
            zip(shape(x), shape(y)).allSatisfy({ $1 % $0 == 0 })
        else { throw invalid(node, "\(shape(x)) does not repeat to \(shape(y))") }
        let from = try layout(x)
        let to = try outputLayout(y)
        let (inner, outer) = (strides(from, x), strides(to, y))
        var (extents, inputStrides, outputStrides) = ([Int](), [Int](), [Int]())
        for axis in shape(x).indices {
            extents += [shape(y)[axis] / shape(x)[axis], shape(x)[axis]]
            inputStrides += [0, inner[axis]]
            outputStrides += [outer[axis] * shape(x)[axis], outer[axis]]
        }
        try copyBox(
            extents, from: from, at: 0, inputStrides, to: to, at: 0, outputStrides,
            element: elementBytes(y), node, index)
    }

    mutating func lowerEncoding(
        _ node: GraphNode, _ index: Int, _ map: LabelMap
    ) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        try require(y, hasShape: shape(x), node)
        guard type(x) == .float32 || type(x) == .int64, type(y) == .float32 || type(y) == .int64
        else {
            throw unsupported(node, "\(type(x).rawValue) to \(type(y).rawValue)")
        }
        var p = unsafe ik_label_map()
        unsafe p.keys = try constants.store(map.keys)
        unsafe p.values = try constants.store(map.values)
        unsafe p.otherwise = map.otherwise
        unsafe p.count = Int64(map.keys.count)
        unsafe p.elements = Int64(graph.tensors[x].elementCount)
        unsafe (p.takes_integers, p.gives_integers) = (
            type(x) == .int64 ? 1 : 0, type(y) == .int64 ? 1 : 0
        )
        let from = try denseLayout(x, index)
        let to = try denseOutputLayout(y)
        let parameters = unsafe try stored(p)
        unsafe append(ik_label_map_elements, parameters, from: from, to: to, index)
    }
}
