/// Operators that move elements, and those that take elements away.
extension ONNXGraphBuilder {
    /// - Returns: false for an operator that is not here.
    mutating func lowerShapes(_ context: Context) throws(ModelError) -> Bool {
        let reader = context.reader
        switch context.node.operation {
        case "Reshape":
            guard let wanted = try context.integers(1) else {
                throw reader.unsupported("a shape that is left out")
            }
            try view(context, try reshaped(context, wanted))
        case "Flatten":
            let shape = try context.input(0).shape
            let axis = try reader.integer("axis") ?? 1
            guard (-shape.count...shape.count).contains(axis) else {
                throw reader.invalid("axis \(axis) of \(shape.count) axes")
            }
            let place = axis < 0 ? axis + shape.count : axis
            try view(
                context,
                [shape[..<place].reduce(1, *), shape[place...].reduce(1, *)])
        case "Squeeze":
            try view(
                context,
                try squeezed(try context.input(0).shape, try axes(context, input: 1), context))
        case "Unsqueeze":
            guard let axes = try axes(context, input: 1) else {
                throw reader.invalid("it has no axes")
            }
            try view(context, try unsqueezed(try context.input(0).shape, axes, context))
        case "Transpose": try lowerTranspose(context)
        case "Concat": try lowerConcat(context)
        case "Split": try lowerSplit(context)
        case "Slice": try lowerSlice(context)
        case "Pad": try lowerPad(context)
        case "Gather": try lowerGather(context)
        case "ArgMax": try lowerArgument(context, isMinimum: false)
        case "ArgMin": try lowerArgument(context, isMinimum: true)
        case "ReduceMean": try lowerReduction(context, .mean)
        case "ReduceSum": try lowerReduction(context, .sum)
        case "ReduceMax": try lowerReduction(context, .maximum)
        case "ReduceMin": try lowerReduction(context, .minimum)
        case "ReduceProd": try lowerReduction(context, .product)
        case "ReduceLogSumExp": try lowerLogSumExp(context)
        case "ReduceL1": try lowerReduction(context, .sum, before: .absolute)
        case "ReduceL2": try lowerReduction(context, .sum, before: .square, after: .squareRoot)
        case "ReduceSumSquare": try lowerReduction(context, .sum, before: .square)
        case "ReduceLogSum": try lowerReduction(context, .sum, after: .logarithm)
        case "GlobalAveragePool": try lowerGlobalPool(context, .mean)
        case "GlobalMaxPool": try lowerGlobalPool(context, .maximum)
        default: return false
        }
        return true
    }

    /// The same elements in another shape.
    mutating func view(_ context: Context, _ shape: [Int]) throws(ModelError) {
        let value = try context.input(0)
        guard value.elementCount == shape.reduce(1, *) else {
            throw context.reader.invalid("\(value.shape) does not become \(shape)")
        }
        if let constant = value.constant, value.tensor == nil {
            var result = Self.value(of: constant.reshaped(shape))
            result.labels = value.labels
            set(context, result)
            return
        }
        let x = try tensor(context, 0)
        let y = try addOutput(
            context, shape: shape, type: value.elementType, labels: value.labels,
            quantization: tensors[x.tensor].quantization)
        emit(.reshape, context, [x.tensor], [y])
    }

    /// 0 keeps a dimension, −1 is what is left.
    func reshaped(_ context: Context, _ wanted: [Int]) throws(ModelError) -> [Int] {
        let value = try context.input(0)
        let keepsZero = try context.reader.integer("allowzero") ?? 0 == 0
        var shape = wanted
        var open: Int?
        var known = 1
        for axis in wanted.indices {
            if wanted[axis] == 0 && keepsZero {
                guard axis < value.shape.count else {
                    throw context.reader.invalid("it keeps axis \(axis) of \(value.shape)")
                }
                shape[axis] = value.shape[axis]
            }
            if shape[axis] == -1 {
                guard open == nil else { throw context.reader.invalid("two dimensions are open") }
                open = axis
                continue
            }
            guard shape[axis] > 0 else {
                throw context.reader.unsupported("a dimension of \(shape[axis])")
            }
            let (product, overflow) = known.multipliedReportingOverflow(by: shape[axis])
            guard !overflow else { throw context.reader.invalid("its shape overflows") }
            known = product
        }
        if let open {
            guard value.elementCount % known == 0, value.elementCount > 0 else {
                throw context.reader.invalid("\(value.shape) does not become \(wanted)")
            }
            shape[open] = value.elementCount / known
        }
        return shape
    }

