internal import SensorIO

/// The topics on which a pipeline raises alarms, and the outbox keeps them: a start with others, or without the pipeline,
/// has to clear them where they stand.
struct AlarmTopics: Equatable {
    let alerts: TopicTemplate
    let states: TopicTemplate
    /// Of the agent's own alerts about the pipeline; without variables.
    let agentAlerts: TopicTemplate
    let agentStates: TopicTemplate
    /// ``key`` and behind it what is kept: "T", version UInt8, then the templates in this order with a NUL between them, of
    /// which nothing but the asset is left to fill in.
    let row: [UInt8]

    var bytes: [UInt8] { Array(row.dropFirst(Self.key.count)) }

    /// Zero (no topic has it, so no asset's key does), and what is no label of an alert.
    static let key: [UInt8] = [0, 0xFF]
    private static let head: [UInt8] = [UInt8(ascii: "T"), 1]

    init(_ topics: PipelineSettings.Topics) {
        alerts = topics.alerts
        states = topics.states
        agentAlerts = topics.agentAlerts
        agentStates = topics.agentStates
        let templates = [alerts, states, agentAlerts, agentStates]
        row = Self.key + Self.head + templates.map(\.boundText).joined(separator: "\0").utf8
    }

    /// nil if it is another kind of state, or of another version.
    init?(_ kept: OutboxKept) {
        guard kept.key == Self.key, kept.bytes.starts(with: Self.head) else { return nil }
        let texts = kept.bytes.dropFirst(Self.head.count).split(
            separator: 0, omittingEmptySubsequences: false)
        let templates = texts.compactMap {
            try? TopicTemplate(String(decoding: $0, as: UTF8.self), variables: ["asset"])
        }
        guard texts.count == 4, templates.count == 4 else { return nil }
        (alerts, states) = (templates[0], templates[1])
        (agentAlerts, agentStates) = (templates[2], templates[3])
        row = kept.key + kept.bytes
    }

    static func == (left: Self, right: Self) -> Bool { left.row == right.row }

    /// Whether an asset's alarm is on the same topics.
    func areAlarmsOnSame(as other: Self) -> Bool {
        alerts.boundText == other.alerts.boundText && states.boundText == other.states.boundText
    }
}
