internal import CInferenceKernels

extension PlanBuilder {
    /// The checked geometry of a convolution; nil for any other operator.
    func convolutionGeometry(_ node: GraphNode) throws(ModelError) -> WindowGeometry? {
        let window: Window
        let dilation: Extent
        switch node.operation {
        case .convolution(let moves, let spread, _): (window, dilation) = (moves, spread)
        case .depthwiseConvolution(let moves, let spread, _): (window, dilation) = (moves, spread)
        default: return nil
        }
        let x = try input(node, 0)
        let w = try input(node, 1)
        let y = try output(node)
        guard shape(x).count == 4, shape(w).count == 4, shape(y).count == 4 else {
            throw invalid(node, "it needs tensors of four dimensions")
        }
        guard
            let geometry = WindowGeometry(
                input: ImageShape(shape(x)), output: ImageShape(shape(y)),
                kernel: Extent(height: shape(w)[1], width: shape(w)[2]), window: window,
                dilation: dilation)
        else { throw invalid(node, "its output shape does not follow from its input shape") }
        let largest = TFLiteOptions.largestFactor
        guard geometry.kernel.height <= largest, geometry.kernel.width <= largest else {
            throw unsupported(node, "a kernel beyond \(largest)")
        }
        return geometry
    }

    mutating func lowerConvolution(
        _ node: GraphNode, _ index: Int, _ window: Window, _ dilation: Extent,
        _ activation: Activation
    ) throws(ModelError) {
        guard let geometry = try convolutionGeometry(node) else { return }
        let (x, w, y) = (try input(node, 0), try input(node, 1), try output(node))
        let filter = shape(w)
        guard filter[0] == geometry.output.channels, geometry.input.channels % filter[3] == 0,
            filter[0] % (geometry.input.channels / filter[3]) == 0
        else { throw invalid(node, "its weights do not fit its input and output channels") }
        try count(
            multiplyAdds: geometry.output.batches, geometry.output.height, geometry.output.width,
            filter[0], filter[1], filter[2], filter[3])
        if try isFloat(node) {
            let from = try layout(x)
            try lowerFloatConvolution(
                node, index, geometry, groups: geometry.input.channels / filter[3], activation,
                from: from, to: try outputLayout(y))
            return
        }
        let parameters = try layerParameters(
            node, outputChannels: filter[0], channelAxis: 0, activation: activation)
        let groups = geometry.input.channels / filter[3]
        if usesTiles(node, geometry, groups: groups) {
            let from = try nativeLayout(x, geometry.border, index)
            let to = try outputLayout(y)
            let weights = weightValues(parameters)
            if try appendTiles(
                node, index, geometry, parameters, weights: weights, groups: groups, from: from,
                to: to)
            {
                return
            }
        }
        let constants = try store(parameters)
        let from = try layout(x)
        let to = try outputLayout(y)
        var step = unsafe ik_step()
        unsafe step.run = ik_scalar_conv_qs8
        unsafe step.u.conv = ik_conv_qs8(
            weights: constants.weights, bias: constants.bias, multiplier: constants.multiplier,
            groups: Int32(groups),
            window: geometry.forKernels,
            clamp_low: parameters.clamp.low, clamp_high: parameters.clamp.high)
        unsafe append(step, from: from, to: to, index)
    }

    mutating func lowerDepthwise(
        _ node: GraphNode, _ index: Int, _ window: Window, _ dilation: Extent,
        _ activation: Activation
    ) throws(ModelError) {
        guard let geometry = try convolutionGeometry(node) else { return }
        let (x, w, y) = (try input(node, 0), try input(node, 1), try output(node))
        let filter = shape(w)
        guard filter[0] == 1, filter[3] == geometry.output.channels,
            filter[3] % geometry.input.channels == 0
        else { throw invalid(node, "its weights do not fit its input and output channels") }
        try count(
            multiplyAdds: geometry.output.batches, geometry.output.height, geometry.output.width,
            filter[1], filter[2], filter[3])
        if try isFloat(node) {
            try lowerFloatDepthwise(node, index, geometry, activation)
            return
        }
        let parameters = try layerParameters(
            node, outputChannels: filter[3], channelAxis: 3, activation: activation)
        if usesTiles(node, geometry) {
            let from = try nativeLayout(x, geometry.border, index)
            let to = try outputLayout(y)
            // Over a single channel it is a convolution, with its weights transposed.
            let isDone =
                geometry.input.channels == 1
                ? try appendTiles(
                    node, index, geometry, parameters,
                    weights: transposed(weightValues(parameters), columns: filter[3]), groups: 1,
                    from: from, to: to)
                : try appendDepthwiseTiles(index, geometry, parameters, from: from, to: to)
            if isDone { return }
        }
        let constants = try store(parameters)
        let from = try layout(x)
        let to = try outputLayout(y)
        var step = unsafe ik_step()
        unsafe step.run = ik_scalar_depthwise_qs8
        unsafe step.u.depthwise = ik_depthwise_qs8(
            weights: constants.weights, bias: constants.bias, multiplier: constants.multiplier,
            depth_multiplier: Int32(filter[3] / geometry.input.channels),
            window: geometry.forKernels,
            clamp_low: parameters.clamp.low, clamp_high: parameters.clamp.high)
        unsafe append(step, from: from, to: to, index)
    }

