/// Layers with int8 weights between quantized tensors.
extension ONNXGraphBuilder {
    /// Weights of int8 around 0, which is what the integer kernels multiply by; nil for others.
    func symmetricWeights(
        _ value: Value?
    ) throws(ModelError) -> (constant: ONNXTensor, quantization: Quantization)? {
        guard let source = value?.quantized, let constant = source.constant else { return nil }
        let zeroPoints = source.quantization.zeroPoints
        switch source.elementType {
        case .int8 where zeroPoints.allSatisfy({ $0 == 0 }):
            return (constant, source.quantization)
        case .uint8 where zeroPoints.allSatisfy({ $0 == 128 }):
            var quantization = source.quantization
            quantization.zeroPoints = zeroPoints.map { _ in 0 }
            let shifted = ONNXTensor(
                bytes: try constant.bytes().map { $0 ^ 0x80 }, shape: constant.shape,
                elementType: .int8, name: constant.name)
            return (shifted, quantization)
        default: return nil
        }
    }

    /// A bias in the steps of the accumulator; nil when it has none, or false when it cannot be.
    func integerBias(
        _ value: Value?, channels: Int, inputScale: Float, weightScales: [Float]
    ) throws(ModelError) -> (isKnown: Bool, values: [Int]?) {
        guard let value else { return (true, nil) }
        func steps(_ channel: Int) -> Float {
            inputScale * weightScales[weightScales.count == 1 ? 0 : channel]
        }
        if value.elementType == .int32, let constant = value.constant {
            let values = try constant.integers()
            return (values.count == channels, values)
        }
        if let source = value.quantized, source.elementType == .int32,
            let constant = source.constant, source.quantization.zeroPoints.allSatisfy({ $0 == 0 })
        {
            let values = try constant.integers()
            return (values.count == channels, values)
        }
        guard let constant = value.constant, value.elementType == .float32 else {
            return (false, nil)
        }
        let reals = try constant.floats()
        guard reals.count == channels else { return (false, nil) }
        var values: [Int] = []
        for channel in 0..<channels {
            let step = (reals[channel] / steps(channel)).rounded(.toNearestOrEven)
            guard abs(step) < 0x1p31 else { return (false, nil) }
            values.append(Int(step))
        }
        return (true, values)
    }

    mutating func biasTensor(
        _ context: Context, _ values: [Int]?
    ) throws(ModelError) -> Int? {
        guard let values else { return nil }
        let bytes = values.flatMap { value in
            (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        return try addConstant("\(context.name)/bias", [values.count], .int32, bytes: bytes)
    }

    mutating func lowerQuantizedConvolution(
        _ context: Context
    ) throws(ModelError) -> Bool {
        guard let weights = try symmetricWeights(context.optional(1)),
            let input = context.optional(0), (3...4).contains(input.shape.count),
            weights.constant.shape.count == input.shape.count,
            let target = try target(after: context.output(0)),
            let x = try integers(context, 0), x.elementType == target.elementType,
            let source = input.quantized
        else { return false }
        let channels = weights.constant.shape[0]
        let scales = weights.quantization.scales
        guard scales.count == 1 || weights.quantization.axis == 0 else { return false }
        let bias = try integerBias(
            context.optional(2), channels: channels,
            inputScale: source.quantization.scales[0], weightScales: scales)
        guard bias.isKnown else { return false }
        let shape = try windowShape(
            context, spatial: Array(input.shape[2...]),
            kernel: Array(weights.constant.shape[2...]))
        let form = try convolutionWeights(
            context, weights.constant, channels: input.shape[1],
            groups: try context.reader.integer("group") ?? 1)
        var quantization = weights.quantization
        quantization.axis = form.isDepthwise ? 3 : 0
        let filter = try addConstant(
            "\(context.name)/weights", form.tensor.shape, .int8, bytes: try form.tensor.bytes(),
            quantization: quantization)
        let b = try biasTensor(context, bias.values)
        var image = try channelsLast(x, "\(context.name)/input")
        image.tensor = try flattened(
            context, try materialized(image, "\(context.name)/input"))
        let dilation = shape.extent(shape.dilations)
        try emitImage(
            form.isDepthwise
                ? .depthwiseConvolution(
                    shape.window, dilation: dilation, activation: target.activation)
                : .convolution(shape.window, dilation: dilation, activation: target.activation),
            context, [image.tensor, filter, b],
            shape: [input.shape[0], channels] + shape.output, name: target.output,
            type: target.elementType, quantization: target.quantization)
        fused.formUnion(target.positions)
        return true
    }

    mutating func lowerQuantizedMatrix(_ context: Context) throws(ModelError) -> Bool {
        let isGemm = context.node.operation == "Gemm"
        guard let weights = try symmetricWeights(context.optional(1)),
            let input = context.optional(0), weights.constant.shape.count == 2,
            let source = input.quantized, let depth = input.shape.last,
            !isGemm || input.shape.count == 2
        else { return false }
        let reader = context.reader
        if isGemm {
            guard try reader.integer("transA") ?? 0 == 0, try reader.float("alpha") ?? 1 == 1,
                try reader.float("beta") ?? 1 == 1
            else { return false }
        }
        let isTransposed = isGemm ? try reader.integer("transB") ?? 0 != 0 : false
        let matrix = isTransposed ? weights.constant : try permuted(weights.constant, [1, 0])
        let channels = matrix.shape[0]
        let scales = weights.quantization.scales
        guard matrix.shape[1] == depth,
            scales.count == 1 || weights.quantization.axis == (isTransposed ? 0 : 1)
        else { return false }
        let bias = try integerBias(
            isGemm ? context.optional(2) : nil, channels: channels,
            inputScale: source.quantization.scales[0], weightScales: scales)
        guard bias.isKnown, let target = try target(after: context.output(0)),
            let x = try integers(context, 0), x.elementType == target.elementType
        else { return false }
        let plain = try rowMajor(x, "\(context.name)/input")
        var quantization = weights.quantization
        quantization.axis = 0
        let filter = try addConstant(
            "\(context.name)/weights", matrix.shape, .int8, bytes: try matrix.bytes(),
            quantization: quantization)
        let b = try biasTensor(context, bias.values)
        let from = try materialized(plain, "\(context.name)/input")
        let y = try addOutput(target, input.shape.dropLast() + [channels])
        emit(.fullyConnected(activation: target.activation), context, [from, filter, b], [y])
        return true
    }
}
