internal import CInferenceKernels

extension PlanBuilder {
    mutating func lowerAdd(
        _ node: GraphNode, _ index: Int, _ activation: Activation
    ) throws(ModelError) {
        if try isFloat(node) { return try lowerFloatAdd(node, index, activation) }
        let (a, b, y) = (try input(node, 0), try input(node, 1), try output(node))
        let outputScale = try activationScale(y, node)
        let left = try finite(try activationScale(a, node) / outputScale, node)
        let right = try finite(try activationScale(b, node) / outputScale, node)
        // XNNPACK's bounds; beyond them the 32-bit arithmetic of the rule does not hold.
        let largest = max(left, right)
        guard largest >= 0x1p-10, largest < 0x1p8 else {
            throw unsupported(node, "input scales are \(largest) times the output's")
        }
        let shift = 20 - Int(largest.exponent)
        func fixed(_ ratio: Float) -> Int32 {
            Int32(
                (ratio * Float(sign: .plus, exponent: shift, significand: 1))
                    .rounded(.toNearestOrEven))
        }
        let bounds = clamp(activation, of: y, scale: outputScale)
        let (first, second) = (try layout(a), try layout(b))
        let to = try outputLayout(y)
        if unsafe kernels.vector_bytes > 0, shape(a) == shape(y), shape(b) == shape(y) {
            appendTileAdd(
                index, fixed(left), fixed(right), shift: shift, clamp: bounds, first, second, to)
            return
        }
        var step = unsafe ik_step()
        unsafe step.run = ik_scalar_add_qs8
        unsafe step.u.add = ik_add_qs8(
            left_multiplier: fixed(left), right_multiplier: fixed(right), shift: Int32(shift),
            clamp_low: bounds.low, clamp_high: bounds.high,
            left_strides: try broadcast(first, a, to: y, node),
            right_strides: try broadcast(second, b, to: y, node))
        unsafe append(step, from: first, and: second, to: to, index)
    }

    /// Strides of an operand over the output's axes; 0 where it is repeated.
    func broadcast(
        _ layout: Layout, _ tensor: Int, to output: Int, _ node: GraphNode
    ) throws(ModelError) -> (Int64, Int64, Int64, Int64) {
        let (from, to) = (shape(tensor), shape(output))
        guard from.count <= 4, to.count <= 4 else {
            if from == to { return contiguous(layout, Int64(elementBytes(tensor))) }
            throw unsupported(node, "broadcasting in more than four dimensions")
        }
        let (operand, result) = (ImageShape(from), ImageShape(to))
        func stride(_ own: Int, _ other: Int, _ bytes: Int64) throws(ModelError) -> Int64 {
            if own == other { return bytes }
            guard own == 1 else { throw invalid(node, "its shapes do not broadcast") }
            return 0
        }
        let pixel = contiguous(layout, Int64(elementBytes(tensor)))
        return (
            try stride(operand.batches, result.batches, pixel.0),
            try stride(operand.height, result.height, pixel.1),
            try stride(operand.width, result.width, pixel.2),
            try stride(operand.channels, result.channels, pixel.3)
        )
    }

    private func contiguous(_ layout: Layout, _ element: Int64) -> (Int64, Int64, Int64, Int64) {
        let view = layout.view
        return (view.batch_stride, view.row_stride, Int64(view.channels) * element, element)
    }

