internal import CInferenceKernels

/// Constants of a convolution or fully connected layer, checked.
struct LayerParameters {
    /// The file's bytes of the weights.
    var weights: Range<Int>
    /// One for each output channel.
    var bias: [Int32]
    /// Input scale · weight scale / output scale, one for each output channel.
    var multiplier: [Float]
    /// Bounds on the result, signed.
    var clamp: (low: Int32, high: Int32)
    /// Whether a weight is −128, which some kernels cannot negate.
    var hasLowestWeight: Bool
}

/// The parameters in memory of the plan, as the scalar kernels take them.
@safe struct StoredParameters {
    // Safe: the constant pool, which the plan keeps, owns what these point at.
    let weights: UnsafePointer<Int8>?
    let bias: UnsafePointer<Int32>?
    let multiplier: UnsafePointer<Float>?
}

extension PlanBuilder {
    /// - Parameter channelAxis: axis of the weights along which output channels lie.
    func layerParameters(
        _ node: GraphNode, outputChannels: Int, channelAxis: Int, activation: Activation
    ) throws(ModelError) -> LayerParameters {
        let (x, w, y) = (try input(node, 0), try input(node, 1), try output(node))
        let inputScale = try activationScale(x, node)
        let outputScale = try activationScale(y, node)
        guard let weights = graph.tensors[w].constant else {
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
        var multiplier: [Float] = []
        multiplier.reserveCapacity(outputChannels)
        for channel in 0..<outputChannels {
            let scale = scales[scales.count == 1 ? 0 : channel]
            multiplier.append(try finite(inputScale * scale / outputScale, node))
        }
        return LayerParameters(
            weights: weights, bias: try bias(node, count: outputChannels), multiplier: multiplier,
            clamp: clamp(activation, of: y, scale: outputScale),
            hasLowestWeight: unsafe graph.bytes.bytes(weights).contains(0x80))
    }

    /// A bias that is left out is zero.
    private func bias(_ node: GraphNode, count: Int) throws(ModelError) -> [Int32] {
        var bias = [Int32](repeating: 0, count: count)
        guard node.inputs.count > 2, let tensor = node.inputs[2] else { return bias }
        guard type(tensor) == .int32, let bytes = graph.tensors[tensor].constant else {
            throw unsupported(node, "a bias that is not a constant of type int32")
        }
        guard graph.tensors[tensor].elementCount == count else {
            throw invalid(node, "its bias does not have one element for each output channel")
        }
        for channel in 0..<count {
            bias[channel] = try graph.bytes.load(Int32.self, at: bytes.lowerBound + 4 * channel)
        }
        return bias
    }

    /// Copies the parameters into the constant pool.
    mutating func store(_ parameters: LayerParameters) throws(ModelError) -> StoredParameters {
        let weights = unsafe try constants.allocate(Int8.self, count: parameters.weights.count)
        unsafe UnsafeMutableRawBufferPointer(weights).copyMemory(
            from: graph.bytes.bytes(parameters.weights))
        return unsafe StoredParameters(
            weights: UnsafePointer(weights.baseAddress), bias: try constants.store(parameters.bias),
            multiplier: try constants.store(parameters.multiplier))
    }
}
