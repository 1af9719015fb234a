/// Durations as people write them: `20ms`, `1.5s`, `5m`, `2h`, `30d`.
package enum DurationText {
    private static let units: [(suffix: String, nanoseconds: Int64)] = [
        ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000),
        ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1000), ("ns", 1),
    ]

    /// Reads one number with one unit.
    ///
    /// - Returns: nil for anything else, for a negative or a fraction of a nanosecond, and beyond
    /// 292 years.
    package static func parse(_ text: String) -> Duration? {
        guard let (number, suffix) = DecimalText.split(text) else { return nil }
        let name = suffix == "µs" || suffix == "μs" ? "us" : suffix
        guard let unit = units.first(where: { $0.suffix == name }),
            let nanoseconds = number.scaled(by: unit.nanoseconds)
        else { return nil }
        return .nanoseconds(nanoseconds)
    }

    /// Writes a duration in the largest unit that needs no fraction.
    package static func format(_ duration: Duration) -> String {
        let nanoseconds = duration.wholeNanoseconds
        guard nanoseconds != 0 else { return "0s" }
        for unit in units where nanoseconds % unit.nanoseconds == 0 {
            return "\(nanoseconds / unit.nanoseconds)\(unit.suffix)"
        }
        return "\(nanoseconds)ns"
    }
}

/// Sizes as people write them: `64KiB`, `100MB`, `512B`.
package enum SizeText {
    private static let units: [(suffix: String, bytes: Int64)] = [
        ("GiB", 1 << 30), ("GB", 1_000_000_000), ("MiB", 1 << 20), ("MB", 1_000_000),
        ("KiB", 1 << 10), ("kB", 1000), ("B", 1),
    ]

    /// Reads one number with one unit.
    ///
    /// - Returns: bytes; nil for anything else, for a fraction of a byte and beyond 8 EiB.
    package static func parse(_ text: String) -> Int? {
        guard let (number, suffix) = DecimalText.split(text) else { return nil }
        let name = suffix == "KB" ? "kB" : suffix
        guard let unit = units.first(where: { $0.suffix == name }),
            let bytes = number.scaled(by: unit.bytes)
        else { return nil }
        return Int(exactly: bytes)
    }

    /// Writes a size in the largest unit that needs no fraction.
    package static func format(_ bytes: Int) -> String {
        guard bytes != 0 else { return "0B" }
        for unit in units where Int64(bytes) % unit.bytes == 0 {
            return "\(Int64(bytes) / unit.bytes)\(unit.suffix)"
        }
        return "\(bytes)B"
    }
}

extension Duration {
    /// The duration in nanoseconds; one beyond 292 years becomes the longest there is.
    package var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflow2) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow || overflow2 ? (seconds < 0 ? .min : .max) : sum
    }
}

/// A decimal number that is exact: digits and a power of ten.
struct DecimalText {
    private var digits: Int64
    private var fractionDigits: Int

    /// Splits a text into its number and the unit after it.
    static func split(_ text: String) -> (number: DecimalText, suffix: String)? {
        let bytes = text.utf8
        var index = bytes.startIndex
        var digits: Int64 = 0
        var fractionDigits = 0
        var count = 0
        var hasPoint = false
        while index < bytes.endIndex {
            let byte = bytes[index]
            if byte == UInt8(ascii: "."), !hasPoint, count > 0 {
                hasPoint = true
            } else if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
                let (product, overflow) = digits.multipliedReportingOverflow(by: 10)
                let (sum, overflow2) = product.addingReportingOverflow(Int64(byte & 0x0F))
                guard !overflow, !overflow2 else { return nil }
                digits = sum
                count += 1
                if hasPoint { fractionDigits += 1 }
            } else {
                break
            }
            index = bytes.index(after: index)
        }
        guard count > 0, !hasPoint || fractionDigits > 0 else { return nil }
        let number = DecimalText(digits: digits, fractionDigits: fractionDigits)
        return (number, String(text[index...]))
    }

    /// The number times `factor`; nil if that is no integer or too large.
    func scaled(by factor: Int64) -> Int64? {
        var digits = digits
        var factor = factor
        for _ in 0..<fractionDigits {
            if factor % 10 == 0 {
                factor /= 10
            } else if digits % 10 == 0 {
                digits /= 10
            } else if factor % 5 == 0, digits % 2 == 0 {
                factor /= 5
                digits /= 2
            } else if factor % 2 == 0, digits % 5 == 0 {
                factor /= 2
                digits /= 5
            } else {
                return nil
            }
        }
        let (product, overflow) = digits.multipliedReportingOverflow(by: factor)
        return overflow ? nil : product
    }
}
