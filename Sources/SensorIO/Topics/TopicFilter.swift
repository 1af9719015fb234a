/// A topic filter of MQTT whose levels may be captured by name:
/// `plant/{site}/pump/{asset}/vibration` subscribes to `plant/+/pump/+/vibration` and says of each topic
/// which site and which asset it is from.
///
/// Matching works on raw bytes, and allocates nothing.
///
/// - Source: MQTT Version 5.0, sections 4.7 and 4.8.2.
package struct TopicFilter: Sendable, Equatable {
    private enum Kind: Equatable {
        case literal
        case anyLevel
        case capture
        case rest
    }

    private struct Level: Equatable {
        var kind: Kind
        /// Where a literal stands in `literals`.
        var start: Int
        var count: Int
    }

    /// The longest topic or filter.
    package static let maximumBytes = 65_535

    /// The filter as it was written.
    package let text: String
    /// The filter to subscribe to, with `+` for each capture.
    package let mqttFilter: String
    /// The names of the captures, in the order of the levels.
    package let captureNames: [String]
    private let levels: [Level]
    private let literals: [UInt8]

    /// Reads a filter.
    ///
    /// - Throws: ``TopicError`` with the offset of the first thing that is wrong.
    package init(_ text: String) throws(TopicError) {
        let bytes = Array(text.utf8)
        guard !bytes.isEmpty else { throw TopicError(.empty, at: 0) }
        guard bytes.count <= Self.maximumBytes else {
            throw TopicError(.tooLong(bytes: bytes.count), at: Self.maximumBytes)
        }
        if let index = bytes.firstIndex(of: 0) { throw TopicError(.containsNUL, at: index) }
        let start = try Self.skipShare(bytes)
        var levels: [Level] = []
        var names: [String] = []
        var literals: [UInt8] = []
        var filter = Array(bytes[..<start])
        var levelStart = start
        while levelStart <= bytes.count {
            let end = bytes[levelStart...].firstIndex(of: UInt8(ascii: "/")) ?? bytes.count
            let level = bytes[levelStart..<end]
            if levelStart > start { filter.append(UInt8(ascii: "/")) }
            if let name = try Self.captureName(level) {
                if names.contains(name) { throw TopicError(.duplicateName(name), at: levelStart) }
                guard names.count < TopicCaptures.maximumCount else {
                    throw TopicError(.tooManyCaptures, at: levelStart)
                }
                names.append(name)
                levels.append(Level(kind: .capture, start: 0, count: 0))
                filter.append(UInt8(ascii: "+"))
            } else {
                let kind = try Self.kind(of: level, isLast: end == bytes.count)
                levels.append(Level(kind: kind, start: literals.count, count: level.count))
                literals.append(contentsOf: level)
                filter.append(contentsOf: level)
            }
            levelStart = end + 1
        }
        self.text = text
        mqttFilter = String(decoding: filter, as: UTF8.self)
        captureNames = names
        self.levels = levels
        self.literals = literals
    }

    /// The offset of the filter behind `$share/group/`, or 0.
    private static func skipShare(_ bytes: [UInt8]) throws(TopicError) -> Int {
        let prefix = Array("$share".utf8)
        guard bytes.starts(with: prefix),
            bytes.count == prefix.count || bytes[prefix.count] == UInt8(ascii: "/")
        else { return 0 }
        let group = bytes.dropFirst(prefix.count + 1)
        guard let end = group.firstIndex(of: UInt8(ascii: "/")), end > group.startIndex,
            end + 1 < bytes.count
        else { throw TopicError(.invalidShare, at: min(prefix.count, bytes.count)) }
        for index in group.startIndex..<end where "+#{}".utf8.contains(bytes[index]) {
            throw TopicError(.invalidShare, at: index)
        }
        return end + 1
    }

    /// The name in a level that is a capture, nil for any other level.
    private static func captureName(_ level: ArraySlice<UInt8>) throws(TopicError) -> String? {
        guard
            let brace = level.firstIndex(where: {
                $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "}")
            })
        else { return nil }
        let close = level.firstIndex(of: UInt8(ascii: "}"))
        guard level[brace] == UInt8(ascii: "{"), let close else {
            throw TopicError(.unbalancedBrace, at: brace)
        }
        guard brace == level.startIndex, close == level.endIndex - 1 else {
            throw TopicError(.captureWithinLevel, at: level.startIndex)
        }
        let name = level[(brace + 1)..<close]
        guard isName(name) else {
            throw TopicError(
                .invalidName(String(decoding: name, as: UTF8.self)), at: level.startIndex)
        }
        return String(decoding: name, as: UTF8.self)
    }

    static func isName(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let first = bytes.first else { return false }
        func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }
        return isLetter(first)
            && bytes.allSatisfy {
                isLetter($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "_")
                    || $0 == UInt8(ascii: "-")
            }
    }

    private static func kind(of level: ArraySlice<UInt8>, isLast: Bool) throws(TopicError) -> Kind {
        guard
            let wildcard = level.firstIndex(where: {
                $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "#")
            })
        else { return .literal }
        guard level.count == 1 else { throw TopicError(.wildcardWithinLevel, at: wildcard) }
        if level[wildcard] == UInt8(ascii: "+") { return .anyLevel }
        guard isLast else { throw TopicError(.multiLevelWildcardNotLast, at: wildcard) }
        return .rest
    }

    /// The index of the capture called `name`.
    package func captureIndex(of name: String) -> Int? {
        captureNames.firstIndex(of: name)
    }

    /// Whether the filter matches a topic; if so, `captures` says what its captures stand for. A capture
    /// may be empty, as a level may.
    ///
    /// - Complexity: linear in the topic's length; allocates nothing.
    package func matches(_ topic: UnsafeRawBufferPointer, captures: inout TopicCaptures) -> Bool {
        captures.removeAll()
        let bytes = unsafe topic.bindMemory(to: UInt8.self)
        let count = bytes.count
        guard count > 0, count <= Self.maximumBytes else { return false }
        // Wildcards at the front do not reach into the broker's own topics.
        if unsafe bytes[0] == UInt8(ascii: "$"), levels[0].kind != .literal { return false }
        var start = 0
        for index in levels.indices {
            let level = levels[index]
            if level.kind == .rest { return true }
            // Behind the topic's last level: only "parent/#" matches "parent" itself.
            guard start <= count else { return false }
            var end = start
            while end < count, unsafe bytes[end] != UInt8(ascii: "/") { end += 1 }
            switch level.kind {
            case .literal:
                guard end - start == level.count else { return false }
                for offset in 0..<level.count
                where unsafe bytes[start + offset] != literals[level.start + offset] {
                    return false
                }
            case .capture:
                captures.append(TopicRange(start: UInt16(start), count: UInt16(end - start)))
            case .anyLevel, .rest:
                break
            }
            start = end + 1
        }
        // start is one past the end when the last level of the topic has been taken.
        return start == count + 1
    }
}
