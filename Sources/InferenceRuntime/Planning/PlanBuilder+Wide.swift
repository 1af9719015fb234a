internal import CInferenceKernels

/// Where a layer's windows lie.
struct WideGeometry {
    var window = ik_window(
        kernel: Extent(height: 1, width: 1), stride: Extent(height: 1, width: 1), padTop: 0,
        padLeft: 0)
    var groups = 1
    var depthMultiplier = 0
    var isTransposed = false
}

extension PlanBuilder {
    /// Whether a layer needs the general kernel: 16-bit activations, or unsigned weights.
    func isWide(_ node: GraphNode) throws(ModelError) -> Bool {
        let (x, w) = (try input(node, 0), try input(node, 1))
        return type(x) == .int16 || type(w) == .uint8
    }

    mutating func lowerWideConvolution(
        _ node: GraphNode, _ index: Int, _ activation: Activation
    ) throws(ModelError) {
        guard let geometry = try convolutionGeometry(node) else { return }
        let filter = shape(try input(node, 1))
        let (inputs, outputs) = (geometry.input.channels, geometry.output.channels)
        var wide = WideGeometry(window: geometry.forKernels)
        if case .depthwiseConvolution = node.operation {
            guard filter[0] == 1, filter[3] == outputs, outputs % inputs == 0 else {
                throw invalid(node, "its weights do not fit its input and output channels")
            }
            wide.depthMultiplier = outputs / inputs
            try appendWide(
                node, index, wide, x: try input(node, 0), channels: outputs, channelAxis: 3,
                activation)
        } else {
            guard filter[0] == outputs, inputs % filter[3] == 0,
                outputs % (inputs / filter[3]) == 0
            else { throw invalid(node, "its weights do not fit its input and output channels") }
            wide.groups = inputs / filter[3]
            try appendWide(
                node, index, wide, x: try input(node, 0), channels: outputs, channelAxis: 0,
                activation)
        }
    }

    mutating func lowerWideFullyConnected(
        _ node: GraphNode, _ index: Int, _ activation: Activation
    ) throws(ModelError) {
        let (x, w, y) = (try input(node, 0), try input(node, 1), try output(node))
        guard shape(w).count == 2 else { throw invalid(node, "its weights are no matrix") }
        let (outputs, inputs) = (shape(w)[0], shape(w)[1])
        let elements = graph.tensors[x].elementCount
        guard elements % inputs == 0, graph.tensors[y].elementCount == elements / inputs * outputs
        else { throw invalid(node, "its input and output are no rows of its weights") }
        try appendWide(
            node, index, WideGeometry(), x: x, channels: outputs, channelAxis: 0, activation,
            rows: elements / inputs)
    }

    mutating func lowerTransposeConvolution(
        _ node: GraphNode, _ index: Int, _ window: Window, _ activation: Activation
    ) throws(ModelError) {
        let (w, x, y) = (try input(node, 1), try input(node, 2), try output(node))
        let filter = shape(w)
        guard filter.count == 4, shape(x).count == 4, shape(y).count == 4,
            filter[0] == shape(y)[3], filter[3] == shape(x)[3], shape(x)[0] == shape(y)[0]
        else { throw invalid(node, "its weights do not fit its input and output") }
        if graph.tensors[try input(node, 0)].constant != nil {
            try require(y, hasShape: try integers(try input(node, 0), node), node)
        }
        var edges = Border()
        if case .explicit(let border) = window.padding { edges = border }
        // The transposed operator is the gradient of one that leads from output to input.
        guard
            let vertical = AxisWindow(
                input: shape(y)[1], kernel: filter[1], stride: window.stride.height, dilation: 1,
                padding: window.padding, edges: (edges.top, edges.bottom)),
            let horizontal = AxisWindow(
                input: shape(y)[2], kernel: filter[2], stride: window.stride.width, dilation: 1,
                padding: window.padding, edges: (edges.left, edges.right)),
            vertical.output == shape(x)[1], horizontal.output == shape(x)[2]
        else { throw invalid(node, "its output shape does not belong to its input shape") }
        let wide = WideGeometry(
            window: ik_window(
                kernel: Extent(height: filter[1], width: filter[2]), stride: window.stride,
                padTop: vertical.padBefore, padLeft: horizontal.padBefore), isTransposed: true)
        if type(x) == .float32 {
            try appendTransposedFloat(node, index, wide, activation)
        } else {
            try appendWide(
                node, index, wide, x: x, channels: filter[0], channelAxis: 0, activation,
                biasPlace: 3)
        }
    }

