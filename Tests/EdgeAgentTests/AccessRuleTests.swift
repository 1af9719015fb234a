import Foundation
import TestSupport
import Testing

/// config/mosquitto.acl on a real mosquitto: what each user is to do works, what he is not to do does not.
@Suite(
    "The ACL file for mosquitto",
    .enabled(if: TestBroker.isAvailable, Comment(rawValue: TestBroker.skipReason)))
struct AccessRuleTests {
    private static let users = [
        "pump-station-7", "pump-station-8", "gateway-north", "historian", "anna",
    ]

    /// The file as it stands, and an observer for the test.
    private func broker() throws -> TestBroker {
        let file = ConfigurationSample.repository.appendingPathComponent("config/mosquitto.acl")
        let rules = try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n")
        return try TestBroker { options in
            options.accessRules = rules + ["user observer", "topic readwrite #"]
            for user in Self.users + ["observer"] { options.users[user] = "pass" }
        }
    }

    private func login(_ user: String) -> [String] { ["-u", user, "-P", "pass"] }

    @Test("An agent, its sensors and its consumer can work, and nothing is refused to them")
    func work() throws {
        let broker = try broker()
        let secrets = try TemporaryDirectory("secrets")
        let consumer = try TestSubscriber(
            broker, ["edge/+/alerts/#", "edge/+/state/#", "edge/+/status", "edge/+/predictions/#"],
            arguments: login("historian"))
        let agent = try TestAgent(
            """
            agent: { id: pump-station-7, stateDirectory: $STATE }
            brokers:
              local:
                host: localhost
                port: \(broker.port)
                username: pump-station-7
                passwordFile: \(try secrets.write("pass", to: "password"))
            pipelines:
              - name: level
                topics: ["plant/north/pump/{asset}/readings"]
                model: $BUNDLE
                predictions: { mode: full }
            """)
        try TestPublisher.publish(
            broker, "plant/north/pump/p1/readings", TestAgent.reading(8),
            arguments: login("gateway-north"))
        for prefix in ["alerts/level/p1", "state/level/p1", "status", "predictions/level/p1"] {
            try consumer.waitForEvents("edge/pump-station-7/\(prefix)", count: 1)
        }
        #expect(try agent.stop() == .code(0))
        let log = agent.process.errors.all
        #expect(!log.contains { $0.contains("refuse") || $0.contains("Not authorized") }, "\(log)")
    }

    @Test(
        "What somebody may not write does not arrive, and what he may does",
        arguments: [
            ("pump-station-7", "plant/north/pump/p1/readings", false),
            ("pump-station-7", "edge/pump-station-8/alerts/level/p1", false),
            ("pump-station-7", "edge/pump-station-7/alerts/level/p1", true),
            ("pump-station-8", "edge/pump-station-7/status", false),
            ("gateway-north", "edge/pump-station-7/alerts/level/p1", false),
            ("gateway-north", "edge/pump-station-7/command/rollback", false),
            ("gateway-north", "plant/south/pump/p1/readings", false),
            ("gateway-north", "plant/north/pump/p1/readings", true),
            ("historian", "edge/pump-station-7/alerts/level/p1", false),
            ("historian", "edge/pump-station-7/command/rollback", false),
            ("historian", "plant/north/pump/p1/readings", false),
            ("anna", "edge/pump-station-7/alerts/level/p1", false),
            ("anna", "edge/pump-station-7/command/pull", true),
        ] as [(String, String, Bool)])
    func writing(user: String, topic: String, isAllowed: Bool) throws {
        let broker = try broker()
        let observer = try TestSubscriber(broker, ["#"], arguments: login("observer"))
        // The broker answers a refused one with a reason code, which ends mosquitto_pub with an error.
        try? TestPublisher.publish(broker, topic, "attempt", arguments: login(user))
        try TestPublisher.publish(broker, "the/end", "marker", arguments: login("observer"))
        try observer.messages.first("the marker", within: 10) { $0.text == "marker" }
        let arrived = observer.messages.all.contains { $0.topic == topic && $0.text == "attempt" }
        #expect(arrived == isAllowed)
    }

    @Test(
        "What somebody may not read does not come to him",
        arguments: [
            ("pump-station-8", "plant/north/pump/p1/readings", false),
            ("pump-station-7", "plant/north/pump/p1/readings", true),
            ("pump-station-8", "edge/pump-station-7/command/pull", false),
            ("gateway-north", "edge/pump-station-7/alerts/level/p1", false),
            ("historian", "plant/north/pump/p1/readings", false),
            ("historian", "edge/pump-station-7/response/anna", false),
            ("anna", "edge/pump-station-7/response/bernd", false),
            ("anna", "edge/pump-station-7/response/anna", true),
        ] as [(String, String, Bool)])
    func reading(user: String, topic: String, isAllowed: Bool) throws {
        let broker = try broker()
        let observer = try TestSubscriber(broker, [topic], arguments: login("observer"))
        guard let subscriber = try? TestSubscriber(broker, [topic], arguments: login(user)) else {
            #expect(!isAllowed, "the subscription is refused")
            return
        }
        try TestPublisher.publish(broker, topic, "message", arguments: login("observer"))
        try observer.messages.first("the message", within: 10) { $0.text == "message" }
        if isAllowed {
            try subscriber.messages.first("the message", within: 10) { $0.text == "message" }
        } else {
            // mosquitto has sent the observer his copy; one for the other would be on its way before a second one is.
            try TestPublisher.publish(broker, topic, "message", arguments: login("observer"))
            try observer.messages.wait(for: "the second message", within: 10) { $0.count >= 2 }
            #expect(subscriber.messages.all.isEmpty)
        }
    }
}