    /// A fully connected layer is a 1x1 convolution over a row of as many pixels as it has rows.
    mutating func lowerFullyConnected(
        _ node: GraphNode, _ index: Int, _ activation: Activation
    ) throws(ModelError) {
        let (x, w, y) = (try input(node, 0), try input(node, 1), try output(node))
        guard shape(w).count == 2 else { throw invalid(node, "its weights are no matrix") }
        let (outputs, inputs) = (shape(w)[0], shape(w)[1])
        let elements = graph.tensors[x].elementCount
        guard elements % inputs == 0 else {
            throw invalid(node, "its input is no whole number of rows of \(inputs)")
        }
        let rows = elements / inputs
        guard graph.tensors[y].elementCount == rows * outputs else {
            throw invalid(node, "its output is not \(rows) x \(outputs)")
        }
        try count(multiplyAdds: rows, inputs, outputs)
        guard
            let geometry = WindowGeometry(
                input: ImageShape(batches: 1, height: 1, width: rows, channels: inputs),
                output: ImageShape(batches: 1, height: 1, width: rows, channels: outputs),
                kernel: Extent(height: 1, width: 1),
                window: Window(padding: .valid, stride: Extent(height: 1, width: 1)),
                dilation: Extent(height: 1, width: 1))
        else { return }
        if try isFloat(node) {
            let from = matrix(try denseLayout(x, index), rows: rows, columns: inputs)
            let to = matrix(try outputLayout(y), rows: rows, columns: outputs)
            try lowerFloatConvolution(
                node, index, geometry, groups: 1, activation, from: from, to: to)
            return
        }
        let parameters = try layerParameters(
            node, outputChannels: outputs, channelAxis: 0, activation: activation)
        let isTiled = usesTiles(node, geometry)
        let source = isTiled ? try nativeDenseLayout(x, index) : try denseLayout(x, index)
        let from = matrix(source, rows: rows, columns: inputs)
        let to = matrix(try outputLayout(y), rows: rows, columns: outputs)
        if isTiled {
            let weights = weightValues(parameters)
            if try appendTiles(
                node, index, geometry, parameters, weights: weights, groups: 1, from: from, to: to)
            {
                return
            }
        }
        let constants = try store(parameters)
        var step = unsafe ik_step()
        unsafe step.run = ik_scalar_conv_qs8
        unsafe step.u.conv = ik_conv_qs8(
            weights: constants.weights, bias: constants.bias, multiplier: constants.multiplier,
            groups: 1, window: geometry.forKernels,
            clamp_low: parameters.clamp.low, clamp_high: parameters.clamp.high)
        unsafe append(step, from: from, to: to, index)
    }

    func weightValues(_ parameters: LayerParameters) -> [Int8] {
        unsafe graph.bytes.bytes(parameters.weights).map { Int8(bitPattern: $0) }
    }

    /// [row][column] to [column][row].
    private func transposed(_ values: [Int8], columns: Int) -> [Int8] {
        let rows = values.count / columns
        return (0..<values.count).map { values[$0 % rows * columns + $0 / rows] }
    }

    /// The same elements as one row of pixels.
    private func matrix(_ layout: Layout, rows: Int, columns: Int) -> Layout {
        var layout = layout
        layout.view.batches = 1
        layout.view.height = 1
        layout.view.width = Int32(rows)
        layout.view.channels = Int32(columns)
        return layout
    }
}
