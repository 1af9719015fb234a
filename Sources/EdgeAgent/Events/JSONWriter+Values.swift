/// How many digits follow a timestamp's second.
package enum TimestampPrecision: Sendable { case milliseconds, microseconds }

extension JSONWriter {
    // MARK: Numbers

    /// Writes an integer.
    package mutating func integer(_ value: UInt64) {
        separate()
        putDigits(value, count: Self.digitCount(value))
        endValue()
    }

    /// Writes an integer.
    package mutating func integer(_ value: Int64) {
        separate()
        if value < 0 { append(0x2D) }
        putDigits(value.magnitude, count: Self.digitCount(value.magnitude))
        endValue()
    }

    /// Writes an integer.
    package mutating func integer(_ value: Int) { integer(Int64(value)) }

    /// Writes the shortest decimal that reads back as `value`; NaN and infinity become `null`.
    ///
    /// There is always a point or an exponent (`5.0`), so that a consumer who tells integers from
    /// floating point sees one type.
    package mutating func number(_ value: Double) {
        guard value.isFinite else { return null() }
        number(value.sign, value == 0 ? nil : ShortestDecimal(magnitudeOf: value))
    }

    /// Writes the shortest decimal that reads back as `value`; NaN and infinity become `null`.
    package mutating func number(_ value: Float) {
        guard value.isFinite else { return null() }
        number(value.sign, value == 0 ? nil : ShortestDecimal(magnitudeOf: value))
    }

    /// Writes nanoseconds as milliseconds, to the microsecond: `1.234`.
    package mutating func milliseconds(ofNanoseconds nanoseconds: UInt64) {
        let microseconds = nanoseconds / 1000 + (nanoseconds % 1000 >= 500 ? 1 : 0)
        separate()
        putDigits(microseconds / 1000, count: Self.digitCount(microseconds / 1000))
        append(0x2E)
        putDigits(microseconds % 1000, count: 3)
        endValue()
    }

    /// Writes the digits of an integer, as a part of a string.
    mutating func digits(_ value: UInt64) { putDigits(value, count: Self.digitCount(value)) }

    private mutating func number(_ sign: FloatingPointSign, _ decimal: ShortestDecimal?) {
        separate()
        if sign == .minus { append(0x2D) }
        if let decimal {
            let count = Self.digitCount(decimal.digits)
            let point = count &+ decimal.exponent
            if point > -5, point <= 16 {
                plain(decimal, count: count, point: point)
            } else {
                scientific(decimal.digits, count: count, power: point &- 1)
            }
        } else {
            putDigits(0, count: 1)
            append(0x2E)
            putDigits(0, count: 1)
        }
        endValue()
    }

    private mutating func plain(_ decimal: ShortestDecimal, count: Int, point: Int) {
        if point <= 0 {
            putDigits(0, count: 1)
            append(0x2E)
            putDigits(decimal.digits, count: count &- point)
        } else if point >= count {
            putDigits(decimal.digits &* Self.powerOfTen(point &- count), count: point)
            append(0x2E)
            putDigits(0, count: 1)
        } else {
            let divisor = Self.powerOfTen(count &- point)
            putDigits(decimal.digits / divisor, count: point)
            append(0x2E)
            putDigits(decimal.digits % divisor, count: count &- point)
        }
    }

    private mutating func scientific(_ digits: UInt64, count: Int, power: Int) {
        let divisor = Self.powerOfTen(count &- 1)
        putDigits(digits / divisor, count: 1)
        if count > 1 {
            append(0x2E)
            putDigits(digits % divisor, count: count &- 1)
        }
        append(0x65)
        if power < 0 { append(0x2D) }
        putDigits(UInt64(power.magnitude), count: Self.digitCount(UInt64(power.magnitude)))
    }

    /// Writes `value` in exactly `count` digits, with zeros in front.
    private mutating func putDigits(_ value: UInt64, count: Int) {
        if reserve(count) {
            var rest = value
            var index = position &+ count
            while index > position {
                index &-= 1
                let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
                unsafe base.storeBytes(
                    of: 0x30 | UInt8(truncatingIfNeeded: digit), toByteOffset: index,
                    as: UInt8.self)
                rest = quotient
            }
        }
        advance(count)
    }

    private static func digitCount(_ value: UInt64) -> Int {
        var count = 1
        var bound: UInt64 = 10
        while value >= bound {
            count &+= 1
            let (next, overflow) = bound.multipliedReportingOverflow(by: 10)
            if overflow { break }
            bound = next
        }
        return count
    }

    /// 10^`exponent` for 0...19.
    private static func powerOfTen(_ exponent: Int) -> UInt64 {
        var power: UInt64 = 1
        for _ in 0..<exponent { power &*= 10 }
        return power
    }

    // MARK: Time

    /// Writes a moment as an RFC 3339 string in UTC: `"2026-11-21T09:30:00.123456Z"`.
    ///
    /// Rounds towards the past, so that a moment is never shown later than it was.
    ///
    /// - Parameter nanoseconds: nanoseconds since 1970-01-01T00:00:00Z, also before it.
    package mutating func timestamp(
        nanosecondsSince1970 nanoseconds: Int64, _ precision: TimestampPrecision = .microseconds
    ) {
        separate()
        let (seconds, rest) = Self.floorDivide(nanoseconds, 1_000_000_000)
        let (days, secondOfDay) = Self.floorDivide(seconds, 86_400)
        let date = CivilDate(daysSince1970: days)
        append(0x22)
        putDigits(UInt64(date.year), count: 4)
        append(0x2D)
        putDigits(UInt64(date.month), count: 2)
        append(0x2D)
        putDigits(UInt64(date.day), count: 2)
        append(0x54)
        putDigits(UInt64(secondOfDay / 3600), count: 2)
        append(0x3A)
        putDigits(UInt64(secondOfDay / 60 % 60), count: 2)
        append(0x3A)
        putDigits(UInt64(secondOfDay % 60), count: 2)
        append(0x2E)
        switch precision {
        case .milliseconds: putDigits(UInt64(rest / 1_000_000), count: 3)
        case .microseconds: putDigits(UInt64(rest / 1000), count: 6)
        }
        append(0x5A)
        append(0x22)
        endValue()
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}

/// A day of the proleptic Gregorian calendar.
///
/// - Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
private struct CivilDate {
    var year: Int64
    var month: Int64
    var day: Int64

    /// - Parameter days: within the range of nanoseconds in an `Int64`, the years 1677 to 2262.
    init(daysSince1970 days: Int64) {
        // Days since 0000-03-01, which is positive for all of that range: no era before it.
        let z = days + 719_468
        let era = z / 146_097
        let dayOfEra = z % 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }
}