    mutating func lowerPool(
        _ node: GraphNode, _ index: Int, _ window: Window, _ kernel: Extent,
        _ activation: Activation, isAverage: Bool
    ) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        let isFloat = try isFloat(node)
        let scale = isFloat ? 1 : try activationScale(y, node)
        if !isFloat { _ = try activationScale(x, node) }
        guard graph.tensors[x].quantization == graph.tensors[y].quantization, type(x) == type(y)
        else { throw unsupported(node, "input and output of different quantization") }
        // A window wholly inside the padding has no element; the sum must fit 31 bits.
        let geometry = try poolGeometry(node, window, kernel, mostElements: 1 << 22)
        let bounds = isFloat ? (0, 0) : clamp(activation, of: y, scale: scale)
        let from = try layout(x)
        let to = try outputLayout(y)
        var step = unsafe ik_step()
        if isFloat && isAverage {
            unsafe step.run = ik_average_pool_f32
        } else if isFloat {
            unsafe step.run = ik_max_pool_f32
        } else {
            unsafe step.run = isAverage ? kernels.average_pool : kernels.max_pool
        }
        unsafe step.u.pool = ik_pool(
            window: geometry.forKernels, clamp_low: bounds.0, clamp_high: bounds.1,
            float_low: activation.bounds.low, float_high: activation.bounds.high)
        unsafe append(step, from: from, to: to, index)
    }

    /// Nothing moves: the output is another view of the input.
    mutating func lowerReshape(_ node: GraphNode, _ index: Int) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        guard graph.tensors[x].elementCount == graph.tensors[y].elementCount, type(x) == type(y)
        else { throw invalid(node, "its output does not hold the same elements as its input") }
        guard type(x).byteCount != nil else {
            throw unsupported(node, "elements of type \(type(x).rawValue)")
        }
        guard signedZeroPoint(x) == signedZeroPoint(y) else {
            throw invalid(node, "its output has another zero point than its input")
        }
        alias(y, of: try denseLayout(x, index))
    }

    mutating func lowerSoftmax(
        _ node: GraphNode, _ index: Int, _ beta: Float
    ) throws(ModelError) {
        if try isFloat(node) { return try lowerFloatSoftmax(node, index, beta) }
        let (x, y) = (try input(node, 0), try output(node))
        let inputScale = try activationScale(x, node)
        let outputScale = try activationScale(y, node)
        guard shape(x) == shape(y), !shape(x).isEmpty else {
            throw invalid(node, "its output does not have its input's shape")
        }
        let table = unsafe try constants.allocate(Float.self, count: 256)
        for difference in 0..<256 {
            let exponent = -Float(difference) * inputScale * beta
            unsafe table[difference] = Float(ik_exp(Double(exponent)))
        }
        let from = try layout(x)
        let to = try outputLayout(y)
        var step = unsafe ik_step()
        unsafe step.run = ik_scalar_softmax_qs8
        unsafe step.u.softmax = ik_softmax(
            exponentials: table.baseAddress, inverse_output_scale: 1 / outputScale, beta: beta)
        unsafe append(step, from: from, to: to, index)
    }

    /// float32 to 8 bits, or 8 bits to 8 bits of another scale.
    mutating func lowerQuantize(_ node: GraphNode, _ index: Int) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        let outputScale = try activationScale(y, node)
        guard shape(x) == shape(y) else {
            throw invalid(node, "its output does not have its input's shape")
        }
        var step = unsafe ik_step()
        if type(x) == .float32 {
            unsafe step.run = ik_scalar_quantize
            unsafe step.u.scale = ik_scale(
                scale: try finite(1 / outputScale, node), multiplier: 0)
        } else {
            unsafe step.run = ik_scalar_requantize
            let ratio = try activationScale(x, node) / outputScale
            // XNNPACK's bounds; beyond them the rule loses all precision or overflows.
            guard ratio >= 0x1p-8, ratio <= 0x1p7 else {
                throw unsupported(node, "the input's scale is \(ratio) times the output's")
            }
            unsafe step.u.scale = ik_scale(
                scale: ratio, multiplier: Int32((256 * ratio).rounded(.toNearestOrEven)))
        }
        let from = try layout(x)
        let to = try outputLayout(y)
        unsafe append(step, from: from, to: to, index)
    }

    mutating func lowerDequantize(_ node: GraphNode, _ index: Int) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        let scale = try activationScale(x, node)
        guard shape(x) == shape(y) else {
            throw invalid(node, "its output does not have its input's shape")
        }
        guard type(y) == .float32 else {
            throw unsupported(node, "an output of type \(type(y).rawValue)")
        }
        let from = try layout(x)
        let to = try outputLayout(y)
        var step = unsafe ik_step()
        unsafe step.run = ik_scalar_dequantize
        unsafe step.u.scale = ik_scale(scale: scale, multiplier: 0)
        unsafe append(step, from: from, to: to, index)
    }
}
