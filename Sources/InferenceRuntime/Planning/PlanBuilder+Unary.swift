internal import CInferenceKernels

extension PlanBuilder {
    mutating func lowerUnary(
        _ node: GraphNode, _ index: Int, _ function: UnaryFunction
    ) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        try require(y, hasShape: shape(x), node)
        guard type(x) == type(y) else { throw unsupported(node, "a result of another type") }
        switch type(x) {
        case .int8, .uint8: try lowerUnary8(node, index, function)
        case .int16: try lowerUnary16(node, index, function)
        case .float32: try lowerUnaryFloat(node, index, function)
        case .int32: try lowerUnaryInteger(node, index, function)
        case .bool where function == .logicalNot:
            var p = ik_unary()
            unsafe p.row = ik_row_not_bool
            try appendUnary(node, index, p)
        default: throw unsupported(node, "elements of type \(type(x).rawValue)")
        }
    }

    // MARK: - Real numbers

    private mutating func lowerUnaryFloat(
        _ node: GraphNode, _ index: Int, _ function: UnaryFunction
    ) throws(ModelError) {
        var p = ik_unary()
        p.low = -.infinity
        p.high = .infinity
        switch function {
        case .relu:
            p.low = 0
            unsafe p.row = ik_row_clamp_f32
        case .relu6:
            (p.low, p.high) = (0, 6)
            unsafe p.row = ik_row_clamp_f32
        case .reluN1To1:
            (p.low, p.high) = (-1, 1)
            unsafe p.row = ik_row_clamp_f32
        case .leakyRelu(let alpha):
            p.alpha = alpha
            unsafe p.row = ik_row_leaky_relu_f32
        case .gelu(let isApproximate):
            if isApproximate {
                unsafe p.row = ik_row_gelu_approximate_f32
            } else {
                unsafe p.row = ik_row_gelu_f32
            }
        case .logistic: unsafe p.row = ik_row_logistic_f32
        case .tanh: unsafe p.row = ik_row_tanh_f32
        case .elu: unsafe p.row = ik_row_elu_f32
        case .hardSwish: unsafe p.row = ik_row_hard_swish_f32
        case .absolute: unsafe p.row = ik_row_abs_f32
        case .negate: unsafe p.row = ik_row_neg_f32
        case .squareRoot: unsafe p.row = ik_row_sqrt_f32
        case .reciprocalSquareRoot: unsafe p.row = ik_row_rsqrt_f32
        case .square: unsafe p.row = ik_row_square_f32
        case .exponential: unsafe p.row = ik_row_exp_f32
        case .logarithm: unsafe p.row = ik_row_log_f32
        case .ceiling: unsafe p.row = ik_row_ceil_f32
        case .floor: unsafe p.row = ik_row_floor_f32
        case .roundToEven: unsafe p.row = ik_row_round_f32
        case .sign: unsafe p.row = ik_row_sign_f32
        case .errorFunction: unsafe p.row = ik_row_erf_f32
        case .logicalNot: throw unsupported(node, "elements of type float32")
        }
        try appendUnary(node, index, p)
    }

    private mutating func lowerUnaryInteger(
        _ node: GraphNode, _ index: Int, _ function: UnaryFunction
    ) throws(ModelError) {
        var p = ik_unary()
        switch function {
        case .absolute: unsafe p.row = ik_row_abs_i32
        case .negate: unsafe p.row = ik_row_neg_i32
        default: throw unsupported(node, "elements of type int32")
        }
        try appendUnary(node, index, p)
    }

    mutating func appendUnary(
        _ node: GraphNode, _ index: Int, _ p: ik_unary
    ) throws(ModelError) {
        let from = try layout(try input(node, 0))
        let to = try outputLayout(try output(node))
        let parameters = unsafe try stored(p)
        unsafe append(ik_scalar_unary, parameters, from: from, to: to, index)
    }

    // MARK: - 8 bits

    /// Any function of one byte is a table of 256 bytes, indexed by the byte as it is stored.
    ///
    /// - Parameter value: from and to the signed domain.
    mutating func appendTable(
        _ node: GraphNode, _ index: Int, _ value: (Int32) -> Int32
    ) throws(ModelError) {
        let from = try layout(try input(node, 0))
        let to = try outputLayout(try output(node))
        let table = unsafe try constants.allocate(UInt8.self, count: 256)
        for byte in 0..<256 {
            let x = Int32(Int8(truncatingIfNeeded: byte ^ Int(from.view.flip)))
            let result = min(max(value(x), -128), 127)
            unsafe table[byte] = UInt8(truncatingIfNeeded: result) ^ to.view.flip
        }
        unsafe append(
            ik_scalar_table8, UnsafeRawPointer(table.baseAddress), from: from, to: to, index)
    }

    private mutating func lowerUnary8(
        _ node: GraphNode, _ index: Int, _ function: UnaryFunction
    ) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        let scale = try activationScale(x, node)
        let outputScale = try activationScale(y, node)
        let zeroPoint = Int32(signedZeroPoint(x))
        let outputZeroPoint = Int32(signedZeroPoint(y))
        let ratio = FixedMultiplier(Double(try finite(scale / outputScale, node)))
        switch function {
        case .relu, .relu6, .reluN1To1:
            // QuantizedReluX and ReluPrepare of LiteRT's kernels/activations.cc.
            let bounds = roundedBounds(function.bounds, of: y, scale: outputScale)
            try appendTable(node, index) { q in
                min(max(ratio.apply(q - zeroPoint) &+ outputZeroPoint, bounds.low), bounds.high)
            }
        case .absolute:
            // AbsEvalQuantized of LiteRT's kernels/elementwise.cc.
            try appendTable(node, index) { q in
                let magnitude = abs(q - zeroPoint)
                return (scale == outputScale ? magnitude : ratio.apply(magnitude))
                    &+ outputZeroPoint
            }
        case .negate:
            // Negate of LiteRT's kernels/internal/reference/neg.h: of the stored number, whatever
            // the zero points.
            guard type(x) == .int8 else { throw unsupported(node, "elements of type uint8") }
            try appendTable(node, index) { q in q == -128 ? -128 : -q }
        case .leakyRelu(let alpha):
            try lowerLeakyRelu8(node, index, alpha, ratio: scale / outputScale)
        case .hardSwish:
            let rule = try HardSwish8(
                scale: scale, zeroPoint: zeroPoint, outputScale: outputScale,
                outputZeroPoint: outputZeroPoint, node)
            try appendTable(node, index) { q in rule.value(q) }
        case .logistic, .tanh, .elu:
            // unary_ukernel_quantized of XNNPACK's reference/unary-elementwise.cc.
            let inverse = try finite(1 / outputScale, node)
            try appendTable(node, index) { q in
                let real = function.value(Float(q - zeroPoint) * scale)
                let value = (real * inverse + Float(outputZeroPoint)).rounded(.toNearestOrEven)
                return value.isNaN ? 0 : Int32(min(max(value, -128), 127))
            }
        case .gelu, .exponential, .logarithm:
            // LUTPopulateInt8 of LiteRT's kernels/internal/common.h.
            let inverse = try finite(1 / outputScale, node)
            let least = Float(-128 - outputZeroPoint) * outputScale
            try appendTable(node, index) { q in
                let input = scale * Float(q - zeroPoint)
                let real =
                    function == .logarithm && input <= 0 ? least : function.value(input)
                let value = (real * inverse).rounded(.toNearestOrAwayFromZero)
                return value.isNaN
                    ? outputZeroPoint : Int32(min(max(value, -1_000), 1_000)) + outputZeroPoint
            }
        case .squareRoot:
            // SqrtEvalQuantized of LiteRT's kernels/elementwise.cc; of a negative number, where
            // that fails, the zero point.
            try appendTable(node, index) { q in
                let root = max(scale * Float(q - zeroPoint), 0).squareRoot()
                return Int32(min(root / outputScale, 1_000)) + outputZeroPoint
            }
        case .reciprocalSquareRoot:
            let rescale = FixedMultiplier(
                1 / (Double(scale.squareRoot()) * Double(outputScale)))
            try appendTable(node, index) { q in
                reciprocalSquareRoot8(q - zeroPoint, rescale, outputZeroPoint)
            }
        case .square, .ceiling, .floor, .roundToEven, .sign, .errorFunction, .logicalNot:
            throw unsupported(node, "elements of type \(type(x).rawValue)")
        }
    }

    /// XNNPACK's rule (xnn_init_qs8_lrelu_scalar_params), with factors in 1/256.
    private mutating func lowerLeakyRelu8(
        _ node: GraphNode, _ index: Int, _ alpha: Float, ratio: Float
    ) throws(ModelError) {
        let negative = ratio * alpha
        guard ratio >= 0x1p-8, ratio <= 0x1p7, negative <= 0x1p7, negative >= -0x1.FFFC00p6,
            abs(negative) >= 0x1p-8
        else { throw unsupported(node, "slopes of \(ratio) and \(negative)") }
        let positiveMultiplier = Int32((256 * ratio).rounded(.toNearestOrEven))
        let negativeMultiplier = Int32((256 * negative).rounded(.toNearestOrEven))
        let zeroPoint = Int32(signedZeroPoint(try input(node, 0)))
        let outputZeroPoint = Int32(signedZeroPoint(try output(node)))
        try appendTable(node, index) { q in
            let value = q - zeroPoint
            let scaled = value * (value >= 0 ? positiveMultiplier : negativeMultiplier)
            return ((scaled + 128) >> 8) + outputZeroPoint
        }
    }

    /// A fused activation as bounds on the quantized result, in the signed domain.
    ///
    /// - Rounding: half away from zero of bound / scale.
    /// - Source: CalculateActivationRangeQuantized of LiteRT's kernels/kernel_util.cc.
    func roundedBounds(
        _ bounds: (low: Float, high: Float), of tensor: Int, scale: Float
    ) -> (low: Int32, high: Int32) {
        let (least, most): (Float, Float) = is8Bit(tensor) ? (-128, 127) : (-32_768, 32_767)
        let zeroPoint = Float(signedZeroPoint(tensor))
        func quantized(_ bound: Float) -> Int32 {
            let value = (bound / scale).rounded(.toNearestOrAwayFromZero) + zeroPoint
            return Int32(min(max(value, least), most))
        }
        return (quantized(bounds.low), quantized(bounds.high))
    }
}

