import Foundation
import TestSupport
import Testing

@testable import EdgeAgent
@testable import SensorIO

@Suite(
    "A restart of the agent", .enabled(if: TestBroker.isAvailable, "mosquitto is not installed"))
struct RestartTests {
    enum End: String, CaseIterable { case terminated, killed }

    /// With a budget that a busy machine can keep at each of the many starts.
    private static func yaml(
        _ broker: TestBroker, pipeline: String = "", top: String = ""
    ) -> String {
        TestAgent.yaml(broker, pipeline: "budget: 1s\n" + pipeline, top: top)
    }

    /// The level bundle with a window, under another name or digest.
    private static func bundle(
        in directory: TemporaryDirectory, name: String = "level", summary: String = "of the test",
        window: Int = 1, hop: Int = 1
    ) throws -> String {
        let path = directory.file("bundle-\(name)-\(summary.count)-\(window)")
        try FileManager.default.copyItem(atPath: TestAgent.levelBundle, toPath: path)
        let manifest = URL(fileURLWithPath: path + "/bundle.json")
        var json =
            try JSONSerialization.jsonObject(with: Data(contentsOf: manifest)) as? [String: Any]
            ?? [:]
        json["name"] = name
        json["summary"] = summary
        json["fallback"] = nil
        var inputs = json["inputs"] as? [String: Any] ?? [:]
        inputs["window"] = window
        inputs["hop"] = hop
        inputs["features"] = window == 1 ? "raw" : ["mean"]
        json["inputs"] = inputs
        try JSONSerialization.data(withJSONObject: json).write(to: manifest)
        return path
    }

    private func end(
        _ agent: TestAgent, _ end: End, changing change: (String) -> String = { $0 },
        meanwhile: () throws -> Void = {}
    ) throws {
        switch end {
        case .terminated: try agent.restart(change, meanwhile: meanwhile)
        case .killed: try agent.killAndRestart(changing: change, meanwhile: meanwhile)
        }
    }

