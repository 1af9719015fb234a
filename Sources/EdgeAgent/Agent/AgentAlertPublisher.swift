internal import SensorIO

/// Puts the agent's own alerts into the outbox: the event, and the retained state.
///
/// - Thread: one at a time, of the control plane; the producer of its lane.
struct AgentAlertPublisher: ~Copyable {
    /// The longest detail; the rest is cut off.
    private static let maximumDetailBytes = 1024

    /// Of one alert, besides the alert itself.
    struct Text {
        /// What it is about: a pipeline, the outbox.
        var subject: String
        var model: EventModel?
        var cause = ""
        var detail = ""
    }

    private let lane: OutboxLane
    private let alertTopic: [UInt8]
    private var writer: AgentEventWriter

    /// - Parameter alertTopic: of the events, without variables.
    init(lane: OutboxLane, agent: String, boot: UInt64, alertTopic: String) {
        self.lane = lane
        self.alertTopic = Array(alertTopic.utf8)
        // Subject, cause and model are names of at most a few hundred bytes.
        writer = AgentEventWriter(
            identity: EventIdentity(agent: agent, boot: boot),
            maximumSubjectBytes: 1024 + Self.maximumDetailBytes)
    }

    /// The number of the next alert.
    func makeSequence() -> UInt64 { lane.makeSequence() }

    /// - Parameter stateTopic: of the retained state; of this alert alone.
    mutating func publish(_ alert: AgentAlert, _ text: Text, stateTopic: String) {
        let subject = Array(text.subject.utf8)
        let cause = Array(text.cause.utf8)
        let detail = Self.cut(text.detail)
        var header = OutboxRecordHeader(
            sequence: alert.sequence, recordClass: .notice, contentType: .cloudEventsJSON,
            createdNanoseconds: alert.timeNanoseconds,
            isClockSynchronised: alert.clock == .synchronised)
        submit(
            alertTopic,
            writer.writeAlert(
                alert, subject: subject, model: text.model, cause: cause, detail: detail), header)
        header.sequence = lane.makeSequence()
        header.contentType = .json
        header.isRetained = true
        header.supersedes = true
        submit(
            Array(stateTopic.utf8),
            writer.writeState(
                after: alert, subject: subject, model: text.model, cause: cause, detail: detail),
            header)
        lane.flush()
    }

    private func submit(
        _ topic: [UInt8], _ written: EventWriteResult, _ header: OutboxRecordHeader
    ) {
        guard case .written(_, let historicalOffset) = written else { return }
        var header = header
        header.historicalOffset = max(historicalOffset, 0)
        unsafe writer.withMessage { payload in
            unsafe topic.withUnsafeBytes { topic in
                // A lane that is full counts it; the log has it in any case.
                _ = unsafe lane.submit(header, topic: topic, payload: payload, live: false)
            }
        }
    }

    private static func cut(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        guard bytes.count > maximumDetailBytes else { return bytes }
        var end = maximumDetailBytes
        while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
        return Array(bytes[..<end])
    }
}
