/// How the key of an asset is made of the captures of a filter: a template such as `{site}/{asset}`,
/// or by default the capture `asset` alone, else all captures joined by `/`, else the whole topic.
package struct TopicKey: Sendable, Equatable {
    private enum Part: Equatable {
        case literal([UInt8])
        case capture(Int)
    }

    /// The longest key, in bytes: what a table of assets has to have room for.
    package static let maximumBytes = 256

    private let parts: [Part]

    /// The default for a filter.
    ///
    /// - Parameter excluded: captures that are no part of the key, such as the channel's.
    package init(for filter: TopicFilter, excluding excluded: Set<String> = []) {
        if let asset = filter.captureIndex(of: "asset"), !excluded.contains("asset") {
            parts = [.capture(asset)]
            return
        }
        var parts: [Part] = []
        for (index, name) in filter.captureNames.enumerated() where !excluded.contains(name) {
            if !parts.isEmpty { parts.append(.literal([UInt8(ascii: "/")])) }
            parts.append(.capture(index))
        }
        self.parts = parts
    }

    /// A template whose names are captures of the filter.
    ///
    /// - Throws: ``TopicError`` for a brace without its counterpart or a name that the filter does not capture.
    package init(template: String, for filter: TopicFilter) throws(TopicError) {
        let pieces = try TemplatePiece.parse(template)
        guard !pieces.isEmpty else { throw TopicError(.empty, at: 0) }
        var parts: [Part] = []
        for piece in pieces {
            switch piece {
            case .literal(let bytes, let offset):
                if let index = bytes.firstIndex(of: 0) {
                    throw TopicError(.containsNUL, at: offset + index)
                }
                parts.append(.literal(bytes))
            case .name(let name, let offset):
                guard let index = filter.captureIndex(of: name) else {
                    throw TopicError(
                        .unknownName(name, known: filter.captureNames), at: offset)
                }
                parts.append(.capture(index))
            }
        }
        self.parts = parts
    }

    /// The same for keys that are made the same way: captures by their number.
    package var text: String {
        parts.map { part in
            switch part {
            case .literal(let bytes): String(decoding: bytes, as: UTF8.self)
            case .capture(let index): "{\(index)}"
            }
        }.joined()
    }

    /// Writes the key of a topic that the filter matched into `buffer` and returns how many bytes it
    /// has; nil when a capture is empty or the key does not fit.
    ///
    /// - Complexity: linear in the key's length; allocates nothing.
    package func write(
        topic: UnsafeRawBufferPointer, captures: borrowing TopicCaptures,
        into buffer: UnsafeMutableRawBufferPointer
    ) -> Int? {
        let limit = min(buffer.count, Self.maximumBytes)
        if parts.isEmpty {
            guard topic.count > 0, topic.count <= limit else { return nil }
            unsafe buffer.copyMemory(from: topic)
            return topic.count
        }
        var count = 0
        for index in parts.indices {
            switch parts[index] {
            case .literal(let bytes):
                guard count + bytes.count <= limit else { return nil }
                for byte in bytes {
                    unsafe buffer[count] = byte
                    count += 1
                }
            case .capture(let capture):
                guard capture < captures.count else { return nil }
                let range = captures[capture]
                let start = Int(range.start)
                let length = Int(range.count)
                guard length > 0, count + length <= limit, start + length <= topic.count else {
                    return nil
                }
                for offset in 0..<length {
                    unsafe buffer[count + offset] = topic[start + offset]
                }
                count += length
            }
        }
        return count > 0 ? count : nil
    }
}
