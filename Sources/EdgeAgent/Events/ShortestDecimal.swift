/// The shortest decimal that reads back as a given binary floating-point number.
///
/// `digits · 10^exponent`; of several shortest ones it is the closest. No allocation, no locale.
///
/// - Source: R. Giulietti, "The Schubfach way to render doubles" (2020), section 9; table and
///   constants as in A. Bolz' Drachennest, `schubfach_64.cc`.
struct ShortestDecimal: Equatable {
    /// The decimal digits as an integer without trailing zeros.
    var digits: UInt64
    /// The power of ten that `digits` is to be multiplied by.
    var exponent: Int

    /// Makes the decimal of the magnitude of a finite, non-zero `value`.
    init(magnitudeOf value: Double) {
        let fraction = value.significandBitPattern
        let biased = Int(value.exponentBitPattern)
        self.init(
            significand: biased == 0 ? fraction : fraction | 1 << 52,
            exponent: (biased == 0 ? 1 : biased) - 1075,
            lowerBoundaryIsCloser: fraction == 0 && biased > 1)
    }

    /// Makes the decimal of the magnitude of a finite, non-zero `value`: short enough for a reader
    /// that rounds to `Float`.
    init(magnitudeOf value: Float) {
        let fraction = UInt64(value.significandBitPattern)
        let biased = Int(value.exponentBitPattern)
        self.init(
            significand: biased == 0 ? fraction : fraction | 1 << 23,
            exponent: (biased == 0 ? 1 : biased) - 150,
            lowerBoundaryIsCloser: fraction == 0 && biased > 1)
    }

    /// The number is `significand · 2^exponent`; half a unit below it is the next one's boundary,
    /// or a quarter where `lowerBoundaryIsCloser` (the number is a power of two).
    private init(significand c: UInt64, exponent q: Int, lowerBoundaryIsCloser: Bool) {
        if -q >= 0, -q < 53, c & (1 &<< UInt64(-q) &- 1) == 0 {
            self.init(stripping: c &>> UInt64(-q), 0)
            return
        }
        // floor(log10(2^q)), or floor(log10(3/4 · 2^q)).
        let k = (q &* 1_262_611 &- (lowerBoundaryIsCloser ? 524_031 : 0)) >> 22
        // floor(log2(10^-k)) + 1 brings 4c · 2^q · 10^-k to the place RoundToOdd wants.
        let h = UInt64(truncatingIfNeeded: q &+ ((-k &* 1_741_647) >> 19) &+ 1)
        let power = PowersOfTen.significand(-k)
        let below = Self.roundToOdd(power, (4 &* c &- (lowerBoundaryIsCloser ? 1 : 2)) &<< h)
        let value = Self.roundToOdd(power, (4 &* c) &<< h)
        let above = Self.roundToOdd(power, (4 &* c &+ 2) &<< h)

        // An even significand takes its boundaries too: the reader rounds ties to even.
        let odd = c & 1
        let lower = below &+ odd
        let upper = above &- odd
        let s = value / 4
        if s >= 10 {
            let tens = s / 10
            let isDownInside = lower <= 40 &* tens
            let isUpInside = 40 &* tens &+ 40 <= upper
            if isDownInside != isUpInside {
                self.init(stripping: tens &+ (isUpInside ? 1 : 0), k &+ 1)
                return
            }
        }
        let isDownInside = lower <= 4 &* s
        let isUpInside = 4 &* s &+ 4 <= upper
        if isDownInside != isUpInside {
            self.init(stripping: s &+ (isUpInside ? 1 : 0), k)
            return
        }
        let middle = 4 &* s &+ 2
        let roundsUp = value > middle || (value == middle && s & 1 != 0)
        self.init(stripping: s &+ (roundsUp ? 1 : 0), k)
    }

    private init(stripping digits: UInt64, _ exponent: Int) {
        self.digits = digits
        self.exponent = exponent
        while self.digits % 100_000_000 == 0, self.digits != 0 {
            self.digits /= 100_000_000
            self.exponent += 8
        }
        while self.digits % 10 == 0, self.digits != 0 {
            self.digits /= 10
            self.exponent += 1
        }
    }

    @inline(__always)
    private static func roundToOdd(_ g: (high: UInt64, low: UInt64), _ c: UInt64) -> UInt64 {
        let x = g.low.multipliedFullWidth(by: c).high
        let (high, low) = g.high.multipliedFullWidth(by: c)
        let (y, carry) = low.addingReportingOverflow(x)
        return (high &+ (carry ? 1 : 0)) | (y > 1 ? 1 : 0)
    }
}
