@testable import EdgeAgent

/// One message of each kind, always the same.
enum EventSamples {
    /// 2026-11-21T09:30:00.123456Z.
    static let time: Int64 = 1_795_253_400_123_456_789
    static let agent = EventIdentity(agent: "line-3", boot: 17)
    static let pipeline = EventIdentity(agent: "line-3", boot: 17, pipeline: "pump-vibration")
    static let model = EventModel(
        name: "pump-autoencoder", version: "1.4.0",
        digest: "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        labels: ["normal", "bearing-wear"], channels: ["vibration.x", "vibration.y", "temperature"])
    static let subject = Array("pump-7".utf8)

    static var rule: AlarmRule {
        get throws {
            try AlarmRule(
                bands: [
                    SeverityBand(severity: .minor, raiseAbove: 0.25),
                    SeverityBand(severity: .critical, raiseAbove: 1),
                ], clearBelow: 0.125)
        }
    }

    static func evaluation(score: Float, label: Int16 = -1) -> Evaluation {
        Evaluation(
            timeNanoseconds: time,
            score: Score(value: score, labelIndex: label, winnerIndex: label),
            window: EventWindow(
                startNanoseconds: time - 640_000_000, endNanoseconds: time - 2_000_000, samples: 64),
            latencyNanoseconds: 1_734_000, budgetNanoseconds: 20_000_000, origin: .model,
            clock: .synchronised)
    }

    /// The alarm after a raise by event 41.
    static var raisedState: AlarmState {
        get throws {
            var state = AlarmState()
            let rule = try rule
            _ = state.advance(
                rule.observe(0.5), rule: rule, labelIndex: 1,
                now: AlarmInstant(monotonicNanoseconds: 1, wallNanoseconds: time - 60_000_000_000))
            state.noteEvent(EventReference(boot: 17, sequence: 41))
            return state
        }
    }

    static func alert(_ transition: AlertTransition) throws -> AlertEvent {
        var contributors = Contributors()
        contributors.insert(Contributor(channel: 0, share: 0.75), limit: 3)
        contributors.insert(Contributor(channel: 2, share: 0.125), limit: 3)
        return AlertEvent(
            transition, sequence: transition == .raised ? 41 : 42, boot: 17,
            evaluation: evaluation(score: transition == .cleared ? 0.0625 : 0.4375),
            state: try raisedState, rule: try rule,
            contributors: transition == .cleared ? .init() : contributors)
    }

    static func evicted(_ reason: ClearReason = .evicted) throws -> AlertEvent {
        AlertEvent(
            retiring: try raisedState, reason: reason, sequence: 43,
            threshold: reason == .removed ? 0 : try rule.clearBelow, timeNanoseconds: time,
            clock: .unsynchronised)
    }

    static func agentAlert(_ transition: AlertTransition) -> AgentAlert {
        AgentAlert(
            .latencyBudgetExceeded, transition, sequence: 44, timeNanoseconds: time,
            clock: .synchronised, value: transition == .raised ? 5 : 0, limit: 5,
            raisedAtNanoseconds: time - 10_000_000_000,
            raisedBy: EventReference(boot: 17, sequence: transition == .raised ? 44 : 40))
    }

    static let status = AgentStatus(
        agent: "line-3", version: "0.1.0", boot: 17, startedAtNanoseconds: time,
        clock: .synchronised,
        pipelines: [
            AgentStatus.Pipeline(
                name: "pump-vibration", bundle: "pump-autoencoder", version: "1.4.0",
                digest: "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                origin: .model, budgetNanoseconds: 20_000_000)
        ])

    /// Writes with a new writer and returns text and result.
    static func write(
        subject: [UInt8] = subject, model: EventModel? = model, identity: EventIdentity = pipeline,
        _ body: (inout PipelineEventWriter, UnsafeRawBufferPointer) -> EventWriteResult
    ) -> (text: String, result: EventWriteResult) {
        var writer = PipelineEventWriter(
            identity: identity,
            capacityBytes: PipelineEventWriter.requiredBytes(
                identity: identity, model: model, maximumSubjectBytes: subject.count))
        let result = subject.withUnsafeBytes { body(&writer, $0) }
        return (writer.withMessage { String(decoding: $0, as: UTF8.self) }, result)
    }

    /// Writes with a new writer of the agent's and returns text and result.
    static func writeAgent(
        _ body: (inout AgentEventWriter) -> EventWriteResult
    ) -> (text: String, result: EventWriteResult) {
        var writer = AgentEventWriter(identity: agent, maximumSubjectBytes: 400)
        let result = body(&writer)
        return (writer.withMessage { String(decoding: $0, as: UTF8.self) }, result)
    }

    /// Every message, with the name of its schema.
    static func all() throws -> [(schema: String, text: String)] {
        let detail = Array("5 of the last 100 windows missed 20 ms".utf8)
        var messages: [(schema: String, text: String)] = []
        for transition in [AlertTransition.raised, .escalated, .reminded, .cleared] {
            let event = try alert(transition)
            messages.append(
                ("alert", write { $0.writeAlert(event, subject: $1, model: model) }.text))
            messages.append(
                (
                    "alarm-state",
                    write { $0.writeState(after: event, subject: $1, model: model) }.text
                ))
        }
        let evicted = try evicted()
        messages.append(
            ("alert", write { $0.writeAlert(evicted, subject: $1, model: model) }.text))
        messages.append(
            ("alarm-state", write { $0.writeState(after: evicted, subject: $1, model: model) }.text)
        )
        // Of a pipeline whose model nobody knows any more.
        let removed = try EventSamples.evicted(.removed)
        let alert = write(model: nil) { $0.writeAlert(removed, subject: $1, model: nil) }
        let state = write(model: nil) { $0.writeState(after: removed, subject: $1, model: nil) }
        messages += [("alert", alert.text), ("alarm-state", state.text)]
        messages.append(
            (
                "prediction",
                write {
                    $0.writePrediction(
                        evaluation(score: 0.3, label: 1), sequence: 45, threshold: 0.25,
                        subject: $1, model: model)
                }.text
            ))
        for transition in [AlertTransition.raised, .cleared] {
            let alert = agentAlert(transition)
            messages.append(
                (
                    "alert",
                    writeAgent {
                        $0.writeAlert(alert, subject: Array("pump-vibration".utf8), detail: detail)
                    }.text
                ))
            messages.append(
                ("alarm-state", writeAgent { $0.writeState(after: alert, detail: detail) }.text))
        }
        for transition in [AlertTransition.raised, .cleared] {
            var alert = agentAlert(transition)
            alert.label = .updateRefused
            alert.reason = .acknowledged
            let (subject, cause) = (Array("pump-vibration".utf8), Array("golden-mismatch".utf8))
            messages.append(
                (
                    "alert",
                    writeAgent {
                        $0.writeAlert(
                            alert, subject: subject, model: model, cause: cause, detail: detail)
                    }.text
                ))
            messages.append(
                (
                    "alarm-state",
                    writeAgent {
                        $0.writeState(after: alert, subject: subject, model: model, cause: cause)
                    }.text
                ))
        }
        var updating = status
        updating.requiresSignatures = true
        for bytes in [
            updating.online(timeNanoseconds: time), status.online(timeNanoseconds: time),
            status.offline(.lost),
            status.offline(.stopped, timeNanoseconds: time),
        ] {
            messages.append(("agent-status", String(decoding: bytes, as: UTF8.self)))
        }
        return messages
    }
}
