import Foundation
import TestSupport
import Testing

@Suite("The agent, end to end", .enabled(if: TestBroker.isAvailable, "mosquitto is not installed"))
struct AgentEndToEndTests {
    @Test(
        "A fault raises one alert, its end clears it, and the states say so",
        arguments: ["5", "3.1.1"])
    func raiseAndClear(version: String) throws {
        let broker = try TestBroker()
        let subscriber = try TestSubscriber(broker, ["edge/#"])
        let agent = try TestAgent(TestAgent.yaml(broker, broker: "protocol: \"\(version)\""))
        for level in [1, 8, 8, 8, 1, 1.0] {
            try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(level))
        }
        let alerts = try subscriber.waitForEvents("edge/box/alerts/level/p1", count: 2)
        #expect(alerts.map(\.type) == ["edge.alert.raised.v1", "edge.alert.cleared.v1"])
        #expect(alerts.map(\.subject) == ["p1", "p1"])
        let raised = alerts[0]
        #expect(raised.json["source"] as? String == "/agents/box/pipelines/level")
        #expect(raised.data["severity"] as? String == "warning")
        #expect(raised.data["score"] as? Double == 64)
        #expect(raised.data["threshold"] as? Double == 16)
        #expect(raised.data["origin"] as? String == "model")
        #expect(!raised.isHistorical)
        #expect((raised.data["contributors"] as? [[String: Any]])?.count == 4)
        #expect((raised.data["model"] as? [String: Any])?["name"] as? String == "level")
        #expect((raised.data["latency"] as? [String: Any])?["budget"] as? Double == 20)
        #expect(alerts[1].data["raisedBy"] as? String == raised.identifier)
        if version == "5" {
            #expect(raised.contentType == "application/cloudevents+json; charset=utf-8")
        }
        let states = try subscriber.waitForEvents("edge/box/state/level/p1", count: 2)
        #expect(states.map { $0.json["state"] as? String } == ["raised", "cleared"])
        let status = try subscriber.waitForEvents("edge/box/status", count: 1)
        #expect(status[0].json["status"] as? String == "online")
        // A consumer that comes late finds the states retained.
        let late = try TestSubscriber(broker, ["edge/#"])
        #expect(
            try late.waitForEvents("edge/box/state/level/p1", count: 1)[0].json["state"] as? String
                == "cleared")

        #expect(try agent.stop() == .code(0))
        let last = try subscriber.waitForEvents("edge/box/status", count: 2)
        #expect(last[1].json["status"] as? String == "offline")
        #expect(last[1].json["reason"] as? String == "stopped")
        #expect(subscriber.events("edge/box/alerts").count == 2)
    }

    @Test("When the agent is killed the last will says offline")
    func lastWill() throws {
        let broker = try TestBroker()
        let subscriber = try TestSubscriber(broker, ["edge/box/status"])
        let agent = try TestAgent(TestAgent.yaml(broker))
        try subscriber.waitForEvents("edge/box/status", count: 1)
        try agent.process.kill()
        let status = try subscriber.waitForEvents("edge/box/status", count: 2)
        #expect(status[1].json["reason"] as? String == "lost")
    }

    @Test("Password, TLS and client certificate")
    func security() throws {
        let certificates = try TestCertificates()
        let broker = try TestBroker { options in
            options.users = ["box": "s3cret"]
            options.certificates = certificates
            options.requiresClientCertificate = true
        }
        let login = ["-u", "box", "-P", "s3cret"]
        let secrets = try TemporaryDirectory("secrets")
        let password = try secrets.write("s3cret\n", to: "password")
        let subscriber = try TestSubscriber(broker, ["edge/#"], arguments: login)
        let agent = try TestAgent(
            TestAgent.yaml(
                broker,
                broker: """
                    username: box
                    passwordFile: \(password)
                    tls:
                      ca: \(certificates.authorityFile)
                      certificate: \(certificates.clientFile)
                      key: \(certificates.clientKeyFile)
                    """))
        try TestPublisher.publish(
            broker, "plant/p1/reading", TestAgent.reading(8), arguments: login)
        try subscriber.waitForEvents("edge/box/alerts/level/p1", count: 1)
        #expect(try agent.stop() == .code(0))
        let log = agent.process.errors.all.joined(separator: "\n")
        #expect(!log.contains("s3cret"))
    }

    @Test("Bad payloads are counted and shown, and the good ones among them are used")
    func badPayloads() throws {
        let broker = try TestBroker()
        let subscriber = try TestSubscriber(broker, ["edge/#"])
        let agent = try TestAgent(TestAgent.yaml(broker))
        for payload in [
            "", "not json", "{\"a\":1}", "{\"a\":1,\"b\":\"x\",\"c\":1,\"d\":1}",
            "{\"a\":1,\"b\":NaN,\"c\":1,\"d\":1}", "{\"a\":1,\"b\":101,\"c\":1,\"d\":1}",
            String(repeating: "[", count: 100_000), TestAgent.reading(8),
        ] {
            try TestPublisher.publish(broker, "plant/p1/reading", payload)
        }
        try subscriber.waitForEvents("edge/box/alerts/level/p1", count: 1)
        for cause in [
            "empty", "notJSON", "missingChannel", "wrongType", "notFinite", "outOfValidRange",
            "tooLarge",
        ] {
            try agent.process.errors.first("the cause \(cause) in the log", within: 5) {
                $0.contains("messages cannot be used: \(cause)")
            }
        }
        #expect(try agent.stop() == .code(0))
    }

    @Test(
        "What is decided while the uplink is away comes afterwards, in order, and says historical")
    func uplinkAway() throws {
        let plant = try TestBroker()
        let uplink = try TestBroker { $0.isPersistent = true }
        let yaml = TestAgent.yaml(
            plant, pipeline: "onOverrun: evaluate",  // Each of the readings that come in one burst.
            top: """
                  uplink: { host: localhost, port: \(uplink.port), reconnect: { initial: 100ms, maximum: 500ms } }
                sensors: { broker: local }
                uplink: { broker: uplink }
                """)
        let agent = try TestAgent(yaml)
        let first = try TestSubscriber(uplink, ["edge/#"])
        try TestPublisher.publish(plant, "plant/p0/reading", TestAgent.reading(8))
        try first.waitForEvents("edge/box/alerts/level/p0", count: 1)
        #expect(!first.events("edge/box/alerts/level/p0")[0].isHistorical)

        try uplink.kill()
        try agent.process.errors.first("the uplink to be lost", within: 10) {
            $0.contains("uplink lost")
        }
        let readings = (0..<20).map { TestAgent.reading($0 % 2 == 0 ? 8 : 1) }
        try TestPublisher.publish(plant, "plant/p1/reading", lines: readings)
        try agent.process.errors.wait(for: "20 changes in the log", within: 15) {
            $0.filter { $0.contains("asset=p1") }.count >= 20
        }
        // The power goes as well: what was decided is on the disk.
        try agent.killAndRestart(waits: true)
        // The subscriber is there before the agent: events are not retained.
        agent.process.signal(SIGSTOP)
        try uplink.restart()
        let second = try TestSubscriber(uplink, ["edge/#"])
        agent.process.signal(SIGCONT)
        let alerts = try second.waitForEvents("edge/box/alerts/level/p1", count: 20, within: 30)
        let unique = alerts.reduce(into: [ReceivedEvent]()) { list, event in
            if !list.contains(where: { $0.identifier == event.identifier }) { list.append(event) }
        }
        #expect(unique.count == 20)
        #expect(unique.map(\.sequence) == unique.map(\.sequence).sorted())
        #expect(unique.filter { !$0.isHistorical }.isEmpty)
        let types = unique.map(\.type)
        #expect(types == (0..<20).map { "edge.alert.\($0 % 2 == 0 ? "raised" : "cleared").v1" })
        #expect(try agent.stop() == .code(0))
    }

    @Test("A broker that dies and comes back is subscribed to again, and keeps what came meanwhile")
    func brokerRestart() throws {
        let broker = try TestBroker { $0.isPersistent = true }
        let agent = try TestAgent(TestAgent.yaml(broker))
        try broker.kill()
        try agent.process.errors.first("the session to be lost", within: 10) {
            $0.contains("sensors session lost")
        }
        try broker.restart()
        let subscriber = try TestSubscriber(broker, ["edge/#"])
        try agent.process.errors.wait(for: "the second connection", within: 15) {
            $0.filter { $0.contains("sensors session connected") }.count >= 2
        }
        try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(8))
        try subscriber.waitForEvents("edge/box/alerts/level/p1", count: 1)
        #expect(try agent.stop() == .code(0))
    }

    @Test(
        "Killed at any moment, the agent loses no alert of a QoS 1 reading", arguments: [1, 2, 3])
    func killedAtAnyMoment(round: Int) throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var generator = SeededGenerator(seed: seed)
        let broker = try TestBroker { $0.isPersistent = true }
        let subscriber = try TestSubscriber(
            broker, ["edge/box/alerts/#"], clientIdentifier: "audit")
        let agent = try TestAgent(TestAgent.yaml(broker))
        let count = 200
        var next = 0
        while next < count {
            let burst = Int.random(in: 1...40, using: &generator)
            for asset in next..<min(count, next + burst) {
                try TestPublisher.publish(
                    broker, "plant/p\(asset)/reading", TestAgent.reading(8))
            }
            next += burst
            // Right behind the burst: some readings are decided, some are not, some are on the way.
            try agent.killAndRestart()
        }
        try subscriber.messages.wait(for: "an alert of each asset", within: 30) { messages in
            Set(messages.map(\.topic)).count >= count
        }
        #expect(try agent.stop() == .code(0))
    }

    @Test(
        "A budget that is missed again and again raises the agent's own alert, and the fallback decides"
    )
    func budgetMissed() throws {
        let broker = try TestBroker()
        let subscriber = try TestSubscriber(broker, ["edge/#"])
        // A bulk pipeline evaluates each of a burst: the last one of a full turn has waited for hundreds.
        let agent = try TestAgent(
            TestAgent.yaml(broker, pipeline: "budget: 1ms\ninferenceShare: 1\nonOverrun: evaluate"))
        agent.process.signal(SIGSTOP)
        try TestPublisher.publish(
            broker, "plant/p1/reading", lines: (0..<5_000).map { _ in TestAgent.reading(8) })
        agent.process.signal(SIGCONT)
        let alerts = try subscriber.waitForEvents("edge/box/alerts", count: 2)
        let own = try #require(alerts.first { $0.json["source"] as? String == "/agents/box" })
        #expect(own.type == "edge.alert.raised.v1")
        #expect(own.data["label"] as? String == "latency-budget-exceeded")
        #expect(own.subject == "level")
        // From here on the bundle's rule speaks, and every alert says so.
        try TestPublisher.publish(broker, "plant/p2/reading", TestAgent.reading(8))
        let second = try subscriber.waitForEvents("edge/box/alerts/level/p2", count: 1)
        #expect(second[0].data["origin"] as? String == "fallback")
        #expect(try agent.stop() == .code(0))
    }

    @Test("A configuration that cannot work ends with its place and a hint, and nothing is started")
    func brokenConfiguration() throws {
        let directory = try TemporaryDirectory("configuration")
        let path = try directory.write(
            "brokers:\n  local: { host: localhost, prot: 1883 }\npipelines: []\n",
            to: "edge-agent.yaml")
        let process = try ChildProcess(try TestAgent.executable(), ["run", "--config", path])
        process.closeInput()
        #expect(try process.waitForExit() != .code(0))
        let text = process.errors.all.joined(separator: "\n")
        #expect(text.contains("edge-agent.yaml:2:29"))
        #expect(text.contains("did you mean 'port'"))
    }
}
