internal import SensorIO

/// Says what the outbox reports: in the log, and as the agent's own alerts.
///
/// What comes in crowds (dropped and refused records) is one line a look, and one alert a minute at most.
/// - Thread: one at a time, of the control plane; the producer of its lane.
struct OutboxReporter: ~Copyable {
    static let subject = "outbox"
    private static let alertIntervalNanoseconds: UInt64 = 60_000_000_000

    /// What has been counted since the last alert about it.
    private struct Tally {
        var count = 0
        var saidAt: UInt64?
    }

    let box: NoticeBox<OutboxEvent>
    private let log: NoticeLog
    private let lane: OutboxLane
    private let wallClock: WallClock
    private let boot: UInt64
    private let alertTopic: String
    private let stateTopic: String
    private var publisher: AgentAlertPublisher
    private var states = AgentAlertStates()
    private var dropped = Tally()
    private var quarantined = Tally()
    private var notShown: UInt64 = 0

    /// - Parameter topics: of the agent's own alerts.
    init(
        box: NoticeBox<OutboxEvent>, log: NoticeLog, lane: OutboxLane, wallClock: WallClock,
        agent: String, boot: UInt64, alertTopic: String, stateTopic: String
    ) {
        self.box = box
        self.log = log
        self.lane = lane
        self.wallClock = wallClock
        self.boot = boot
        self.alertTopic = alertTopic
        self.stateTopic = stateTopic
        publisher = AgentAlertPublisher(
            lane: lane, agent: agent, boot: boot, alertTopic: alertTopic)
    }

    /// Clears what an earlier start has left raised. Once, before the first ``report(now:)``.
    ///
    /// On a disk that fails nobody can note that `outbox-unavailable` was raised. So after an end that was none in
    /// order it is cleared in any case, by an event that names itself as `raisedBy`.
    ///
    /// - Parameter kept: of this reporter's lane.
    mutating func clearEarlier(_ kept: [OutboxKept], followsOrderlyEnd: Bool, isDiskUsable: Bool) {
        // Whoever cannot read the disk raises the alert itself, and clears it when that is over.
        guard isDiskUsable else { return }
        let earlier = kept.compactMap(RetiredAgentAlert.init)
        for alert in earlier {
            states.restore(alert.label, alert.raised)
            publish(alert.label, .cleared, value: 0, limit: 0, reason: .restarted)
        }
        if !followsOrderlyEnd, !earlier.contains(where: { $0.label == .outboxUnavailable }) {
            publish(.outboxUnavailable, .cleared, value: 0, limit: 1, reason: .restarted)
        }
    }

    /// Looks what there is.
    mutating func report(now: UInt64) {
        let taken = box.take()
        for event in Self.merged(taken.notices) { log.write(event) }
        for event in taken.notices { publish(event) }
        if taken.dropped > notShown {
            log.writeNotShown(taken.dropped - notShown, of: Self.subject)
            notShown = taken.dropped
        }
        if isDue(dropped, now) {
            publish(.outboxDropped, .raised, value: Double(dropped.count), limit: 0)
            dropped = Tally(saidAt: now)
        }
        if isDue(quarantined, now) {
            publish(.outboxQuarantined, .raised, value: Double(quarantined.count), limit: 0)
            quarantined = Tally(saidAt: now)
        }
    }

    /// Refusals of one reason in a row as one.
    static func merged(_ events: [OutboxEvent]) -> [OutboxEvent] {
        var merged: [OutboxEvent] = []
        for event in events {
            if case .quarantined(_, _, _, let reason, let count) = event,
                case .quarantined(let topic, let sequence, let boot, reason, let before)? =
                    merged.last
            {
                merged[merged.count - 1] = .quarantined(
                    topic: topic, sequence: sequence, boot: boot, reasonCode: reason,
                    count: before + count)
            } else {
                merged.append(event)
            }
        }
        return merged
    }

    private mutating func publish(_ event: OutboxEvent) {
        switch event {
        case .dropped(_, _, let count): dropped.count += count
        case .quarantined(let topic, _, _, _, let count):
            // An alert about a refused alert would be refused as well, for ever.
            guard topic != alertTopic, topic != stateTopic else {
                return
            }
            quarantined.count += count
        case .diskFailed: publish(.outboxUnavailable, .raised, value: 1, limit: 1)
        case .diskRecovered: publish(.outboxUnavailable, .cleared, value: 0, limit: 1)
        case .salvaged(_, let records, _, _):
            publish(.outboxSalvaged, .raised, value: Double(records), limit: 0)
        case .writeBudget(let isExceeded, let bytes, let budget):
            publish(
                .outboxWriteBudgetExceeded, isExceeded ? .raised : .cleared, value: Double(bytes),
                limit: Double(budget))
        case .backlogUnreadable, .bootNumberIsRandom, .keptDamaged, .uplinkChanged: break
        }
    }

    private func isDue(_ tally: Tally, _ now: UInt64) -> Bool {
        guard tally.count > 0 else { return false }
        return tally.saidAt.map { now &- $0 >= Self.alertIntervalNanoseconds } ?? true
    }

    private mutating func publish(
        _ label: AgentAlertLabel, _ transition: AlertTransition, value: Double, limit: Double,
        reason: ClearReason = .recovered
    ) {
        let alert = states.makeAlert(
            label, transition, sequence: publisher.makeSequence(), boot: boot,
            timeNanoseconds: WallClock.nanoseconds, clock: wallClock.state, value: value,
            limit: limit, reason: reason)
        publisher.publish(
            alert, AgentAlertPublisher.Text(subject: Self.subject), stateTopic: stateTopic)
        if label.ends { keep(alert) }
        lane.flush()
    }

    /// Has the next start know how the alert stands.
    private func keep(_ alert: AgentAlert) {
        unsafe RetiredAgentAlert.withBytes(alert) { key, bytes in
            // A lane that is full counts it.
            _ = unsafe lane.keep(
                sequence: lane.makeSequence(), key: key, bytes: bytes,
                nowNanoseconds: MonotonicClock.nanoseconds)
        }
    }
}
