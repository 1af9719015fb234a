/// Layers with weights, and what is built around them.
extension ONNXGraphBuilder {
    /// - Returns: false for an operator that is not here.
    mutating func lowerLayers(_ context: Context) throws(ModelError) -> Bool {
        switch context.node.operation {
        case "Gemm": try lowerGemm(context)
        case "MatMul": try lowerMatMul(context)
        case "Conv": try lowerConvolution(context)
        case "ConvTranspose": try lowerTransposeConvolution(context)
        case "Resize": try lowerResize(context)
        case "MaxPool": try lowerPool(context, isAverage: false)
        case "AveragePool": try lowerPool(context, isAverage: true)
        case "BatchNormalization":
            let (scale, shift) = try normalization(context)
            try scaleChannels(context, scale, shift)
        case "Softmax": try lowerSoftmax(context, isLogarithm: false)
        case "LogSoftmax": try lowerSoftmax(context, isLogarithm: true)
        case "LayerNormalization": try lowerLayerNormalization(context)
        default: return false
        }
        return true
    }

    // MARK: - Matrices

    /// Emits a fully connected layer and what can be fused into it.
    ///
    /// - Parameter weights: [column][row], as the runtime has them.
    private mutating func emitFullyConnected(
        _ context: Context, _ x: Int, weights: [Float], bias: [Float]?, columns: Int,
        shape: [Int], fuses: Bool
    ) throws(ModelError) {
        let rows = weights.count / max(columns, 1)
        var (weights, bias) = (weights, bias)
        var fusion = Fusion(output: context.output(0) ?? "")
        if fuses { fusion = try self.fusion(after: fusion.output, channels: columns) }
        fold(fusion, into: &weights, &bias, channels: columns)
        let w = try floatConstant("\(context.name)/weights", weights, shape: [columns, rows])
        let b = try bias.map { bias throws(ModelError) in
            try floatConstant("\(context.name)/bias", bias, shape: [columns])
        }
        let y = try addTensor(fusion.output, shape, .float32)
        values[fusion.output] = Value(shape: shape, elementType: .float32, tensor: y)
        fused.formUnion(fusion.positions)
        emit(.fullyConnected(activation: fusion.activation), context, [x, w, b], [y])
    }

    /// Weights and bias with a following normalization inside.
    ///
    /// - Parameter weights: the output channel is the outermost axis.
    private func fold(
        _ fusion: Fusion, into weights: inout [Float], _ bias: inout [Float]?, channels: Int
    ) {
        guard let (scale, shift) = fusion.normalization else { return }
        let depth = weights.count / max(channels, 1)
        for place in weights.indices { weights[place] *= scale[place / depth] }
        let before = bias ?? Array(repeating: 0, count: channels)
        bias = before.indices.map { before[$0] * scale[$0] + shift[$0] }
    }

    private func transposed(_ values: [Float], rows: Int, columns: Int) -> [Float] {
        var result = [Float](repeating: 0, count: values.count)
        for row in 0..<rows {
            for column in 0..<columns {
                result[column * rows + row] = values[row * columns + column]
            }
        }
        return result
    }

