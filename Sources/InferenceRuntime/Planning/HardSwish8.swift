/// HARD_SWISH of 8-bit numbers in 16-bit fixed point.
///
/// - Source: HardSwishPrepare of LiteRT's kernels/activations.cc and HardSwish of
///   kernels/internal/reference/hard_swish.h.
struct HardSwish8 {
    private let zeroPoint: Int32
    private let outputZeroPoint: Int32
    private let output: (multiplier: Int32, shift: Int32)
    private let relu: (multiplier: Int32, shift: Int32)

    init(
        scale: Float, zeroPoint: Int32, outputScale: Float, outputZeroPoint: Int32,
        _ node: GraphNode
    ) throws(ModelError) {
        let fine = scale / 128
        let outputFactor = FixedMultiplier(Double(fine / outputScale))
        guard outputFactor.shift <= 0, fine / outputScale > 0 else {
            throw .unsupportedForm(
                name: node.name, position: node.position,
                reason: "the input's scale is \(scale / outputScale) times the output's")
        }
        self.zeroPoint = zeroPoint
        self.outputZeroPoint = outputZeroPoint
        output = Self.narrowed(outputFactor)
        relu = Self.narrowed(FixedMultiplier(Double(fine / (3 / 32_768))))
    }

    /// To 16 bits.
    private static func narrowed(_ factor: FixedMultiplier) -> (multiplier: Int32, shift: Int32) {
        let limit = Int32.max - (1 << 15)
        let narrow = factor.multiplier >= limit ? 32_767 : (factor.multiplier + (1 << 15)) >> 16
        return (narrow, factor.shift)
    }

    func value(_ q: Int32) -> Int32 {
        let fine = (q - zeroPoint) << 7
        let unshifted = Self.multiply(fine, output.multiplier)
        var factor = fine
        if relu.shift > 0 { factor = Self.saturated(factor << (relu.shift - 1)) }
        factor = Self.multiply(factor, relu.multiplier)
        if relu.shift > 0 { factor = Self.saturated(factor << 1) }
        if relu.shift < 0 { factor = Self.shifted(factor, -relu.shift) }
        factor = (factor + (1 << 15)) >> 1
        let product = factor * unshifted / (1 << 15)
        return Self.shifted(product, -output.shift) + outputZeroPoint
    }

    private static func saturated(_ x: Int32) -> Int32 { min(max(x, -32_768), 32_767) }

    /// round(a · b / 2¹⁵), half up.
    private static func multiply(_ a: Int32, _ b: Int32) -> Int32 {
        if a == -32_768, b == -32_768 { return 32_767 }
        let product = a * b
        return (product + (product >= 0 ? 1 << 14 : 1 - (1 << 14))) / (1 << 15)
    }

    /// x / 2^exponent, half away from zero.
    private static func shifted(_ x: Int32, _ exponent: Int32) -> Int32 {
        let mask = Int32((1 << exponent) - 1)
        let threshold = (mask >> 1) + (x < 0 ? 1 : 0)
        return (x >> exponent) + (x & mask > threshold ? 1 : 0)
    }
}
