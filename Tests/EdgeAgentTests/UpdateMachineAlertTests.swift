import EdgeAgent
import Testing

@Suite("The agent's own alerts about updates")
struct UpdateMachineAlertTests {
    private typealias Run = MachineRun

    private func alerts(_ actions: [UpdateAction]) -> [String] {
        actions.compactMap { action in
            switch action {
            case .raiseAlert(let label, let record): "\(label.name) \(record.code ?? "")"
            case .clearAlert(let alert, let reason, let version):
                "\(alert.label.name) \(reason.name) \(version?.version ?? "-")"
            default: nil
            }
        }
    }

    @Test("A refusal raises, a version taken back raises, and the next that is committed ends both")
    func ends() {
        var run = Run()
        run.advance(to: .shadow)
        #expect(
            alerts(run.observe(Run.tally(50, failures: 1), after: 60))
                == ["update-refused failed-evaluations"])
        run.send(.tick(random: 0), after: 100_000)
        run.send(.resolved(validator: "three"))
        run.send(.downloaded)
        run.send(.verified(Run.version(3)))
        run.send(.selfTested)
        _ = run.observe(Run.tally(100), after: 60)
        #expect(
            alerts(run.observe(Run.tally(1, failures: 1), after: 60))
                == ["update-rolled-back failed-evaluations"])
        // Over a crash both stand.
        #expect(alerts(run.crash()).isEmpty)
        run.send(.resolved(validator: "four"))
        run.send(.tick(random: 0), after: 100_000)
        run.send(.resolved(validator: "four"))
        run.send(.downloaded)
        run.send(.verified(Run.version(4)))
        run.send(.selfTested)
        _ = run.observe(Run.tally(100), after: 60)
        #expect(
            alerts(run.observe(Run.tally(200), after: 200)) == [
                "update-refused recovered 1.4.0", "update-rolled-back recovered 1.4.0",
            ])
        #expect(run.machine.state.alerts.isEmpty)
    }

    @Test("A crash loop of a committed version raises as well")
    func crashLoop() {
        var run = Run()
        run.advance(to: .trial)
        _ = run.observe(Run.tally(200), after: 100)
        for _ in 0..<4 { _ = run.crash() }
        #expect(alerts(run.crash()) == ["update-rolled-back crash-loop"])
    }

    @Test(
        "Somebody who sees to it ends the alert; hold, unhold and unpin say nothing about it",
        arguments: [
            (UpdateCommand.acknowledge, true), (.pull(reference: nil), true),
            (.pin(.configured, MachineRun.configured.digest), true), (.hold, false),
            (.unhold, false), (.unpin, false),
        ])
    func byHand(command: UpdateCommand, ends: Bool) {
        var run = Run()
        run.advance(to: .shadow)
        _ = run.observe(Run.tally(50, failures: 1), after: 60)
        let actions = run.send(.command(command, by: "root"))
        #expect(alerts(actions) == (ends ? ["update-refused acknowledged -"] : []))
        #expect(run.machine.state.alerts.isEmpty == ends)
        // A second time there is nothing to see to.
        if command == .acknowledge {
            let again = run.send(.command(.acknowledge, by: "root"))
            #expect(again == [.reply(isAccepted: false, "no alert about updates is raised")])
        }
    }

    @Test(
        "What a person takes back raises nothing",
        arguments: [UpdateState.Phase.staged, .shadow, .trial])
    func takenBack(phase: UpdateState.Phase) {
        var run = Run()
        run.advance(to: phase)
        #expect(alerts(run.send(.command(.rollback, by: "root"))).isEmpty)
        #expect(run.machine.state.alerts.isEmpty)
    }

    @Test("Another model's alerts are not this one's")
    func otherModel() {
        var run = Run()
        run.advance(to: .shadow)
        _ = run.observe(Run.tally(50, failures: 1), after: 60)
        run.machine = UpdateMachine(
            state: run.machine.state, policy: run.machine.policy, reference: nil)
        var other = Run.version(1)
        other.name = "flow"
        #expect(
            alerts(run.send(.started(configured: other))) == ["update-refused restarted -"])
    }
}
