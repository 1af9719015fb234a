import EdgeAgent
import Foundation
import InferenceRuntime
import SensorIO
import TestSupport
import Testing

@Suite(
    "Exchange of models", .enabled(if: TestBroker.isAvailable, "mosquitto is not installed"))
struct PipelineSwapTests {
    private func activate(_ path: String) throws -> PipelineModel {
        let bundle = try ModelBundle(
            directory: path, agentVersion: try #require(SemanticVersion("0.1.0")))
        return try ModelActivation.activate(
            bundle, engines: EngineSelection(), limitNanoseconds: 1_000_000_000
        ).model
    }

    private func settings(_ broker: TestBroker) throws -> PipelineSettings {
        func topic(_ text: String) throws -> TopicTemplate {
            try TopicTemplate(text, bindings: [:], variables: ["asset"])
        }
        let filter = try TopicFilter("plant/{asset}/reading")
        return PipelineSettings(
            name: "level", agent: "box", boot: 1,
            sensors: MQTTEndpoint(
                host: "localhost", port: broker.port, clientIdentifier: "sensors"),
            alerts: nil, filters: [filter], keys: [TopicKey(for: filter)], channelCaptures: [nil],
            qualityOfService: .atLeastOnce, payload: PayloadConfiguration().description,
            assets: AssetLimits(maximumAssets: 4), budgetNanoseconds: 20_000_000,
            // Each reading is decided, however late: none may be missing below.
            onOverrun: .evaluate,
            topics: PipelineSettings.Topics(
                alerts: try topic("a/{asset}"), states: try topic("s/{asset}"),
                predictions: try topic("p/{asset}"), agentAlerts: try topic("aa"),
                agentStates: try topic("as")),
            predictions: .everyNth(1))
    }

    /// A model, and whether somebody still holds it.
    private final class Watch {
        weak var model: PipelineModel?
        init(_ model: PipelineModel) { self.model = model }
    }

    private func makeOutbox(
        _ broker: TestBroker, _ directory: TemporaryDirectory
    ) throws -> OutboxService {
        let port = broker.port
        return try OutboxService(
            configuration: OutboxConfiguration(path: directory.file("outbox.sqlite")),
            uplink: { _ in
                OutboxUplink(
                    endpoint: MQTTEndpoint(
                        host: "localhost", port: port, clientIdentifier: "uplink"))
            }, onEvent: { _ in })
    }

    @Test(
        "Fifty swaps under load: each reading is decided once, by one of the models; all old ones are freed"
    )
    func fiftySwaps() throws {
        let broker = try TestBroker()
        let directory = try TemporaryDirectory()
        let next = try TestBundle.make(directory.file("next"))
        let outbox = try makeOutbox(broker, directory)
        let lane = try outbox.makeLane(name: "level")
        let settings = try settings(broker)
        let control = PipelineControl()
        let pipeline = try Pipeline(
            settings: settings, model: try activate(TestAgent.levelBundle), lane: lane,
            wallClock: WallClock(), control: control)
        let metrics = pipeline.metrics
        var thread = PipelineThread(pipeline, control: control, lane: lane)
        try outbox.start()
        #expect(thread.start() == 0)
        let subscriber = try TestSubscriber(broker, ["p/+"])
        func wait(_ what: String, _ isTrue: () -> Bool) throws {
            let deadline = Date().addingTimeInterval(30)
            while !isTrue() {
                guard Date() < deadline else { throw TestFailure("waiting for \(what)") }
                usleep(500)
            }
        }
        try wait("the subscription") { metrics[.sensorsConnected] == 1 }

        let swaps = 50
        let perSwap = 40
        var watches: [Watch] = []
        for swap in 1...swaps {
            // Readings are on their way while the model changes.
            let model = try activate(swap % 2 == 1 ? next : TestAgent.levelBundle)
            watches.append(Watch(model))
            if swap % 5 == 1 {
                let lines = (0..<5 * perSwap).map { TestAgent.reading(1 + Double($0 % 5) / 10) }
                try TestPublisher.publish(broker, "plant/p1/reading", lines: lines)
            }
            #expect(control.models.deliver(ModelDelivery(model: model, settings: settings)))
            lane.wakeProducer()
            try wait("the old model") {
                guard let back = control.models.collect() else { return false }
                return back.model != nil
            }
        }
        let total = swaps * perSwap
        try wait("all readings") { Int(metrics[.samples]) == total }
        try subscriber.messages.wait(for: "all scores", within: 30) { $0.count >= total }
        thread.stop()
        outbox.stop(deadlineNanoseconds: MonotonicClock.nanoseconds &+ 1_000_000_000)

        let scores = subscriber.events("p/")
        #expect(scores.count == total)
        #expect(Set(scores.map(\.identifier)).count == total)
        let versions = Set(
            scores.compactMap { ($0.data["model"] as? [String: Any])?["version"] as? String })
        #expect(versions == ["1.0.0", "1.2.0"])
        // The last one is the pipeline's.
        #expect(watches.dropLast().allSatisfy { $0.model == nil })
    }

    @Test("A model with other channels or windows is not exchanged")
    func refusal() throws {
        let directory = try TemporaryDirectory()
        let model = try activate(TestAgent.levelBundle)
        let other = try TestBundle.make(directory.file("other")) { manifest in
            var inputs = manifest["inputs"] as? [String: Any] ?? [:]
            var channels = inputs["channels"] as? [[String: Any]] ?? []
            channels[0]["unit"] = "A"
            inputs["channels"] = channels
            manifest["inputs"] = inputs
        }
        let text = Pipeline.refusal(of: try activate(other), insteadOf: model.view)
        #expect(text?.contains("other channels") == true)
        #expect(Pipeline.refusal(of: model, insteadOf: model.view) == nil)
    }

    @Test(
        "The budget at 1 000 readings a second, with 50 exchanges and without",
        .enabled(
            if: ProcessInfo.processInfo.environment["EDGE_AGENT_BENCH"] != nil,
            "a measurement: run with EDGE_AGENT_BENCH=1"),
        arguments: [0, 50])
    func measurement(swaps: Int) throws {
        let broker = try TestBroker()
        let directory = try TemporaryDirectory()
        let next = try TestBundle.make(directory.file("next"))
        let outbox = try makeOutbox(broker, directory)
        let lane = try outbox.makeLane(name: "level")
        var settings = try settings(broker)
        settings.onOverrun = .coalesce
        settings.predictions = .off
        let control = PipelineControl()
        let pipeline = try Pipeline(
            settings: settings, model: try activate(TestAgent.levelBundle), lane: lane,
            wallClock: WallClock(), control: control)
        let (metrics, budget) = (pipeline.metrics, pipeline.budgetMetrics)
        var thread = PipelineThread(pipeline, control: control, lane: lane)
        try outbox.start()
        #expect(thread.start() == 0)
        while metrics[.sensorsConnected] != 1 { usleep(1000) }
        let reading = TestAgent.reading(1)
        let program = """
            import sys, time
            start = time.monotonic()
            for i in range(15000):
                time.sleep(max(0, start + i / 1000 - time.monotonic()))
                sys.stdout.write('\(reading)\\n')
                sys.stdout.flush()
            """
        let shell = try #require(Executables.system("sh"))
        let publisher = try ChildProcess(
            shell,
            [
                "-c",
                "python3 -c \"$0\" | mosquitto_pub -h localhost -p \(broker.port) -t plant/p1/reading -l -q 0",
                program,
            ])
        publisher.closeInput()
        for swap in 0..<max(swaps, 0) {
            usleep(250_000)
            let model = try activate(swap % 2 == 0 ? next : TestAgent.levelBundle)
            #expect(control.models.deliver(ModelDelivery(model: model, settings: settings)))
            lane.wakeProducer()
            while control.models.collect() == nil { usleep(500) }
        }
        _ = try publisher.waitForExit(within: 40)
        while metrics[.samples] < 15_000 { usleep(1000) }
        thread.stop()
        outbox.stop(deadlineNanoseconds: MonotonicClock.nanoseconds &+ 1_000_000_000)
        let snapshot = budget.snapshot(budgetNanoseconds: settings.budgetNanoseconds)
        print(
            "\(swaps) exchanges, \(metrics[.samples]) readings:",
            "p50 \(snapshot.total.percentile(0.5)) ns, p99 \(snapshot.total.percentile(0.99)) ns,",
            "maximum \(snapshot.total.maximumNanoseconds) ns, misses \(snapshot.totalMisses)")
    }
}
