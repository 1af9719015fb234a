/// One challenge of `WWW-Authenticate`.
/// - Source: RFC 9110, 11.6.1.
struct HTTPChallenge: Sendable, Equatable {
    /// Lower case.
    let scheme: String
    /// Names in lower case.
    let parameters: [String: String]

    /// Reads one header's value, which may hold several challenges. What cannot be read ends the list.
    static func parse(_ text: String) -> [HTTPChallenge] {
        var parser = Parser(bytes: Array(text.utf8))
        var challenges: [HTTPChallenge] = []
        var scheme: String?
        var parameters: [String: String] = [:]
        func finish() {
            if let scheme {
                challenges.append(
                    HTTPChallenge(scheme: scheme.lowercased(), parameters: parameters))
            }
            parameters = [:]
        }
        while challenges.count < 16 {
            parser.skip { $0 == 0x20 || $0 == 0x09 || $0 == 0x2C }
            guard let word = parser.token() else { break }
            parser.skip { $0 == 0x20 || $0 == 0x09 }
            if scheme != nil, parser.take(0x3D) {
                parser.skip { $0 == 0x20 || $0 == 0x09 }
                guard let value = parser.quoted() ?? parser.token() else { break }
                parameters[word.lowercased()] = value
            } else {
                finish()
                scheme = word
            }
        }
        finish()
        return challenges
    }

    private struct Parser {
        let bytes: [UInt8]
        var position = 0

        mutating func skip(_ isSkipped: (UInt8) -> Bool) {
            while position < bytes.count, isSkipped(bytes[position]) { position += 1 }
        }

        mutating func take(_ byte: UInt8) -> Bool {
            guard position < bytes.count, bytes[position] == byte else { return false }
            position += 1
            return true
        }

        /// A run of characters that are neither white space, comma, equals sign nor quote.
        mutating func token() -> String? {
            let start = position
            skip { $0 > 0x20 && $0 != 0x7F && $0 != 0x2C && $0 != 0x3D && $0 != 0x22 }
            return position == start
                ? nil : String(decoding: bytes[start..<position], as: UTF8.self)
        }

        mutating func quoted() -> String? {
            guard take(0x22) else { return nil }
            var value: [UInt8] = []
            while position < bytes.count {
                var byte = bytes[position]
                position += 1
                if byte == 0x22 { return String(decoding: value, as: UTF8.self) }
                if byte == 0x5C, position < bytes.count {
                    byte = bytes[position]
                    position += 1
                }
                value.append(byte)
            }
            return nil
        }
    }
}
