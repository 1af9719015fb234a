/// Numbers since 1970, read from their decimal text: a double has no nanoseconds left at today's
/// date.
package enum EpochTimestamp {
    /// Reads `digits[.digits][e[±]digits]` in units of 10^`-unitDigits` seconds.
    ///
    /// - Parameters:
    ///   - text: A number as JSON spells it; white space is not allowed.
    ///   - unitDigits: 0 for seconds, 3, 6, 9 for milli-, micro-, nanoseconds.
    /// - Returns: Nanoseconds, or `nil` if the text is no number. What is beyond Int64 saturates.
    /// - Rounding: toward zero, at the nanosecond.
    package static func nanoseconds(
        _ text: UnsafeRawBufferPointer, unitDigits: Int
    ) -> Int64? {
        let count = text.count
        var position = 0
        var isNegative = false
        if count > 0, unsafe text[0] == UInt8(ascii: "-") {
            isNegative = true
            position = 1
        }
        // 19 significant digits fit UInt64; the ones after that only move the point.
        var significant: UInt64 = 0
        var significantCount = 0
        var scale = 9 - unitDigits
        var digitCount = 0
        var isAfterPoint = false
        while position < count {
            let byte = unsafe text[position]
            if byte == UInt8(ascii: "."), !isAfterPoint, digitCount > 0 {
                isAfterPoint = true
            } else if let digit = decimalDigit(byte) {
                digitCount += 1
                if significantCount < 19 {
                    significant = significant &* 10 &+ UInt64(digit)
                    significantCount += significant == 0 ? 0 : 1
                    scale -= isAfterPoint ? 1 : 0
                } else {
                    scale += isAfterPoint ? 0 : 1
                }
            } else {
                break
            }
            position += 1
        }
        guard digitCount > 0, unsafe text[position - 1] != UInt8(ascii: ".") else { return nil }
        if position < count {
            guard let exponent = unsafe exponent(text, from: position) else { return nil }
            scale += exponent
        }
        let magnitude = scaled(significant, byPowerOfTen: scale)
        return isNegative ? -magnitude : magnitude
    }

    /// The exponent at the end of `text`, bounded to ±10 000, or `nil` if that is not what stands
    /// there.
    private static func exponent(_ text: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var position = start
        guard unsafe text[position] | 0x20 == UInt8(ascii: "e") else { return nil }
        position += 1
        var isNegative = false
        if position < text.count,
            unsafe text[position] == UInt8(ascii: "-") || text[position] == UInt8(ascii: "+")
        {
            isNegative = unsafe text[position] == UInt8(ascii: "-")
            position += 1
        }
        guard position < text.count else { return nil }
        var exponent = 0
        while position < text.count {
            guard let digit = unsafe decimalDigit(text[position]) else { return nil }
            exponent = min(10_000, exponent * 10 + digit)
            position += 1
        }
        return isNegative ? -exponent : exponent
    }

    private static func scaled(_ significant: UInt64, byPowerOfTen scale: Int) -> Int64 {
        var value = significant
        guard value != 0 else { return 0 }
        if scale < 0 {
            guard scale >= -19 else { return 0 }
            for _ in 0..<(-scale) { value /= 10 }
        } else {
            guard scale <= 19 else { return .max }
            for _ in 0..<scale {
                let (product, overflow) = value.multipliedReportingOverflow(by: 10)
                guard !overflow else { return .max }
                value = product
            }
        }
        return Int64(clamping: value)
    }
}

/// The value of an ASCII digit.
@inline(__always)
func decimalDigit(_ byte: UInt8) -> Int? {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") ? Int(byte &- UInt8(ascii: "0")) : nil
}
