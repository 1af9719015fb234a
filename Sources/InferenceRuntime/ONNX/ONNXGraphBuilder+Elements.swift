/// Operators that compute each element from the elements at its place.
extension ONNXGraphBuilder {
    /// - Returns: false for an operator that is not here.
    mutating func lowerElements(_ context: Context) throws(ModelError) -> Bool {
        let reader = context.reader
        switch context.node.operation {
        case "Relu": try unary(.relu, context)
        case "Sigmoid": try unary(.logistic, context)
        case "Tanh": try unary(.tanh, context)
        case "Abs": try unary(.absolute, context)
        case "Neg": try unary(.negate, context)
        case "Sqrt": try unary(.squareRoot, context)
        case "Exp": try unary(.exponential, context)
        case "Log": try unary(.logarithm, context)
        case "HardSwish": try unary(.hardSwish, context)
        case "LeakyRelu": try unary(.leakyRelu(alpha: try reader.float("alpha") ?? 0.01), context)
        case "Elu":
            let alpha = try reader.float("alpha") ?? 1
            if alpha == 1 {
                try unary(.elu, context)
            } else {
                try scaledElu(context, alpha: alpha, gamma: 1)
            }
        case "Selu":
            // The constants of the operator's specification.
            try scaledElu(
                context, alpha: try reader.float("alpha") ?? 1.67326319217681884765625,
                gamma: try reader.float("gamma") ?? 1.05070102214813232421875)
        case "HardSigmoid": try lowerHardSigmoid(context)
        case "Softplus": try lowerSoftplus(context)
        case "Ceil": try unary(.ceiling, context)
        case "Floor": try unary(.floor, context)
        case "Round": try unary(.roundToEven, context)
        case "Sign": try unary(.sign, context)
        case "Erf": try unary(.errorFunction, context)
        case "Gelu":
            let approximation = try reader.string("approximate") ?? "none"
            try unary(.gelu(isApproximate: approximation == "tanh"), context)
        case "Clip": try lowerClip(context)
        case "Add": try binary(.add, context)
        case "Sub": try binary(.subtract, context)
        case "Mul": try binary(.multiply, context)
        case "Div":
            if try fuseGelu(context) { return true }
            try binary(.divide, context)
        case "Min": try chain(.minimum, context)
        case "Max": try chain(.maximum, context)
        case "Sum": try chain(.add, context)
        case "PRelu": try binary(.prelu, context)
        case "Reciprocal":
            let x = try context.input(0)
            let one = Self.value(of: ONNXTensor([Float(1)], shape: [], name: "one"))
            try binary(.divide, context, one, x, into: 0)
        case "Pow": try lowerPower(context)
        case "Cast", "CastLike": try lowerCast(context)
        case "Identity", "Dropout": set(context, try context.input(0))
        default: return false
        }
        return true
    }

    mutating func unary(_ function: UnaryFunction, _ context: Context) throws(ModelError) {
        let name = context.node.inputs.first ?? ""
        let value = try context.input(0)
        let x = try materialized(value, name)
        let y = try addOutput(
            context, shape: value.shape, type: value.elementType,
            isChannelsLast: value.isChannelsLast)
        emit(.unary(function), context, [x], [y])
    }

    private mutating func binary(
        _ function: BinaryFunction, _ context: Context
    ) throws(ModelError) {
        try binary(function, context, try context.input(0), try context.input(1), into: 0)
    }

    /// Min, Max and Sum take any number of operands.
    private mutating func chain(
        _ function: BinaryFunction, _ context: Context
    ) throws(ModelError) {
        var value = try context.input(0)
        guard context.inputs.count > 1 else {
            set(context, value)
            return
        }
        for index in 1..<context.inputs.count {
            value = try combined(
                function, context, value, try context.input(index),
                name: index == context.inputs.count - 1 ? context.output(0) : nil)
        }
        set(context, value)
    }

    mutating func binary(
        _ function: BinaryFunction, _ context: Context, _ a: Value, _ b: Value, into output: Int
    ) throws(ModelError) {
        set(
            context, try combined(function, context, a, b, name: context.output(output)),
            output: output)
    }

    /// The shape of two that are broadcast together.
    func broadcast(_ a: [Int], _ b: [Int], _ context: Context) throws(ModelError) -> [Int] {
        let rank = max(a.count, b.count)
        let left = Array(repeating: 1, count: rank - a.count) + a
        let right = Array(repeating: 1, count: rank - b.count) + b
        var shape: [Int] = []
        for (one, other) in zip(left, right) {
            guard one == other || one == 1 || other == 1 else {
                throw context.reader.invalid("shapes \(a) and \(b) do not broadcast")
            }
            shape.append(one == 1 ? other : one)
        }
        return shape
    }

