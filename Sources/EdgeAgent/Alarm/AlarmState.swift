/// What is to be done after an observation.
package enum AlarmAction: UInt8, Sendable, Equatable {
    case none
    /// Publish `edge.alert.raised.v1`.
    case raise
    /// Publish `edge.alert.raised.v1` again: the severity has risen.
    case escalate
    /// Publish `edge.alert.raised.v1` again: it has been raised for another reminder interval.
    case remind
    /// Publish `edge.alert.cleared.v1`.
    case clear
}

/// The event that raised an alarm: the two numbers of its id.
package struct EventReference: Sendable, Equatable {
    package var boot: UInt64
    package var sequence: UInt64

    package init(boot: UInt64, sequence: UInt64) {
        self.boot = boot
        self.sequence = sequence
    }
}

/// The alarm of one asset: a pure state machine of fixed size.
///
/// Idle → raised when a band has held `raiseAfter` times in a row; raised → idle when the score
/// was below `clearBelow` `clearAfter` times in a row. The severity of a raised alarm only rises:
/// it is the worst that has been sustained since the raise. Each band counts for itself, so three
/// scores in the bands warning, critical, warning raise a warning and not a critical.
package struct AlarmState: Sendable, Equatable {
    /// Nil while idle.
    package private(set) var severity: Severity?
    /// Wall time of the raise, nanoseconds since 1970; meaningful while raised.
    package private(set) var raisedAtNanoseconds: Int64 = 0
    /// The event of the raise; meaningful while raised, set by `noteEvent`.
    package private(set) var raisedBy = EventReference(boot: 0, sequence: 0)
    /// The label of the raise or of the last escalation, -1 for none.
    package private(set) var labelIndex: Int16 = -1
    /// Monotonic time of the next reminder; meaningful while raised with a reminder interval.
    package private(set) var reminderDueNanoseconds: UInt64 = 0
    /// Evaluations in a row below `clearBelow`, while raised.
    private(set) var clearCount: UInt16 = 0
    /// Evaluations in a row in which each band held.
    private(set) var bandCounts: InlineArray<4, UInt16> = .init(repeating: 0)

    /// Makes an idle alarm.
    package init() {}

    /// Makes an alarm as it was saved.
    init(
        severity: Severity?, raisedAtNanoseconds: Int64, raisedBy: EventReference,
        labelIndex: Int16, reminderDueNanoseconds: UInt64, clearCount: UInt16,
        bandCounts: InlineArray<4, UInt16>
    ) {
        self.severity = severity
        self.raisedAtNanoseconds = raisedAtNanoseconds
        self.raisedBy = raisedBy
        self.labelIndex = labelIndex
        self.reminderDueNanoseconds = reminderDueNanoseconds
        self.clearCount = clearCount
        self.bandCounts = bandCounts
    }

    /// True from `.raise` to `.clear`.
    package var isRaised: Bool { severity != nil }

    /// True if the state is that of an alarm which has never seen anything.
    package var isPristine: Bool {
        !isRaised && clearCount == 0 && (0..<4).allSatisfy { bandCounts[$0] == 0 }
    }

    /// Takes one observation.
    ///
    /// - Parameters:
    ///   - labelIndex: the label that goes with it, -1 for none.
    ///   - now: the time at which the evaluation was made, on both clocks.
    /// - Returns: what to do. After `.raise` call `noteEvent` with the event's id.
    package mutating func advance(
        _ observation: AlarmObservation, rule: AlarmRule, labelIndex: Int16 = -1,
        now: AlarmInstant
    ) -> AlarmAction {
        let sustained = count(observation, rule: rule)
        guard let current = severity else {
            guard let sustained else { return .none }
            severity = sustained
            self.labelIndex = labelIndex
            raisedAtNanoseconds = now.wallNanoseconds
            scheduleReminder(rule, now)
            return .raise
        }
        if clearCount >= rule.clearAfter {
            reset()
            return .clear
        }
        if let sustained, sustained > current {
            severity = sustained
            self.labelIndex = labelIndex
            scheduleReminder(rule, now)
            return .escalate
        }
        if rule.reminderNanoseconds > 0, now.monotonicNanoseconds >= reminderDueNanoseconds {
            scheduleReminder(rule, now)
            return .remind
        }
        return .none
    }

    /// Keeps the id of the event that announced the raise.
    package mutating func noteEvent(_ event: EventReference) { raisedBy = event }

    /// Ends the alarm from outside: its asset was evicted, its pipeline removed.
    ///
    /// - Returns: `.clear` if it was raised, else `.none`.
    package mutating func retire() -> AlarmAction {
        let wasRaised = isRaised
        reset()
        return wasRaised ? .clear : .none
    }

    /// Forgets what has been counted so far but not what is raised: the rule or the model is
    /// another one, and scores of the two must not add up.
    package mutating func restartCounting(rule: AlarmRule, now: AlarmInstant) {
        clearCount = 0
        bandCounts = .init(repeating: 0)
        if isRaised { scheduleReminder(rule, now) }
    }

    /// Goes on after a restart.
    ///
    /// - Parameters:
    ///   - isSameModel: false where the model or the rule is another one: the label is a number that only its
    ///     own model knows, and scores of the two must not add up.
    ///   - keepsCounts: whether the counts are those of the end.
    package mutating func resume(
        rule: AlarmRule, now: AlarmInstant, isSameModel: Bool, keepsCounts: Bool
    ) {
        if !isSameModel { labelIndex = -1 }
        if isSameModel && keepsCounts {
            if isRaised { scheduleReminder(rule, now) }
        } else {
            restartCounting(rule: rule, now: now)
        }
    }

    /// Updates the counts; returns the highest severity that has held long enough.
    private mutating func count(
        _ observation: AlarmObservation, rule: AlarmRule
    ) -> Severity? {
        var sustained: Severity?
        for band in 0..<rule.bandCount {
            let holds = band < observation.bandsHeld
            bandCounts[band] = holds ? min(bandCounts[band], .max - 1) + 1 : 0
            if bandCounts[band] >= rule.raiseAfter { sustained = rule.severity(ofBand: band) }
        }
        clearCount = isRaised && observation.isBelowClear ? min(clearCount, .max - 1) + 1 : 0
        return sustained
    }

    private mutating func scheduleReminder(_ rule: AlarmRule, _ now: AlarmInstant) {
        let (due, overflow) =
            now.monotonicNanoseconds.addingReportingOverflow(rule.reminderNanoseconds)
        reminderDueNanoseconds = overflow || rule.reminderNanoseconds == 0 ? .max : due
    }

    private mutating func reset() { self = AlarmState() }

    package static func == (left: AlarmState, right: AlarmState) -> Bool {
        left.severity == right.severity && left.raisedAtNanoseconds == right.raisedAtNanoseconds
            && left.raisedBy == right.raisedBy && left.labelIndex == right.labelIndex
            && left.reminderDueNanoseconds == right.reminderDueNanoseconds
            && left.clearCount == right.clearCount
            && (0..<4).allSatisfy { left.bandCounts[$0] == right.bandCounts[$0] }
    }
}

/// One moment on both clocks.
package struct AlarmInstant: Sendable, Equatable {
    /// CLOCK_MONOTONIC: what intervals are measured with.
    package var monotonicNanoseconds: UInt64
    /// Nanoseconds since 1970-01-01T00:00:00Z: what people read.
    package var wallNanoseconds: Int64

    package init(monotonicNanoseconds: UInt64, wallNanoseconds: Int64) {
        self.monotonicNanoseconds = monotonicNanoseconds
        self.wallNanoseconds = wallNanoseconds
    }
}
