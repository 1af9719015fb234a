internal import CInferenceKernels

/// Lowering of layers with float32 activations. Weights may be float32, or int8 with scales
/// (hybrid models): these become float32 once, at load.
extension PlanBuilder {
    /// Whether an operator computes in float32.
    func isFloat(_ node: GraphNode) throws(ModelError) -> Bool {
        type(try input(node, 0)) == .float32
    }

    private func requireFloat(_ tensors: Int..., of node: GraphNode) throws(ModelError) {
        for tensor in tensors where type(tensor) != .float32 {
            throw unsupported(node, "float32 mixed with \(type(tensor).rawValue)")
        }
    }

    /// Real weights in the file's order.
    private func floatWeights(
        _ node: GraphNode, outputChannels: Int, channelAxis: Int
    ) throws(ModelError) -> [Float] {
        let w = try input(node, 1)
        guard let bytes = graph.tensors[w].constant else {
            throw unsupported(node, "weights that are not constant")
        }
        switch type(w) {
        case .float32: return try floats(bytes)
        case .int8:
            guard let quantization = graph.tensors[w].quantization else {
                throw invalid(node, "its weights have no scale")
            }
            let scales = quantization.scales
            guard
                scales.count == 1
                    || scales.count == outputChannels && quantization.axis == channelAxis,
                quantization.zeroPoints.allSatisfy({ $0 == 0 })
            else { throw unsupported(node, "this quantization of its weights") }
            let values = unsafe graph.bytes.bytes(bytes)
            // Output channels are the outermost axis, or the innermost.
            let inner = channelAxis == 0 ? bytes.count / outputChannels : 1
            return values.indices.map { index in
                let channel = scales.count == 1 ? 0 : index / inner % outputChannels
                return unsafe Float(Int8(bitPattern: values[index])) * scales[channel]
            }
        default: throw unsupported(node, "weights of type \(type(w).rawValue)")
        }
    }

    private func floats(_ range: Range<Int>) throws(ModelError) -> [Float] {
        var values: [Float] = []
        values.reserveCapacity(range.count / 4)
        for offset in stride(from: range.lowerBound, to: range.upperBound, by: 4) {
            values.append(Float(bitPattern: try graph.bytes.load(UInt32.self, at: offset)))
        }
        return values
    }

    private func floatBias(_ node: GraphNode, count: Int) throws(ModelError) -> [Float] {
        guard node.inputs.count > 2, let tensor = node.inputs[2] else {
            return Array(repeating: 0, count: count)
        }
        guard type(tensor) == .float32, let bytes = graph.tensors[tensor].constant else {
            throw unsupported(node, "a bias that is not a constant of type float32")
        }
        guard graph.tensors[tensor].elementCount == count else {
            throw invalid(node, "its bias does not have one element for each output channel")
        }
        return try floats(bytes)
    }

    mutating func lowerFloatConvolution(
        _ node: GraphNode, _ index: Int, _ geometry: WindowGeometry, groups: Int,
        _ activation: Activation, from: Layout, to: Layout
    ) throws(ModelError) {
        try requireFloat(try output(node), of: node)
        let outputs = geometry.output.channels
        let source = try floatWeights(node, outputChannels: outputs, channelAxis: 0)
        // [output][k] to [group][k][output], so that outputs are summed side by side.
        let (perGroup, depth) = (outputs / groups, source.count / outputs)
        let weights = unsafe try constants.allocate(Float.self, count: source.count)
        for output in 0..<outputs {
            let (group, column) = output.quotientAndRemainder(dividingBy: perGroup)
            for k in 0..<depth {
                unsafe weights[(group * depth + k) * perGroup + column] = source[output * depth + k]
            }
        }
        var step = unsafe ik_step()
        unsafe step.run = ik_conv_f32_run
        unsafe step.u.conv_f32 = ik_conv_f32(
            weights: weights.baseAddress,
            bias: try constants.store(try floatBias(node, count: outputs)), groups: Int32(groups),
            window: geometry.forKernels,
            low: activation.bounds.low, high: activation.bounds.high)
        unsafe append(step, from: from, to: to, index)
    }

    mutating func lowerFloatDepthwise(
        _ node: GraphNode, _ index: Int, _ geometry: WindowGeometry, _ activation: Activation
    ) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        try requireFloat(y, of: node)
        let outputs = geometry.output.channels
        let weights = try floatWeights(node, outputChannels: outputs, channelAxis: 3)
        let from = try layout(x)
        let to = try outputLayout(y)
        var step = unsafe ik_step()
        unsafe step.run = ik_depthwise_f32_run
        unsafe step.u.depthwise_f32 = ik_depthwise_f32(
            weights: try constants.store(weights),
            bias: try constants.store(try floatBias(node, count: outputs)),
            depth_multiplier: Int32(outputs / geometry.input.channels),
            window: geometry.forKernels,
            low: activation.bounds.low, high: activation.bounds.high)
        unsafe append(step, from: from, to: to, index)
    }

    mutating func lowerFloatAdd(
        _ node: GraphNode, _ index: Int, _ activation: Activation
    ) throws(ModelError) {
        let (a, b, y) = (try input(node, 0), try input(node, 1), try output(node))
        try requireFloat(b, y, of: node)
        let (first, second) = (try layout(a), try layout(b))
        let to = try outputLayout(y)
        var step = unsafe ik_step()
        unsafe step.run = ik_add_f32_run
        unsafe step.u.add_f32 = ik_add_f32(
            low: activation.bounds.low, high: activation.bounds.high,
            left_strides: try broadcast(first, a, to: y, node),
            right_strides: try broadcast(second, b, to: y, node))
        unsafe append(step, from: first, and: second, to: to, index)
    }

    mutating func lowerFloatSoftmax(
        _ node: GraphNode, _ index: Int, _ beta: Float
    ) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        try requireFloat(y, of: node)
        guard shape(x) == shape(y), !shape(x).isEmpty else {
            throw invalid(node, "its output does not have its input's shape")
        }
        let from = try layout(x)
        let to = try outputLayout(y)
        var step = unsafe ik_step()
        unsafe step.run = ik_softmax_f32
        unsafe step.u.softmax = ik_softmax(
            exponentials: nil, inverse_output_scale: 1, beta: beta)
        unsafe append(step, from: from, to: to, index)
    }
}
