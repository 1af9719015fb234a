import TestSupport
import Testing

@testable import EdgeAgent

@Suite("Alarm state")
struct AlarmStateTests {
    /// Warning above 1, major above 2, critical above 3; clear below 0.5; two on each side.
    private static func rule(reminderNanoseconds: UInt64 = 0) throws -> AlarmRule {
        try AlarmRule(
            bands: [
                SeverityBand(severity: .warning, raiseAbove: 1),
                SeverityBand(severity: .major, raiseAbove: 2),
                SeverityBand(severity: .critical, raiseAbove: 3),
            ], clearBelow: 0.5, raiseAfter: 2, clearAfter: 2,
            reminderNanoseconds: reminderNanoseconds)
    }

    private static func instant(_ index: Int) -> AlarmInstant {
        AlarmInstant(
            monotonicNanoseconds: UInt64(index) * 1000, wallNanoseconds: Int64(index) * 1_000_000)
    }

    /// The states of the table, each with the scores that lead to it.
    enum Start: String, CaseIterable, Sendable {
        case idle, half, warning, warningHalfClear, warningHalfMajor, critical

        var scores: [Float] {
            switch self {
            case .idle: []
            case .half: [1.5]
            case .warning: [1.5, 1.5]
            case .warningHalfClear: [1.5, 1.5, 0.1]
            case .warningHalfMajor: [1.5, 1.5, 2.5]
            case .critical: [3.5, 3.5]
            }
        }
    }

    /// Every state × every band of scores: the action, and the severity afterwards.
    @Test(
        "each state answers each score as the table says",
        arguments: [
            (.idle, 0.1, .none, nil), (.idle, 0.7, .none, nil), (.idle, 1.5, .none, nil),
            (.idle, 2.5, .none, nil), (.idle, 3.5, .none, nil),
            (.half, 0.1, .none, nil), (.half, 0.7, .none, nil), (.half, 1.5, .raise, .warning),
            (.half, 2.5, .raise, .warning), (.half, 3.5, .raise, .warning),
            (.warning, 0.1, .none, .warning), (.warning, 0.7, .none, .warning),
            (.warning, 1.5, .none, .warning), (.warning, 2.5, .none, .warning),
            (.warning, 3.5, .none, .warning),
            (.warningHalfClear, 0.1, .clear, nil), (.warningHalfClear, 0.7, .none, .warning),
            (.warningHalfClear, 1.5, .none, .warning), (.warningHalfClear, 2.5, .none, .warning),
            (.warningHalfClear, 3.5, .none, .warning),
            (.warningHalfMajor, 0.1, .none, .warning), (.warningHalfMajor, 0.7, .none, .warning),
            (.warningHalfMajor, 1.5, .none, .warning), (.warningHalfMajor, 2.5, .escalate, .major),
            (.warningHalfMajor, 3.5, .escalate, .major),
            (.critical, 0.1, .none, .critical), (.critical, 0.7, .none, .critical),
            (.critical, 1.5, .none, .critical), (.critical, 2.5, .none, .critical),
            (.critical, 3.5, .none, .critical),
        ] as [(Start, Float, AlarmAction, Severity?)])
    func eachStateAnswersEachScore(
        start: Start, score: Float, action: AlarmAction, severity: Severity?
    ) throws {
        let rule = try Self.rule()
        var state = AlarmState()
        for (index, score) in start.scores.enumerated() {
            _ = state.advance(rule.observe(score), rule: rule, now: Self.instant(index))
        }
        let answer = state.advance(rule.observe(score), rule: rule, now: Self.instant(9))
        #expect(answer == action)
        #expect(state.severity == severity)
        #expect(state.isRaised == (severity != nil))
    }

    @Test("retiring clears what is raised and forgets what is counted", arguments: Start.allCases)
    func retiringClearsWhatIsRaised(start: Start) throws {
        let rule = try Self.rule()
        var state = AlarmState()
        for (index, score) in start.scores.enumerated() {
            _ = state.advance(rule.observe(score), rule: rule, now: Self.instant(index))
        }
        let expected: AlarmAction = start == .idle || start == .half ? .none : .clear
        #expect(state.retire() == expected)
        #expect(state == AlarmState())
        #expect(state.retire() == .none)
    }

