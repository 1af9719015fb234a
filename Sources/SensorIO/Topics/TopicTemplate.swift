/// A piece of a template: text as it is, or `{name}`.
enum TemplatePiece {
    case literal([UInt8], offset: Int)
    case name(String, offset: Int)

    /// Splits a template at its braces.
    static func parse(_ text: String) throws(TopicError) -> [TemplatePiece] {
        let bytes = Array(text.utf8)
        var pieces: [TemplatePiece] = []
        var start = 0
        while start < bytes.count {
            if bytes[start] == UInt8(ascii: "{") {
                guard let end = bytes[start...].firstIndex(of: UInt8(ascii: "}")) else {
                    throw TopicError(.unbalancedBrace, at: start)
                }
                let name = bytes[(start + 1)..<end]
                guard TopicFilter.isName(name) else {
                    throw TopicError(
                        .invalidName(String(decoding: name, as: UTF8.self)), at: start)
                }
                pieces.append(.name(String(decoding: name, as: UTF8.self), offset: start))
                start = end + 1
            } else {
                let end = bytes[start...].firstIndex(of: UInt8(ascii: "{")) ?? bytes.count
                if let brace = bytes[start..<end].firstIndex(of: UInt8(ascii: "}")) {
                    throw TopicError(.unbalancedBrace, at: brace)
                }
                pieces.append(.literal(Array(bytes[start..<end]), offset: start))
                start = end
            }
        }
        return pieces
    }
}

/// What became of an expansion of a ``TopicTemplate``.
package enum TopicExpansion: Sendable, Equatable {
    /// So many bytes were written, and a NUL behind them.
    case written(count: Int)
    /// The topic, or the buffer, is too small for it.
    case tooLong
    /// A value would make an empty level.
    case emptyLevel
    /// A value contains `+`, `#` or NUL.
    case forbiddenByte
    /// The topic would begin with `$`.
    case reserved
}

/// The topic of outgoing messages: `edge/{agent}/alerts/{pipeline}/{asset}`. Names with one value for the life
/// of the process are bound once; the others are filled in for each message, without allocation.
package struct TopicTemplate: Sendable, Equatable {
    private enum Part: Equatable {
        case literal([UInt8])
        case variable(Int)
    }

    /// How many names may be left to fill in for each message.
    package static let maximumVariables = 4

    /// The template as it was written.
    package let text: String
    /// The names that are filled in for each message, in the order in which values are given.
    package let variables: [String]
    private let parts: [Part]

    /// Reads a template, and fills in what is known for good.
    ///
    /// - Parameters:
    ///   - bindings: names with their value.
    ///   - variables: names that get their value with each message; at most ``maximumVariables``.
    /// - Throws: ``TopicError`` with the offset of the first thing that is wrong.
    package init(
        _ text: String, bindings: [String: String] = [:], variables: [String] = []
    ) throws(TopicError) {
        precondition(
            variables.count <= Self.maximumVariables, "a template has few names left to fill in")
        var parts: [Part] = []
        // What the topic looks like when every variable is one harmless byte: levels are checked on it.
        var sample: [UInt8] = []
        for piece in try TemplatePiece.parse(text) {
            switch piece {
            case .literal(let bytes, let offset):
                try Self.checkBytes(bytes, at: offset)
                parts.append(.literal(bytes))
                sample += bytes
            case .name(let name, let offset):
                if let index = variables.firstIndex(of: name) {
                    parts.append(.variable(index))
                    sample.append(UInt8(ascii: "x"))
                } else if let value = bindings[name] {
                    let bytes = Array(value.utf8)
                    try Self.checkBytes(bytes, at: offset)
                    guard !bytes.isEmpty else { throw TopicError(.emptyLevel, at: offset) }
                    parts.append(.literal(bytes))
                    sample += bytes
                } else {
                    throw TopicError(
                        .unknownName(name, known: bindings.keys.sorted() + variables), at: offset)
                }
            }
        }
        guard !sample.isEmpty else { throw TopicError(.empty, at: 0) }
        guard sample.count <= TopicFilter.maximumBytes else {
            throw TopicError(.tooLong(bytes: sample.count), at: 0)
        }
        if sample[0] == UInt8(ascii: "$") { throw TopicError(.reservedTopic, at: 0) }
        let levels = sample.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        if let empty = levels.first(where: { $0.isEmpty }) {
            throw TopicError(.emptyLevel, at: min(empty.startIndex, text.utf8.count))
        }
        self.text = text
        self.variables = variables
        self.parts = parts
    }

    private static func checkBytes(_ bytes: [UInt8], at offset: Int) throws(TopicError) {
        for (index, byte) in bytes.enumerated() {
            if byte == 0 { throw TopicError(.containsNUL, at: offset + index) }
            if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "#") {
                throw TopicError(.wildcardInTemplate, at: offset + index)
            }
        }
    }

    /// The template with everything filled in that is known for good: a template of the variables alone.
    package var boundText: String {
        var text = ""
        for part in parts {
            switch part {
            case .literal(let bytes): text += String(decoding: bytes, as: UTF8.self)
            case .variable(let index): text += "{\(variables[index])}"
            }
        }
        return text
    }

    /// The topic of a template that has no variables.
    package var constantTopic: String? {
        var bytes: [UInt8] = []
        for part in parts {
            guard case .literal(let literal) = part else { return nil }
            bytes += literal
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Writes the topic, and a NUL behind it, into `buffer`.
    ///
    /// A value may contain `/`, as a key that joins several levels does, but no empty level, wildcard or NUL.
    /// Values are taken to be UTF-8: they come from topics, which libmosquitto has checked.
    ///
    /// - Parameter first: the value of the first of ``variables``, and so on.
    /// - Complexity: linear in the topic's length; allocates nothing.
    package func expand(
        into buffer: UnsafeMutableRawBufferPointer,
        _ first: UnsafeRawBufferPointer? = nil,
        _ second: UnsafeRawBufferPointer? = nil,
        _ third: UnsafeRawBufferPointer? = nil,
        _ fourth: UnsafeRawBufferPointer? = nil
    ) -> TopicExpansion {
        // One byte stays for the NUL.
        let limit = min(buffer.count - 1, TopicFilter.maximumBytes)
        var count = 0
        for index in parts.indices {
            switch parts[index] {
            case .literal(let bytes):
                guard count + bytes.count <= limit else { return .tooLong }
                for byte in bytes {
                    unsafe buffer[count] = byte
                    count += 1
                }
            case .variable(let variable):
                let value =
                    switch variable {
                    case 0: unsafe first
                    case 1: unsafe second
                    case 2: unsafe third
                    default: unsafe fourth
                    }
                guard let value = unsafe value, value.count > 0 else { return .emptyLevel }
                guard count + value.count <= limit else { return .tooLong }
                for offset in 0..<value.count {
                    let byte = unsafe value[offset]
                    if byte == 0 || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "#") {
                        return .forbiddenByte
                    }
                    if byte == UInt8(ascii: "/"),
                        count == 0 || (unsafe buffer[count - 1]) == UInt8(ascii: "/")
                    {
                        return .emptyLevel
                    }
                    unsafe buffer[count] = byte
                    count += 1
                }
                if unsafe buffer[count - 1] == UInt8(ascii: "/") { return .emptyLevel }
            }
        }
        guard count > 0 else { return .tooLong }
        if unsafe buffer[0] == UInt8(ascii: "$") { return .reserved }
        unsafe buffer[count] = 0
        return .written(count: count)
    }
}
