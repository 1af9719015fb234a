package import SensorIO

/// A command on its way to the agent that runs, as one line of JSON.
package struct UpdateRequest: Sendable, Equatable {
    package enum Verb: String, Sendable, CaseIterable {
        case pull, stage, promote, rollback, pin, unpin, hold, unhold, acknowledge
        case list, history

        /// Whether it is worth a line of the audit log, and must not be done twice.
        var changesSomething: Bool { self != .list && self != .history }
    }

    package static let maximumBytes = 8192

    package var verb: Verb
    /// nil: the only pipeline.
    package var pipeline: String?
    /// `pull`: a model; `stage`: a directory; `pin`: a digest, or nothing for the active version; `history`: how
    /// many lines.
    package var argument: String?

    package init(_ verb: Verb, pipeline: String? = nil, argument: String? = nil) {
        self.verb = verb
        self.pipeline = pipeline
        self.argument = argument
    }

    /// Reads a line.
    ///
    /// - Throws: `JSONError`.
    package init(parsing bytes: [UInt8]) throws(JSONError) {
        let root = try Self.root(bytes)
        try root.requireKeys(among: ["command", "pipeline", "argument"])
        let node = try root.required("command")
        guard let verb = Verb(rawValue: try node.string()) else {
            throw node.invalid(
                "be one of \(Verb.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        self.verb = verb
        pipeline = try root.optional("pipeline")?.string()
        argument = try root.optional("argument")?.string()
    }

    /// Reads a command whose name stands elsewhere: an object with `pipeline` and `argument`, or nothing at all.
    ///
    /// - Throws: `JSONError`.
    init(_ verb: Verb, parsing bytes: [UInt8]) throws(JSONError) {
        self.init(verb)
        guard !bytes.isEmpty else { return }
        let root = try Self.root(bytes)
        try root.requireKeys(among: ["pipeline", "argument"])
        pipeline = try root.optional("pipeline")?.string()
        argument = try root.optional("argument")?.string()
    }

    private static func root(_ bytes: [UInt8]) throws(JSONError) -> JSONNode {
        JSONNode(
            try JSONValue(
                parsing: bytes,
                limits: JSONValue.Limits(maximumBytes: maximumBytes, maximumDepth: 2)))
    }

    package var encoded: [UInt8] {
        var json = JSONWriter(growingTo: Self.maximumBytes)
        json.beginObject()
        json.member("command", verb.rawValue)
        json.member("pipeline", pipeline)
        json.member("argument", argument)
        json.endObject()
        _ = json.finish()
        return json.copyBytes()
    }
}

/// The answer to a command.
package struct UpdateAnswer: Sendable, Equatable {
    package var isAccepted: Bool
    package var text: String

    package init(isAccepted: Bool, text: String) {
        self.isAccepted = isAccepted
        self.text = text
    }

    package init(parsing bytes: [UInt8]) throws(JSONError) {
        let root = JSONNode(try JSONValue(parsing: bytes))
        isAccepted = try root.required("accepted").bool()
        text = try root.required("text").string()
    }

    package var encoded: [UInt8] {
        var json = JSONWriter(growingTo: 1 << 16)
        json.beginObject()
        json.member("accepted", isAccepted)
        json.member("text", text)
        json.endObject()
        _ = json.finish()
        return json.copyBytes()
    }
}
