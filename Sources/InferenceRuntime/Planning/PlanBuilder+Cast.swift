internal import CInferenceKernels

extension PlanBuilder {
    /// How the kernels name an element type; nil for one that they do not convert.
    func castCode(_ type: ElementType) -> Int? {
        switch type {
        case .float32: IK_F32
        case .int8: IK_I8
        case .uint8: IK_U8
        case .int16: IK_I16
        case .int32: IK_I32
        case .int64: IK_I64
        case .bool: IK_BOOL
        default: nil
        }
    }

    mutating func lowerCast(_ node: GraphNode, _ index: Int) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        try require(y, hasShape: shape(x), node)
        guard let from = castCode(type(x)), let to = castCode(type(y)) else {
            throw unsupported(node, "\(type(x).rawValue) to \(type(y).rawValue)")
        }
        let source = try layout(x)
        let target = try outputLayout(y)
        let parameters = unsafe try stored(
            ik_cast(from: Int32(from), to: Int32(to)))
        unsafe append(ik_scalar_cast, parameters, from: source, to: target, index)
    }
}
