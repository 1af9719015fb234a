internal import CInferenceKernels

extension PlanBuilder {
    /// QUANTIZE and DEQUANTIZE where 16 bits are on one side, and between int8 and uint8.
    ///
    /// - Returns: false for the others, which the 8-bit kernels do.
    mutating func lowerChangeOfScale(
        _ node: GraphNode, _ index: Int
    ) throws(ModelError) -> Bool {
        let (x, y) = (try input(node, 0), try output(node))
        guard type(x) == .int16 || type(y) == .int16 || is8Bit(x) && is8Bit(y) && type(x) != type(y)
        else { return false }
        try require(y, hasShape: shape(x), node)
        var p = ik_unary()
        (p.clamp_low, p.clamp_high) = is8Bit(y) ? (-128, 127) : (-32_768, 32_767)
        switch (type(x), type(y)) {
        case (.float32, .int16):
            p.alpha = try scale16(y, node)
            unsafe p.row = ik_row_quantize_qs16
        case (.int16, .float32):
            p.alpha = try scale16(x, node)
            unsafe p.row = ik_row_dequantize_qs16
        case (.int16, .int16):
            try describeRescale(try scale16(x, node), try scale16(y, node), node, &p)
            unsafe p.row = ik_row_rescale_qs16
        case (.int8, .int16), (.uint8, .int16):
            try describeRescale(try activationScale(x, node), try scale16(y, node), node, &p)
            p.input_zero_point = Int32(signedZeroPoint(x))
            p.input_flip = try layout(x).view.flip
            unsafe p.row = ik_row_rescale_qs8_qs16
        case (.int16, .int8), (.int16, .uint8):
            try describeRescale(try scale16(x, node), try activationScale(y, node), node, &p)
            p.output_zero_point = Int32(signedZeroPoint(y))
            p.output_flip = outputFlip(y)
            unsafe p.row = ik_row_rescale_qs16_qs8
        case (.int8, .uint8), (.uint8, .int8):
            // LiteRT's vector code (Requantize<int8_t, uint8_t> of optimized_ops.h); its scalar rest
            // of up to 15 elements rounds half away from zero instead.
            let factor = FixedMultiplier(
                Double(try activationScale(x, node)) / Double(try activationScale(y, node)))
            let zeroPoint = Int32(signedZeroPoint(x))
            let outputZeroPoint = Int32(signedZeroPoint(y))
            try appendTable(node, index) { q in
                factor.applyHalfUp(q - zeroPoint) &+ outputZeroPoint
            }
            return true
        default: return false
        }
        try appendUnary(node, index, p)
        return true
    }

    /// - Source: Prepare of LiteRT's kernels/quantize.cc and Requantize of
    ///   kernels/internal/reference/requantize.h.
    private func describeRescale(
        _ from: Float, _ to: Float, _ node: GraphNode, _ p: inout ik_unary
    ) throws(ModelError) {
        let factor = FixedMultiplier(Double(from) / Double(to))
        (p.multiplier, p.shift) = (factor.multiplier, factor.shift)
    }
}