    mutating func lowerTranspose(_ context: Context) throws(ModelError) {
        let value = try context.input(0)
        let rank = value.shape.count
        var order = try context.reader.integers("perm")
        if order.isEmpty { order = Array((0..<rank).reversed()) }
        guard order.sorted() == Array(0..<rank) else {
            throw context.reader.invalid("perm is \(order)")
        }
        if let constant = value.constant, value.tensor == nil {
            set(context, Self.value(of: try permuted(constant, order)))
            return
        }
        // Channels that lie last already need only a name.
        if value.isChannelsLast, order == Self.toChannelsLast(rank: rank) {
            var result = value
            result.shape = order.map { value.shape[$0] }
            result.isChannelsLast = false
            set(context, result)
            return
        }
        if !value.isChannelsLast, rank >= 3, order == Self.toChannelsFirst(rank: rank) {
            var result = value
            result.shape = order.map { value.shape[$0] }
            result.isChannelsLast = true
            result.tensor = try materialized(value, context.name)
            set(context, result)
            return
        }
        let x = try tensor(context, 0)
        let y = try addOutput(
            context, shape: order.map { value.shape[$0] }, type: value.elementType,
            quantization: tensors[x.tensor].quantization)
        let argument = try argument(order)
        emit(.movement(.transpose), context, [x.tensor, argument], [y])
    }

    mutating func lowerConcat(_ context: Context) throws(ModelError) {
        let first = try context.input(0)
        let axis = try context.axis(
            try context.reader.integer("axis") ?? 1, rank: first.shape.count)
        // Images stay as they lie.
        let usesChannelsLast =
            first.shape.count >= 3
            && context.inputs.allSatisfy { $0?.isChannelsLast ?? false }
        var shape = first.shape
        shape[axis] = 0
        var parts: [Int?] = []
        for index in context.inputs.indices {
            let value = try context.input(index)
            guard value.shape.count == shape.count else {
                throw context.reader.invalid("its inputs differ in rank")
            }
            let (length, overflow) = shape[axis].addingReportingOverflow(value.shape[axis])
            guard !overflow else { throw context.reader.invalid("its shape overflows") }
            shape[axis] = length
            parts.append(
                usesChannelsLast
                    ? try materialized(value, context.name) : try tensor(context, index).tensor)
        }
        let y = try addOutput(
            context, shape: shape, type: first.elementType, isChannelsLast: usesChannelsLast,
            quantization: parts[0].flatMap { tensors[$0].quantization })
        let place =
            usesChannelsLast
            ? Self.toChannelsLast(rank: shape.count).firstIndex(of: axis) ?? axis : axis
        emit(.movement(.concatenation(axis: place, activation: .none)), context, parts, [y])
    }

    mutating func lowerSplit(_ context: Context) throws(ModelError) {
        let x = try tensor(context, 0)
        let axis = try context.axis(
            try context.reader.integer("axis") ?? 0, rank: x.value.shape.count)
        let length = x.value.shape[axis]
        let count = context.node.outputs.count
        guard count > 0 else { throw context.reader.invalid("it has no outputs") }
        var sizes = try context.reader.integers("split")
        if sizes.isEmpty { sizes = try context.integers(1) ?? [] }
        if sizes.isEmpty {
            let part = (length + count - 1) / count
            sizes = (0..<count).map { min(part, length - min(length, $0 * part)) }
        }
        guard sizes.count == count, sizes.allSatisfy({ $0 > 0 && $0 <= length }),
            sizes.reduce(0, +) == length
        else { throw context.reader.invalid("parts of \(sizes) of \(length)") }
        var start = 0
        for (output, size) in sizes.enumerated() {
            var shape = x.value.shape
            shape[axis] = size
            if context.output(output) != nil {
                let y = try addOutput(
                    context, output, shape: shape, type: x.value.elementType,
                    quantization: tensors[x.tensor].quantization)
                var begins = [Int](repeating: 0, count: shape.count)
                begins[axis] = start
                let (from, extent) = (try argument(begins), try argument(shape))
                emit(.movement(.slice), context, [x.tensor, from, extent], [y])
            }
            start += size
        }
    }

    mutating func lowerSlice(_ context: Context) throws(ModelError) {
        let x = try tensor(context, 0)
        let shape = x.value.shape
        let usesAttributes = context.reader.version < 10
        let starts =
            usesAttributes
            ? try context.reader.integers("starts") : try context.integers(1) ?? []
        let ends =
            usesAttributes ? try context.reader.integers("ends") : try context.integers(2) ?? []
        var axes =
            usesAttributes ? try context.reader.integers("axes") : try context.integers(3) ?? []
        if axes.isEmpty { axes = Array(starts.indices) }
        let steps = (usesAttributes ? nil : try context.integers(4)) ?? axes.map { _ in 1 }
        guard ends.count == starts.count, axes.count == starts.count, steps.count == starts.count
        else { throw context.reader.invalid("its arguments have different lengths") }
        var begins = [Int](repeating: 0, count: shape.count)
        var strides = [Int](repeating: 1, count: shape.count)
        var result = shape
        for (place, axis) in axes.enumerated() {
            let axis = try context.axis(axis, rank: shape.count)
            let (extent, step) = (shape[axis], steps[place])
            guard step != 0, step > Int(Int32.min), step <= Int(Int32.max) else {
                throw context.reader.invalid("a step of \(step)")
            }
            func bounded(_ index: Int, _ low: Int, _ high: Int) -> Int {
                let (sum, overflow) = index.addingReportingOverflow(index < 0 ? extent : 0)
                return min(max(overflow ? low : sum, low), high)
            }
            let start =
                step > 0 ? bounded(starts[place], 0, extent) : bounded(starts[place], 0, extent - 1)
            let end =
                step > 0
                ? bounded(ends[place], 0, extent)
                : (ends[place] <= -extent - 1 ? -1 : bounded(ends[place], -1, extent - 1))
            let span = step > 0 ? end - start : start - end
            guard span > 0 else { throw context.reader.unsupported("a slice without elements") }
            begins[axis] = start
            strides[axis] = step
            result[axis] = (span + abs(step) - 1) / abs(step)
        }
        let y = try addOutput(
            context, shape: result, type: x.value.elementType,
            quantization: tensors[x.tensor].quantization)
        if strides.allSatisfy({ $0 == 1 }) {
            let (from, extent) = (try argument(begins), try argument(result))
            emit(.movement(.slice), context, [x.tensor, from, extent], [y])
            return
        }
        // Past the last element, in the direction of the step. Before the first is no index that
        // counts from the front: it is left to the mask.
        var endMask = 0
        let ends32 = shape.indices.map { axis -> Int in
            let end = begins[axis] + result[axis] * strides[axis]
            if end < 0 { endMask |= 1 << axis }
            return max(end, 0)
        }
        let masks = StridedSliceMasks(
            begin: 0, end: endMask, ellipsis: 0, newAxis: 0, shrinkAxis: 0, endIsOffset: false)
        let arguments = (try argument(begins), try argument(ends32), try argument(strides))
        emit(
            .movement(.stridedSlice(masks)), context,
            [x.tensor, arguments.0, arguments.1, arguments.2], [y])
    }

