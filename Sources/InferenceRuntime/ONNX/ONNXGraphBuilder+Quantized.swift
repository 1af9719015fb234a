/// Models in the form QDQ: a float graph with QuantizeLinear and DequantizeLinear around what may
/// run in integers. An operator whose operands come from DequantizeLinear and whose result goes
/// into QuantizeLinear alone becomes an integer one; every other runs in float.
extension ONNXGraphBuilder {
    /// What becomes of a result: an activation, and the quantization that follows.
    struct Target {
        var activation: Activation
        var elementType: ElementType
        var quantization: Quantization
        var output: String
        var positions: [Int]
    }

    /// - Returns: false for an operator that does not run in integers here.
    mutating func lowerQuantized(_ context: Context) throws(ModelError) -> Bool {
        switch context.node.operation {
        case "DequantizeLinear": try lowerDequantize(context)
        case "QuantizeLinear": try lowerQuantize(context)
        case "Conv": return try lowerQuantizedConvolution(context)
        case "Gemm", "MatMul": return try lowerQuantizedMatrix(context)
        case "Add": return try lowerQuantizedBinary(context, .add)
        case "Sub": return try lowerQuantizedBinary(context, .subtract)
        case "Mul": return try lowerQuantizedBinary(context, .multiply)
        case "Relu": return try lowerQuantizedUnary(context, .relu)
        case "Sigmoid": return try lowerQuantizedUnary(context, .logistic)
        case "Tanh": return try lowerQuantizedUnary(context, .tanh)
        case "HardSwish": return try lowerQuantizedUnary(context, .hardSwish)
        case "LeakyRelu":
            let alpha = try context.reader.float("alpha") ?? 0.01
            return try lowerQuantizedUnary(context, .leakyRelu(alpha: alpha))
        case "Softmax": return try lowerQuantizedSoftmax(context)
        case "GlobalAveragePool": return try lowerQuantizedMean(context)
        case "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Gather", "Split",
            "MaxPool", "Concat", "AveragePool", "Resize":
            return try lowerQuantizedMovement(context)
        default: return false
        }
        return true
    }

    // MARK: - Into and out of integers

    /// Scales and zero points from the inputs behind the first.
    func quantization(
        _ context: Context, type: ElementType?
    ) throws(ModelError) -> (Quantization, ElementType) {
        let reader = context.reader
        guard let scales = try context.floats(1), !scales.isEmpty else {
            throw reader.invalid("it has no scale")
        }
        guard try reader.integer("block_size") ?? 0 == 0 else {
            throw reader.unsupported("scales of blocks")
        }
        let zeroPoints = try context.integers(2) ?? scales.map { _ in 0 }
        guard zeroPoints.count == scales.count, scales.allSatisfy({ $0.isFinite && $0 > 0 }),
            zeroPoints.allSatisfy({ Int32(exactly: $0) != nil })
        else { throw reader.invalid("its scales and zero points do not fit") }
        let declared = try reader.integer("axis")
        let axis = context.node.channelAxis ?? declared ?? 1
        let kind = type ?? context.optional(2)?.elementType ?? .uint8
        return (Quantization(scales: scales, zeroPoints: zeroPoints, axis: axis), kind)
    }

    mutating func lowerDequantize(_ context: Context) throws(ModelError) {
        let x = try context.input(0)
        var (quantization, _) = try quantization(context, type: x.elementType)
        var value = Value(shape: x.shape, elementType: .float32)
        value.isChannelsLast = x.isChannelsLast
        if quantization.scales.count > 1 {
            quantization.axis = try context.axis(quantization.axis, rank: x.shape.count)
            guard x.shape[quantization.axis] == quantization.scales.count else {
                throw context.reader.invalid("\(quantization.scales.count) scales for \(x.shape)")
            }
        }
        if let constant = x.constant, x.tensor == nil {
            value.constant = try dequantized(constant, quantization)
            value.quantized = Quantized(
                constant: constant, elementType: x.elementType, quantization: quantization)
            set(context, value)
            return
        }
        guard quantization.scales.count == 1, let tensor = x.tensor,
            x.elementType == .int8 || x.elementType == .uint8
        else { throw context.reader.unsupported("activations of type \(x.elementType.rawValue)") }
        if let before = tensors[tensor].quantization {
            guard before.scales == quantization.scales, before.zeroPoints == quantization.zeroPoints
            else { throw context.reader.unsupported("a second meaning of the same integers") }
        } else {
            tensors[tensor].quantization = quantization
        }
        value.quantized = Quantized(
            tensor: tensor, elementType: x.elementType, quantization: quantization)
        set(context, value)
    }