    // MARK: - Steps

    private func parameters(_ geometry: WideGeometry) -> ik_wide_conv {
        var p = unsafe ik_wide_conv()
        unsafe p.groups = Int32(geometry.groups)
        unsafe p.depth_multiplier = Int32(geometry.depthMultiplier)
        unsafe p.window = geometry.window
        unsafe p.is_transposed = geometry.isTransposed ? 1 : 0
        return unsafe p
    }

    /// - Parameter rows: of a fully connected layer, which is a 1x1 convolution over its rows.
    private mutating func appendWide(
        _ node: GraphNode, _ index: Int, _ geometry: WideGeometry, x: Int, channels: Int,
        channelAxis: Int, _ activation: Activation, rows: Int? = nil, biasPlace: Int = 2
    ) throws(ModelError) {
        let (w, y) = (try input(node, 1), try output(node))
        let is16Bit = type(x) == .int16
        guard type(x) == type(y) else { throw unsupported(node, "a result of another type") }
        try count(
            multiplyAdds: graph.tensors[y].elementCount, Int(geometry.window.kernel_height),
            Int(geometry.window.kernel_width),
            geometry.depthMultiplier > 0 ? 1 : graph.tensors[w].shape[shape(w).count - 1])
        let inputScale = is16Bit ? try scale16(x, node) : try activationScale(x, node)
        let outputScale = is16Bit ? try scale16(y, node) : try activationScale(y, node)
        let scales = try weightScales(node, w, channels: channels, axis: channelAxis)
        var p = unsafe parameters(geometry)
        unsafe p.is_16_bit = is16Bit ? 1 : 0
        unsafe p.weights = UnsafePointer(try widened(w, node).baseAddress)
        unsafe p.bias = try constants.store(try wideBias(node, biasPlace, channels))
        // LiteRT leaves unsigned depthwise convolutions to its built-in kernel.
        let isFixed = type(w) == .uint8 && geometry.depthMultiplier > 0
        if is16Bit, rows != nil {
            // FullyConnectedPerChannel of LiteRT's integer_ops/fully_connected.h.
            unsafe p.rule = Int32(IK_RULE_EXACT)
            unsafe p.exact_scale = try constants.store(
                (0..<channels).map { channel in
                    Double(inputScale) * Double(scales[scales.count == 1 ? 0 : channel])
                        / Double(outputScale)
                })
        } else if is16Bit || isFixed {
            let factors = try scales.map { scale throws(ModelError) in
                FixedMultiplier(
                    is16Bit && scales.count > 1
                        ? Double(inputScale) * Double(scale) / Double(outputScale)
                        : Double(try finite(inputScale * scale, node)) / Double(outputScale))
            }
            unsafe p.rule = Int32(is16Bit ? IK_RULE_WIDE : IK_RULE_FIXED)
            guard !is16Bit || factors.allSatisfy({ $0.shift <= 7 }) else {
                throw unsupported(node, "scales that multiply by 128 or more")
            }
            let all = (0..<channels).map { factors[factors.count == 1 ? 0 : $0] }
            unsafe p.multiplier = try constants.store(all.map(\.multiplier))
            unsafe p.shift = try constants.store(all.map(\.shift))
        } else {
            unsafe p.rule = Int32(IK_RULE_FLOAT)
            let all = try (0..<channels).map { channel throws(ModelError) in
                let scale = scales[scales.count == 1 ? 0 : channel]
                return try finite(inputScale * scale / outputScale, node)
            }
            unsafe p.scale = try constants.store(all)
        }
        let bounds =
            is16Bit || isFixed
            ? roundedBounds(activation.bounds, of: y, scale: outputScale)
            : clamp(activation, of: y, scale: outputScale)
        unsafe (p.clamp_low, p.clamp_high) = bounds
        var from = try rows == nil ? layout(x) : denseLayout(x, index)
        var to = try rows == nil ? outputLayout(y) : denseOutputLayout(y)
        if let rows {
            let inputs = shape(w)[1]
            from.view = flattened(from.view, rows: rows, columns: inputs)
            to.view = flattened(to.view, rows: rows, columns: channels)
        }
        let parameters = unsafe try stored(p)
        unsafe append(ik_scalar_wide_conv, parameters, from: from, to: to, index)
    }

    private func flattened(_ view: ik_tensor, rows: Int, columns: Int) -> ik_tensor {
        var view = view
        (view.batches, view.height) = (1, 1)
        (view.width, view.channels) = (Int32(rows), Int32(columns))
        return view
    }

