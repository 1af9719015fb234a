/// Operators that make one element of many.
extension ONNXGraphBuilder {
    mutating func lowerArgument(
        _ context: Context, isMinimum: Bool
    ) throws(ModelError) {
        let reader = context.reader
        let x = try tensor(context, 0)
        let rank = x.value.shape.count
        let axis = try context.axis(try reader.integer("axis") ?? 0, rank: rank)
        guard try reader.integer("select_last_index") ?? 0 == 0 else {
            throw reader.unsupported("the last of equals")
        }
        var shape = x.value.shape
        shape.remove(at: axis)
        let place = try argument([axis])
        let keeps = try reader.integer("keepdims") ?? 1 != 0
        if keeps {
            let flat = try addTensor(context.name, shape, .int64)
            emit(.argumentOfExtreme(isMinimum: isMinimum), context, [x.tensor, place], [flat])
            shape.insert(1, at: axis)
            let y = try addOutput(context, shape: shape, type: .int64)
            emit(.reshape, context, [flat], [y])
        } else {
            let y = try addOutput(context, shape: shape, type: .int64)
            emit(.argumentOfExtreme(isMinimum: isMinimum), context, [x.tensor, place], [y])
        }
    }

    mutating func lowerReduction(
        _ context: Context, _ reduction: Reduction, before: UnaryFunction? = nil,
        after: UnaryFunction? = nil
    ) throws(ModelError) {
        var x = try tensor(context, 0)
        let rank = x.value.shape.count
        var axes = try axes(context, input: 1) ?? []
        if axes.isEmpty {
            guard try context.reader.integer("noop_with_empty_axes") ?? 0 == 0 else {
                set(context, try context.input(0))
                return
            }
            axes = Array(0..<rank)
        }
        axes = try axes.map { axis throws(ModelError) in try context.axis(axis, rank: rank) }
        guard Set(axes).count == axes.count else { throw context.reader.invalid("an axis twice") }
        if let before {
            let changed = try addTensor(
                "\(context.name)/before", x.value.shape, x.value.elementType)
            emit(.unary(before), context, [x.tensor], [changed])
            x.tensor = changed
        }
        try reduce(
            context, reduction, x.tensor, x.value.shape, axes: axes,
            keepsAxes: try context.reader.integer("keepdims") ?? 1 != 0)
        guard let after, let name = context.output(0), var value = values[name],
            let sum = value.tensor
        else { return }
        let result = try addTensor(name, value.shape, value.elementType)
        emit(.unary(after), context, [sum], [result])
        value.tensor = result
        values[name] = value
    }

    mutating func reduce(
        _ context: Context, _ reduction: Reduction, _ x: Int, _ shape: [Int], axes: [Int],
        keepsAxes: Bool
    ) throws(ModelError) {
        let reduced =
            keepsAxes
            ? shape.indices.map { axes.contains($0) ? 1 : shape[$0] }
            : shape.indices.filter { !axes.contains($0) }.map { shape[$0] }
        let y = try addOutput(
            context, shape: reduced, type: tensors[x].elementType,
            quantization: tensors[x].quantization)
        let argument = try argument(axes)
        emit(.reduction(reduction, keepsAxes: keepsAxes), context, [x, argument], [y])
    }

    /// Over all axes but batch and channels, which stay where they are.
    mutating func lowerGlobalPool(
        _ context: Context, _ reduction: Reduction
    ) throws(ModelError) {
        let value = try context.input(0)
        let rank = value.shape.count
        guard rank >= 3 else { throw context.reader.invalid("\(rank) dimensions") }
        guard value.isChannelsLast else {
            let x = try tensor(context, 0)
            try reduce(
                context, reduction, x.tensor, value.shape, axes: Array(2..<rank), keepsAxes: true)
            return
        }
        let x = try materialized(value, context.name)
        let shape = [value.shape[0], value.shape[1]] + Array(repeating: 1, count: rank - 2)
        let y = try addOutput(
            context, shape: shape, type: value.elementType, isChannelsLast: true,
            quantization: tensors[x].quantization)
        let argument = try argument(Array(1..<rank - 1))
        emit(.reduction(reduction, keepsAxes: true), context, [x, argument], [y])
    }

    /// max + log Σ exp(x − max), which overflows nowhere.
    mutating func lowerLogSumExp(_ context: Context) throws(ModelError) {
        let x = try tensor(context, 0)
        let shape = x.value.shape
        var axes = try axes(context, input: 1) ?? []
        if axes.isEmpty { axes = Array(shape.indices) }
        axes = try axes.map { axis throws(ModelError) in
            try context.axis(axis, rank: shape.count)
        }
        let kept = shape.indices.map { axes.contains($0) ? 1 : shape[$0] }
        let argument = try argument(axes)
        func temporary(_ shape: [Int]) throws(ModelError) -> Int {
            try addTensor("\(context.name)/part", shape, .float32)
        }
        let (largest, centred) = (try temporary(kept), try temporary(shape))
        emit(.reduction(.maximum, keepsAxes: true), context, [x.tensor, argument], [largest])
        emit(.binary(.subtract, activation: .none), context, [x.tensor, largest], [centred])
        let (powers, sum) = (try temporary(shape), try temporary(kept))
        emit(.unary(.exponential), context, [centred], [powers])
        emit(.reduction(.sum, keepsAxes: true), context, [powers, argument], [sum])
        let (logarithm, total) = (try temporary(kept), try temporary(kept))
        emit(.unary(.logarithm), context, [sum], [logarithm])
        emit(.add(activation: .none), context, [logarithm, largest], [total])
        let keeps = try context.reader.integer("keepdims") ?? 1 != 0
        let result =
            keeps ? kept : shape.indices.filter { !axes.contains($0) }.map { shape[$0] }
        let y = try addOutput(context, shape: result, type: .float32)
        emit(.reshape, context, [total], [y])
    }
}
