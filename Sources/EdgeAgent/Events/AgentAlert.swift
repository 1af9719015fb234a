/// What the agent itself has to complain of. The numbers are kept over restarts: new ones come last.
package enum AgentAlertLabel: UInt8, Sendable, CaseIterable {
    /// A pipeline misses its latency budget again and again. Subject: the pipeline.
    case latencyBudgetExceeded
    /// A model's outputs are not finite, or its run fails, again and again. Subject: the pipeline.
    case evaluationFailed
    /// Readings that no pipeline can use arrive again and again. Subject: the pipeline.
    case payloadsRejected
    /// The outbox was full, by bytes or by age, and records were dropped.
    case outboxDropped
    /// The broker refuses records for good; they were put aside.
    case outboxQuarantined
    /// The outbox cannot write: its disk is full, read-only or broken. Alerts go out live only.
    case outboxUnavailable
    /// The outbox's database was corrupt; what could be read was saved, the rest moved aside.
    case outboxSalvaged
    /// The wall clock is not synchronised; times in events are marked.
    case clockUnsynchronised
    /// A new version of a model was refused before it worked. Subject: the pipeline.
    case updateRefused
    /// A version of a model was taken back. Subject: the pipeline.
    case updateRolledBack
    /// The outbox wrote more to the disk in a day than it is to bear: flash wears out.
    case outboxWriteBudgetExceeded

    /// The label as it stands in events.
    package var name: StaticString {
        switch self {
        case .latencyBudgetExceeded: "latency-budget-exceeded"
        case .evaluationFailed: "evaluation-failed"
        case .payloadsRejected: "payloads-rejected"
        case .outboxDropped: "outbox-dropped"
        case .outboxQuarantined: "outbox-quarantined"
        case .outboxUnavailable: "outbox-unavailable"
        case .outboxSalvaged: "outbox-salvaged"
        case .outboxWriteBudgetExceeded: "outbox-write-budget-exceeded"
        case .clockUnsynchronised: "clock-unsynchronised"
        case .updateRefused: "update-refused"
        case .updateRolledBack: "update-rolled-back"
        }
    }

    /// How bad it is.
    package var severity: Severity {
        switch self {
        case .payloadsRejected, .clockUnsynchronised, .updateRefused, .outboxWriteBudgetExceeded:
            .warning
        case .latencyBudgetExceeded, .outboxSalvaged, .updateRolledBack: .minor
        case .evaluationFailed, .outboxDropped, .outboxQuarantined, .outboxUnavailable: .major
        }
    }
}

/// An alert of the agent about itself.
package struct AgentAlert: Sendable {
    package var label: AgentAlertLabel
    /// `.raised` or `.cleared`; a fact without an end (records dropped) is only ever raised.
    package var transition: AlertTransition
    package var sequence: UInt64
    /// Wall time, nanoseconds since 1970.
    package var timeNanoseconds: Int64
    package var clock: ClockState
    /// What was measured (misses, records …) and the limit it passed, in the label's unit.
    package var value: Double
    package var limit: Double
    package var raisedAtNanoseconds: Int64
    package var raisedBy: EventReference
    /// Only of a clear.
    package var reason: ClearReason

    package init(
        _ label: AgentAlertLabel, _ transition: AlertTransition, sequence: UInt64,
        timeNanoseconds: Int64, clock: ClockState, value: Double, limit: Double,
        raisedAtNanoseconds: Int64, raisedBy: EventReference, reason: ClearReason = .recovered
    ) {
        self.label = label
        self.transition = transition
        self.sequence = sequence
        self.timeNanoseconds = timeNanoseconds
        self.clock = clock
        self.value = value
        self.limit = limit
        self.raisedAtNanoseconds = raisedAtNanoseconds
        self.raisedBy = raisedBy
        self.reason = reason
    }
}