    private mutating func lowerGemm(_ context: Context) throws(ModelError) {
        let reader = context.reader
        var x = try tensor(context, 0)
        let b = try context.input(1)
        guard x.value.shape.count == 2, b.shape.count == 2, let matrix = b.constant else {
            throw reader.unsupported("a second matrix that is not constant")
        }
        guard x.value.elementType == .float32, b.elementType == .float32 else {
            throw reader.unsupported("elements of type \(x.value.elementType.rawValue)")
        }
        if try reader.integer("transA") ?? 0 != 0 {
            let turned = try addTensor(
                "\(context.name)/a", x.value.shape.reversed(), x.value.elementType)
            let order = try argument([1, 0])
            emit(.movement(.transpose), context, [x.tensor, order], [turned])
            x.tensor = turned
            x.value.shape.reverse()
        }
        let isTransposed = try reader.integer("transB") ?? 0 != 0
        let (columns, rows) =
            isTransposed ? (b.shape[0], b.shape[1]) : (b.shape[1], b.shape[0])
        guard x.value.shape[1] == rows else {
            throw reader.invalid("\(x.value.shape) times \(b.shape)")
        }
        let alpha = try reader.float("alpha") ?? 1
        let beta = try reader.float("beta") ?? 1
        var weights = try matrix.floats()
        if !isTransposed { weights = transposed(weights, rows: rows, columns: columns) }
        if alpha != 1 { weights = weights.map { $0 * alpha } }
        let shape = [x.value.shape[0], columns]
        var bias: [Float]?
        var rest: Value?
        if let c = context.optional(2) {
            _ = try broadcast(c.shape, shape, context)
            if let constant = c.constant, c.shape.dropLast().allSatisfy({ $0 == 1 }) {
                let values = try constant.floats().map { $0 * beta }
                bias = values.count == 1 ? Array(repeating: values[0], count: columns) : values
            } else {
                guard beta == 1 else { throw reader.unsupported("beta of \(beta)") }
                rest = c
            }
        }
        guard let rest else {
            try emitFullyConnected(
                context, x.tensor, weights: weights, bias: bias, columns: columns, shape: shape,
                fuses: true)
            return
        }
        try emitFullyConnected(
            context, x.tensor, weights: weights, bias: bias, columns: columns, shape: shape,
            fuses: false)
        guard let name = context.output(0), let product = values[name] else { return }
        values[name] = try combined(.add, context, product, rest, name: name)
    }

    private mutating func lowerMatMul(_ context: Context) throws(ModelError) {
        let reader = context.reader
        let x = try tensor(context, 0)
        let b = try context.input(1)
        guard let matrix = b.constant, b.shape.count == 2, let depth = x.value.shape.last else {
            try emitMatrixProduct(context, x)
            return
        }
        guard x.value.elementType == .float32, b.elementType == .float32 else {
            throw reader.unsupported("elements of type \(x.value.elementType.rawValue)")
        }
        let (rows, columns) = (b.shape[0], b.shape[1])
        guard depth == rows else { throw reader.invalid("\(x.value.shape) times \(b.shape)") }
        let weights = transposed(try matrix.floats(), rows: rows, columns: columns)
        var bias: [Float]?
        var context = context
        // A vector added to the product is its bias.
        if let name = context.output(0), let (position, node) = onlyConsumer(of: name),
            node.operation == "Add", node.domain.isEmpty, node.inputs.count == 2,
            let other = node.inputs.first(where: { $0 != name }), let output = node.outputs.first,
            let vector = values[other], let constant = vector.constant,
            vector.elementType == .float32, vector.shape.last == columns,
            vector.elementCount == columns, vector.shape.count <= x.value.shape.count
        {
            bias = try constant.floats()
            fused.insert(position)
            var node = context.node
            node.outputs = [output]
            context.reader = ONNXNodeReader(
                node: node, position: reader.position, version: reader.version,
                inputType: reader.inputType, limits: limits)
        }
        try emitFullyConnected(
            context, x.tensor, weights: weights, bias: bias, columns: columns,
            shape: x.value.shape.dropLast() + [columns], fuses: true)
    }

    /// A product of two matrices of which neither is known, or of stacks of them.
    private mutating func emitMatrixProduct(
        _ context: Context, _ x: (tensor: Int, value: Value)
    ) throws(ModelError) {
        let b = try tensor(context, 1)
        let (left, right) = (x.value.shape, b.value.shape)
        guard left.count >= 2, right.count >= 2 else {
            throw context.reader.unsupported("a vector times a matrix that is not constant")
        }
        let (rows, depth) = (left[left.count - 2], left[left.count - 1])
        guard right[right.count - 2] == depth else {
            throw context.reader.invalid("\(left) times \(right)")
        }
        let stack = try broadcast(Array(left.dropLast(2)), Array(right.dropLast(2)), context)
        let y = try addOutput(
            context, shape: stack + [rows, right[right.count - 1]], type: x.value.elementType)
        emit(
            .batchMatrixProduct(transposesLeft: false, transposesRight: false), context,
            [x.tensor, b.tensor], [y])
    }

