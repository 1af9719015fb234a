internal import SensorIO

/// `UpdateState` as JSON. Strict when it is read: a state that this program did not write is no state.
enum UpdateStateCoding {
    static let schema = 1

    // MARK: Write

    static func encode(_ state: UpdateState) -> [UInt8] {
        var json = JSONWriter(growingTo: UpdateStateFile.maximumBytes, layout: .indented)
        json.beginObject()
        json.key("schema")
        json.integer(schema)
        json.key("name")
        json.string(state.name)
        json.key("active")
        write(state.active, &json)
        json.key("previous")
        if let previous = state.previous { write(previous, &json) } else { json.null() }
        json.key("candidate")
        if let candidate = state.candidate { write(candidate, &json) } else { json.null() }
        json.key("highestReleases")
        json.beginObject()
        for (name, release) in state.highestReleases.sorted(by: { $0.key < $1.key }) {
            json.key(name)
            json.integer(release)
        }
        json.endObject()
        json.key("refused")
        json.beginArray()
        for refused in state.refused {
            json.beginObject()
            write("validator", refused.validator, &json)
            write("digest", refused.digest?.hexadecimal, &json)
            json.key("release")
            json.integer(refused.release)
            json.key("code")
            json.string(refused.code)
            json.endObject()
        }
        json.endArray()
        write("pin", state.pin?.hexadecimal, &json)
        json.key("alerts")
        json.beginArray()
        for alert in state.alerts { write(alert, &json) }
        json.endArray()
        json.key("isHeld")
        json.boolean(state.isHeld)
        write("validator", state.validator, &json)
        json.key("clockFloorNanoseconds")
        json.integer(state.clockFloorNanoseconds)
        json.key("isRunning")
        json.boolean(state.isRunning)
        json.key("crashes")
        json.integer(state.crashes)
        json.key("unrecorded")
        json.beginArray()
        for record in state.unrecorded { write(record, &json) }
        json.endArray()
        json.endObject()
        _ = json.finish()
        return json.copyBytes()
    }

    private static func write(_ key: String, _ text: String?, _ json: inout JSONWriter) {
        json.key(key)
        if let text { json.string(text) } else { json.null() }
    }

    private static func write(_ choice: ModelChoice, _ json: inout JSONWriter) {
        switch choice {
        case .configured: json.string("configured")
        case .stored(let version): write(version, &json)
        }
    }

    private static func write(_ record: UpdateRecord, _ json: inout JSONWriter) {
        json.beginObject()
        json.key("kind")
        json.string(record.kind.rawValue)
        json.key("version")
        if let version = record.version { write(version, &json) } else { json.null() }
        json.key("actor")
        json.string(record.actor)
        write("code", record.code, &json)
        write("detail", record.detail, &json)
        json.endObject()
    }

    private static func write(_ alert: UpdateState.RaisedAlert, _ json: inout JSONWriter) {
        json.beginObject()
        json.key("label")
        json.string(alert.label.name)
        json.key("atNanoseconds")
        json.integer(alert.atNanoseconds)
        // As text: a number beyond 2^53 is not every reader's.
        write("boot", alert.by.map { "\($0.boot)" }, &json)
        write("sequence", alert.by.map { "\($0.sequence)" }, &json)
        json.endObject()
    }

    private static func write(_ version: ModelVersion, _ json: inout JSONWriter) {
        version.write(&json, digest: version.digest.hexadecimal)
    }

    private static func write(_ candidate: UpdateState.Candidate, _ json: inout JSONWriter) {
        json.beginObject()
        json.key("phase")
        json.string(candidate.phase.rawValue)
        json.key("reference")
        json.string(candidate.reference)
        write("validator", candidate.validator, &json)
        json.key("version")
        if let version = candidate.version { write(version, &json) } else { json.null() }
        json.key("isManual")
        json.boolean(candidate.isManual)
        json.key("crashes")
        json.integer(candidate.crashes)
        json.key("elapsedSeconds")
        json.integer(candidate.elapsedSeconds)
        json.key("activeAlarmShare")
        if let share = candidate.activeAlarmShare { json.number(share) } else { json.null() }
        json.key("tally")
        json.beginArray()
        let tally = candidate.tally
        for count in [
            tally.evaluations, tally.failures, tally.alarming, tally.reference, tally.agreements,
        ] { json.integer(Int64(clamping: count)) }
        json.endArray()
        json.endObject()
    }

    // MARK: Read

