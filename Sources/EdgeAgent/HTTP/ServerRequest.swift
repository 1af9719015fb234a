/// A request that may be answered.
package struct ServerRequest: Sendable, Equatable {
    /// As it came, without the query, not decoded.
    package var path: String
    /// What stands behind the `?`, not decoded.
    package var query: String?
    package var accept: String?
    package var ifNoneMatch: String?
    package var lastEventID: String?

    package init(path: String, query: String? = nil) {
        self.path = path
        self.query = query
    }

    /// The value of a name in the query, decoded; nil: it is not there, or no UTF-8.
    package func argument(_ name: String) -> String? {
        for pair in (query ?? "").utf8.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(
                separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard parts[0].elementsEqual(name.utf8) else { continue }
            return Self.decoded(parts.count == 2 ? parts[1] : parts[0].prefix(0))
        }
        return nil
    }

    /// Resolves `%41` and nothing else; nil: a `%` without two digits, a control character, or no UTF-8.
    package static func decoded(_ bytes: some Sequence<UInt8>) -> String? {
        var decoded: [UInt8] = []
        var iterator = bytes.makeIterator()
        while let byte = iterator.next() {
            guard byte == UInt8(ascii: "%") else {
                decoded.append(byte)
                continue
            }
            guard let high = iterator.next().flatMap(digit),
                let low = iterator.next().flatMap(digit)
            else { return nil }
            decoded.append(high << 4 | low)
        }
        guard decoded.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
        return String(validating: decoded, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
