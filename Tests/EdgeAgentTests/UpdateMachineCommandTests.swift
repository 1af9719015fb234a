import EdgeAgent
import TestSupport
import Testing

@Suite("The update machine and people")
struct UpdateMachineCommandTests {
    private typealias Run = MachineRun

    @Test("Outside of the rollout nothing is looked for, by hand it is")
    func rollout() {
        var run = Run()
        run.isInRollout = false
        run.start()
        #expect(run.send(.tick(random: 0), after: 10_000).isEmpty)
        let actions = run.send(.command(.pull(reference: nil), by: "root"))
        #expect(actions.first == .resolve(reference: "level:stable", known: nil))
    }

    @Test("A trial waits for the maintenance window, except by hand")
    func window() {
        for byHand in [false, true] {
            var run = Run()
            run.isWindowOpen = false
            run.advance(to: .shadow)
            #expect(run.observe(Run.tally(100), after: 60).isEmpty)
            #expect(run.machine.state.phaseName == "shadow")
            if byHand {
                run.send(.command(.promote, by: "root"))
            } else {
                run.isWindowOpen = true
                _ = run.observe(Run.tally(200), after: 60)
            }
            #expect(run.machine.state.phaseName == "trial")
        }
    }

    @Test("With apply: manual, and while held, a version stays staged until it is promoted")
    func manual() {
        var policy = Run.policy
        policy.apply = .manual
        var run = Run(policy)
        run.advance(to: .staged)
        run.send(.tick(random: 0), after: 10_000)
        #expect(run.machine.state.phaseName == "staged")
        run.send(.command(.promote, by: "root"))
        #expect(run.machine.state.phaseName == "selfTest")
        run = Run()
        run.advance(to: .verifying)
        run.send(.command(.hold, by: "root"))
        run.send(.verified(Run.version(2)))
        #expect(run.machine.state.phaseName == "staged")
        run.send(.command(.unhold, by: "root"))
        run.send(.tick(random: 0))
        #expect(run.machine.state.phaseName == "selfTest")
    }

    @Test(
        "Back by hand: the new version goes, and does not come again by itself",
        arguments: [
            UpdateState.Phase.staged, .shadow, .trial,
        ])
    func rollbackOfCandidate(phase: UpdateState.Phase) {
        var run = Run()
        run.advance(to: phase)
        let actions = run.send(.command(.rollback, by: "root"))
        #expect(run.machine.state.candidate == nil)
        #expect(Run.codes(actions).first?.hasSuffix("by-hand") == true)
        #expect(run.machine.state.refused.first?.digest == Run.version(2).digest)
    }

    @Test("Back by hand from a committed version, once")
    func rollbackOfActive() {
        var run = Run()
        run.advance(to: .trial)
        _ = run.observe(Run.tally(200), after: 100)
        let actions = run.send(.command(.rollback, by: "root"))
        #expect(actions.contains(.decide(.configured, keepsOld: false)))
        #expect(run.machine.state.active == .configured)
        let again = run.send(.command(.rollback, by: "root"))
        #expect(
            again == [.reply(isAccepted: false, "there is no version to go back to")])
        run.send(.tick(random: 0), after: 5000)
        #expect(run.send(.resolved(validator: "two")).isEmpty, "it was taken back by hand")
    }

    @Test("A pinned version is the only one that works until the pin is lifted")
    func pin() {
        var run = Run()
        run.advance(to: .shadow)
        let digest = Run.configured.digest
        run.send(.command(.pin(.configured, digest), by: "root"))
        #expect(run.machine.state.candidate == nil)
        #expect(run.send(.tick(random: 0), after: 100_000).isEmpty)
        run.send(.command(.pull(reference: nil), by: "root"))
        run.send(.resolved(validator: "three"))
        run.send(.downloaded)
        let actions = run.send(.verified(Run.version(3)))
        #expect(Run.codes(actions) == ["refused:not-pinned"])
        run.send(.command(.unpin, by: "root"))
        #expect(!run.send(.tick(random: 0), after: 100_000).isEmpty)
    }

    @Test("A newer configured bundle takes over; another model starts anew and remembers releases")
    func configuredBundle() {
        var run = Run()
        run.advance(to: .trial)
        _ = run.observe(Run.tally(200), after: 100)
        run.send(.stopping)
        run.send(.started(configured: Run.version(3)))
        #expect(run.machine.state.active == .configured)
        #expect(run.machine.state.previous == .stored(Run.version(2)))
        #expect(run.machine.state.highestReleases["level"] == 3)
        var other = Run.version(1)
        other.name = "vibration"
        run.send(.stopping)
        run.send(.started(configured: other))
        #expect(run.machine.state.active == .configured && run.machine.state.previous == nil)
        #expect(run.machine.state.highestReleases == ["level": 3, "vibration": 1])
    }

    @Test("Without a clock that can be believed a version that expires waits")
    func clock() {
        var run = Run()
        run.advance(to: .verifying)
        #expect(Run.codes(run.send(.clockNeeded)) == ["waiting"])
        #expect(run.send(.clockNeeded).isEmpty, "said once")
        #expect(run.send(.tick(random: 0), after: 60) == [.verify])
        run.send(.verified(Run.version(2)))
        #expect(run.machine.state.phaseName == "selfTest")
    }
}
