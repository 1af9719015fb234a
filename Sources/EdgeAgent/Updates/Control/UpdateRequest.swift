package import SensorIO

/// A command on its way to the agent that runs, as one line of JSON.
package struct UpdateRequest: Sendable, Equatable {
    package enum Verb: String, Sendable, CaseIterable {
        case pull, stage, promote, rollback, pin, unpin, hold, unhold
    }

    package static let maximumBytes = 8192

    package var verb: Verb
    /// nil: the only pipeline.
    package var pipeline: String?
    /// `pull`: a model; `stage`: a directory; `pin`: a digest, or nothing for the active version.
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
        let root = JSONNode(
            try JSONValue(
                parsing: bytes,
                limits: JSONValue.Limits(maximumBytes: Self.maximumBytes, maximumDepth: 2)))
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

    package var encoded: [UInt8] {
        var json = JSONWriter(growingTo: Self.maximumBytes)
        json.beginObject()
        json.key("command")
        json.string(verb.rawValue)
        json.key("pipeline")
        if let pipeline { json.string(pipeline) } else { json.null() }
        json.key("argument")
        if let argument { json.string(argument) } else { json.null() }
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
        json.key("accepted")
        json.boolean(isAccepted)
        json.key("text")
        json.string(text)
        json.endObject()
        _ = json.finish()
        return json.copyBytes()
    }
}

extension UpdateRequest {
    /// Obeys the request on one of these.
    func obey(_ updaters: [Updater], by actor: String) -> UpdateAnswer {
        let chosen: Updater
        if let pipeline {
            guard let found = updaters.first(where: { $0.settings.pipeline == pipeline }) else {
                return refuse("there is no pipeline '\(pipeline)'")
            }
            chosen = found
        } else {
            guard let only = updaters.first, updaters.count == 1 else {
                let names = updaters.map(\.settings.pipeline).joined(separator: ", ")
                return refuse("name the pipeline with --pipeline: \(names)")
            }
            chosen = only
        }
        let command: UpdateCommand
        switch verb {
        case .pull: command = .pull(reference: argument)
        case .stage:
            guard let argument, argument.hasPrefix("/") else {
                return refuse("stage needs the absolute path of a bundle's directory")
            }
            command = .pull(reference: argument)
        case .promote: command = .promote
        case .rollback: command = .rollback
        case .unpin: command = .unpin
        case .hold: command = .hold
        case .unhold: command = .unhold
        case .pin:
            guard let (choice, digest) = chosen.choice(argument) else {
                return refuse(
                    "no version here has the digest '\(argument ?? "")': 'edge-agent model list' shows them"
                )
            }
            command = .pin(choice, digest)
        }
        let answer = chosen.obey(command, by: actor)
        return UpdateAnswer(isAccepted: answer.isAccepted, text: answer.text)
    }

    private func refuse(_ text: String) -> UpdateAnswer {
        UpdateAnswer(isAccepted: false, text: text)
    }
}

extension Updater {
    /// The version that a digest, or the start of one, names; nil: the active one.
    func choice(_ text: String?) -> (ModelChoice, SHA256Digest)? {
        let state = machine.state
        let known = [
            state.active, state.previous, state.candidate?.version.map(ModelChoice.stored),
        ]
        .compactMap { $0 }
        func digest(_ choice: ModelChoice) -> SHA256Digest? {
            choice.stored?.digest ?? machine.configured?.digest
        }
        guard let text else { return digest(state.active).map { (state.active, $0) } }
        let hexadecimal = text.hasPrefix("sha256:") ? String(text.dropFirst(7)) : text
        guard hexadecimal.utf8.count >= 8 else { return nil }
        for choice in known {
            if let digest = digest(choice), digest.hexadecimal.hasPrefix(hexadecimal) {
                return (choice, digest)
            }
        }
        return nil
    }
}