    static func decode(_ bytes: [UInt8]) throws(JSONError) -> UpdateState {
        let root = JSONNode(
            try JSONValue(
                parsing: bytes,
                limits: JSONValue.Limits(
                    maximumBytes: UpdateStateFile.maximumBytes, maximumDepth: 8)))
        let found = try root.required("schema").integer()
        guard found == schema else {
            throw try root.required("schema").invalid(
                "be \(schema): this was written by another version of the agent")
        }
        var state = UpdateState(name: try text(root.required("name"), 128))
        state.active = try choice(root.required("active"))
        state.previous = try root.optional("previous").map(choice)
        state.candidate = try root.optional("candidate").map(candidate)
        for (name, node) in try root.required("highestReleases").members() {
            state.highestReleases[name] = try node.integer(in: 0...Int(Int32.max))
        }
        let refused = try root.required("refused").elements()
        guard refused.count <= UpdateState.maximumRefused else {
            throw try root.required("refused").invalid("be at most \(UpdateState.maximumRefused)")
        }
        for node in refused {
            state.refused.append(
                UpdateState.Refused(
                    validator: try optionalText(node, "validator"),
                    digest: try node.optional("digest").map(digest),
                    release: try node.required("release").integer(in: 0...Int(Int32.max)),
                    code: try text(node.required("code"), 64)))
        }
        state.pin = try root.optional("pin").map(digest)
        for node in try root.optional("alerts")?.elements() ?? [] {
            state.alerts.append(try alert(node))
        }
        state.isHeld = try root.required("isHeld").bool()
        state.validator = try optionalText(root, "validator")
        state.clockFloorNanoseconds = Int64(
            try root.required("clockFloorNanoseconds").integer(in: 0...Int.max))
        state.isRunning = try root.required("isRunning").bool()
        state.crashes = try root.required("crashes").integer(in: 0...1_000_000)
        for node in try root.optional("unrecorded")?.elements() ?? [] {
            state.unrecorded.append(try record(node))
        }
        return state
    }

    private static func record(_ node: JSONNode) throws(JSONError) -> UpdateRecord {
        let kind = try node.required("kind")
        guard let value = UpdateRecord.Kind(rawValue: try kind.string()) else {
            throw kind.invalid("be what can become of a version")
        }
        return UpdateRecord(
            value, try node.optional("version").map(version),
            actor: try text(node.required("actor"), 4096), code: try optionalText(node, "code"),
            detail: try node.optional("detail").map { node throws(JSONError) in
                try text(node, UpdateStateFile.maximumBytes)
            })
    }

    private static func choice(_ node: JSONNode) throws(JSONError) -> ModelChoice {
        if case .string("configured") = node.value { return .configured }
        return .stored(try version(node))
    }

    private static func version(_ node: JSONNode) throws(JSONError) -> ModelVersion {
        let name = try node.required("name")
        // It becomes a directory's name.
        guard BundleManifest.isIdentifier(try name.string()) else {
            throw name.invalid("be the name of a bundle")
        }
        return ModelVersion(
            name: try name.string(), version: try text(node.required("version"), 128),
            release: try node.required("release").integer(in: 1...Int(Int32.max)),
            digest: try digest(node.required("digest")),
            origin: try text(node.required("origin"), 4096))
    }

    private static func candidate(_ node: JSONNode) throws(JSONError) -> UpdateState.Candidate {
        let phase = try node.required("phase")
        guard let value = UpdateState.Phase(rawValue: try phase.string()) else {
            throw phase.invalid("be a phase of an update")
        }
        var candidate = UpdateState.Candidate(
            phase: value, reference: try text(node.required("reference"), 4096))
        candidate.validator = try optionalText(node, "validator")
        candidate.version = try node.optional("version").map(version)
        candidate.isManual = try node.required("isManual").bool()
        candidate.crashes = try node.required("crashes").integer(in: 0...1_000_000)
        candidate.elapsedSeconds = try node.required("elapsedSeconds").integer(in: 0...(1 << 40))
        candidate.activeAlarmShare = try node.optional("activeAlarmShare")?.number()
        let tally = try node.required("tally")
        let counts = try tally.elements()
        guard counts.count == 5 else { throw tally.invalid("have 5 numbers") }
        func count(_ index: Int) throws(JSONError) -> UInt64 {
            UInt64(try counts[index].integer(in: 0...(1 << 60)))
        }
        candidate.tally.evaluations = try count(0)
        candidate.tally.failures = try count(1)
        candidate.tally.alarming = try count(2)
        candidate.tally.reference = try count(3)
        candidate.tally.agreements = try count(4)
        switch value {
        case .resolving, .downloading, .verifying: break
        case .staged, .selfTest, .shadow, .trial:
            guard candidate.version != nil else {
                throw node.invalid("have a version in \(value.rawValue)")
            }
        }
        return candidate
    }

    private static func alert(_ node: JSONNode) throws(JSONError) -> UpdateState.RaisedAlert {
        let name = try node.required("label").string()
        let labels = [AgentAlertLabel.updateRefused, .updateRolledBack]
        guard let label = labels.first(where: { $0.name.description == name }) else {
            throw try node.required("label").invalid("be an alert about updates")
        }
        var alert = UpdateState.RaisedAlert(
            label: label,
            atNanoseconds: Int64(try node.required("atNanoseconds").integer(in: 0...Int.max)))
        if let boot = UInt64(try optionalText(node, "boot") ?? ""),
            let sequence = UInt64(try optionalText(node, "sequence") ?? "")
        {
            alert.by = EventReference(boot: boot, sequence: sequence)
        }
        return alert
    }

    private static func digest(_ node: JSONNode) throws(JSONError) -> SHA256Digest {
        guard let digest = SHA256Digest(hexadecimal: try node.string()) else {
            throw node.invalid("be a SHA-256 of 64 hexadecimal digits")
        }
        return digest
    }

    private static func text(_ node: JSONNode, _ maximumBytes: Int) throws(JSONError) -> String {
        let text = try node.string()
        guard text.utf8.count <= maximumBytes else {
            throw node.invalid("have at most \(maximumBytes) bytes")
        }
        return text
    }

    private static func optionalText(_ node: JSONNode, _ key: String) throws(JSONError) -> String? {
        try node.optional(key).map { node throws(JSONError) in try text(node, 4096) }
    }
}
