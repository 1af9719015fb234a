internal import CInferenceKernels

extension PlanBuilder {
    /// The checked geometry of a pool, whose work is counted.
    mutating func poolGeometry(
        _ node: GraphNode, _ window: Window, _ kernel: Extent, mostElements: Int
    ) throws(ModelError) -> WindowGeometry {
        let (x, y) = (try input(node, 0), try output(node))
        guard shape(x).count == 4, shape(y).count == 4, shape(x)[3] == shape(y)[3],
            let geometry = WindowGeometry(
                input: ImageShape(shape(x)), output: ImageShape(shape(y)), kernel: kernel,
                window: window, dilation: Extent(height: 1, width: 1))
        else { throw invalid(node, "its output shape does not follow from its input shape") }
        guard kernel.height * kernel.width <= mostElements else {
            throw unsupported(node, "a window of \(kernel.height) x \(kernel.width)")
        }
        try count(
            multiplyAdds: graph.tensors[y].elementCount,
            min(kernel.height, geometry.input.height), min(kernel.width, geometry.input.width))
        return geometry
    }

    mutating func lowerGeneralPool(
        _ node: GraphNode, _ index: Int, _ window: Window, _ kernel: Extent,
        _ activation: Activation, isAverage: Bool
    ) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        guard type(x) == type(y) else { throw unsupported(node, "a result of another type") }
        guard
            type(x) == .float32 || graph.tensors[x].quantization == graph.tensors[y].quantization
        else { throw unsupported(node, "input and output of different quantization") }
        let geometry = try poolGeometry(node, window, kernel, mostElements: 1 << 15)
        var bounds = (low: Int32(0), high: Int32(0))
        var step = unsafe ik_step()
        switch type(x) {
        case .float32:
            if isAverage {
                unsafe step.run = ik_scalar_average_pool_f32
            } else {
                unsafe step.run = ik_scalar_max_pool_f32
            }
        case .int16:
            bounds = roundedBounds(activation.bounds, of: y, scale: try scale16(y, node))
            if isAverage {
                unsafe step.run = ik_scalar_average_pool_qs16
            } else {
                unsafe step.run = ik_scalar_max_pool_qs16
            }
        case .uint8:
            bounds = clamp(activation, of: y, scale: try activationScale(y, node))
            unsafe step.run = ik_scalar_average_pool_qu8
        default: throw unsupported(node, "elements of type \(type(x).rawValue)")
        }
        let from = try layout(x)
        let to = try outputLayout(y)
        unsafe step.u.pool = ik_pool(
            window: geometry.forKernels, clamp_low: bounds.low, clamp_high: bounds.high,
            float_low: activation.bounds.low, float_high: activation.bounds.high)
        unsafe append(step, from: from, to: to, index)
    }

    mutating func lowerSoftmaxFloat(
        _ node: GraphNode, _ index: Int, _ beta: Float
    ) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        guard type(x) == .float32 else { throw unsupported(node, "a result of another type") }
        guard !shape(x).isEmpty else { throw invalid(node, "its input is one number") }
        try require(y, hasShape: shape(x), node)
        let from = try layout(x)
        let to = try outputLayout(y)
        var step = unsafe ik_step()
        unsafe step.run = ik_scalar_softmax_f32
        unsafe step.u.softmax = ik_softmax(exponentials: nil, inverse_output_scale: 1, beta: beta)
        unsafe append(step, from: from, to: to, index)
    }
}
