/// Timestamps as in `2026-11-21T09:30:00.25+01:00`.
package enum RFC3339Timestamp {
    /// Reads a date-time of RFC 3339, section 5.6: with an offset, which is what tells it from
    /// local time.
    ///
    /// `T` and `Z` in either case, or one space between date and time. Fractions beyond the
    /// nanosecond are cut off. Second 60 is taken where a leap second can be (the last minute of a
    /// month in UTC) and, as POSIX time has no room for it, is the first second of the next month.
    /// - Returns: Nanoseconds since 1970, or `nil` if the text is no date-time; years that do not
    ///   fit Int64 saturate.
    package static func nanoseconds(_ text: UnsafeRawBufferPointer) -> Int64? {
        guard text.count >= 20, text.count <= 64,
            let year = unsafe number(text, at: 0, digits: 4),
            unsafe text[4] == UInt8(ascii: "-"),
            let month = unsafe number(text, at: 5, digits: 2), (1...12).contains(month),
            unsafe text[7] == UInt8(ascii: "-"),
            let day = unsafe number(text, at: 8, digits: 2), day >= 1,
            day <= daysIn(month: month, year: year),
            unsafe text[10] | 0x20 == UInt8(ascii: "t") || text[10] == UInt8(ascii: " "),
            let hour = unsafe number(text, at: 11, digits: 2), hour <= 23,
            unsafe text[13] == UInt8(ascii: ":"),
            let minute = unsafe number(text, at: 14, digits: 2), minute <= 59,
            unsafe text[16] == UInt8(ascii: ":"),
            let second = unsafe number(text, at: 17, digits: 2), second <= 60
        else { return nil }

        var position = 19
        var fraction = 0
        if unsafe text[position] == UInt8(ascii: ".") {
            position += 1
            var place = 100_000_000
            let start = position
            while position < text.count, let digit = unsafe decimalDigit(text[position]) {
                fraction += digit * place
                place /= 10
                position += 1
            }
            guard position > start else { return nil }
        }
        guard let offsetMinutes = unsafe offset(text, at: position) else { return nil }

        // All fields are bounded, so this is far from Int's bounds.
        let days = daysSince1970(year: year, month: month, day: day)
        let minutes = days * 1440 + hour * 60 + minute - offsetMinutes
        let seconds = minutes * 60 + second
        if second == 60 {
            // The leap second's end is the beginning of a month in UTC.
            guard seconds % 86_400 == 0, isFirstOfMonth(day: seconds / 86_400) else { return nil }
        }
        let (product, overflow) = Int64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, sumOverflow) = product.addingReportingOverflow(Int64(fraction))
        return sumOverflow ? .max : sum
    }

    /// `Z` or `±hh:mm` up to the end of the text, in minutes.
    private static func offset(_ text: UnsafeRawBufferPointer, at position: Int) -> Int? {
        guard position < text.count else { return nil }
        let sign = unsafe text[position]
        if sign | 0x20 == UInt8(ascii: "z") { return position + 1 == text.count ? 0 : nil }
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"), position + 6 == text.count,
            let hours = unsafe number(text, at: position + 1, digits: 2), hours <= 23,
            unsafe text[position + 3] == UInt8(ascii: ":"),
            let minutes = unsafe number(text, at: position + 4, digits: 2), minutes <= 59
        else { return nil }
        let offset = hours * 60 + minutes
        return sign == UInt8(ascii: "-") ? -offset : offset
    }

    private static func number(_ text: UnsafeRawBufferPointer, at start: Int, digits: Int) -> Int? {
        var value = 0
        for position in start..<(start + digits) {
            guard let digit = unsafe decimalDigit(text[position]) else { return nil }
            value = value * 10 + digit
        }
        return value
    }

    private static func daysIn(month: Int, year: Int) -> Int {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }

    /// - Source: `days_from_civil` of H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    private static func daysSince1970(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// - Source: as above, `civil_from_days`.
    private static func isFirstOfMonth(day: Int) -> Bool {
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        return dayOfYear - (153 * shiftedMonth + 2) / 5 == 0
    }
}
