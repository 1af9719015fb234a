/// Convolutions and pools: windows that move over images and sequences.
extension ONNXGraphBuilder {
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
    mutating func image(
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

    mutating func lowerConvolution(_ context: Context) throws(ModelError) {
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

    mutating func lowerPool(_ context: Context, isAverage: Bool) throws(ModelError) {
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
    mutating func padded(
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
}