/// RsqrtEvalQuantizedInt8 of LiteRT's kernels/elementwise.cc; of a negative number, where that
/// fails, as of zero.
private func reciprocalSquareRoot8(
    _ value: Int32, _ rescale: FixedMultiplier, _ zeroPoint: Int32
) -> Int32 {
    if value <= 0 { return 127 }
    var multiplier: Int32 = 0
    var shift: Int32 = 0
    unsafe ik_fixed_inverse_square_root(value, &multiplier, &shift)
    let root = ik_fixed_multiply(1, multiplier, shift + 20)
    return ik_fixed_multiply(root, rescale.multiplier, max(rescale.shift - 20, -31)) &+ zeroPoint
}

extension UnaryFunction {
    /// The interval that a rectifier clamps to.
    var bounds: (low: Float, high: Float) {
        switch self {
        case .relu: Activation.relu.bounds
        case .relu6: Activation.relu6.bounds
        case .reluN1To1: Activation.reluN1To1.bounds
        default: Activation.none.bounds
        }
    }

    /// Its value as the float kernels compute it, for tables.
    func value(_ x: Float) -> Float {
        let real = Double(x)
        switch self {
        case .logistic:
            let e = ik_exp(-abs(real))
            return Float(x < 0 ? e / (1 + e) : 1 / (1 + e))
        case .tanh: return Float(ik_tanh(real))
        case .elu: return x < 0 ? Float(ik_expm1(real)) : x
        case .gelu(isApproximate: false):
            return Float(real * 0.5 * (1 + ik_erf(real * 0.5.squareRoot())))
        case .gelu(isApproximate: true):
            let inner = 0.797_884_560_802_865_355_88 * (real + 0.044715 * real * real * real)
            return Float(real * 0.5 * (1 + ik_tanh(inner)))
        case .exponential: return Float(ik_expm1(real) + 1)
        case .logarithm: return Float(ik_log(real))
        case .reciprocalSquareRoot: return 1 / x.squareRoot()
        default: preconditionFailure("only functions that tables are made of")
        }
    }
}
