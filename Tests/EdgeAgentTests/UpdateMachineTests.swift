import EdgeAgent
import TestSupport
import Testing

@Suite("The update machine")
struct UpdateMachineTests {
    private typealias Run = MachineRun

    @Test("A good version goes all the way, and the old one stays the one to go back to")
    func commit() {
        var run = Run()
        run.advance(to: .trial)
        #expect(run.machine.state.phaseName == "trial")
        #expect(run.machine.state.decider == .stored(Run.version(2)))
        #expect(run.observe(Run.tally(150), after: 200).isEmpty, "too few windows")
        let actions = run.observe(Run.tally(200), after: 10)
        #expect(Run.codes(actions) == ["committed"])
        #expect(actions.contains(.releaseOld) && actions.contains(.collectGarbage))
        let state = run.machine.state
        #expect(state.active == .stored(Run.version(2)))
        #expect(state.previous == .configured)
        #expect(state.highestReleases == ["level": 2])
        #expect(state.candidate == nil)
    }

    @Test("The old version decides until the trial, and the trial's old one is kept loaded")
    func deciders() {
        for phase in UpdateState.Phase.allCases where phase != .trial {
            var run = Run()
            run.advance(to: phase)
            #expect(run.machine.state.decider == .configured, "\(phase)")
        }
        var run = Run()
        run.advance(to: .shadow)
        let actions = run.observe(Run.tally(100), after: 60)
        #expect(
            actions.suffix(2) == [
                .stopShadow, .decide(.stored(Run.version(2)), keepsOld: true),
            ])
    }

    /// What a version does in shadow or trial, and what it is refused for.
    static let failures: [(UpdateState.Phase, UpdateState.Tally, String)] = [
        (.shadow, MachineRun.tally(50, failures: 1), "failed-evaluations"),
        (.shadow, MachineRun.tally(100, agreements: 94), "disagreement"),
        (.shadow, MachineRun.tally(100, alarming: 5, reference: 2), "alarm-storm"),
        (.trial, MachineRun.tally(1, failures: 1), "failed-evaluations"),
        (.trial, MachineRun.tally(100, alarming: 6), "alarm-storm"),
        (.trial, MachineRun.tally(100, reference: 2), "budget-misses"),
    ]

    @Test("What a bad version does is what it is taken back for", arguments: failures.indices)
    func judged(index: Int) {
        let (phase, tally, code) = Self.failures[index]
        var run = Run()
        run.advance(to: phase)
        let actions = run.observe(tally, after: 60)
        let isTrial = phase == .trial
        #expect(Run.codes(actions) == [(isTrial ? "rolledBack:" : "refused:") + code])
        #expect(actions.contains(isTrial ? .decide(.configured, keepsOld: false) : .stopShadow))
        #expect(run.machine.state.active == .configured)
        #expect(run.machine.state.highestReleases == ["level": 1])
        // The registry still offers it: it is not even downloaded.
        run.send(.tick(random: 0.5), after: 2000)
        #expect(run.send(.resolved(validator: "two")).isEmpty)
        #expect(run.machine.state.candidate == nil)
        // A newer one is.
        run.send(.tick(random: 0.5), after: 2000)
        #expect(run.send(.resolved(validator: "three")).contains(.download))
    }

    @Test("Shadow and trial that see no windows end by themselves")
    func inconclusive() {
        var run = Run()
        run.advance(to: .shadow)
        #expect(run.observe(Run.tally(99), after: 86_399).isEmpty)
        #expect(Run.codes(run.observe(Run.tally(99), after: 1)) == ["refused:inconclusive"])
        run = Run()
        run.advance(to: .trial)
        #expect(
            Run.codes(run.observe(Run.tally(9), after: 8 * 86_400)) == ["rolledBack:inconclusive"])
    }

    @Test("A shadow that is too slow on live windows is refused")
    func slowShadow() {
        var run = Run()
        run.advance(to: .shadow)
        let actions = run.send(
            .observed(Run.tally(100), p99Nanoseconds: 11, limitNanoseconds: 10), after: 60)
        #expect(Run.codes(actions) == ["refused:slow-in-shadow"])
    }

    // MARK: Crashes

    @Test(
        "After a power cut the same step is done again", arguments: UpdateState.Phase.allCases)
    func powerCut(phase: UpdateState.Phase) {
        var run = Run()
        run.advance(to: phase)
        let actions = run.crash()
        let version = Run.version(2)
        switch phase {
        case .resolving, .downloading, .verifying:
            #expect(actions == [.resolve(reference: "level:stable", known: nil)])
            #expect(run.machine.state.decider == .configured)
        case .staged, .selfTest, .shadow:
            #expect(actions == [.selfTest(version)])
            #expect(run.machine.state.decider == .configured)
        case .trial:
            #expect(actions.isEmpty)
            #expect(run.machine.state.decider == .stored(version))
        }
    }

    @Test(
        "A model that crashes its self-test is refused at the third start; a power cut or two are none"
    )
    func crashAtLoad() {
        var run = Run()
        run.advance(to: .selfTest)
        for _ in 0..<2 { #expect(run.crash() == [.selfTest(Run.version(2))]) }
        #expect(Run.codes(run.crash()) == ["refused:crash-loop"])
        #expect(run.machine.state.decider == .configured)
    }

    @Test(
        "A model that crashes on trial, at whatever window, is taken back; ends in good order do not count"
    )
    func crashOnTrial() {
        var run = Run()
        run.advance(to: .trial)
        for _ in 0..<5 {
            run.send(.stopping)
            #expect(run.crash().isEmpty)
        }
        for _ in 0..<2 {
            _ = run.observe(Run.tally(100), after: 1)
            #expect(run.crash().isEmpty)
        }
        let actions = run.crash()
        #expect(Run.codes(actions) == ["rolledBack:crash-loop"])
        #expect(actions.contains(.decide(.configured, keepsOld: false)))
        #expect(run.machine.state.decider == .configured)
    }

    @Test("A trial goes on after a restart with what it had counted")
    func countsSurvive() {
        var run = Run()
        run.advance(to: .trial)
        _ = run.observe(Run.tally(150), after: 90)
        run.send(.stopping)
        _ = run.crash()
        #expect(run.machine.state.candidate?.tally.evaluations == 150)
        #expect(Run.codes(run.observe(Run.tally(50), after: 10)) == ["committed"])
    }

    @Test(
        "A committed version that crashes again and again is taken back; one that ran long enough is not"
    )
    func crashLoopAfterCommit() {
        var run = Run()
        run.advance(to: .trial)
        _ = run.observe(Run.tally(200), after: 100)
        for _ in 0..<4 { #expect(Run.codes(run.crash()).isEmpty) }
        run.send(.tick(random: 0), after: 600)
        for _ in 0..<4 { #expect(Run.codes(run.crash()).isEmpty) }
        #expect(Run.codes(run.crash()) == ["rolledBack:crash-loop"])
        #expect(run.machine.state.active == .configured)
        #expect(
            run.machine.state.highestReleases["level"] == 2, "what was committed is not forgotten")
    }

    @Test("A version that can no longer be loaded gives way to the one before")
    func loadFailed() {
        var run = Run()
        run.advance(to: .trial)
        _ = run.observe(Run.tally(200), after: 100)
        run.send(.stopping)
        _ = run.crash()
        let actions = run.send(.loadFailed(.stored(Run.version(2)), .malformed("gone")))
        #expect(Run.codes(actions) == ["rolledBack:malformed"])
        #expect(run.machine.state.decider == .configured)
        run = Run()
        run.advance(to: .trial)
        _ = run.crash()
        run.send(.loadFailed(.stored(Run.version(2)), .malformed("gone")))
        #expect(run.machine.state.decider == .configured)
    }

    // MARK: Registry

    @Test(
        "Failures wait longer and longer, at most as configured, and no shorter than the registry says"
    )
    func backoff() {
        var run = Run()
        run.advance(to: .resolving)
        var waits: [Int] = []
        for _ in 0..<12 {
            run.send(
                .registryFailed(
                    message: "gone", isTransient: true, retryAfterSeconds: nil, random: 0.5))
            let before = run.now
            while run.send(.tick(random: 0.5), after: 10).isEmpty {
                guard run.now - before < 100_000 else { break }
            }
            waits.append(run.now - before)
        }
        #expect(waits.first == 60 && waits.last == 6 * 3600)
        #expect(waits == waits.sorted())
        run.send(
            .registryFailed(
                message: "busy", isTransient: true, retryAfterSeconds: 50_000, random: 0))
        #expect(run.send(.tick(random: 0.5), after: 49_999).isEmpty)
        #expect(!run.send(.tick(random: 0.5), after: 1).isEmpty)
    }

    @Test("An error that will not go away ends the attempt; the next poll looks again")
    func permanentFailure() {
        var run = Run()
        run.advance(to: .downloading)
        run.send(
            .registryFailed(
                message: "not found", isTransient: false, retryAfterSeconds: nil, random: 0))
        #expect(run.machine.state.candidate == nil)
        #expect(run.send(.tick(random: 0.5), after: 100).isEmpty)
        #expect(!run.send(.tick(random: 0.5), after: 1000).isEmpty)
    }

    @Test("Polls spread by a fifth to either side")
    func jitter() {
        for (random, wait) in [(0.0, 720), (0.5, 900), (1.0, 1080)] {
            var run = Run()
            run.start()
            run.send(.tick(random: random))
            run.send(.resolved(validator: nil))
            #expect(run.send(.tick(random: 0), after: wait - 1).isEmpty)
            #expect(!run.send(.tick(random: 0), after: 1).isEmpty)
        }
    }
}