    /// (q − zero point) · scale, element by element.
    func dequantized(
        _ constant: ONNXTensor, _ quantization: Quantization
    ) throws(ModelError) -> ONNXTensor {
        let values = try constant.integers()
        let inner = constant.shape.dropFirst(quantization.axis + 1).reduce(1, *)
        let count = quantization.scales.count
        var result: [Float] = []
        result.reserveCapacity(values.count)
        for (place, value) in values.enumerated() {
            let channel = count == 1 ? 0 : place / max(inner, 1) % count
            let (difference, overflow) = value.subtractingReportingOverflow(
                quantization.zeroPoints[channel])
            result.append(
                overflow ? .infinity : Float(difference) * quantization.scales[channel])
        }
        return ONNXTensor(result, shape: constant.shape, name: constant.name)
    }

    mutating func lowerQuantize(_ context: Context) throws(ModelError) {
        let x = try context.input(0)
        let code = try context.reader.integer("output_dtype") ?? 0
        let declared = code == 0 ? nil : ElementType(onnxCode: code)
        let (quantization, type) = try quantization(context, type: declared)
        guard quantization.scales.count == 1, type == .int8 || type == .uint8 else {
            throw context.reader.unsupported("activations of type \(type.rawValue)")
        }
        var value = Value(shape: x.shape, elementType: type)
        value.isChannelsLast = x.isChannelsLast
        if let source = x.quantized, let tensor = source.tensor, source.elementType == type,
            source.quantization.scales == quantization.scales,
            source.quantization.zeroPoints == quantization.zeroPoints
        {
            value.tensor = tensor
            set(context, value)
            return
        }
        let source: Int
        if let tensor = x.quantized?.tensor {
            source = tensor
        } else {
            source = try materialized(x, context.node.inputs[0])
        }
        let y = try addTensor(
            context.output(0) ?? "", stored(value), type, quantization: quantization)
        value.tensor = y
        set(context, value)
        emit(.quantize, context, [source], [y])
    }

    /// The quantization that alone follows `name`, through an activation perhaps.
    func target(
        after name: String?, activations: Bool = true
    ) throws(ModelError) -> Target? {
        guard var name else { return nil }
        var activation = Activation.none
        var positions: [Int] = []
        if activations, let (place, node) = onlyConsumer(of: name), node.domain.isEmpty,
            let found = try self.activation(node, steps[place].position),
            let output = node.outputs.first
        {
            activation = found
            positions.append(place)
            name = output
        }
        guard let (place, node) = onlyConsumer(of: name), node.operation == "QuantizeLinear",
            node.domain.isEmpty, node.inputs.first == name, let output = node.outputs.first,
            node.inputs.dropFirst().allSatisfy({ $0.isEmpty || values[$0]?.constant != nil })
        else { return nil }
        let context = try context(node, steps[place].position, data: false)
        let code = try context.reader.integer("output_dtype") ?? 0
        let declared = code == 0 ? nil : ElementType(onnxCode: code)
        let (quantization, type) = try quantization(context, type: declared)
        guard quantization.scales.count == 1, type == .int8 || type == .uint8 else { return nil }
        return Target(
            activation: activation, elementType: type, quantization: quantization, output: output,
            positions: positions + [place])
    }

    /// An operand as the integers that it was made from; nil when it is a float.
    mutating func integers(
        _ context: Context, _ index: Int
    ) throws(ModelError) -> Value? {
        guard let value = context.optional(index), let source = value.quantized,
            source.elementType == .int8 || source.elementType == .uint8
        else { return nil }
        var result = value
        result.elementType = source.elementType
        result.quantized = nil
        if let tensor = source.tensor {
            result.tensor = tensor
            result.constant = nil
            return result
        }
        guard let constant = source.constant, source.quantization.scales.count == 1 else {
            return nil
        }
        result.constant = nil
        result.tensor = try addConstant(
            constant.name, constant.shape, constant.elementType, bytes: try constant.bytes(),
            quantization: source.quantization)
        return result
    }

    /// Names the integer result of an operator.
    mutating func finish(_ target: Target, _ value: Value) {
        values[target.output] = value
        fused.formUnion(target.positions)
    }

    /// A tensor for the integer result of an operator.
    mutating func addOutput(
        _ target: Target, _ shape: [Int], isChannelsLast: Bool = false
    ) throws(ModelError) -> Int {
        var value = Value(shape: shape, elementType: target.elementType)
        value.isChannelsLast = isChannelsLast
        let tensor = try addTensor(
            target.output, stored(value), target.elementType, quantization: target.quantization)
        value.tensor = tensor
        finish(target, value)
        return tensor
    }