    @Test(
        "A raised alarm is neither forgotten nor raised again, and cleared as the one that it is",
        arguments: End.allCases)
    func raisedStaysRaised(end way: End) throws {
        let broker = try TestBroker { $0.isPersistent = true }
        let subscriber = try TestSubscriber(broker, ["edge/box/alerts/#", "edge/box/state/#"])
        let agent = try TestAgent(Self.yaml(broker))
        try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(8))
        let raised = try subscriber.waitForEvents("edge/box/alerts/level/p1", count: 1)[0]
        if way == .killed {
            // The event goes out first; a moment later it is on the disk how the alarm stands.
            try waitForKept(agent, count: 1)
        }
        try end(agent, way)
        // Still wrong, then worse, then right again: one escalation and one clear of the same alarm.
        for level in [8, 8, 30, 1.0] {
            try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(level))
        }
        let alerts = try subscriber.waitForEvents("edge/box/alerts/level/p1", count: 3)
        #expect(
            alerts.map { $0.data["transition"] as? String } == ["raised", "escalated", "cleared"])
        #expect(alerts[1].data["raisedBy"] as? String == raised.identifier)
        #expect(alerts[2].data["raisedBy"] as? String == raised.identifier)
        #expect(alerts[2].data["raisedAt"] as? String == raised.data["raisedAt"] as? String)
        #expect(alerts[2].data["reason"] as? String == "recovered")
        #expect(alerts[2].data["severity"] as? String == "critical")
        let states = try subscriber.waitForEvents("edge/box/state/level/p1", count: 3)
        #expect(states.last?.json["state"] as? String == "cleared")
        // And what was cleared is not raised by the next restart.
        try end(agent, .terminated)
        try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(8))
        let again = try subscriber.waitForEvents("edge/box/alerts/level/p1", count: 4)
        #expect(again[3].data["transition"] as? String == "raised")
        #expect(again[3].data["raisedBy"] as? String == again[3].identifier)
        #expect(try agent.stop() == .code(0))
    }

    /// Waits until so many alarms are on the disk.
    private func waitForKept(_ agent: TestAgent, count: Int) throws {
        let path = agent.directory.file("state/outbox.sqlite")
        try waitUntil("\(count) kept alarms", within: 10) {
            let database = try? SQLiteConnection(path: path, mode: .readOnly)
            return try? database?.integer("SELECT count(*) FROM kept WHERE key <> x'00FF'")
                == Int64(count)
        }
    }

    @Test(
        "A window goes on: the next evaluation comes after a hop, not after a whole window",
        arguments: End.allCases)
    func warmWindow(end way: End) throws {
        let broker = try TestBroker()
        let subscriber = try TestSubscriber(broker, ["edge/box/predictions/#"])
        let directory = try TemporaryDirectory("bundles")
        let bundle = try Self.bundle(in: directory, window: 6, hop: 2)
        let yaml = Self.yaml(
            broker, pipeline: "predictions: { mode: full }",
            top: way == .killed ? "restart: { saveInterval: 50ms }" : ""
        ).replacingOccurrences(of: "$BUNDLE", with: bundle)
        let agent = try TestAgent(yaml)
        for level in [1, 2, 3, 4, 5, 6.0] {
            try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(level))
        }
        try subscriber.waitForEvents("edge/box/predictions/level/p1", count: 1)
        if way == .killed {
            try waitUntil("six rows in the file", within: 10) {
                let saved = try? SavedState(path: agent.windowsFile, maximumBytes: 1 << 20)
                // Times and values of six rows of four channels.
                return saved?.entries.first.map { $0.window.count >= 36 + 6 * 24 } ?? false
            }
        }
        try end(agent, way)
        for level in [7, 8.0] {
            try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(level))
        }
        let scores = try subscriber.waitForEvents("edge/box/predictions/level/p1", count: 2)
        // The mean of 3 to 8, squared: the old rows are in it.
        #expect(scores[1].data["score"] as? Double == 5.5 * 5.5)
        #expect(try agent.stop() == .code(0))
    }

    @Test("An absence that was too long begins anew: windows are forgotten, alarms cleared")
    func stale() throws {
        let broker = try TestBroker()
        let subscriber = try TestSubscriber(broker, ["edge/box/alerts/#", "edge/box/state/#"])
        let agent = try TestAgent(Self.yaml(broker))
        try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(8))
        let raised = try subscriber.waitForEvents("edge/box/alerts/level/p1", count: 1)[0]
        try agent.restart(meanwhile: {
            // As if it had been saved two hours ago.
            try StateFiles.change(agent.windowsFile) { bytes in
                StateFiles.subtract(7_200_000_000_000, at: 8, from: &bytes)
            }
        })
        let alerts = try subscriber.waitForEvents("edge/box/alerts/level/p1", count: 2)
        #expect(alerts[1].type == "edge.alert.cleared.v1")
        #expect(alerts[1].data["reason"] as? String == "restarted")
        #expect(alerts[1].data["raisedBy"] as? String == raised.identifier)
        let states = try subscriber.waitForEvents("edge/box/state/level/p1", count: 2)
        #expect(states[1].json["reason"] as? String == "restarted")
        #expect(agent.process.errors.all.contains { $0.contains("they are 7200 s old") })
        // It is still wrong, so it is raised anew.
        try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(8))
        let last = try subscriber.waitForEvents("edge/box/alerts/level/p1", count: 3)[2]
        #expect(last.data["transition"] as? String == "raised")
        #expect(try agent.stop() == .code(0))
    }

    @Test(
        "A new version of the model takes raised alarms over, another model clears them",
        arguments: ["level", "other"])
    func otherModel(name: String) throws {
        let broker = try TestBroker()
        let subscriber = try TestSubscriber(broker, ["edge/box/alerts/#"])
        let directory = try TemporaryDirectory("bundles")
        let agent = try TestAgent(Self.yaml(broker))
        try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(8))
        let raised = try subscriber.waitForEvents("edge/box/alerts/level/p1", count: 1)[0]
        let next = try Self.bundle(in: directory, name: name)
        try agent.restart({ $0.replacingOccurrences(of: TestAgent.levelBundle, with: next) })
        try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(1))
        try TestPublisher.publish(broker, "plant/p2/reading", TestAgent.reading(8))
        try subscriber.waitForEvents("edge/box/alerts/level/p2", count: 1)
        let alerts = subscriber.events("edge/box/alerts/level/p1")
        #expect(alerts.map(\.type) == ["edge.alert.raised.v1", "edge.alert.cleared.v1"])
        #expect(
            alerts.last?.data["reason"] as? String == (name == "level" ? "recovered" : "restarted"))
        #expect(alerts.last?.data["raisedBy"] as? String == raised.identifier)
        #expect(try agent.stop() == .code(0))
    }

    /// What every state topic says now to a consumer who comes late.
    private func retainedStates(_ broker: TestBroker, count: Int) throws -> [String: String] {
        let late = try TestSubscriber(broker, ["+/box/state/#"])
        try late.messages.wait(for: "\(count) retained states", within: 10) { $0.count >= count }
        return late.messages.all.reduce(into: [:]) { states, message in
            states[message.topic] = ReceivedEvent(message)?.json["state"] as? String
        }
    }

    @Test("Alarms of a pipeline that is no longer configured are cleared where they were raised")
    func removedPipeline() throws {
        let broker = try TestBroker()
        let subscriber = try TestSubscriber(broker, ["edge/box/alerts/#", "edge/box/state/#"])
        let agent = try TestAgent(Self.yaml(broker))
        for asset in ["p1", "p2"] {
            try TestPublisher.publish(broker, "plant/\(asset)/reading", TestAgent.reading(8))
        }
        let raised = try subscriber.waitForEvents("edge/box/alerts/level/p1", count: 1)[0]
        try waitForKept(agent, count: 2)
        try agent.restart { $0.replacingOccurrences(of: "name: level", with: "name: other") }
        let alerts = try subscriber.waitForEvents("edge/box/alerts/level/p1", count: 2)
        #expect(alerts[1].type == "edge.alert.cleared.v1")
        #expect(alerts[1].source == "/agents/box/pipelines/level")
        #expect(alerts[1].data["reason"] as? String == "removed")
        #expect(alerts[1].data["raisedBy"] as? String == raised.identifier)
        #expect(alerts[1].data["severity"] as? String == raised.data["severity"] as? String)
        try subscriber.waitForEvents("edge/box/state/level/p1", count: 2)
        try subscriber.waitForEvents("edge/box/state/level/p2", count: 2)
        #expect(
            try retainedStates(broker, count: 2) == [
                "edge/box/state/level/p1": "cleared", "edge/box/state/level/p2": "cleared",
            ])
        // And not a second time by the start after it.
        try waitForKept(agent, count: 0)
        try agent.restart()
        try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(8))
        try subscriber.waitForEvents("edge/box/alerts/other/p1", count: 1)
        #expect(subscriber.events("edge/box/alerts/level/p1").count == 2)
        #expect(try agent.stop() == .code(0))
    }

    @Test("With other topics, alarms are cleared on the old ones and raised on the new ones")
    func otherTopics() throws {
        let broker = try TestBroker()
        let subscriber = try TestSubscriber(broker, ["+/box/alerts/#", "+/box/state/#"])
        let agent = try TestAgent(Self.yaml(broker))
        try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(8))
        let raised = try subscriber.waitForEvents("edge/box/alerts/level/p1", count: 1)[0]
        try waitForKept(agent, count: 1)
        try agent.restart {
            $0 + "\n    state: { topic: \"new/box/state/{pipeline}/{asset}\" }\n"
        }
        let alerts = try subscriber.waitForEvents("edge/box/alerts/level/p1", count: 2)
        #expect(alerts[1].data["reason"] as? String == "restarted")
        #expect(alerts[1].data["raisedBy"] as? String == raised.identifier)
        try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(8))
        try subscriber.waitForEvents("new/box/state/level/p1", count: 1)
        #expect(
            try retainedStates(broker, count: 2) == [
                "edge/box/state/level/p1": "cleared", "new/box/state/level/p1": "raised",
            ])
        // From now on it goes on there.
        try waitForKept(agent, count: 1)
        try agent.restart()
        try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(1))
        let states = try subscriber.waitForEvents("new/box/state/level/p1", count: 2)
        #expect(states[1].json["reason"] as? String == "recovered")
        #expect(subscriber.events("edge/box/state/level/p1").count == 2)
        #expect(try agent.stop() == .code(0))
    }

    @Test("The agent's own alert about a pipeline that is no longer configured is cleared")
    func removedOwnAlert() throws {
        let broker = try TestBroker()
        let subscriber = try TestSubscriber(broker, ["edge/box/alerts/#", "edge/box/state/#"])
        let agent = try TestAgent(Self.yaml(broker))
        try agent.restart(meanwhile: {
            // As an agent left it that kept no topics.
            let store = try OutboxStore(
                configuration: OutboxConfiguration(
                    path: agent.directory.file("state/outbox.sqlite")))
            var bytes = [UInt8](repeating: 0, count: 24)
            bytes[8] = 7
            bytes[16] = 9
            let label = AgentAlertLabel.latencyBudgetExceeded
            _ = try store.write(
                OutboxBatch(kept: [
                    OutboxKept(scope: "gone", key: [0, label.rawValue], bytes: bytes)
                ]))
        })
        let event = try subscriber.waitForEvents("edge/box/alerts", count: 1)[0]
        #expect(event.data["reason"] as? String == "removed")
        #expect(event.data["raisedBy"] as? String == "box/7/9")
        try subscriber.waitForEvents("edge/box/state/gone", count: 1)
        try waitForKept(agent, count: 0)
        #expect(try agent.stop() == .code(0))
    }

    @Test(
        "A file of windows that is not what was written is said, and the agent starts without it",
        arguments: [
            "truncated", "huge", "directory", "pipe",
        ])
    func unusableFile(kind: String) throws {
        let broker = try TestBroker()
        let subscriber = try TestSubscriber(broker, ["edge/box/alerts/#"])
        let agent = try TestAgent(Self.yaml(broker))
        try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(8))
        try subscriber.waitForEvents("edge/box/alerts/level/p1", count: 1)
        try agent.restart(meanwhile: { try StateFiles.spoil(agent.windowsFile, kind) })
        try agent.process.errors.first("the reason in the log", within: 5) {
            $0.contains("saved windows are not used")
        }
        // What the outbox keeps is there: the alarm goes on.
        try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(1))
        let alerts = try subscriber.waitForEvents("edge/box/alerts/level/p1", count: 2)
        #expect(alerts[1].data["reason"] as? String == "recovered")
        #expect(try agent.stop() == .code(0))
    }

    @Test(
        "After 'kill -9' the state of the outbox is made right, after an orderly end nothing is said"
    )
    func outboxState() throws {
        let broker = try TestBroker()
        let subscriber = try TestSubscriber(broker, ["edge/box/state/outbox", "edge/box/alerts"])
        let agent = try TestAgent(Self.yaml(broker))
        try agent.restart()
        try agent.restart()
        #expect(subscriber.messages.all.isEmpty)
        try agent.killAndRestart()
        let events = try subscriber.waitForEvents("edge/box/alerts", count: 1)
        #expect(events[0].data["label"] as? String == "outbox-unavailable")
        #expect(events[0].data["reason"] as? String == "restarted")
        let states = try subscriber.waitForEvents("edge/box/state/outbox", count: 1)
        #expect(states[0].json["state"] as? String == "cleared")
        #expect(states[0].json["event"] as? String == events[0].identifier)
        #expect(try agent.stop() == .code(0))
    }

    @Test("The agent's own alert that was raised is cleared by the next start")
    func ownAlert() throws {
        let broker = try TestBroker()
        let subscriber = try TestSubscriber(broker, ["edge/#"])
        let agent = try TestAgent(
            TestAgent.yaml(broker, pipeline: "budget: 1ms\ninferenceShare: 1\nonOverrun: evaluate"))
        agent.process.signal(SIGSTOP)
        try TestPublisher.publish(
            broker, "plant/p1/reading", lines: (0..<2_000).map { _ in TestAgent.reading(1) })
        agent.process.signal(SIGCONT)
        try subscriber.messages.first("the alert's state", within: 10) {
            $0.topic == "edge/box/state/level"
                && String(decoding: $0.payload, as: UTF8.self)
                    .contains("\"raised\"")
        }
        try agent.restart()
        let end = try subscriber.messages.first("the alert's end", within: 10) {
            $0.topic == "edge/box/alerts"
                && String(decoding: $0.payload, as: UTF8.self)
                    .contains("edge.alert.cleared.v1")
        }
        #expect(String(decoding: end.payload, as: UTF8.self).contains("\"reason\":\"restarted\""))
        #expect(try agent.stop() == .code(0))
    }
}