    /// - Parameter result: type and quantization when they are not the operands'.
    mutating func combined(
        _ function: BinaryFunction, _ context: Context, _ a: Value, _ b: Value, name: String?,
        activation: Activation = .none, result form: (ElementType, Quantization)? = nil
    ) throws(ModelError) -> Value {
        let shape = try broadcast(a.shape, b.shape, context)
        let usesChannelsLast = shape.count >= 3 && (a.isChannelsLast || b.isChannelsLast)
        let left = try operand(a, context, shape, channelsLast: usesChannelsLast)
        let right = try operand(b, context, shape, channelsLast: usesChannelsLast)
        guard a.elementType == b.elementType || form != nil else {
            throw context.reader.invalid("its operands have different types")
        }
        var result = Value(shape: shape, elementType: form?.0 ?? a.elementType)
        result.isChannelsLast = usesChannelsLast
        let y = try addTensor(
            name ?? context.name, stored(result), result.elementType, quantization: form?.1)
        result.tensor = y
        // Sums have kernels of their own.
        emit(
            function == .add
                ? .add(activation: activation) : .binary(function, activation: activation),
            context, [left, right], [y])
        return result
    }

    /// An operand of a broadcast, with as many axes as the result when those change places.
    private mutating func operand(
        _ value: Value, _ context: Context, _ shape: [Int], channelsLast wanted: Bool
    ) throws(ModelError) -> Int {
        let name = context.name
        guard wanted else {
            let plain = try rowMajor(value, name)
            return try materialized(plain, name)
        }
        if value.elementCount == 1, value.shape.count <= shape.count, !value.isChannelsLast {
            return try materialized(value, name)
        }
        var full = value
        if value.shape.count < shape.count {
            full = try rowMajor(value, name)
            full.shape = Array(repeating: 1, count: shape.count - value.shape.count) + value.shape
            if let constant = full.constant {
                full.constant = constant.reshaped(full.shape)
                full.tensor = nil
            } else if let tensor = full.tensor {
                let widened = try addTensor(
                    name, full.shape, full.elementType,
                    quantization: tensors[tensor].quantization)
                emit(.reshape, context, [tensor], [widened])
                full.tensor = widened
            }
        }
        return try materialized(try channelsLast(full, name), name)
    }

    /// Bounds come from attributes before version 11, from inputs since.
    private mutating func lowerClip(_ context: Context) throws(ModelError) {
        var low: Float?
        var high: Float?
        if context.reader.version < 11 {
            low = try context.reader.float("min")
            high = try context.reader.float("max")
        } else {
            low = try context.floats(1)?.first
            high = try context.floats(2)?.first
        }
        let name = context.node.inputs.first ?? ""
        var value = try context.input(0)
        switch (low, high) {
        case (0, 6): try unary(.relu6, context)
        case (0, nil), (0, .infinity): try unary(.relu, context)
        case (-1, 1): try unary(.reluN1To1, context)
        default:
            value.tensor = try materialized(value, name)
            if let low {
                let bound = Self.value(of: ONNXTensor([low], shape: [], name: "low"))
                value = try combined(
                    .maximum, context, value, bound, name: high == nil ? context.output(0) : nil)
            }
            if let high {
                let bound = Self.value(of: ONNXTensor([high], shape: [], name: "high"))
                value = try combined(.minimum, context, value, bound, name: context.output(0))
            }
            set(context, value)
        }
    }

    private mutating func lowerPower(_ context: Context) throws(ModelError) {
        var exponents = try context.input(1)
        if let constant = exponents.constant {
            let values = try constant.floats()
            switch values.count == 1 ? values[0] : 0 {
            case 1: return set(context, try context.input(0))
            case 2: return try unary(.square, context)
            case 0.5: return try unary(.squareRoot, context)
            case -0.5: return try unary(.reciprocalSquareRoot, context)
            default: break
            }
            // Exporters write whole exponents as integers.
            exponents = Self.value(
                of: ONNXTensor(values, shape: constant.shape, name: "exponents"))
        }
        try binary(.power, context, try context.input(0), exponents, into: 0)
    }

    private mutating func lowerCast(_ context: Context) throws(ModelError) {
        let target: ElementType?
        if context.node.operation == "CastLike" {
            target = try context.input(1).elementType
        } else {
            target = ElementType(onnxCode: try context.reader.integer("to") ?? 0)
        }
        guard let target else { throw context.reader.unsupported("a type that is not known") }
        let value = try context.input(0)
        // Names of classes stay places in their list.
        if target == value.elementType || target == .string && !value.labels.isEmpty {
            set(context, value)
            return
        }
        guard value.labels.isEmpty || value.elementType != .int64 else {
            throw context.reader.unsupported("names of classes as numbers")
        }
        let x = try materialized(value, context.node.inputs.first ?? "")
        let y = try addOutput(
            context, shape: value.shape, type: target, isChannelsLast: value.isChannelsLast)
        if value.elementType == .float64, target == .float32 {
            // What the kernels of classical models do on their way in.
            let shape = [1, value.elementCount]
            let row = try addTensor("\(context.name)/row", shape, .float64)
            emit(.reshape, context, [x], [row])
            let result = try addTensor("\(context.name)/result", shape, .float32)
            emit(.columnMap(.scale(offset: [0], scale: [1])), context, [row], [result])
            emit(.reshape, context, [result], [y])
            return
        }
        emit(.cast, context, [x], [y])
    }