    // MARK: - Operators

    mutating func lowerQuantizedUnary(
        _ context: Context, _ function: UnaryFunction
    ) throws(ModelError) -> Bool {
        guard let target = try target(after: context.output(0), activations: false),
            let x = try integers(context, 0), let source = x.tensor,
            x.elementType == target.elementType
        else { return false }
        let y = try addOutput(target, x.shape, isChannelsLast: x.isChannelsLast)
        emit(.unary(function), context, [source], [y])
        return true
    }

    mutating func lowerQuantizedBinary(
        _ context: Context, _ function: BinaryFunction
    ) throws(ModelError) -> Bool {
        guard context.inputs.count == 2, context.optional(0)?.quantized != nil,
            context.optional(1)?.quantized != nil,
            let target = try target(after: context.output(0)),
            let a = try integers(context, 0), let b = try integers(context, 1),
            a.elementType == target.elementType, b.elementType == target.elementType
        else { return false }
        let result = try combined(
            function, context, a, b, name: target.output, activation: target.activation,
            result: (target.elementType, target.quantization))
        finish(target, result)
        return true
    }

    mutating func lowerQuantizedSoftmax(_ context: Context) throws(ModelError) -> Bool {
        guard let x = try integers(context, 0), let source = x.tensor, !x.isChannelsLast else {
            return false
        }
        let rank = x.shape.count
        let isOld = context.reader.version < 13
        let axis = try context.axis(
            try context.reader.integer("axis") ?? (isOld ? 1 : -1), rank: rank)
        guard axis == rank - 1,
            let target = try target(after: context.output(0), activations: false),
            x.elementType == target.elementType
        else { return false }
        let y = try addOutput(target, x.shape)
        emit(.softmax(beta: 1), context, [source], [y])
        return true
    }

    mutating func lowerQuantizedMean(_ context: Context) throws(ModelError) -> Bool {
        guard let x = try integers(context, 0), let source = x.tensor, x.shape.count >= 3,
            let target = try target(after: context.output(0), activations: false),
            x.elementType == target.elementType
        else { return false }
        let rank = x.shape.count
        let axes = x.isChannelsLast ? Array(1..<rank - 1) : Array(2..<rank)
        let y = try addOutput(
            target, Array(x.shape[..<2]) + axes.map { _ in 1 }, isChannelsLast: x.isChannelsLast)
        let argument = try argument(axes)
        emit(.reduction(.mean, keepsAxes: true), context, [source, argument], [y])
        return true
    }

    /// Operators that only move elements run on the integers as they would on floats; their result
    /// keeps the meaning of their input.
    mutating func lowerQuantizedMovement(
        _ context: Context
    ) throws(ModelError) -> Bool {
        let isConcat = context.node.operation == "Concat"
        guard let first = context.optional(0)?.quantized, first.tensor != nil else { return false }
        var moved = context
        for index in context.inputs.indices where index == 0 || isConcat {
            guard let source = context.inputs[index]?.quantized,
                source.elementType == first.elementType,
                source.quantization.scales == first.quantization.scales,
                source.quantization.zeroPoints == first.quantization.zeroPoints,
                let value = try integers(context, index)
            else { return false }
            moved.inputs[index] = value
        }
        if context.node.operation == "AveragePool" {
            // The mean of integers is rounded where the next quantization is the same.
            guard let target = try target(after: context.output(0), activations: false),
                target.quantization.scales == first.quantization.scales,
                target.quantization.zeroPoints == first.quantization.zeroPoints,
                try context.reader.integer("count_include_pad") ?? 0 == 0
            else { return false }
        }
        // Names stand for floats: the integers get names of their own.
        var node = context.node
        for index in node.inputs.indices where index == 0 || isConcat {
            node.inputs[index] += "/integers"
        }
        moved.reader = ONNXNodeReader(
            node: node, position: context.reader.position, version: context.reader.version,
            inputType: first.elementType, limits: limits)
        guard try lowerShapes(moved) ? true : try lowerLayers(moved) else { return false }
        for name in node.outputs {
            guard let value = values[name], let tensor = value.tensor else { continue }
            var real = value
            real.elementType = .float32
            real.tensor = nil
            real.quantized = Quantized(
                tensor: tensor, elementType: first.elementType, quantization: first.quantization)
            if tensors[tensor].quantization == nil {
                tensors[tensor].quantization = first.quantization
            }
            values[name] = real
        }
        return true
    }
}