    mutating func lowerPad(_ context: Context) throws(ModelError) {
        let reader = context.reader
        let x = try tensor(context, 0)
        let rank = x.value.shape.count
        let given =
            reader.version < 11 ? try reader.integers("pads") : try context.integers(1) ?? []
        let axes = try context.integers(3) ?? Array(0..<rank)
        guard given.count == 2 * axes.count else {
            throw reader.invalid("\(given.count) paddings for \(axes.count) axes")
        }
        var amounts = [Int](repeating: 0, count: 2 * rank)
        var shape = x.value.shape
        for (place, axis) in axes.enumerated() {
            let axis = try context.axis(axis, rank: rank)
            let (before, after) = (given[place], given[place + axes.count])
            guard (0...1 << 24).contains(before), (0...1 << 24).contains(after) else {
                throw reader.unsupported("paddings of \(before) and \(after)")
            }
            amounts[2 * axis] = before
            amounts[2 * axis + 1] = after
            shape[axis] += before + after
        }
        let mode = try reader.string("mode") ?? "constant"
        let quantization = tensors[x.tensor].quantization
        let paddings = try argument(amounts, shape: [rank, 2])
        switch mode {
        case "constant":
            let y = try addOutput(
                context, shape: shape, type: x.value.elementType, quantization: quantization)
            var fill: Int?
            if let value = context.optional(2) {
                guard let constant = value.constant, constant.elementCount == 1 else {
                    throw reader.unsupported("a padding value that is not constant")
                }
                fill = try addConstant(
                    "fill", [1], constant.elementType, bytes: try constant.bytes(),
                    quantization: quantization)
            } else if reader.version < 11, let value = try reader.float("value"), value != 0 {
                fill = try floatConstant("fill", [value], shape: [1])
            }
            emit(
                .movement(.pad), context,
                fill.map { [x.tensor, paddings, $0] } ?? [x.tensor, paddings],
                [y])
        case "reflect":
            let y = try addOutput(
                context, shape: shape, type: x.value.elementType, quantization: quantization)
            emit(.movement(.mirrorPad(includesEdge: false)), context, [x.tensor, paddings], [y])
        case "edge", "wrap":
            try emitGathered(context, x, shape) { axis, place in
                let (index, extent) = (place - amounts[2 * axis], x.value.shape[axis])
                if mode == "edge" { return min(max(index, 0), extent - 1) }
                return ((index % extent) + extent) % extent
            }
        default: throw reader.unsupported("padding by '\(mode)'")
        }
    }

    mutating func lowerGather(_ context: Context) throws(ModelError) {
        let x = try tensor(context, 0)
        let axis = try context.axis(
            try context.reader.integer("axis") ?? 0, rank: x.value.shape.count)
        let length = x.value.shape[axis]
        let indices = try context.input(1)
        guard let values = try context.integers(1) else {
            throw context.reader.invalid("it has no indices")
        }
        var wrapped: [Int] = []
        for index in values {
            let place = index < 0 ? index + length : index
            guard (0..<length).contains(place) else {
                throw context.reader.invalid("index \(index) of \(length)")
            }
            wrapped.append(place)
        }
        let argument = try argument(wrapped, shape: indices.shape)
        let shape =
            Array(x.value.shape[..<axis]) + indices.shape + Array(x.value.shape[(axis + 1)...])
        let y = try addOutput(
            context, shape: shape, type: x.value.elementType, labels: x.value.labels,
            quantization: tensors[x.tensor].quantization)
        emit(.movement(.gather(axis: axis, batchAxes: 0)), context, [x.tensor, argument], [y])
    }
}
