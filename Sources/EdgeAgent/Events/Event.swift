/// Whether the wall clock can be trusted.
package enum ClockState: UInt8, Sendable {
    case synchronised = 0
    case unsynchronised = 1

    /// The name as it stands in events.
    package var name: StaticString {
        switch self {
        case .synchronised: "synchronised"
        case .unsynchronised: "unsynchronised"
        }
    }
}

/// Why an alarm event is sent.
package enum AlertTransition: UInt8, Sendable {
    case raised
    case escalated
    case reminded
    case cleared

    /// The name as it stands in events.
    package var name: StaticString {
        switch self {
        case .raised: "raised"
        case .escalated: "escalated"
        case .reminded: "reminded"
        case .cleared: "cleared"
        }
    }

    /// The CloudEvents type.
    var type: StaticString {
        self == .cleared ? "edge.alert.cleared.v1" : "edge.alert.raised.v1"
    }

    /// The transition of an alarm's action; nil for `.none`.
    package init?(_ action: AlarmAction) {
        switch action {
        case .none: return nil
        case .raise: self = .raised
        case .escalate: self = .escalated
        case .remind: self = .reminded
        case .clear: self = .cleared
        }
    }
}

/// Why an alarm was cleared.
package enum ClearReason: UInt8, Sendable {
    /// The score was below `clearBelow` long enough.
    case recovered
    /// The asset was silent for so long that another one took its place.
    case evicted
    /// The pipeline is no longer configured.
    case removed
    /// The agent has started anew and does not know the alarm any more.
    case restarted
    /// Somebody has seen to it.
    case acknowledged

    /// The name as it stands in events.
    package var name: StaticString {
        switch self {
        case .recovered: "recovered"
        case .evicted: "evicted"
        case .removed: "removed"
        case .restarted: "restarted"
        case .acknowledged: "acknowledged"
        }
    }
}

/// The window that an evaluation looked at.
package struct EventWindow: Sendable, Equatable {
    /// Time of the first and of the last sample, nanoseconds since 1970.
    package var startNanoseconds: Int64
    package var endNanoseconds: Int64
    package var samples: Int

    package init(startNanoseconds: Int64, endNanoseconds: Int64, samples: Int) {
        self.startNanoseconds = startNanoseconds
        self.endNanoseconds = endNanoseconds
        self.samples = samples
    }
}

/// What the events of a pipeline have in common: one evaluation and its circumstances.
package struct Evaluation: Sendable {
    /// Wall time of the decision, nanoseconds since 1970.
    package var timeNanoseconds: Int64
    package var score: Score
    package var window: EventWindow
    /// From readable on the socket to the decision.
    package var latencyNanoseconds: UInt64
    package var budgetNanoseconds: UInt64
    package var origin: AlarmOrigin
    package var clock: ClockState

    package init(
        timeNanoseconds: Int64, score: Score, window: EventWindow, latencyNanoseconds: UInt64,
        budgetNanoseconds: UInt64, origin: AlarmOrigin, clock: ClockState
    ) {
        self.timeNanoseconds = timeNanoseconds
        self.score = score
        self.window = window
        self.latencyNanoseconds = latencyNanoseconds
        self.budgetNanoseconds = budgetNanoseconds
        self.origin = origin
        self.clock = clock
    }
}

/// An alarm's event.
package struct AlertEvent: Sendable {
    package var transition: AlertTransition
    /// This event's number, from the lane.
    package var sequence: UInt64
    /// The evaluation that caused it. For a clear without one (evicted, removed) nil.
    package var evaluation: Evaluation?
    /// Wall time, nanoseconds since 1970, and clock of the event when there is no evaluation.
    package var timeNanoseconds: Int64
    package var clock: ClockState
    /// The alarm's severity; at a clear the one it had.
    package var severity: Severity
    /// The threshold that was crossed: upwards, or at a clear downwards.
    package var threshold: Float
    package var labelIndex: Int16
    package var contributors: Contributors
    package var raisedAtNanoseconds: Int64
    package var raisedBy: EventReference
    /// Only of a clear.
    package var reason: ClearReason

    /// An event that an evaluation has caused.
    ///
    /// - Parameter state: the alarm's state after a raise, escalation or reminder (for a raise the
    ///   event becomes its own `raisedBy`), and before a clear.
    /// - Parameter fallback: the fallback rule if it decided; then the threshold is its own.
    package init(
        _ transition: AlertTransition, sequence: UInt64, boot: UInt64, evaluation: Evaluation,
        state: AlarmState, rule: AlarmRule, fallback: FallbackRule? = nil,
        contributors: Contributors = .init()
    ) {
        let severity = state.severity ?? .warning
        self.transition = transition
        self.sequence = sequence
        self.evaluation = evaluation
        timeNanoseconds = evaluation.timeNanoseconds
        clock = evaluation.clock
        self.severity = severity
        let isCleared = transition == .cleared
        if let fallback, evaluation.origin == .fallback {
            threshold = isCleared ? fallback.clearThreshold : fallback.threshold
        } else {
            threshold = isCleared ? rule.clearBelow : rule.raiseAbove(for: severity)
        }
        labelIndex = state.labelIndex
        self.contributors = contributors
        raisedAtNanoseconds = state.raisedAtNanoseconds
        raisedBy =
            transition == .raised
            ? EventReference(boot: boot, sequence: sequence) : state.raisedBy
        reason = .recovered
    }

    /// A clear that no evaluation has caused.
    ///
    /// - Parameters:
    ///   - state: the alarm's state before the clear.
    ///   - threshold: the rule's `clearBelow`; 0 where nobody knows the rule any more.
    package init(
        retiring state: AlarmState, reason: ClearReason, sequence: UInt64, threshold: Float,
        timeNanoseconds: Int64, clock: ClockState
    ) {
        transition = .cleared
        self.sequence = sequence
        evaluation = nil
        self.timeNanoseconds = timeNanoseconds
        self.clock = clock
        severity = state.severity ?? .warning
        self.threshold = threshold
        labelIndex = state.labelIndex
        contributors = .init()
        raisedAtNanoseconds = state.raisedAtNanoseconds
        raisedBy = state.raisedBy
        self.reason = reason
    }
}

/// What came of writing a message.
package enum EventWriteResult: Sendable, Equatable {
    /// The message is whole.
    ///
    /// - `historicalOffset`: where the five bytes of `false` in `"historical":false` start, which
    ///   a late sender replaces by `true ` (JSON allows the space); -1 in messages without it.
    case written(byteCount: Int, historicalOffset: Int)
    /// The buffer is too small: a longer subject than it was made for.
    case overflow(requiredBytes: Int)
}
