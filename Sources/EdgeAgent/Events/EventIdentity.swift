/// Who sends an event: the agent and, for a pipeline's events, the pipeline.
///
/// Everything is escaped once, here; the hot path copies bytes.
package struct EventIdentity: Sendable {
    /// The number of this start of the agent; it grows with each.
    package let boot: UInt64
    /// `"<agent>/` as the start of a JSON string, without its end.
    let agentPrefix: [UInt8]
    /// The source as a JSON string.
    let source: [UInt8]
    /// The agent's name as a JSON string.
    let agent: [UInt8]
    /// The pipeline's name as a JSON string; empty for the agent's own events.
    let pipeline: [UInt8]

    /// - Parameters:
    ///   - agent: the agent's name, not empty.
    ///   - boot: the number of this start.
    ///   - pipeline: nil for the agent's own events.
    package init(agent: String, boot: UInt64, pipeline: String? = nil) {
        self.boot = boot
        self.agent = Self.json(agent)
        self.pipeline = pipeline.map { Self.json($0) } ?? []
        agentPrefix = Self.json("\(agent)/").dropLast()
        var path = "/agents/\(Self.percentEncoded(agent))"
        if let pipeline { path += "/pipelines/\(Self.percentEncoded(pipeline))" }
        source = Self.json(path)
    }

    static func json(_ text: String) -> [UInt8] {
        var writer = JSONWriter(growingTo: .max)
        writer.string(text)
        _ = writer.finish()
        return writer.copyBytes()
    }

    /// Leaves only what RFC 3986 calls unreserved, since a CloudEvents source is a URI reference.
    static func percentEncoded(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return encoded
    }
}
