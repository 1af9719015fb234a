/// Operators that make images larger.
extension ONNXGraphBuilder {
    mutating func lowerTransposeConvolution(_ context: Context) throws(ModelError) {
        let reader = context.reader
        let value = try context.input(0)
        let w = try context.input(1)
        guard (3...4).contains(value.shape.count), w.shape.count == value.shape.count,
            let constant = w.constant, w.elementType == .float32
        else { throw reader.unsupported("weights that are not constant, or these dimensions") }
        let rank = value.shape.count - 2
        let kernel = Array(w.shape[2...])
        guard try reader.integer("group") ?? 1 == 1, w.shape[0] == value.shape[1],
            try reader.integers("dilations", count: rank, default: 1).allSatisfy({ $0 == 1 }),
            try reader.string("auto_pad") ?? "NOTSET" == "NOTSET", !reader.has("output_shape")
        else { throw reader.unsupported("groups, dilation or automatic padding") }
        let strides = try reader.integers("strides", count: rank, default: 1)
        let pads = try reader.integers("pads", count: 2 * rank, default: 0)
        let more = try reader.integers("output_padding", count: rank, default: 0)
        let largest = TFLiteOptions.largestFactor
        guard (kernel + strides).allSatisfy((1...largest).contains),
            (pads + more).allSatisfy((0...largest).contains),
            zip(more, strides).allSatisfy({ $0 < $1 })
        else { throw reader.unsupported("a kernel extent, stride or padding") }
        var output: [Int] = []
        for axis in 0..<rank {
            let full = (value.shape[axis + 2] - 1) * strides[axis] + kernel[axis]
            let size = full - pads[axis] - pads[axis + rank] + more[axis]
            guard size > 0 else { throw reader.invalid("its padding leaves nothing") }
            output.append(size)
        }
        let shape = WindowShape(
            kernel: kernel, strides: strides, dilations: kernel.map { _ in 1 },
            before: Array(pads[..<rank]), after: Array(pads[rank...]), output: output)
        let image = constant.reshaped(
            rank == 1 ? [w.shape[0], w.shape[1], 1, w.shape[2]] : w.shape)
        let turned = try permuted(image, [1, 2, 3, 0])
        let filter = try addConstant(
            "\(context.name)/weights", turned.shape, .float32, bytes: try turned.bytes())
        var bias: Int?
        if let values = try context.floats(2) {
            guard values.count == w.shape[1] else { throw reader.invalid("its bias") }
            bias = try floatConstant("\(context.name)/bias", values, shape: [values.count])
        }
        let x = try flattened(
            context, try materialized(try channelsLast(value, context.name), context.name))
        let flat = rank == 1 ? [1] : []
        let size = try argument([value.shape[0]] + flat + output + [w.shape[1]])
        try emitImage(
            .transposeConvolution(shape.window, activation: .none), context,
            [size, filter, x, bias], shape: [value.shape[0], w.shape[1]] + output,
            name: context.output(0) ?? "")
    }

    /// Height and width by a scale or to a size, in the ways that have kernels.
    mutating func lowerResize(_ context: Context) throws(ModelError) {
        let reader = context.reader
        let value = try context.input(0)
        guard value.shape.count == 4 else { throw reader.unsupported("these dimensions") }
        var output = value.shape
        if let sizes = try context.integers(3), sizes.count == 4 {
            output = sizes
        } else if let scales = try context.floats(2), scales.count == 4 {
            for axis in 0..<4 {
                let size = (Double(value.shape[axis]) * Double(scales[axis])).rounded(.down)
                guard size >= 1, size < 0x1p24 else { throw reader.invalid("its scales") }
                // Places follow from both sizes: only then are they those of the scale.
                guard size == Double(value.shape[axis]) * Double(scales[axis]) else {
                    throw reader.unsupported("a scale that gives no whole size")
                }
                output[axis] = Int(size)
            }
        } else {
            throw reader.unsupported("neither scales nor sizes of all axes")
        }
        guard output[..<2] == value.shape[..<2], output.allSatisfy({ $0 >= 1 }) else {
            throw reader.unsupported("another batch or other channels")
        }
        let coordinates = try reader.string("coordinate_transformation_mode") ?? "half_pixel"
        let isBilinear: Bool
        switch try reader.string("mode") ?? "nearest" {
        case "nearest": isBilinear = false
        case "linear": isBilinear = true
        case let other: throw reader.unsupported("mode '\(other)'")
        }
        let isHalf =
            coordinates == "half_pixel"
            || coordinates == "pytorch_half_pixel" && output[2] > 1 && output[3] > 1
        guard isHalf || ["asymmetric", "align_corners"].contains(coordinates) else {
            throw reader.unsupported("coordinates '\(coordinates)'")
        }
        if !isBilinear {
            let rounding = try reader.string("nearest_mode") ?? "round_prefer_floor"
            let isFloor = coordinates == "asymmetric" && rounding == "floor"
            // Halves are rounded otherwise here; where there is none, the answer is the same.
            let hasTies = (2...3).contains {
                meetsHalfWay(from: value.shape[$0], to: output[$0])
            }
            guard isFloor || isHalf && rounding.hasPrefix("round_prefer") && !hasTies else {
                try lowerNearest(context, value, output, coordinates, rounding)
                return
            }
        }
        let image = try channelsLast(value, context.name)
        let x = try materialized(image, context.name)
        let size = try argument([output[2], output[3]])
        try emitImage(
            .resize(
                Resize(
                    isBilinear: isBilinear, alignsCorners: coordinates == "align_corners",
                    hasHalfPixelCenters: isHalf)), context, [x, size], shape: output,
            name: context.output(0) ?? "", type: value.elementType,
            quantization: tensors[x].quantization)
    }

    /// The nearest pixel by any rule: rows, then columns are picked by number.
    private mutating func lowerNearest(
        _ context: Context, _ value: Value, _ output: [Int], _ coordinates: String,
        _ rounding: String
    ) throws(ModelError) {
        let round: (Float) -> Float
        switch rounding {
        case "round_prefer_floor": round = { ($0 - 0.5).rounded(.up) }
        case "round_prefer_ceil": round = { ($0 + 0.5).rounded(.down) }
        case "floor": round = { $0.rounded(.down) }
        case "ceil": round = { $0.rounded(.up) }
        default: throw context.reader.unsupported("nearest by '\(rounding)'")
        }
        let x = try tensor(context, 0)
        try emitGathered(context, x, output) { axis, place in
            let (from, to) = (Float(value.shape[axis]), Float(output[axis]))
            let real: Float =
                switch coordinates {
                case "align_corners": to == 1 ? 0 : Float(place) * (from - 1) / (to - 1)
                case "asymmetric": Float(place) * from / to
                default: (Float(place) + 0.5) * from / to - 0.5
                }
            return Int(min(max(round(real), 0), from - 1))
        }
    }
}

/// Whether the center of one of `outputs` elements lies half way between two of `inputs`: whether
/// (2k + 1) · inputs is a multiple of 2 · outputs for some k below `outputs`.
///
/// In lowest terms the first is even and the second odd, and then k = (that − 1) / 2 is one. The
/// numbers come from the file: no loop over them.
private func meetsHalfWay(from inputs: Int, to outputs: Int) -> Bool {
    let common = min(inputs.trailingZeroBitCount, outputs.trailingZeroBitCount)
    return inputs >> common & 1 == 0 && outputs >> common & 1 == 1
}
