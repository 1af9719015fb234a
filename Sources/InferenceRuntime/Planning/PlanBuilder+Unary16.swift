internal import CInferenceKernels

extension PlanBuilder {
    /// Scale of an int16 activation, which has no zero point.
    func scale16(_ tensor: Int, _ node: GraphNode) throws(ModelError) -> Float {
        guard type(tensor) == .int16 else {
            throw unsupported(node, "activations of type \(type(tensor).rawValue)")
        }
        guard let quantization = graph.tensors[tensor].quantization,
            quantization.scales.count == 1, quantization.scales[0] > 0
        else { throw invalid(node, "an activation needs exactly one scale above 0") }
        guard quantization.zeroPoints[0] == 0 else {
            throw unsupported(node, "activations of type int16 with a zero point")
        }
        return quantization.scales[0]
    }

    mutating func lowerUnary16(
        _ node: GraphNode, _ index: Int, _ function: UnaryFunction
    ) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        let scale = try scale16(x, node)
        let outputScale = try scale16(y, node)
        let ratio = FixedMultiplier(Double(try finite(scale / outputScale, node)))
        var p = ik_unary()
        (p.multiplier, p.shift) = (ratio.multiplier, ratio.shift)
        (p.clamp_low, p.clamp_high) = (-32_768, 32_767)
        switch function {
        case .relu, .relu6, .reluN1To1:
            let bounds = roundedBounds(function.bounds, of: y, scale: outputScale)
            (p.clamp_low, p.clamp_high) = (bounds.low, bounds.high)
            unsafe p.row = ik_row_rescale_qs16
        case .leakyRelu(let alpha):
            let negative = FixedMultiplier(Double(scale * alpha / outputScale))
            p.alpha = alpha
            p.second_multiplier = Int32(negative.multiplier.magnitude)
            p.second_shift = negative.shift
            unsafe p.row = ik_row_leaky_relu_qs16
        case .absolute:
            if scale == outputScale { p.multiplier = 0 }
            unsafe p.row = ik_row_abs_qs16
        case .negate: unsafe p.row = ik_row_neg_qs16
        case .gelu, .exponential, .logarithm, .reciprocalSquareRoot:
            return try lowerTable16(node, index, function, scale, outputScale)
        case .logistic, .tanh:
            let argument = logisticScale(scale)
            (p.multiplier, p.shift) = argument
            guard outputScale == 1 / 32_768 else {
                throw unsupported(node, "an output scale of \(outputScale)")
            }
            // There LiteRT takes gemmlowp's fixed-point function instead of the table.
            if scale == 1 / 4_096 {
                if function == .logistic {
                    unsafe p.row = ik_row_logistic_fixed_qs16
                } else {
                    unsafe p.row = ik_row_tanh_fixed_qs16
                }
                return try appendUnary(node, index, p)
            }
            let table = unsafe try constants.allocate(UInt16.self, count: 256)
            unsafe ik_logistic_table(table.baseAddress)
            p.table = UInt(bitPattern: table.baseAddress)
            if function == .logistic {
                unsafe p.row = ik_row_logistic_qs16
            } else {
                unsafe p.row = ik_row_tanh_qs16
            }
        default: throw unsupported(node, "activations of type int16")
        }
        try appendUnary(node, index, p)
    }

    /// What turns an argument into units of 1 / 12288.
    ///
    /// - Source: SigmoidPrepare and TanhPrepare of LiteRT's kernels/activations.cc.
    private func logisticScale(_ scale: Float) -> (multiplier: Int32, shift: Int32) {
        var multiplier = Double(scale) * 4_096 * 3
        var shift: Int32 = 0
        while multiplier <= 32_767 / 2, shift <= 30 {
            shift += 1
            multiplier *= 2
        }
        return (Int32(min(multiplier, 0x1p30)), shift)
    }

    private mutating func lowerTable16(
        _ node: GraphNode, _ index: Int, _ function: UnaryFunction, _ scale: Float,
        _ outputScale: Float
    ) throws(ModelError) {
        let least = outputScale * -32_768
        let most = outputScale * 32_767
        func value(_ x: Float) -> Float {
            if function == .logarithm, x <= 0 { return least }
            if function == .reciprocalSquareRoot, x <= 0 { return most }
            return function.value(x)
        }
        let table = unsafe try constants.allocate(Int16.self, count: 513)
        unsafe fill(
            table, from: scale * -32_768, to: scale * 32_767,
            inverse: try finite(65_536 / (most - least), node), value)
        let from = try layout(try input(node, 0))
        let to = try outputLayout(try output(node))
        unsafe append(
            ik_scalar_table16, UnsafeRawPointer(table.baseAddress), from: from, to: to, index)
    }

    /// 512 chords of a function, each moved by half its error in the middle.
    ///
    /// - Source: LUTPopulateInt16 of LiteRT's kernels/internal/common.h, in float32.
    func fill(
        _ table: UnsafeMutableBufferPointer<Int16>, from start: Float, to end: Float,
        inverse: Float, _ value: (Float) -> Float
    ) {
        func rounded(_ x: Float) -> Float { x.rounded(.toNearestOrAwayFromZero) }
        func narrowed(_ x: Float) -> Int16 { x.isNaN ? 0 : Int16(min(max(x, -32_768), 32_767)) }
        let step = (end - start) / 512
        for place in 0..<512 {
            let x = start + Float(place) * step
            let sample = rounded(value(x) * inverse)
            let next = value(start + Float(place + 1) * step)
            let chord = rounded((next * inverse + sample) / 2)
            let error = chord - rounded(value(x + step / 2) * inverse)
            unsafe table[place] = narrowed(sample - rounded(error / 2))
        }
        unsafe table[512] = narrowed(rounded(value(end) * inverse))
    }

    /// - Source: SoftmaxPrepare of LiteRT's kernels/activations.cc.
    mutating func lowerSoftmax16(
        _ node: GraphNode, _ index: Int, _ beta: Float
    ) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        guard let depth = shape(x).last, depth <= 1 << 16 else {
            throw unsupported(node, "\(shape(x).last ?? 0) elements in a row")
        }
        try require(y, hasShape: shape(x), node)
        guard try scale16(y, node) == 1 / 32_768 else {
            throw unsupported(node, "an output scale of \(try scale16(y, node)), not 2^-15")
        }
        let ratio = Double(try finite(try scale16(x, node) * beta, node)) / (10.0 / 65_535)
        let factor = FixedMultiplier(ratio)
        let step = Float(10.0 / 65_535)
        let inverse = 65_536 / (Float(2.0 / 65_535) * 65_535)
        let powers = unsafe try constants.allocate(Int16.self, count: 513)
        unsafe fill(powers, from: step * -65_535, to: 0, inverse: inverse) {
            UnaryFunction.exponential.value($0)
        }
        let reciprocals = unsafe try constants.allocate(Int16.self, count: 513)
        let unit = Float(1.0 / 65_535)
        unsafe fill(reciprocals, from: 0, to: unit * 65_535, inverse: inverse) { 1 / (1 + $0) }
        let from = try denseLayout(x, index)
        let to = try denseOutputLayout(y)
        let parameters = unsafe try stored(
            ik_softmax_qs16(
                powers: powers.baseAddress, reciprocals: reciprocals.baseAddress,
                rows: Int64(graph.tensors[x].elementCount / depth), depth: Int64(depth),
                multiplier: factor.multiplier, shift: factor.shift))
        unsafe append(ik_scalar_softmax_qs16, parameters, from: from, to: to, index)
    }
}