/// Files of saved windows as something has spoiled them.
enum StateFiles {
    /// Changes the bytes and makes the checksum right again.
    static func change(_ path: String, _ body: (inout [UInt8]) -> Void) throws {
        let url = URL(fileURLWithPath: path)
        var bytes = Array(try Data(contentsOf: url).dropLast(8))
        body(&bytes)
        var checksum = StateChecksum()
        bytes.withUnsafeBytes { checksum.add($0) }
        StateHeader.put(checksum.value, to: &bytes)
        try Data(bytes).write(to: url)
    }

    static func subtract(_ value: Int64, at offset: Int, from bytes: inout [UInt8]) {
        bytes.withUnsafeMutableBytes { raw in
            let old = raw.loadUnaligned(fromByteOffset: offset, as: Int64.self)
            raw.storeBytes(of: old - value, toByteOffset: offset, as: Int64.self)
        }
    }

    static func spoil(_ path: String, _ kind: String) throws {
        let url = URL(fileURLWithPath: path)
        var bytes = Array(try Data(contentsOf: url))
        switch kind {
        case "truncated": bytes.removeLast(11)
        case "huge":
            try Data().write(to: url)
            truncate(path, 1 << 40)
            return
        case "directory", "pipe":
            try FileManager.default.removeItem(at: url)
            if kind == "pipe" {
                mkfifo(path, 0o600)
            } else {
                try FileManager.default.createDirectory(
                    at: url, withIntermediateDirectories: false)
            }
            return
        default: Issue.record("no such kind")
        }
        try Data(bytes).write(to: url)
    }
}