    private func weightScales(
        _ node: GraphNode, _ w: Int, channels: Int, axis: Int
    ) throws(ModelError) -> [Float] {
        guard let quantization = graph.tensors[w].quantization else {
            throw invalid(node, "its weights have no scale")
        }
        let scales = quantization.scales
        guard scales.count == 1 || scales.count == channels && quantization.axis == axis else {
            throw invalid(node, "\(scales.count) weight scales for \(channels) channels")
        }
        return scales
    }

    /// Weights of 8 bits as 16, without their zero points.
    private mutating func widened(
        _ w: Int, _ node: GraphNode
    ) throws(ModelError) -> UnsafeMutableBufferPointer<Int16> {
        guard let bytes = graph.tensors[w].constant, is8Bit(w) else {
            throw unsupported(node, "weights that are not constants of 8 bits")
        }
        let quantization = graph.tensors[w].quantization
        let zeroPoint = quantization?.zeroPoints.first ?? 0
        guard (type(w) == .uint8 ? 0...255 : 0...0).contains(zeroPoint),
            quantization?.zeroPoints.allSatisfy({ $0 == zeroPoint }) ?? true
        else { throw unsupported(node, "weights with a zero point of \(zeroPoint)") }
        let values = unsafe try constants.allocate(Int16.self, count: bytes.count)
        let source = unsafe graph.bytes.bytes(bytes)
        for place in 0..<bytes.count {
            let byte = unsafe source[place]
            unsafe values[place] =
                type(w) == .uint8
                ? Int16(byte) - Int16(zeroPoint) : Int16(Int8(bitPattern: byte))
        }
        return unsafe values
    }

    /// Of int32 or int64; one that is left out is zero.
    private func wideBias(
        _ node: GraphNode, _ place: Int, _ count: Int
    ) throws(ModelError) -> [Int64] {
        var bias = [Int64](repeating: 0, count: count)
        guard node.inputs.count > place, let tensor = node.inputs[place] else { return bias }
        guard let bytes = graph.tensors[tensor].constant,
            type(tensor) == .int32 || type(tensor) == .int64,
            graph.tensors[tensor].elementCount == count
        else { throw unsupported(node, "a bias that is not one constant for each channel") }
        for channel in 0..<count {
            bias[channel] =
                type(tensor) == .int64
                ? try graph.bytes.load(Int64.self, at: bytes.lowerBound + 8 * channel)
                : Int64(try graph.bytes.load(Int32.self, at: bytes.lowerBound + 4 * channel))
            // So that no accumulator leaves 47 bits.
            guard abs(bias[channel]) < 1 << 46 else {
                throw unsupported(node, "a bias of \(bias[channel])")
            }
        }
        return bias
    }

    private mutating func appendTransposedFloat(
        _ node: GraphNode, _ index: Int, _ geometry: WideGeometry, _ activation: Activation
    ) throws(ModelError) {
        let (w, x, y) = (try input(node, 1), try input(node, 2), try output(node))
        guard type(w) == .float32, type(y) == .float32, let weights = graph.tensors[w].constant
        else { throw unsupported(node, "weights that are not constants of type float32") }
        let channels = shape(y)[3]
        try count(
            multiplyAdds: graph.tensors[y].elementCount, Int(geometry.window.kernel_height),
            Int(geometry.window.kernel_width), shape(w)[3])
        let values = unsafe try constants.allocate(Float.self, count: weights.count / 4)
        unsafe UnsafeMutableRawBufferPointer(values).copyMemory(from: graph.bytes.bytes(weights))
        let bias = unsafe try constants.allocate(Float.self, count: channels)
        if node.inputs.count > 3, let tensor = node.inputs[3] {
            guard let bytes = graph.tensors[tensor].constant, type(tensor) == .float32,
                bytes.count == 4 * channels
            else { throw unsupported(node, "a bias that is not one constant for each channel") }
            unsafe UnsafeMutableRawBufferPointer(bias).copyMemory(from: graph.bytes.bytes(bytes))
        }
        var p = unsafe parameters(geometry)
        unsafe p.float_weights = UnsafePointer(values.baseAddress)
        unsafe p.float_bias = UnsafePointer(bias.baseAddress)
        unsafe (p.low, p.high) = activation.bounds
        let from = try layout(x)
        let to = try outputLayout(y)
        let parameters = unsafe try stored(p)
        unsafe append(ik_scalar_transpose_conv_f32, parameters, from: from, to: to, index)
    }
}
