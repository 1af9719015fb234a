internal import Logging
internal import SensorIO

/// Tells the log and the world what became of versions.
///
/// - Thread: one at a time: the starting one, then that of the updates.
struct UpdatePublisher: Sendable {
    private let lane: OutboxLane
    private let agent: String
    private let boot: UInt64
    private let identity: EventIdentity
    private let wallClock: WallClock
    private let logger: Logger

    init(
        lane: OutboxLane, agent: String, boot: UInt64, wallClock: WallClock, logger: Logger
    ) {
        self.lane = lane
        self.agent = agent
        self.boot = boot
        identity = EventIdentity(agent: agent, boot: boot)
        self.wallClock = wallClock
        self.logger = logger
    }

    func publish(_ record: UpdateRecord, pipeline: String, topic: String) {
        log(record, pipeline)
        let now = WallClock.nanoseconds
        let sequence = lane.makeSequence()
        let event = ModelEventWriter.event(
            record, pipeline: pipeline, identity: identity, sequence: sequence,
            timeNanoseconds: now, clock: wallClock.state)
        var header = OutboxRecordHeader(
            sequence: sequence, recordClass: .notice, createdNanoseconds: now,
            isClockSynchronised: wallClock.state == .synchronised)
        header.contentType = .cloudEventsJSON
        header.historicalOffset = max(event.historicalOffset, 0)
        let submission = unsafe Array(topic.utf8).withUnsafeBytes { topic in
            unsafe event.bytes.withUnsafeBytes { bytes in
                unsafe lane.submit(header, topic: topic, payload: bytes, live: false)
            }
        }
        if submission != .kept {
            logger.error("an event about a model was not sent: the outbox has no room")
        }
        flush()
    }

    /// The number of an event that will be published.
    func reserveEvent() -> EventReference {
        EventReference(boot: boot, sequence: lane.makeSequence())
    }

    /// Publishes the agent's own alert.
    func publish(
        _ change: UpdateAlert, pipeline: String, topic: String,
        stateTopic: (AgentAlertLabel) -> String
    ) {
        var publisher = AgentAlertPublisher(
            lane: lane, agent: agent, boot: boot, alertTopic: topic)
        let now = WallClock.nanoseconds
        var text = AgentAlertPublisher.Text(subject: pipeline)
        let raised: UpdateState.RaisedAlert
        let reference: EventReference
        var clearReason: ClearReason?
        let version: ModelVersion?
        switch change {
        case .raised(let alert, let record):
            raised = alert
            reference = alert.by ?? reserveEvent()
            version = record.version
            text.cause = record.code ?? ""
            text.detail = record.detail ?? ""
        case .cleared(let alert, let reason, let working):
            raised = alert
            reference = reserveEvent()
            clearReason = reason
            version = working
        }
        text.model = version.map {
            EventModel(
                name: $0.name, version: $0.version, digest: "\($0.digest)", labels: [],
                channels: [])
        }
        let isRaise = clearReason == nil
        let alert = AgentAlert(
            raised.label, isRaise ? .raised : .cleared, sequence: reference.sequence,
            timeNanoseconds: isRaise ? raised.atNanoseconds : now, clock: wallClock.state,
            value: isRaise ? 1 : 0, limit: 0,
            // Killed between the decision and its event, nobody knows what raised it.
            raisedAtNanoseconds: raised.by == nil ? now : raised.atNanoseconds,
            raisedBy: raised.by ?? reference, reason: clearReason ?? .recovered)
        publisher.publish(alert, text, stateTopic: stateTopic(raised.label))
    }

    func flush() { lane.flush() }

    private func log(_ record: UpdateRecord, _ pipeline: String) {
        var metadata: Logger.Metadata = ["pipeline": "\(pipeline)"]
        if let version = record.version {
            metadata["model"] = "\(version.name) \(version.version)"
            metadata["digest"] = "\(version.digest)"
        }
        if let code = record.code { metadata["reason"] = "\(code)" }
        if record.actor != "agent" { metadata["by"] = "\(record.actor)" }
        let text = "model \(record.kind.rawValue)" + (record.detail.map { ": \($0)" } ?? "")
        switch record.kind {
        case .refused, .rolledBack: logger.error("\(text)", metadata: metadata)
        case .failed, .waiting: logger.warning("\(text)", metadata: metadata)
        default: logger.notice("\(text)", metadata: metadata)
        }
    }
}