    // MARK: - Windows

    /// Padding, stride and dilation of a window over the axes behind the channels.
    struct WindowShape {
        var kernel: [Int]
        var strides: [Int]
        var dilations: [Int]
        var before: [Int]
        var after: [Int]
        var output: [Int]

        var window: Window {
            // One axis is the width of an image of height 1.
            let isFlat = kernel.count == 1
            return Window(
                padding: .explicit(
                    Border(
                        top: isFlat ? 0 : before[0], left: before[before.count - 1],
                        bottom: isFlat ? 0 : after[0], right: after[after.count - 1])),
                stride: extent(strides))
        }

        func extent(_ values: [Int]) -> Extent {
            values.count == 1
                ? Extent(height: 1, width: values[0]) : Extent(height: values[0], width: values[1])
        }
    }

    func windowShape(
        _ context: Context, spatial: [Int], kernel: [Int]
    ) throws(ModelError) -> WindowShape {
        let reader = context.reader
        let rank = spatial.count
        guard (1...2).contains(rank), kernel.count == rank else {
            throw reader.unsupported("a window over \(rank) axes")
        }
        let strides = try reader.integers("strides", count: rank, default: 1)
        let dilations = try reader.integers("dilations", count: rank, default: 1)
        let pads = try reader.integers("pads", count: 2 * rank, default: 0)
        let range = 1...TFLiteOptions.largestFactor
        guard (strides + dilations + kernel).allSatisfy(range.contains),
            pads.allSatisfy((0...TFLiteOptions.largestFactor).contains)
        else { throw reader.unsupported("a kernel extent, stride, dilation or padding") }
        var shape = WindowShape(
            kernel: kernel, strides: strides, dilations: dilations,
            before: Array(pads[..<rank]), after: Array(pads[rank...]), output: [])
        let automatic = try reader.string("auto_pad") ?? "NOTSET"
        let ceils = try reader.integer("ceil_mode") ?? 0 != 0
        for axis in 0..<rank {
            let span = (kernel[axis] - 1) * dilations[axis] + 1
            let (input, stride) = (spatial[axis], strides[axis])
            switch automatic {
            case "SAME_UPPER", "SAME_LOWER":
                let output = (input + stride - 1) / stride
                let total = max((output - 1) * stride + span - input, 0)
                let smaller = total / 2
                shape.before[axis] = automatic == "SAME_UPPER" ? smaller : total - smaller
                shape.after[axis] = total - shape.before[axis]
            case "VALID":
                shape.before[axis] = 0
                shape.after[axis] = 0
            case "NOTSET", "": break
            default: throw reader.invalid("auto_pad is '\(automatic)'")
            }
            let free = input + shape.before[axis] + shape.after[axis] - span
            guard free >= 0 else { throw reader.invalid("its window is larger than its input") }
            var output = free / stride + 1
            if ceils && free % stride != 0 && output * stride < input + shape.before[axis] {
                // One window more, which begins inside the input and ends behind the padding.
                output += 1
                shape.after[axis] += stride - free % stride
            }
            shape.output.append(output)
        }
        return shape
    }

    /// An image [batch, height, width, channel] of a value of three or four dimensions.
    private mutating func image(
        _ context: Context, _ index: Int
    ) throws(ModelError) -> (tensor: Int, value: Value) {
        let value = try channelsLast(try context.input(index), context.name)
        let name = context.node.inputs[index]
        if value.constant == nil { values[name]?.tensor = value.tensor }
        if value.constant == nil { values[name]?.isChannelsLast = true }
        let tensor = try materialized(value, name)
        return (try flattened(context, tensor), value)
    }

    /// A sequence as an image of height 1.
    mutating func flattened(_ context: Context, _ tensor: Int) throws(ModelError) -> Int {
        var shape = tensors[tensor].shape
        guard shape.count == 3 else { return tensor }
        shape.insert(1, at: 1)
        let result = try addTensor(
            tensors[tensor].name, shape, tensors[tensor].elementType,
            quantization: tensors[tensor].quantization)
        emit(.reshape, context, [tensor], [result])
        return result
    }

