internal import CInferenceKernels

/// Constants of a convolution or fully connected layer, checked and in memory of the plan.
@safe struct LayerConstants {
    // The pool that the plan keeps owns what these point at.
    let weights: UnsafePointer<Int8>
    let bias: UnsafePointer<Int32>
    let multiplier: UnsafePointer<Float>
    let clamp: (low: Int32, high: Int32)
}

extension PlanBuilder {
    /// - Parameter channelAxis: axis of the weights along which output channels lie.
    mutating func layerConstants(
        _ node: GraphNode, outputChannels: Int, channelAxis: Int, activation: Activation
    ) throws(ModelError) -> LayerConstants {
        let x = try input(node, 0)
        let w = try input(node, 1)
        let y = try output(node)
        let inputScale = try activationScale(x, node)
        let outputScale = try activationScale(y, node)
        guard let weightBytes = graph.tensors[w].constant else {
            throw unsupported(node, "weights that are not constant")
        }
        guard type(w) == .int8 else {
            throw unsupported(node, "weights of type \(type(w).rawValue)")
        }
        guard let quantization = graph.tensors[w].quantization else {
            throw invalid(node, "its weights have no scale")
        }
        let scales = quantization.scales
        guard
            scales.count == 1 || scales.count == outputChannels && quantization.axis == channelAxis
        else {
            throw invalid(node, "\(scales.count) weight scales for \(outputChannels) channels")
        }
        guard quantization.zeroPoints.allSatisfy({ $0 == 0 }) else {
            throw unsupported(node, "weights with a zero point")
        }
        let multiplier = unsafe try constants.allocate(Float.self, count: outputChannels)
        for channel in 0..<outputChannels {
            let scale = scales[scales.count == 1 ? 0 : channel]
            unsafe multiplier[channel] = try finite(inputScale * scale / outputScale, node)
        }
        let bias = unsafe try constants.allocate(Int32.self, count: outputChannels)
        unsafe try readBias(node, into: bias)
        let weights = unsafe try constants.allocate(Int8.self, count: weightBytes.count)
        unsafe UnsafeMutableRawBufferPointer(weights).copyMemory(
            from: graph.bytes.bytes(weightBytes))
        guard let weightsBase = weights.baseAddress, let biasBase = bias.baseAddress,
            let multiplierBase = multiplier.baseAddress
        else { throw invalid(node, "it has no weights") }
        return unsafe LayerConstants(
            weights: weightsBase, bias: biasBase, multiplier: multiplierBase,
            clamp: clamp(activation, of: y, scale: outputScale))
    }

    /// A bias that is left out is zero, as the memory already is.
    private func readBias(
        _ node: GraphNode, into bias: UnsafeMutableBufferPointer<Int32>
    ) throws(ModelError) {
        guard node.inputs.count > 2, let tensor = node.inputs[2] else { return }
        guard type(tensor) == .int32, let bytes = graph.tensors[tensor].constant else {
            throw unsupported(node, "a bias that is not a constant of type int32")
        }
        guard graph.tensors[tensor].elementCount == bias.count else {
            throw invalid(node, "its bias does not have one element for each output channel")
        }
        for channel in 0..<bias.count {
            unsafe bias[channel] = try graph.bytes.load(
                Int32.self, at: bytes.lowerBound + 4 * channel)
        }
    }
}
