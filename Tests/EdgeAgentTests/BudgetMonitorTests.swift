import Testing

@testable import EdgeAgent

@Suite("Budget monitor")
struct BudgetMonitorTests {
    private static let budget: UInt64 = 20_000_000

    private func monitor(
        _ policy: OverrunPolicy = .coalesce, hasFallback: Bool = false
    ) -> BudgetMonitor {
        BudgetMonitor(budgetNanoseconds: Self.budget, onOverrun: policy, hasFallback: hasFallback)
    }

    private func times(_ changes: [(Stage, UInt64)] = []) -> StageTimes {
        var times = StageTimes()
        for stage in Stage.allCases { times[stage] = 1_000_000 }
        times[.inference] = 8_000_000
        for (stage, nanoseconds) in changes { times[stage] = nanoseconds }
        return times
    }

    @Test(
        "a window is admitted by its age and the policy",
        arguments: [
            (OverrunPolicy.coalesce, UInt64(20_000_000), true, OverrunDecision.evaluate),
            (.coalesce, 20_000_001, true, .coalesce), (.coalesce, 20_000_001, false, .evaluateLate),
            (.drop, 20_000_000, false, .evaluate), (.drop, 20_000_001, true, .drop),
            (.drop, 20_000_001, false, .drop), (.evaluate, 0, true, .evaluate),
            (.evaluate, 20_000_001, true, .evaluateLate), (.evaluate, .max, false, .evaluateLate),
        ])
    func aWindowIsAdmitted(
        policy: OverrunPolicy, age: UInt64, hasNewer: Bool, decision: OverrunDecision
    ) {
        let monitor = monitor(policy)
        #expect(monitor.admit(ageNanoseconds: age, hasNewer: hasNewer) == decision)
    }

    @Test(
        "the cause of a miss is the stage that took most beyond its usual time",
        arguments: [
            // Inference is the longest, but publishing is what has changed.
            ([(Stage.publish, 12_000_000)], MissCause.publish),
            ([(.inference, 30_000_000)], .inference),
            ([(.wait, 15_000_000)], .wait),
            ([(.decode, 40_000_000), (.features, 39_000_000)], .decode),
            ([(.decode, 39_000_000), (.features, 40_000_000)], .features),
            ([(.alarm, 10_000_000)], .alarm),
        ] as [([(Stage, UInt64)], MissCause)])
    func theCauseOfAMiss(changes: [(Stage, UInt64)], cause: MissCause) {
        var monitor = monitor()
        for index in 0..<200 {
            _ = monitor.record(
                times(), decision: .evaluate, origin: .model, now: UInt64(index) * 1_000_000)
        }
        _ = monitor.record(
            times(changes), decision: .evaluate, origin: .model, now: 1_000_000_000)
        let snapshot = monitor.metrics.snapshot(budgetNanoseconds: Self.budget)
        #expect(snapshot.misses(cause) == 1)
        #expect(snapshot.totalMisses == 1)
        #expect(snapshot.evaluations == 201)
        #expect(snapshot.total.count == 201)
        #expect(snapshot.histogram(.publish).count == 201)
    }

    @Test("before anything is usual the longest stage is the cause")
    func beforeAnythingIsUsual() {
        var monitor = monitor()
        _ = monitor.record(
            times([(.inference, 25_000_000)]), decision: .evaluate, origin: .model, now: 0)
        #expect(monitor.metrics.snapshot(budgetNanoseconds: 0).misses(.inference) == 1)
    }

    @Test("a model that is always too slow stays the cause")
    func aModelThatIsAlwaysTooSlowStaysTheCause() {
        var monitor = monitor()
        for index in 0..<50 {
            _ = monitor.record(
                times([(.inference, 25_000_000)]), decision: .evaluate, origin: .model,
                now: UInt64(index))
        }
        #expect(monitor.metrics.snapshot(budgetNanoseconds: 0).misses(.inference) == 50)
    }

    @Test("every window left out or late is one miss of a late window")
    func everyWindowLeftOutIsOneMiss() {
        var monitor = monitor()
        #expect(monitor.leaveOut(.coalesce, now: 1) == .none)
        #expect(monitor.leaveOut(.drop, now: 2) == .none)
        let late = times([(.wait, 30_000_000)])
        _ = monitor.record(late, decision: .evaluateLate, origin: .model, now: 3)
        #expect(monitor.countReplaced(7, late: 0, oldestAgeNanoseconds: 1, now: 4) == .none)
        let snapshot = monitor.metrics.snapshot(budgetNanoseconds: Self.budget)
        #expect(snapshot.misses(.lateWindow) == 3)
        #expect(snapshot.totalMisses == 3)
        #expect(snapshot.coalesced == 1)
        #expect(snapshot.dropped == 1)
        #expect(snapshot.evaluatedLate == 1)
        #expect(snapshot.superseded == 7)
        #expect(snapshot.evaluations == 1)
        #expect(monitor.recentMisses == 3)
    }

    @Test(
        "windows that were replaced before their turn are misses if they were older than the budget",
        arguments: [
            // How many, how many of them late when replaced, the oldest one's age; misses.
            (7, 0, UInt64(20_000_000), 0), (7, 0, 20_000_001, 1), (7, 3, 20_000_001, 3),
            (2, 3, 90_000_000, 2), (5_000, 4_000, 90_000_000_000, 4_000),
        ])
    func replacedWindows(count: Int, late: Int, age: UInt64, misses: UInt64) {
        for (policy, isDrop) in [(OverrunPolicy.coalesce, false), (.drop, true)] {
            var monitor = monitor(policy)
            let action = monitor.countReplaced(
                count, late: late, oldestAgeNanoseconds: age, now: 1)
            let snapshot = monitor.metrics.snapshot(budgetNanoseconds: Self.budget)
            #expect(action == (misses >= 5 ? .raise : .none))
            #expect(snapshot.misses(.lateWindow) == misses)
            #expect(snapshot.superseded == UInt64(count) - misses)
            #expect((isDrop ? snapshot.dropped : snapshot.coalesced) == misses)
        }
    }

    @Test("the fifth miss of a hundred raises the alert and hands over to the fallback")
    func theFifthMissRaisesTheAlert() {
        var monitor = monitor(hasFallback: true)
        #expect(monitor.decider == .model)
        for index in 0..<4 { #expect(monitor.leaveOut(.coalesce, now: UInt64(index)) == .none) }
        #expect(monitor.leaveOut(.coalesce, now: 5) == .raise)
        #expect(monitor.decider == .fallback)
        #expect(monitor.phase == .fallback)
        _ = monitor.record(times(), decision: .evaluate, origin: .fallback, now: 6)
        #expect(monitor.tick(now: 10_000_000_006) == .none)
        #expect(monitor.decider == .model)
        #expect(monitor.tick(now: 71_000_000_000) == .clear)
        let snapshot = monitor.metrics.snapshot(budgetNanoseconds: Self.budget)
        #expect(snapshot.alertsRaised == 1)
        #expect(snapshot.fallbackEvaluations == 1)
        #expect(snapshot.phase == .holding)
    }
}
