import TestSupport

/// Documents for differential tests: generated ones, and the same with a byte changed, lost or
/// doubled.
struct JSONCorpus {
    private var generator: SeededGenerator

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func document(depth: Int = 4) -> String {
        let space = [" ", "", "", "\n", "\t", "\r\n"].randomElement(using: &generator)!
        return space + value(depth: depth) + space
    }

    /// A document with up to three random injuries, mostly at characters that matter.
    mutating func injured(_ document: String) -> [UInt8] {
        var bytes = Array(document.utf8)
        for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
            let index = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: bytes.remove(at: index)
            case 1:
                bytes.insert(
                    Array("{}[],:\"0-.eE+tfn\\ \n\u{1}/".utf8).randomElement(using: &generator)!,
                    at: index)
            case 2: bytes[index] = UInt8.random(in: 0...255, using: &generator)
            default: bytes.removeSubrange(index...)
            }
        }
        return bytes
    }

    /// Whether an array ends in a comma, or may: Foundation's reader takes that, RFC 8259 does not.
    static func mayHaveTrailingComma(_ bytes: [UInt8]) -> Bool {
        let dense = bytes.filter { !Array(" \t\r\n".utf8).contains($0) }
        return zip(dense, dense.dropFirst()).contains {
            $0 == UInt8(ascii: ",") && $1 == UInt8(ascii: "]")
        }
    }

    mutating func number() -> String {
        switch Int.random(in: 0..<8, using: &generator) {
        case 0: return "\(Int.random(in: -100...100, using: &generator))"
        case 1: return "\(Int64.random(in: .min ... .max, using: &generator))"
        case 2: return "\(Double.random(in: -1000...1000, using: &generator))"
        case 3: return "\(Float.random(in: -1...1, using: &generator))"
        case 4:
            return
                "\(Int.random(in: -99...99, using: &generator))e\(Int.random(in: -40...40, using: &generator))"
        case 5:
            return
                "\(Int.random(in: 0...9, using: &generator)).\(UInt64.random(in: 0 ... .max, using: &generator))E+2"
        case 6: return "\(UInt64.random(in: 0 ... .max, using: &generator))"
        default:
            return ["0", "-0", "-0.0", "1e0", "0e9", "123456789012345678901234567890"]
                .randomElement(using: &generator)!
        }
    }

    private mutating func value(depth: Int) -> String {
        let kind = Int.random(in: 0..<(depth > 0 ? 10 : 7), using: &generator)
        switch kind {
        case 0: return "null"
        case 1: return Bool.random(using: &generator) ? "true" : "false"
        case 2...4: return number()
        case 5, 6: return string()
        case 7: return list(depth: depth)
        default: return object(depth: depth)
        }
    }

    private mutating func list(depth: Int) -> String {
        var elements: [String] = []
        for _ in 0..<Int.random(in: 0...5, using: &generator) {
            elements.append(value(depth: depth - 1))
        }
        return "[" + elements.joined(separator: separator(",")) + "]"
    }

    private mutating func object(depth: Int) -> String {
        var members: [String] = []
        for index in 0..<Int.random(in: 0...5, using: &generator) {
            // The index keeps keys apart: what duplicates mean is tested by itself.
            let key = string().dropLast() + "\(index)\""
            members.append(key + separator(":") + value(depth: depth - 1))
        }
        return "{" + separator("") + members.joined(separator: separator(",")) + separator("") + "}"
    }

    private mutating func separator(_ character: String) -> String {
        let space = ["", "", "", " ", "\n  "].randomElement(using: &generator)!
        return space + character + space
    }

    private mutating func string() -> String {
        let pieces = [
            "a", "key", "Wälzlager", "日本", "🙂", "\\n", "\\\"", "\\\\", "\\/", "\\u0041", "\\u00e9",
            "\\ud83d\\ude00", " ", "{", "]", ",", ":", "0",
        ]
        var text = ""
        for _ in 0..<Int.random(in: 0...6, using: &generator) {
            text += pieces.randomElement(using: &generator)!
        }
        return "\"" + text + "\""
    }
}
