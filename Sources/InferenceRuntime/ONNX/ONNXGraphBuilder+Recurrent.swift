/// RNN, GRU and LSTM: one layer of the graph for each direction.
extension ONNXGraphBuilder {
    /// What all directions have in common.
    private struct Layer {
        var kind: RecurrentOptions.Kind
        var x: Int
        var times: Int
        var batches: Int
        var inputs: Int
        var units: Int
        var directions: Int
        var isReversed: Bool
    }

    mutating func lowerRecurrent(
        _ context: Context, _ kind: RecurrentOptions.Kind
    ) throws(ModelError) {
        let reader = context.reader
        let x = try tensor(context, 0)
        let (w, r) = (try context.input(1), try context.input(2))
        guard x.value.shape.count == 3, x.value.elementType == .float32, w.shape.count == 3,
            r.shape.count == 3, w.constant != nil, r.constant != nil
        else { throw reader.unsupported("weights that are not constant, or these dimensions") }
        guard try reader.integer("layout") ?? 0 == 0, try reader.integer("input_forget") ?? 0 == 0
        else { throw reader.unsupported("the batch as the first axis, or coupled gates") }
        let direction = try reader.string("direction") ?? "forward"
        guard ["forward", "reverse", "bidirectional"].contains(direction) else {
            throw reader.invalid("its direction is '\(direction)'")
        }
        let layer = Layer(
            kind: kind, x: x.tensor, times: x.value.shape[0], batches: x.value.shape[1],
            inputs: x.value.shape[2], units: r.shape[2],
            directions: direction == "bidirectional" ? 2 : 1, isReversed: direction == "reverse")
        if let lengths = try context.integers(4) {
            guard lengths.allSatisfy({ $0 == layer.times }) else {
                throw reader.unsupported("sequences of different lengths")
            }
        }
        let rows = kind.rawValue * layer.units
        guard w.shape == [layer.directions, rows, layer.inputs],
            r.shape == [layer.directions, rows, layer.units]
        else { throw reader.invalid("weights of \(w.shape) and \(r.shape) for \(x.value.shape)") }
        var (sequences, lasts, cells) = ([Int](), [Int](), [Int]())
        for place in 0..<layer.directions {
            let (y, cell) = try emitDirection(context, layer, place)
            let isReversed = layer.isReversed || place == 1
            let begins = try argument([isReversed ? 0 : layer.times - 1, 0, 0])
            let one = [1, layer.batches, layer.units]
            let extents = try argument(one)
            let last = try addTensor("\(context.name)/last", one, .float32)
            if context.output(1) != nil {
                emit(.movement(.slice), context, [y, begins, extents], [last])
            }
            let sequence = try addTensor(
                "\(context.name)/sequence", [layer.times] + one, .float32)
            emit(.reshape, context, [y], [sequence])
            let state = try addTensor("\(context.name)/cell", one, .float32)
            if let cell { emit(.reshape, context, [cell], [state]) }
            sequences.append(sequence)
            lasts.append(last)
            cells.append(state)
        }
        let state = [layer.directions, layer.batches, layer.units]
        try join(context, 0, sequences, [layer.times] + state, axis: 1)
        try join(context, 1, lasts, state, axis: 0)
        if kind == .lstm { try join(context, 2, cells, state, axis: 0) }
    }

    /// The directions' parts side by side, as an output.
    private mutating func join(
        _ context: Context, _ output: Int, _ parts: [Int], _ shape: [Int], axis: Int
    ) throws(ModelError) {
        guard context.output(output) != nil else { return }
        let y = try addOutput(context, output, shape: shape, type: .float32)
        if parts.count == 1 {
            emit(.reshape, context, [parts[0]], [y])
        } else {
            emit(
                .movement(.concatenation(axis: axis, activation: .none)), context, parts, [y])
        }
    }

    private mutating func emitDirection(
        _ context: Context, _ layer: Layer, _ place: Int
    ) throws(ModelError) -> (y: Int, cell: Int?) {
        let rows = layer.kind.rawValue * layer.units
        let w = try part(context, 1, place, of: layer, [rows, layer.inputs])
        let r = try part(context, 2, place, of: layer, [rows, layer.units])
        let bias = try part(context, 3, place, of: layer, [2 * rows])
        let peephole =
            layer.kind == .lstm ? try part(context, 7, place, of: layer, [3 * layer.units]) : nil
        let state = [layer.batches, layer.units]
        let h = try part(context, 5, place, of: layer, state)
        let c = layer.kind == .lstm ? try part(context, 6, place, of: layer, state) : nil
        let y = try addTensor(
            "\(context.name)/\(place)", [layer.times] + state, .float32)
        let cell =
            layer.kind == .lstm && context.output(2) != nil
            ? try addTensor("\(context.name)/\(place)/cell", state, .float32) : nil
        let options = RecurrentOptions(
            kind: layer.kind, activations: try activations(context, layer, place),
            clip: try context.reader.float("clip") ?? 0,
            isReversed: layer.isReversed || place == 1,
            resetsFirst: try context.reader.integer("linear_before_reset") ?? 0 == 0)
        guard options.clip >= 0, options.clip.isFinite else {
            throw context.reader.invalid("its clip is \(options.clip)")
        }
        emit(
            .recurrent(options), context, [layer.x, w, r, bias, h, c, peephole],
            cell.map { [y, $0] } ?? [y])
        return (y, cell)
    }

    /// One direction's share of an operand, whose first axis is the directions; nil when it is left
    /// out.
    private mutating func part(
        _ context: Context, _ index: Int, _ place: Int, of layer: Layer, _ shape: [Int]
    ) throws(ModelError) -> Int? {
        guard let value = context.optional(index) else { return nil }
        guard value.shape == [layer.directions] + shape, value.elementType == .float32 else {
            throw context.reader.invalid("input \(index) is \(value.shape)")
        }
        let name = "\(context.name)/input \(index)"
        if let constant = value.constant {
            let count = shape.reduce(1, *)
            let all = try constant.floats()
            return try floatConstant(
                name, Array(all[place * count..<(place + 1) * count]), shape: shape)
        }
        let x = try tensor(context, index).tensor
        let share = try addTensor(name, [1] + shape, .float32)
        let begins = try argument([place] + shape.map { _ in 0 })
        let extents = try argument([1] + shape)
        emit(.movement(.slice), context, [x, begins, extents], [share])
        let result = try addTensor(name, shape, .float32)
        emit(.reshape, context, [share], [result])
        return result
    }

    private func activations(
        _ context: Context, _ layer: Layer, _ place: Int
    ) throws(ModelError) -> [RecurrentOptions.Activation] {
        let usual: [RecurrentOptions.Activation] =
            switch layer.kind {
            case .rnn: [.tanh]
            case .gru: [.logistic, .tanh]
            case .lstm: [.logistic, .tanh, .tanh]
            }
        let names = try context.reader.strings("activations")
        if names.isEmpty { return usual }
        guard names.count == usual.count * layer.directions else {
            throw context.reader.invalid("\(names.count) activations")
        }
        return try names[place * usual.count..<(place + 1) * usual.count].map {
            name throws(ModelError) in
            switch name {
            case "Sigmoid": .logistic
            case "Tanh": .tanh
            case "Relu": .relu
            default: throw context.reader.unsupported("activation \(name)")
            }
        }
    }
}
