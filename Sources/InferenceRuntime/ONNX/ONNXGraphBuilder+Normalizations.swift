/// Normalizations, and softmax, which is one.
extension ONNXGraphBuilder {
    func channelShape(_ count: Int, rank: Int) -> [Int] {
        [count] + Array(repeating: 1, count: max(rank - 2, 0))
    }

    mutating func scaleChannels(
        _ context: Context, _ scale: [Float], _ shift: [Float]
    ) throws(ModelError) {
        let value = try context.input(0)
        guard value.shape.count >= 2, value.shape[1] == scale.count else {
            throw context.reader.invalid("\(scale.count) channels for \(value.shape)")
        }
        let shape = channelShape(scale.count, rank: value.shape.count)
        let factor = Self.value(of: ONNXTensor(scale, shape: shape, name: "scale"))
        let offset = Self.value(of: ONNXTensor(shift, shape: shape, name: "shift"))
        let product = try combined(.multiply, context, value, factor, name: nil)
        set(context, try combined(.add, context, product, offset, name: context.output(0)))
    }

    /// Softmax is along the last axis: others are turned there. Before version 13 it was over all
    /// axes from one on.
    mutating func lowerSoftmax(
        _ context: Context, isLogarithm: Bool
    ) throws(ModelError) {
        let x = try tensor(context, 0)
        let shape = x.value.shape
        guard x.value.elementType == .float32 else {
            throw context.reader.unsupported("elements of type \(x.value.elementType.rawValue)")
        }
        let isOld = context.reader.version < 13
        let axis = try context.axis(
            try context.reader.integer("axis") ?? (isOld ? 1 : -1), rank: shape.count)
        var working = shape
        var source = x.tensor
        var order = Array(shape.indices)
        if isOld {
            working = [shape[..<axis].reduce(1, *), shape[axis...].reduce(1, *)]
        } else if axis != shape.count - 1 {
            order.swapAt(axis, shape.count - 1)
            working = order.map { shape[$0] }
        }
        if working != shape || order != Array(shape.indices) {
            let turned = try addTensor("\(context.name)/rows", working, .float32)
            let argument = try argument(order)
            emit(
                isOld ? .reshape : .movement(.transpose), context, [source, argument], [turned])
            source = turned
        }
        let isPlain = source == x.tensor
        let result =
            isPlain
            ? try addOutput(context, shape: shape, type: .float32)
            : try addTensor("\(context.name)/scores", working, .float32)
        if isLogarithm {
            try emitLogSoftmax(context, source, result, working)
        } else {
            emit(.softmax(beta: 1), context, [source], [result])
        }
        if isPlain { return }
        let y = try addOutput(context, shape: shape, type: .float32)
        let argument = try argument(order)
        emit(isOld ? .reshape : .movement(.transpose), context, [result, argument], [y])
    }

    /// x − max − log Σ exp(x − max), along the last axis.
    mutating func emitLogSoftmax(
        _ context: Context, _ x: Int, _ y: Int, _ shape: [Int]
    ) throws(ModelError) {
        let axis = try argument([shape.count - 1])
        let row = Array(shape.dropLast()) + [1]
        let largest = try addTensor("largest", row, .float32)
        emit(.reduction(.maximum, keepsAxes: true), context, [x, axis], [largest])
        let centred = try addTensor("centred", shape, .float32)
        emit(.binary(.subtract, activation: .none), context, [x, largest], [centred])
        let powers = try addTensor("powers", shape, .float32)
        emit(.unary(.exponential), context, [centred], [powers])
        let sum = try addTensor("sum", row, .float32)
        emit(.reduction(.sum, keepsAxes: true), context, [powers, axis], [sum])
        let logarithm = try addTensor("logarithm", row, .float32)
        emit(.unary(.logarithm), context, [sum], [logarithm])
        emit(.binary(.subtract, activation: .none), context, [centred, logarithm], [y])
    }

    /// (x − mean) / √(variance + ε) over the axes from one on, then scale and shift.
    mutating func lowerLayerNormalization(_ context: Context) throws(ModelError) {
        let x = try tensor(context, 0)
        let shape = x.value.shape
        let first = try context.axis(
            try context.reader.integer("axis") ?? -1, rank: shape.count)
        guard context.output(1) == nil, context.output(2) == nil else {
            throw context.reader.unsupported("statistics as outputs")
        }
        let normal = try normalized(context, x.tensor, shape, axes: Array(first..<shape.count))
        let value = Value(shape: shape, elementType: .float32, tensor: normal)
        let scale = try context.input(1)
        let bias = context.optional(2)
        let scaled = try combined(
            .multiply, context, value, scale, name: bias == nil ? context.output(0) : nil)
        guard let bias else {
            set(context, scaled)
            return
        }
        set(context, try combined(.add, context, scaled, bias, name: context.output(0)))
    }

    /// (x − mean) / √(variance + ε) over `axes`.
    private mutating func normalized(
        _ context: Context, _ x: Int, _ shape: [Int], axes: [Int]
    ) throws(ModelError) -> Int {
        let row = shape.indices.map { axes.contains($0) ? 1 : shape[$0] }
        let axes = try argument(axes)
        func temporary(_ shape: [Int]) throws(ModelError) -> Int {
            try addTensor("\(context.name)/part", shape, .float32)
        }
        let mean = try temporary(row)
        emit(.reduction(.mean, keepsAxes: true), context, [x, axes], [mean])
        let centred = try temporary(shape)
        emit(.binary(.subtract, activation: .none), context, [x, mean], [centred])
        let squares = try temporary(shape)
        emit(.unary(.square), context, [centred], [squares])
        let variance = try temporary(row)
        emit(.reduction(.mean, keepsAxes: true), context, [squares, axes], [variance])
        let epsilon = try floatConstant(
            "epsilon", [try context.reader.float("epsilon") ?? 1e-5], shape: [])
        let shifted = try temporary(row)
        emit(.add(activation: .none), context, [variance, epsilon], [shifted])
        let factor = try temporary(row)
        emit(.unary(.reciprocalSquareRoot), context, [shifted], [factor])
        let normal = try temporary(shape)
        emit(.binary(.multiply, activation: .none), context, [centred, factor], [normal])
        return normal
    }

    /// Each channel of each image by itself.
    mutating func lowerInstanceNormalization(_ context: Context) throws(ModelError) {
        let x = try tensor(context, 0)
        let shape = x.value.shape
        guard shape.count >= 3, let scale = try context.floats(1), let bias = try context.floats(2),
            scale.count == shape[1], bias.count == shape[1]
        else { throw context.reader.invalid("its scale or bias for \(shape)") }
        let normal = try normalized(context, x.tensor, shape, axes: Array(2..<shape.count))
        var scaled = context
        scaled.inputs[0] = Value(shape: shape, elementType: .float32, tensor: normal)
        try scaleChannels(scaled, scale, bias)
    }
}
