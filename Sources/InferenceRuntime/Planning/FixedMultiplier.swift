internal import CInferenceKernels

/// A real factor as a 32-bit integer and a power of two.
///
/// - Source: QuantizeMultiplier of LiteRT's kernels/internal/quantization_util.cc.
struct FixedMultiplier: Equatable {
    /// In [2³⁰, 2³¹), or 0; negative when the factor is.
    let multiplier: Int32
    /// The factor is multiplier · 2^(shift − 31). In [−31, 30].
    let shift: Int32

    /// - Parameter real: finite.
    init(_ real: Double) {
        guard real != 0, real.isFinite else {
            (multiplier, shift) = (0, 0)
            return
        }
        var exponent = Int(real.exponent) + 1
        let fraction = Double(sign: .plus, exponent: -exponent, significand: real)
        var fixed = (fraction * 0x1p31).rounded(.toNearestOrAwayFromZero)
        if abs(fixed) == 0x1p31 {
            fixed /= 2
            exponent += 1
        }
        if exponent < -31 { (fixed, exponent) = (0, 0) }
        if exponent > 30 { (fixed, exponent) = (fixed < 0 ? -0x1p31 + 1 : 0x1p31 - 1, 30) }
        (multiplier, shift) = (Int32(fixed), Int32(exponent))
    }

    /// x times the factor, rounded as the kernels do.
    func apply(_ x: Int32) -> Int32 { ik_fixed_multiply(x, multiplier, shift) }

    /// The same with the second rounding half up.
    func applyHalfUp(_ x: Int32) -> Int32 {
        if shift >= 0 { return apply(x) }
        let wide = Int64(ik_fixed_multiply(x, multiplier, 0))
        return Int32(truncatingIfNeeded: (wide + (1 << Int64(-shift - 1))) >> Int64(-shift))
    }
}
