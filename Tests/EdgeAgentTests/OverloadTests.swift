import Foundation
import Logging
import SensorIO
import TestSupport
import Testing

@testable import EdgeAgent

/// Two pipelines on one outbox in this process: one whose model can be made slow, one that stays as it is.
private final class OverloadRig {
    let directory: TemporaryDirectory
    let outbox: OutboxService
    let slow: PipelineHost
    let calm: PipelineHost
    /// Of the slow one.
    let control = PipelineControl()

    init(_ broker: TestBroker, policy: BudgetAlertPolicy) throws {
        directory = try TemporaryDirectory("overload")
        let path = try directory.write(
            """
            agent: { id: box, stateDirectory: \(directory.path) }
            brokers: { local: { host: localhost, port: \(broker.port) } }
            pipelines:
              - { name: slow, topics: ["slow/{asset}/reading"], model: \(TestAgent.levelBundle),
                  budget: 30ms, qos: 0, predictions: { mode: full } }
              - { name: calm, topics: ["calm/{asset}/reading"], model: \(TestAgent.levelBundle),
                  budget: 1s, onOverrun: evaluate }
            """, to: "edge-agent.yaml")
        let plan = try AgentPlan(try Configuration.load(path: path, environment: [:]))
        let uplink = plan.uplink
        outbox = try OutboxService(
            configuration: OutboxConfiguration(path: directory.file("outbox.db")),
            uplink: { _ in OutboxUplink(endpoint: uplink) }, onEvent: { _ in })
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let clock = WallClock()
        let saver = try StateSaver(interval: .seconds(60), logger: logger)
        let settings = plan.configuration
        slow = try PipelineHost(
            plan.pipelines[0], agent: settings.agent, restart: settings.restart, outbox: outbox,
            saver: saver, wallClock: clock, logger: logger, control: control, budgetAlert: policy)
        calm = try PipelineHost(
            plan.pipelines[1], agent: settings.agent, restart: settings.restart, outbox: outbox,
            saver: saver, wallClock: clock, logger: logger)
        try outbox.start()
        try slow.start()
        try calm.start()
    }

    deinit {
        slow.stop()
        calm.stop()
        outbox.stop(deadlineNanoseconds: MonotonicClock.nanoseconds &+ 1_000_000_000)
    }

    var budget: BudgetSnapshot { slow.budgetMetrics.snapshot(budgetNanoseconds: 30_000_000) }
}

@Suite("Overload", .enabled(if: TestBroker.isAvailable, "mosquitto is not installed"))
struct OverloadTests {
    /// As the agent's own, in a hundredth of the time.
    private static let policy = BudgetAlertPolicy(
        raiseAfterMisses: 5, ofEvaluations: 100, clearAfterEvaluations: 20,
        minimumHoldNanoseconds: 300_000_000, clearAfterNanoseconds: 1_500_000_000,
        fallbackNanoseconds: 300_000_000, maximumFallbackNanoseconds: 600_000_000)

    private func wait(
        for what: String, within seconds: Double = 30, _ condition: () -> Bool
    ) throws {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while !condition() {
            guard Date() < deadline else { throw TestFailure("no \(what) within \(seconds) s") }
            // A counter of another thread, which nothing announces.
            usleep(5_000)
        }
    }

    @Test(
        "A model that becomes slow: misses are counted, the newest data decide, one alert, the fallback and back"
    )
    func slowModel() throws {
        let broker = try TestBroker()
        let subscriber = try TestSubscriber(broker, ["edge/#"])
        let rig = try OverloadRig(broker, policy: Self.policy)
        try wait(for: "connection") { rig.slow.isReady && rig.calm.isReady }
        let assets = 20
        let perAsset = 100

        // Busy with one window until the broker has sent all the others.
        rig.control.setInvocationDelay(nanoseconds: 60_000_000_000)
        try TestPublisher.publish(broker, "slow/first/reading", TestAgent.reading(1))
        let normal = (1..<perAsset).map { _ in TestAgent.reading(1) }
        let group = DispatchGroup()
        for asset in 0..<assets {
            DispatchQueue.global().async(group: group) {
                // The last reading of each is a fault: whoever evaluates the newest data sees it.
                try? TestPublisher.publish(
                    broker, "slow/p\(asset)/reading", lines: normal + [TestAgent.reading(8)])
            }
        }
        // Beside it: each reading changes the alarm.
        for level in [8, 1, 8, 1, 8.0] {
            try TestPublisher.publish(broker, "calm/c1/reading", TestAgent.reading(level))
        }
        let beside = try subscriber.waitForEvents("edge/box/alerts/calm/c1", count: 5)
        #expect(beside.map { $0.data["origin"] as? String } == Array(repeating: "model", count: 5))
        group.wait()
        // Each inference is longer than the budget now.
        rig.control.setInvocationDelay(nanoseconds: 40_000_000)

        let expected = UInt64(assets * perAsset + 1)
        try wait(for: "sample of each reading") { rig.slow.metrics[.samples] == expected }
        // Freshest data: every asset's fault was seen, although most windows before it were left out.
        try subscriber.messages.wait(for: "an alert of each asset", within: 30) {
            Set($0.map(\.topic).filter { $0.hasPrefix("edge/box/alerts/slow/p") }).count == assets
        }
        try wait(for: "evaluation of the last window") {
            let seen = rig.budget
            return seen.evaluations + seen.coalesced + seen.dropped + seen.superseded == expected
        }
        let seen = rig.budget
        #expect(seen.coalesced > 0)
        #expect(seen.misses(.lateWindow) == seen.coalesced + seen.evaluatedLate)
        #expect(seen.fallbackEvaluations > 0)
        #expect(seen.alertsRaised == 1)
        func own(_ kind: String, _ messages: [TestMessage]) -> [ReceivedEvent] {
            messages.filter { $0.topic == "edge/box/alerts" }.compactMap(ReceivedEvent.init).filter
            {
                $0.data["label"] as? String == "latency-budget-exceeded" && $0.type.contains(kind)
            }
        }
        func own(_ kind: String) -> [ReceivedEvent] { own(kind, subscriber.messages.all) }
        try subscriber.messages.wait(for: "the budget's alert", within: 10) {
            own("raised", $0).count == 1
        }
        #expect(own("cleared").isEmpty)

        // The model is as fast as before; readings that it can bear come until it decides again.
        rig.control.setInvocationDelay(nanoseconds: 0)
        var sent = 0
        let deadline = Date(timeIntervalSinceNow: 30)
        while own("cleared").isEmpty, Date() < deadline {
            try TestPublisher.publish(broker, "slow/p0/reading", TestAgent.reading(1))
            sent += 1
        }
        #expect(rig.budget.phase == .holding)
        #expect(own("raised").count == 1)
        #expect(own("cleared").count == 1)
        #expect(own("raised").allSatisfy { $0.subject == "slow" })
        #expect(sent > 0)
        try TestPublisher.publish(broker, "slow/p1/reading", TestAgent.reading(1))
        try TestPublisher.publish(broker, "slow/p1/reading", TestAgent.reading(8))
        try subscriber.messages.wait(for: "the model's word", within: 10) {
            $0.last { $0.topic == "edge/box/alerts/slow/p1" }.flatMap(ReceivedEvent.init)?
                .data["origin"] as? String == "model"
        }
    }
}