    @Test("a new rule keeps what is raised and counts anew", arguments: Start.allCases)
    func aNewRuleKeepsWhatIsRaised(start: Start) throws {
        let rule = try Self.rule()
        var state = AlarmState()
        for (index, score) in start.scores.enumerated() {
            _ = state.advance(rule.observe(score), rule: rule, now: Self.instant(index))
        }
        let severity = state.severity
        state.restartCounting(rule: rule, now: Self.instant(5))
        #expect(state.severity == severity)
        #expect(state.advance(rule.observe(0.1), rule: rule, now: Self.instant(6)) == .none)
        let second = state.advance(rule.observe(0.1), rule: rule, now: Self.instant(7))
        #expect(second == (severity == nil ? .none : .clear))
    }

    @Test("the time, the label and the event of a raise stay those of the raise")
    func theTimeOfARaiseStays() throws {
        let rule = try Self.rule()
        var state = AlarmState()
        _ = state.advance(rule.observe(1.5), rule: rule, labelIndex: 4, now: Self.instant(1))
        _ = state.advance(rule.observe(1.5), rule: rule, labelIndex: 5, now: Self.instant(2))
        state.noteEvent(EventReference(boot: 3, sequence: 99))
        #expect(state.raisedAtNanoseconds == 2_000_000)
        #expect(state.labelIndex == 5)
        _ = state.advance(rule.observe(2.5), rule: rule, labelIndex: 6, now: Self.instant(3))
        #expect(state.labelIndex == 5)
        #expect(
            state.advance(rule.observe(2.5), rule: rule, labelIndex: 7, now: Self.instant(4))
                == .escalate)
        #expect(state.labelIndex == 7)
        #expect(state.raisedAtNanoseconds == 2_000_000)
        #expect(state.raisedBy == EventReference(boot: 3, sequence: 99))
    }

    @Test("a reminder comes at each interval while the alarm is raised, and none without one")
    func aReminderComesAtEachInterval() throws {
        let rule = try Self.rule(reminderNanoseconds: 5000)
        var state = AlarmState()
        let scores: [Float] = Array(repeating: 1.5, count: 14) + [0.1, 0.1, 0.1, 0.1]
        let actions = scores.indices.map { index in
            state.advance(rule.observe(scores[index]), rule: rule, now: Self.instant(index))
        }
        #expect(actions.firstIndex(of: .raise) == 1)
        #expect(actions.indices.filter { actions[$0] == .remind } == [6, 11])
        #expect(actions.firstIndex(of: .clear) == 15)
    }

    @Test("an escalation puts the reminder off")
    func anEscalationPutsTheReminderOff() throws {
        let rule = try Self.rule(reminderNanoseconds: 3000)
        var state = AlarmState()
        let scores: [Float] = [1.5, 1.5, 1.5, 2.5, 2.5, 2.5, 2.5, 2.5]
        let actions = scores.indices.map { index in
            state.advance(rule.observe(scores[index]), rule: rule, now: Self.instant(index))
        }
        #expect(actions == [.none, .raise, .none, .none, .escalate, .none, .none, .remind])
    }

    /// The same in the plainest words: the whole history is kept and looked at again each time.
    private struct NaiveAlarm {
        var rule: AlarmRule
        var history: [Float] = []
        var since = 0
        var severity: Severity?

        mutating func advance(_ score: Float) -> AlarmAction {
            history.append(score)
            let seen = history[since...]
            let last = seen.suffix(Int(rule.raiseAfter))
            let sustained = (0..<rule.bandCount).last { band in
                last.count == Int(rule.raiseAfter)
                    && last.allSatisfy { $0 > rule.raiseAbove(ofBand: band) }
            }.map { rule.severity(ofBand: $0) }
            guard let severity else {
                guard let sustained else { return .none }
                self.severity = sustained
                raisedAt = history.count
                return .raise
            }
            let end = history[max(raisedAt, since)...].suffix(Int(rule.clearAfter))
            if end.count == Int(rule.clearAfter), end.allSatisfy({ $0 < rule.clearBelow }) {
                self.severity = nil
                since = history.count
                return .clear
            }
            if let sustained, sustained > severity {
                self.severity = sustained
                return .escalate
            }
            return .none
        }
        private var raisedAt = 0

        init(rule: AlarmRule) { self.rule = rule }
    }

    @Test("random scores give the actions of a naive alarm", arguments: UInt64(1)...40)
    func randomScoresGiveTheActionsOfANaiveAlarm(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let rule = try AlarmRule(
            bands: [
                SeverityBand(severity: .warning, raiseAbove: 1),
                SeverityBand(severity: .minor, raiseAbove: 1.5),
                SeverityBand(severity: .critical, raiseAbove: 2),
            ].suffix(Int.random(in: 1...3, using: &generator)),
            clearBelow: Float.random(in: 0...1, using: &generator),
            raiseAfter: Int.random(in: 1...4, using: &generator),
            clearAfter: Int.random(in: 1...4, using: &generator))
        var state = AlarmState()
        var naive = NaiveAlarm(rule: rule)
        var level: Float = 0
        for index in 0..<2000 {
            // A walk that stays for a while in a band, as a machine's score does.
            if Int.random(in: 0..<4, using: &generator) == 0 {
                level = Float.random(in: 0...2.5, using: &generator)
            }
            let expected = naive.advance(level)
            let action = state.advance(
                rule.observe(level), rule: rule, now: Self.instant(index))
            #expect(action == expected, "evaluation \(index), seed \(seed)")
            #expect(state.severity == naive.severity, "evaluation \(index), seed \(seed)")
            guard action == expected else { return }
        }
    }

    @Test("a bank keeps the alarms of its slots apart and counts what is raised")
    func aBankKeepsTheAlarmsOfItsSlotsApart() throws {
        let rule = try AlarmRule(bands: [SeverityBand(severity: .major, raiseAbove: 1)])
        var bank = AlarmBank(capacity: 3, rule: rule)
        #expect(bank.advance(slot: 0, rule.observe(2), now: Self.instant(1)) == .raise)
        bank.noteEvent(slot: 0, EventReference(boot: 1, sequence: 2))
        #expect(bank.advance(slot: 2, rule.observe(2), now: Self.instant(1)) == .raise)
        #expect(bank.raisedCount == 2)
        #expect(bank[0].raisedBy.sequence == 2)
        #expect(!bank[1].isRaised)
        let kept = bank[2]
        #expect(bank.retire(slot: 2) == .clear)
        #expect(bank.retire(slot: 1) == .none)
        #expect(bank.raisedCount == 1)
        bank.restore(slot: 1, kept)
        #expect(bank.raisedCount == 2)
        bank.restore(slot: 1, AlarmState())
        #expect(bank.raisedCount == 1)
        bank.replaceRule(
            try AlarmRule(bands: [SeverityBand(severity: .minor, raiseAbove: 5)], clearBelow: 3),
            now: Self.instant(2))
        #expect(bank[0].severity == .major)
        let action = bank.advance(slot: 0, bank.rule.observe(2), now: Self.instant(3))
        #expect(action == .clear)
        #expect(bank.raisedCount == 0)
    }

    @Test("a failure monitor raises after failures in a row and clears after successes in a row")
    func aFailureMonitorRaisesAfterFailuresInARow() {
        var monitor = FailureMonitor(raiseAfter: 2, clearAfter: 3)
        let outcomes = "f.ff.f..f...ff"
        let actions = outcomes.map { monitor.record(isFailure: $0 == "f") }
        #expect(actions.indices.filter { actions[$0] == .raise } == [3, 13])
        #expect(actions.indices.filter { actions[$0] == .clear } == [11])
        #expect(monitor.failures == 7)
        #expect(monitor.isRaised)
    }
}