    /// Emits an operator over images whose result goes on under `name`.
    mutating func emitImage(
        _ operation: Operation, _ context: Context, _ inputs: [Int?], shape: [Int], name: String,
        type: ElementType = .float32, quantization: Quantization? = nil
    ) throws(ModelError) {
        var value = Value(shape: shape, elementType: type)
        value.isChannelsLast = true
        let y = try addTensor(name, stored(value), type, quantization: quantization)
        value.tensor = y
        values[name] = value
        if shape.count == 4 {
            emit(operation, context, inputs, [y])
            return
        }
        var image = stored(value)
        image.insert(1, at: 1)
        let result = try addTensor(name, image, type, quantization: quantization)
        emit(operation, context, inputs, [result])
        emit(.reshape, context, [result], [y])
    }

    /// [output][input / groups][height][width] as the runtime has them, and whether each channel
    /// is convolved alone.
    struct ConvolutionWeights {
        var tensor: ONNXTensor
        var isDepthwise: Bool
    }

    func convolutionWeights(
        _ context: Context, _ constant: ONNXTensor, channels: Int, groups: Int
    ) throws(ModelError) -> ConvolutionWeights {
        let shape = constant.shape
        guard groups >= 1, channels == shape[1] * groups, shape[0] % groups == 0 else {
            throw context.reader.invalid("weights \(shape) for \(channels) channels")
        }
        let image = constant.reshaped(
            shape.count == 3 ? [shape[0], shape[1], 1, shape[2]] : shape)
        let isDepthwise = groups == channels && groups > 1
        return ConvolutionWeights(
            tensor: try permuted(image, isDepthwise ? [1, 2, 3, 0] : [0, 2, 3, 1]),
            isDepthwise: isDepthwise)
    }

    private mutating func lowerConvolution(_ context: Context) throws(ModelError) {
        let reader = context.reader
        let value = try context.input(0)
        let w = try context.input(1)
        guard (3...4).contains(value.shape.count), w.shape.count == value.shape.count else {
            throw reader.unsupported("a convolution over \(value.shape.count - 2) axes")
        }
        guard let constant = w.constant, w.elementType == .float32 else {
            throw reader.unsupported("weights that are not constant")
        }
        let shape = try windowShape(
            context, spatial: Array(value.shape[2...]), kernel: Array(w.shape[2...]))
        let x = try image(context, 0)
        let channels = w.shape[0]
        let fusion = try fusion(after: context.output(0) ?? "", channels: channels)
        var values = try constant.floats()
        var bias = try context.floats(2)
        guard bias == nil || bias?.count == channels else {
            throw reader.invalid("its bias does not have one element for each output channel")
        }
        fold(fusion, into: &values, &bias, channels: channels)
        let weights = try convolutionWeights(
            context, ONNXTensor(values, shape: w.shape, name: constant.name),
            channels: value.shape[1], groups: try reader.integer("group") ?? 1)
        let filter = try addConstant(
            "\(context.name)/weights", weights.tensor.shape, .float32,
            bytes: try weights.tensor.bytes())
        let b = try bias.map { bias throws(ModelError) in
            try floatConstant("\(context.name)/bias", bias, shape: [channels])
        }
        let dilation = shape.extent(shape.dilations)
        fused.formUnion(fusion.positions)
        try emitImage(
            weights.isDepthwise
                ? .depthwiseConvolution(
                    shape.window, dilation: dilation, activation: fusion.activation)
                : .convolution(shape.window, dilation: dilation, activation: fusion.activation),
            context, [x.tensor, filter, b], shape: [value.shape[0], channels] + shape.output,
            name: fusion.output)
    }

