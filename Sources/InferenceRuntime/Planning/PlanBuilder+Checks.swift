/// Questions about an operator's tensors, each with the error for the wrong answer.
extension PlanBuilder {
    func unsupported(_ node: GraphNode, _ reason: String) -> ModelError {
        .unsupportedForm(name: node.name, position: node.position, reason: reason)
    }

    func invalid(_ node: GraphNode, _ reason: String) -> ModelError {
        .invalidOperator(name: node.name, position: node.position, reason: reason)
    }

    /// The tensor of a required input.
    func input(_ node: GraphNode, _ index: Int) throws(ModelError) -> Int {
        guard index < node.inputs.count, let tensor = node.inputs[index] else {
            throw invalid(node, "input \(index) is missing")
        }
        return tensor
    }

    /// The one output.
    func output(_ node: GraphNode) throws(ModelError) -> Int {
        guard node.outputs.count == 1 else {
            throw invalid(node, "it has \(node.outputs.count) outputs")
        }
        return node.outputs[0]
    }

    func type(_ tensor: Int) -> ElementType { graph.tensors[tensor].elementType }

    func shape(_ tensor: Int) -> [Int] { graph.tensors[tensor].shape }

    func is8Bit(_ tensor: Int) -> Bool { type(tensor) == .int8 || type(tensor) == .uint8 }

    /// The zero point in [−128, 127]: unsigned values are signed ones in another storage.
    func signedZeroPoint(_ tensor: Int) -> Int {
        guard is8Bit(tensor), let quantization = graph.tensors[tensor].quantization else {
            return 0
        }
        return quantization.zeroPoints[0] - (type(tensor) == .uint8 ? 128 : 0)
    }

    /// Scale of an 8-bit activation.
    func activationScale(_ tensor: Int, _ node: GraphNode) throws(ModelError) -> Float {
        guard is8Bit(tensor) else {
            throw unsupported(node, "activations of type \(type(tensor).rawValue)")
        }
        guard let quantization = graph.tensors[tensor].quantization,
            quantization.scales.count == 1, quantization.scales[0] > 0
        else {
            throw invalid(node, "an activation needs exactly one scale above 0")
        }
        guard (-128...127).contains(signedZeroPoint(tensor)) else {
            throw invalid(node, "a zero point is outside its type")
        }
        return quantization.scales[0]
    }

    /// A ratio of scales that the kernels can use.
    func finite(_ multiplier: Float, _ node: GraphNode) throws(ModelError) -> Float {
        guard multiplier.isFinite else { throw invalid(node, "its scales overflow") }
        return multiplier
    }

    /// A fused activation as bounds on the quantized result, in the signed domain.
    ///
    /// - Rounding: to nearest even of bound / scale + zero point.
    /// - Source: xnn_qs8_quantize of XNNPACK.
    func clamp(
        _ activation: Activation, of tensor: Int, scale: Float
    ) -> (low: Int32, high: Int32) {
        let zeroPoint = Float(signedZeroPoint(tensor))
        func quantized(_ bound: Float) -> Int32 {
            let value = (bound / scale + zeroPoint).rounded(.toNearestOrEven)
            return Int32(min(max(value, -128), 127))
        }
        let bounds = activation.bounds
        return (quantized(bounds.low), quantized(bounds.high))
    }
}
