extension JSONWriter {
    /// Writes a string from bytes that should be UTF-8; what is not becomes U+FFFD.
    package mutating func string(_ bytes: UnsafeRawBufferPointer) {
        separate()
        unsafe quote(bytes)
        endValue()
    }

    /// Writes a string from bytes that should be UTF-8; what is not becomes U+FFFD.
    package mutating func string(_ bytes: [UInt8]) {
        separate()
        unsafe bytes.withUnsafeBytes { unsafe quote($0) }
        endValue()
    }

    /// Writes a literal, which needs no escaping (ASCII without quote and backslash).
    package mutating func string(_ text: StaticString) {
        separate()
        append(0x22)
        unsafe append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        append(0x22)
        endValue()
    }

    /// Writes a string.
    package mutating func string(_ text: String) {
        separate()
        quote(text)
        endValue()
    }

    mutating func quote(_ text: String) {
        unsafe text.utf8Span.span.withUnsafeBytes { unsafe quote($0) }
    }

    /// Writes the opening quote, the escaped text and the closing quote.
    mutating func quote(_ bytes: UnsafeRawBufferPointer) {
        append(0x22)
        let count = bytes.count
        var index = 0
        var clean = 0
        while index < count {
            let byte = unsafe bytes[index]
            if byte >= 0x20, byte < 0x80, byte != 0x22, byte != 0x5C {
                index &+= 1
                continue
            }
            if byte >= 0x80 {
                let (length, isValid) = unsafe Self.scalar(in: bytes, at: index)
                if isValid {
                    index &+= length
                    continue
                }
                unsafe append(UnsafeRawBufferPointer(rebasing: bytes[clean..<index]))
                append("\u{FFFD}")
                index &+= length
            } else {
                unsafe append(UnsafeRawBufferPointer(rebasing: bytes[clean..<index]))
                escape(byte)
                index &+= 1
            }
            clean = index
        }
        unsafe append(UnsafeRawBufferPointer(rebasing: bytes[clean..<count]))
        append(0x22)
    }

    private mutating func append(_ text: StaticString) {
        unsafe append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private mutating func escape(_ byte: UInt8) {
        append(0x5C)
        switch byte {
        case 0x22, 0x5C: append(byte)
        case 0x08: append(0x62)
        case 0x09: append(0x74)
        case 0x0A: append(0x6E)
        case 0x0C: append(0x66)
        case 0x0D: append(0x72)
        default:
            append("u00")
            append(0x30 | byte &>> 4)
            let low = byte & 0x0F
            append(low < 10 ? 0x30 | low : 0x57 &+ low)
        }
    }

    /// The length of the scalar at `index`, or of the ill-formed part that one U+FFFD replaces.
    ///
    /// - Source: Unicode 16, table 3-7 (well-formed sequences) and section 3.9.6 (one replacement
    ///   for each maximal subpart).
    private static func scalar(
        in bytes: UnsafeRawBufferPointer, at index: Int
    ) -> (length: Int, isValid: Bool) {
        let lead = unsafe bytes[index]
        let trailing: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch lead {
        case 0xC2...0xDF: trailing = 1
        case 0xE0: (trailing, second) = (2, 0xA0...0xBF)
        case 0xED: (trailing, second) = (2, 0x80...0x9F)
        case 0xE1...0xEF: trailing = 2
        case 0xF0: (trailing, second) = (3, 0x90...0xBF)
        case 0xF4: (trailing, second) = (3, 0x80...0x8F)
        case 0xF1...0xF3: trailing = 3
        default: return (1, false)
        }
        for step in 1...trailing {
            guard index &+ step < bytes.count else { return (step, false) }
            let byte = unsafe bytes[index &+ step]
            let allowed = step == 1 ? second : 0x80...0xBF
            guard allowed.contains(byte) else { return (step, false) }
        }
        return (trailing &+ 1, true)
    }
}