    // MARK: - Compositions

    /// x · (1 + erf(x / √2)) · ½, written out as exporters did before the operator Gelu.
    ///
    /// - Returns: whether the quotient is the first part of it.
    private mutating func fuseGelu(_ context: Context) throws(ModelError) -> Bool {
        func isScalar(_ name: String, _ value: Float) throws(ModelError) -> Bool {
            guard let constant = values[name]?.constant, constant.elementCount == 1,
                let found = try constant.floats().first
            else { return false }
            return abs(found - value) <= 1e-5
        }
        func other(_ node: ONNXModel.Node, than name: String) -> String? {
            node.inputs.count == 2 ? node.inputs.first { $0 != name } : nil
        }
        func next(_ name: String?, _ operation: String) -> (Int, ONNXModel.Node)? {
            guard let name, let (place, node) = onlyConsumer(of: name), node.domain.isEmpty,
                node.operation == operation
            else { return nil }
            return (place, node)
        }
        guard context.node.inputs.count == 2, let x = context.node.inputs.first,
            try isScalar(context.node.inputs[1], Float(2).squareRoot()),
            let erf = next(context.output(0), "Erf"),
            let sum = next(erf.1.outputs.first, "Add"), let erfName = erf.1.outputs.first,
            let one = other(sum.1, than: erfName), try isScalar(one, 1),
            let sumName = sum.1.outputs.first, let product = next(sumName, "Mul")
        else { return false }
        // x · (1 + erf) · ½, or x · ½ elsewhere times the sum: only the first is taken.
        guard other(product.1, than: sumName) == x, let productName = product.1.outputs.first,
            let half = next(productName, "Mul"), let factor = other(half.1, than: productName),
            try isScalar(factor, 0.5), let result = half.1.outputs.first
        else { return false }
        let value = try context.input(0)
        var output = Value(shape: value.shape, elementType: value.elementType)
        output.isChannelsLast = value.isChannelsLast
        let source = try materialized(value, x)
        let y = try addTensor(result, stored(output), value.elementType)
        output.tensor = y
        values[result] = output
        fused.formUnion([erf.0, sum.0, product.0, half.0])
        emit(.unary(.gelu(isApproximate: false)), context, [source], [y])
        return true
    }

    /// A number as an operand.
    private func scalar(_ value: Float) -> Value {
        Self.value(of: ONNXTensor([value], shape: [], name: "scalar"))
    }

    /// A function of a value as a value.
    private mutating func applied(
        _ function: UnaryFunction, _ context: Context, _ value: Value
    ) throws(ModelError) -> Value {
        var result = value
        result.constant = nil
        result.quantized = nil
        let x = try materialized(value, context.name)
        let y = try addTensor("\(context.name)/part", stored(value), value.elementType)
        result.tensor = y
        emit(.unary(function), context, [x], [y])
        return result
    }

    /// γ · (max(x, 0) + α · (e^min(x, 0) − 1))
    private mutating func scaledElu(
        _ context: Context, alpha: Float, gamma: Float
    ) throws(ModelError) {
        let x = try context.input(0)
        let below = try combined(.minimum, context, x, scalar(0), name: nil)
        let curve = try applied(.elu, context, below)
        let scaled = try combined(.multiply, context, curve, scalar(alpha * gamma), name: nil)
        let above = try applied(.relu, context, x)
        let line = try combined(.multiply, context, above, scalar(gamma), name: nil)
        set(context, try combined(.add, context, line, scaled, name: context.output(0)))
    }

    /// min(max(α · x + β, 0), 1)
    private mutating func lowerHardSigmoid(_ context: Context) throws(ModelError) {
        let alpha = try context.reader.float("alpha") ?? 0.2
        let beta = try context.reader.float("beta") ?? 0.5
        let x = try context.input(0)
        let product = try combined(.multiply, context, x, scalar(alpha), name: nil)
        let line = try combined(.add, context, product, scalar(beta), name: nil)
        let low = try applied(.relu, context, line)
        set(context, try combined(.minimum, context, low, scalar(1), name: context.output(0)))
    }

    /// max(x, 0) + log(1 + e^−|x|), which overflows nowhere.
    private mutating func lowerSoftplus(_ context: Context) throws(ModelError) {
        let x = try context.input(0)
        let size = try applied(.absolute, context, x)
        let power = try applied(.exponential, context, try applied(.negate, context, size))
        let sum = try combined(.add, context, power, scalar(1), name: nil)
        let tail = try applied(.logarithm, context, sum)
        let above = try applied(.relu, context, x)
        set(context, try combined(.add, context, above, tail, name: context.output(0)))
    }
}