    private mutating func lowerPool(_ context: Context, isAverage: Bool) throws(ModelError) {
        let reader = context.reader
        guard context.output(1) == nil else { throw reader.unsupported("indices of maxima") }
        let value = try context.input(0)
        guard (3...4).contains(value.shape.count) else {
            throw reader.unsupported("a pool over \(value.shape.count - 2) axes")
        }
        var shape = try windowShape(
            context, spatial: Array(value.shape[2...]), kernel: try reader.integers("kernel_shape"))
        guard shape.dilations.allSatisfy({ $0 == 1 }) else { throw reader.unsupported("dilation") }
        var x = try image(context, 0).tensor
        if isAverage, try reader.integer("count_include_pad") ?? 0 != 0,
            (shape.before + shape.after).contains(where: { $0 > 0 })
        {
            guard try reader.integer("ceil_mode") ?? 0 == 0 else {
                throw reader.unsupported("padding that counts, with ceil_mode")
            }
            x = try padded(context, x, shape)
            shape.before = shape.before.map { _ in 0 }
            shape.after = shape.after.map { _ in 0 }
        }
        let kernel = shape.extent(shape.kernel)
        try emitImage(
            isAverage
                ? .averagePool(shape.window, kernel: kernel, activation: .none)
                : .maximumPool(shape.window, kernel: kernel, activation: .none),
            context, [x], shape: Array(value.shape[..<2]) + shape.output,
            name: context.output(0) ?? "", type: value.elementType,
            quantization: tensors[x].quantization)
    }

    /// Zeros around an image.
    private mutating func padded(
        _ context: Context, _ x: Int, _ window: WindowShape
    ) throws(ModelError) -> Int {
        let flat = window.before.count == 1 ? [0] : []
        let amounts =
            [0, 0] + zip(flat + window.before, flat + window.after).flatMap { [$0, $1] } + [0, 0]
        let extents = tensors[x].shape
        let result = try addTensor(
            "\(context.name)/padded",
            extents.indices.map { extents[$0] + amounts[2 * $0] + amounts[2 * $0 + 1] },
            tensors[x].elementType)
        let argument = try argument(amounts, shape: [4, 2])
        emit(.movement(.pad), context, [x, argument], [result])
        return result
    }

    // MARK: - Normalizations

    private func channelShape(_ count: Int, rank: Int) -> [Int] {
        [count] + Array(repeating: 1, count: max(rank - 2, 0))
    }

    private mutating func scaleChannels(
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
    private mutating func lowerSoftmax(
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
    private mutating func emitLogSoftmax(
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
    private mutating func lowerLayerNormalization(_ context: Context) throws(ModelError) {
        let x = try tensor(context, 0)
        let shape = x.value.shape
        let first = try context.axis(
            try context.reader.integer("axis") ?? -1, rank: shape.count)
        guard context.output(1) == nil, context.output(2) == nil else {
            throw context.reader.unsupported("statistics as outputs")
        }
        let axes = try argument(Array(first..<shape.count))
        let row = shape[..<first] + shape[first...].map { _ in 1 }
        func temporary(_ shape: [Int]) throws(ModelError) -> Int {
            try addTensor("\(context.name)/part", shape, .float32)
        }
        let mean = try temporary(Array(row))
        emit(.reduction(.mean, keepsAxes: true), context, [x.tensor, axes], [mean])
        let centred = try temporary(shape)
        emit(.binary(.subtract, activation: .none), context, [x.tensor, mean], [centred])
        let squares = try temporary(shape)
        emit(.unary(.square), context, [centred], [squares])
        let variance = try temporary(Array(row))
        emit(.reduction(.mean, keepsAxes: true), context, [squares, axes], [variance])
        let epsilon = try floatConstant(
            "epsilon", [try context.reader.float("epsilon") ?? 1e-5], shape: [])
        let shifted = try temporary(Array(row))
        emit(.add(activation: .none), context, [variance, epsilon], [shifted])
        let factor = try temporary(Array(row))
        emit(.unary(.reciprocalSquareRoot), context, [shifted], [factor])
        let normal = try temporary(shape)
        emit(.binary(.multiply, activation: .none), context, [centred, factor], [normal])
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
}
