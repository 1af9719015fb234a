import TestSupport
import Testing

@testable import EdgeAgent

@Suite("Budget alert")
struct BudgetAlertTests {
    private static let second: UInt64 = 1_000_000_000

    /// 2 misses of 4; cleared after 3 in a row and 5 s, or 60 s; fallback for 10 s to 40 s.
    private static let policy = BudgetAlertPolicy(
        raiseAfterMisses: 2, ofEvaluations: 4, clearAfterEvaluations: 3,
        minimumHoldNanoseconds: 5 * second, clearAfterNanoseconds: 60 * second,
        fallbackNanoseconds: 10 * second, maximumFallbackNanoseconds: 40 * second)

    /// What happens at a second: a window held, a window missed, or nothing but time.
    enum Event: Sendable { case held, missed, tick }

    private func alert(in phase: BudgetPhase) -> (alert: BudgetAlert, now: UInt64) {
        var alert = BudgetAlert(policy: Self.policy, hasFallback: phase != .exceeded)
        var now: UInt64 = 100 * Self.second
        if phase != .holding {
            _ = alert.record(isMiss: true, now: now)
            _ = alert.record(isMiss: true, now: now)
        }
        if phase == .trial {
            now += 10 * Self.second
            _ = alert.tick(now: now)
        }
        return (alert, now)
    }

    @Test(
        "each phase answers each event as the table says",
        arguments: [
            // Phase, events with the seconds since the phase began, actions, phase after.
            (.holding, [(.held, 0), (.missed, 1), (.tick, 2)], [.none, .none, .none], .holding),
            (.holding, [(.missed, 0), (.missed, 1)], [.none, .raise], .fallback),
            (
                .holding, [(.missed, 0), (.held, 0), (.held, 0), (.missed, 0)],
                [.none, .none, .none, .raise], .fallback
            ),
            (
                .holding, [(.missed, 0), (.held, 0), (.held, 0), (.held, 0), (.missed, 0)],
                [.none, .none, .none, .none, .none], .holding
            ),
            (
                .exceeded, [(.missed, 0), (.missed, 0), (.missed, 0)], [.none, .none, .none],
                .exceeded
            ),
            (.exceeded, [(.held, 1), (.held, 2), (.held, 3)], [.none, .none, .none], .exceeded),
            (.exceeded, [(.held, 1), (.held, 2), (.held, 5)], [.none, .none, .clear], .holding),
            (
                .exceeded, [(.held, 6), (.held, 6), (.missed, 6), (.held, 12), (.held, 12)],
                [.none, .none, .none, .none, .none], .exceeded
            ),
            (.exceeded, [(.tick, 59), (.tick, 60)], [.none, .clear], .holding),
            (.exceeded, [(.missed, 59), (.tick, 60)], [.none, .none], .exceeded),
            (.fallback, [(.held, 1), (.tick, 9)], [.none, .none], .fallback),
            (.fallback, [(.held, 10)], [.none], .trial),
            (.fallback, [(.tick, 60)], [.none], .trial),
            (
                .fallback, [(.missed, 7), (.held, 10), (.held, 11)], [.none, .none, .none],
                .fallback
            ),
            (.fallback, [(.missed, 7), (.held, 12)], [.none, .none], .trial),
            (.trial, [(.held, 1), (.held, 2), (.held, 3)], [.none, .none, .none], .trial),
            (.trial, [(.held, 1), (.held, 2), (.held, 5)], [.none, .none, .clear], .holding),
            (.trial, [(.missed, 1)], [.none], .trial),
            (.trial, [(.missed, 1), (.missed, 2)], [.none, .none], .fallback),
            (.trial, [(.tick, 60)], [.clear], .holding),
        ] as [(BudgetPhase, [(Event, UInt64)], [AlarmAction], BudgetPhase)])
    func eachPhaseAnswersEachEvent(
        phase: BudgetPhase, events: [(Event, UInt64)], actions: [AlarmAction], after: BudgetPhase
    ) {
        var (alert, start) = alert(in: phase)
        #expect(alert.phase == phase)
        let answers = events.map { event, seconds in
            let now = start + seconds * Self.second
            return switch event {
            case .held: alert.record(isMiss: false, now: now)
            case .missed: alert.record(isMiss: true, now: now)
            case .tick: alert.tick(now: now)
            }
        }
        #expect(answers == actions)
        #expect(alert.phase == after)
        #expect(alert.decider == (after == .fallback ? .fallback : .model))
    }

    @Test("each failed trial doubles the fallback's time up to the maximum, a clear resets it")
    func eachFailedTrialDoublesTheFallbacksTime() {
        var (alert, now) = alert(in: .fallback)
        for (seconds, isLast) in [(10, false), (20, false), (40, false), (40, true)] {
            now += UInt64(seconds) * Self.second
            _ = alert.tick(now: now - 1)
            #expect(alert.phase == .fallback)
            _ = alert.tick(now: now)
            #expect(alert.phase == .trial)
            guard !isLast else { break }
            #expect(alert.record(isMiss: true, now: now) == .none)
            #expect(alert.record(isMiss: true, now: now) == .none)
            #expect(alert.phase == .fallback)
        }
        now += 60 * Self.second
        #expect(alert.tick(now: now) == .clear)
        _ = alert.record(isMiss: true, now: now)
        #expect(alert.record(isMiss: true, now: now) == .raise)
        _ = alert.tick(now: now + 10 * Self.second)
        #expect(alert.phase == .trial)
    }

    @Test(
        "an overload of a minute is one alert with a fallback and without",
        arguments: [true, false])
    func anOverloadOfAMinuteIsOneAlert(hasFallback: Bool) {
        var alert = BudgetAlert(policy: .standard, hasFallback: hasFallback)
        var actions: [AlarmAction] = []
        var fallbackWindows = 0
        // 100 windows a second for three minutes, of which the second is an overload in which the
        // model misses three of four.
        for index in 0..<18_000 {
            let now = UInt64(index) * Self.second / 100
            let isOverloaded = (6000..<12_000).contains(index)
            let isFallback = alert.decider == .fallback
            if isFallback { fallbackWindows += 1 }
            let isMiss = isOverloaded && !isFallback && index % 4 != 0
            let action = alert.record(isMiss: isMiss, now: now)
            if action != .none { actions.append(action) }
        }
        #expect(actions == [.raise, .clear])
        #expect(alert.phase == .holding)
        #expect(hasFallback ? fallbackWindows > 5000 : fallbackWindows == 0)
    }

    @Test(
        "a miss window counts like the last values of a list", arguments: [1, 2, 63, 64, 65, 1024])
    func aMissWindowCountsLikeAList(length: Int) {
        var generator = SeededGenerator(seed: UInt64(length))
        var window = MissWindow(length: length)
        var history: [Bool] = []
        for _ in 0..<3000 {
            let isMiss = Bool.random(using: &generator)
            window.push(isMiss: isMiss)
            history.append(isMiss)
            let expected = history.suffix(length).filter { $0 }.count
            if window.misses != expected { Issue.record("\(window.misses), not \(expected)") }
        }
        window.removeAll()
        #expect(window.misses == 0)
    }
}
