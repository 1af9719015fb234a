import EdgeAgent
import Foundation
import TestSupport
import Testing

@Suite(
    "Updates of the running agent",
    .enabled(if: TestBroker.isAvailable && TestSigner.isAvailable, "needs mosquitto and openssl"))
struct UpdateEndToEndTests {
    private static func updates(_ signer: TestSigner, shadow: Int = 20, trial: Int = 20) -> String {
        """
        updates:
          keys: [\(signer.publicKeyFile)]
          shadow: { minimumTime: 0s, windows: \(shadow) }
          trial: { minimumTime: 0s, windows: \(trial), judgedAfter: \(trial) }
        """
    }

    /// Runs a command of the agent's configuration.
    @discardableResult
    private func model(_ agent: TestAgent, _ arguments: String...) throws -> [String] {
        try ChildProcess.run(
            try TestAgent.executable(),
            ["model", arguments[0], "--config", agent.configuration] + arguments.dropFirst())
    }

    /// Waits for a message of which this is a part.
    private func waitForMessage(
        _ subscriber: TestSubscriber, _ topic: String, _ part: String
    ) throws {
        try subscriber.messages.wait(for: "\(part) on \(topic)", within: 20) { messages in
            messages.contains {
                $0.topic == topic && String(decoding: $0.payload, as: UTF8.self).contains(part)
            }
        }
    }

    private func step(_ event: ReceivedEvent) -> String { event.data["step"] as? String ?? "" }

    @Test("A staged bundle is watched, decides, and is committed, while not one reading is lost")
    func swap() throws {
        let broker = try TestBroker()
        let signer = try TestSigner()
        let subscriber = try TestSubscriber(broker, ["edge/#"])
        let agent = try TestAgent(
            TestAgent.yaml(
                broker, pipeline: "predictions: { mode: full }", top: Self.updates(signer)))
        let bundle = try TestBundle.make(agent.directory.file("next"))
        try signer.sign(bundle)
        #expect(try model(agent, "stage", bundle).joined().contains("looking for"))
        func events() -> [ReceivedEvent] { subscriber.events("edge/box/models/level") }
        func wait(_ wanted: String) throws {
            try waitForMessage(subscriber, "edge/box/models/level", "\"step\":\"\(wanted)\"")
        }
        try wait("shadowStarted")
        var published = 0
        // A reading is one window; those of the shadow come one at a time, so that there is time left.
        while !events().contains(where: { step($0) == "committed" }) {
            guard published < 2000 else { throw TestFailure("\(events().map(step))") }
            try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(1))
            published += 1
            try subscriber.waitForEvents("edge/box/predictions/level/p1", count: published)
        }
        let predictions = subscriber.events("edge/box/predictions/level/p1")
        #expect(predictions.count == published)
        let versions = predictions.compactMap {
            ($0.data["model"] as? [String: Any])?["version"] as? String
        }
        #expect(versions.first == "1.0.0" && versions.last == "1.2.0")
        // It is decided once and for all: no version comes back.
        #expect(versions == versions.sorted())
        #expect(try model(agent, "list").joined().contains("level 1.2.0, release 2"))
        #expect(try model(agent, "history").last?.contains("\"what\":\"committed\"") == true)
        // What runs stands in the status, and a restart keeps it.
        try waitForMessage(subscriber, "edge/box/status", "\"version\":\"1.2.0\"")
        try agent.killAndRestart()
        try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(8))
        let alert = try subscriber.waitForEvents("edge/box/alerts/level/p1", count: 1)[0]
        #expect((alert.data["model"] as? [String: Any])?["version"] as? String == "1.2.0")
        // Back by hand, at once.
        try model(agent, "rollback")
        try wait("rolledBack")
        #expect(try model(agent, "list").joined().contains("the configured bundle"))
        try agent.stop()
    }

    @Test(
        "A version that calls alarms on trial is taken back, with an alert that ends when somebody has seen it"
    )
    func rolledBack() throws {
        let broker = try TestBroker()
        let signer = try TestSigner()
        let subscriber = try TestSubscriber(broker, ["edge/#"])
        let agent = try TestAgent(
            TestAgent.yaml(
                broker, pipeline: "budget: 4s", top: Self.updates(signer, shadow: 0, trial: 5)))
        let bundle = try TestBundle.make(agent.directory.file("next"))
        try signer.sign(bundle)
        try model(agent, "stage", bundle)
        try waitForMessage(subscriber, "edge/box/models/level", "\"step\":\"trialStarted\"")
        let topic = "edge/box/state/level:update-rolled-back"
        // A reading is one window; in a crowd only the newest of an asset is evaluated.
        for _ in 0..<500 where !subscriber.messages.all.contains(where: { $0.topic == topic }) {
            try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(8))
        }
        try waitForMessage(subscriber, topic, "\"state\":\"raised\"")
        let alert = try #require(
            subscriber.events("edge/box/alerts").last { $0.source == "/agents/box" })
        #expect(alert.type == "edge.alert.raised.v1" && alert.subject == "level")
        #expect(alert.data["label"] as? String == "update-rolled-back")
        #expect(alert.data["cause"] as? String == "alarm-storm")
        #expect((alert.data["model"] as? [String: Any])?["version"] as? String == "1.2.0")
        // It goes on over a restart, and its end names the event that raised it.
        try agent.killAndRestart()
        #expect(try model(agent, "acknowledge") == ["the alerts about updates are cleared"])
        try waitForMessage(subscriber, topic, "\"state\":\"cleared\"")
        let end = try #require(
            subscriber.events("edge/box/alerts").last { $0.source == "/agents/box" })
        #expect(end.type == "edge.alert.cleared.v1")
        #expect(end.data["reason"] as? String == "acknowledged")
        #expect(end.data["raisedBy"] as? String == alert.identifier)
        #expect(throws: TestFailure.self) { try model(agent, "acknowledge") }
        try agent.stop()
    }

    @Test("A state directory of 200 characters has its socket, too")
    func longPath() throws {
        let broker = try TestBroker()
        let signer = try TestSigner()
        let yaml = TestAgent.yaml(broker, top: Self.updates(signer)).replacingOccurrences(
            of: "$STATE", with: "$STATE" + String(repeating: "x", count: 200))
        let agent = try TestAgent(yaml)
        #expect(try model(agent, "hold").joined().contains("held"))
        // The agent that runs has obeyed, not the command without it.
        #expect(try model(agent, "hold", "--off") == ["updates go on"])
        try agent.stop()
    }

    @Test("An unsigned bundle is refused, and the reason is said in the event and the audit log")
    func unsigned() throws {
        let broker = try TestBroker()
        let signer = try TestSigner()
        let subscriber = try TestSubscriber(broker, ["edge/box/models/#"])
        let agent = try TestAgent(TestAgent.yaml(broker, top: Self.updates(signer)))
        let bundle = try TestBundle.make(agent.directory.file("next"))
        try model(agent, "stage", bundle)
        try waitForMessage(subscriber, "edge/box/models/level", "\"step\":\"refused\"")
        let refused = try #require(
            subscriber.events("edge/box/models").last { step($0) == "refused" })
        #expect(refused.data["reason"] as? String == "unsigned")
        #expect(refused.type == "edge.model.refused.v1")
        #expect(try model(agent, "history").joined().contains("\"reason\":\"unsigned\""))
        try agent.stop()
        // Without an agent the command takes the store itself.
        try signer.sign(bundle)
        #expect(try model(agent, "hold").joined().contains("held"))
        #expect(try model(agent, "stage", bundle).joined().contains("verified level 1.2.0"))
        #expect(try model(agent, "list").joined().contains("selfTest"))
    }
}
