import Foundation
import TestSupport
import Testing

@Suite(
    "Monitoring, end to end", .enabled(if: TestBroker.isAvailable, "mosquitto is not installed"))
struct MonitoringEndToEndTests {
    private func status(_ agent: TestAgent, _ arguments: String...) throws -> (
        ChildProcess.Exit, String
    ) {
        let process = try ChildProcess(
            try TestAgent.executable(), ["status", "--config", agent.configuration] + arguments)
        process.closeInput()
        let exit = try process.waitForExit(within: 20)
        return (exit, (process.output.all + process.errors.all).joined(separator: "\n"))
    }

    @Test("Metrics, health and status say what the agent does")
    func running() throws {
        let broker = try TestBroker()
        let subscriber = try TestSubscriber(broker, ["edge/#"])
        let port = try FreePort.find()
        let agent = try TestAgent(
            TestAgent.yaml(
                broker, top: "http: { enabled: true, port: \(port), requestsPerSecond: 100 }"))
        try agent.process.errors.first("the agent to listen", within: 10) {
            $0.contains("listening url=")
        }
        try TestPublisher.publish(broker, "plant/p1/reading", "nonsense")
        for level in [1, 8, 8, 8.0] {
            try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(level))
        }
        try subscriber.waitForEvents("edge/box/alerts/level/p1", count: 1)

        #expect(try RawHTTPClient.get("/healthz", port: port).body == "alive\n")
        #expect(try RawHTTPClient.get("/readyz", port: port).body == "ready\n")
        let metrics = try RawHTTPClient.get("/metrics", port: port)
        #expect(metrics.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8")
        let lines = metrics.body.split(separator: "\n").map(String.init)
        for line in [
            "edge_agent_ready 1.0", "edge_agent_messages_total{pipeline=\"level\"} 5",
            "edge_agent_rejected_total{pipeline=\"level\",cause=\"notJSON\"} 1",
            "edge_agent_evaluations_total{pipeline=\"level\"} 4",
            "edge_agent_alerts_total{pipeline=\"level\",transition=\"raised\"} 1",
            "edge_agent_alarms_raised{pipeline=\"level\"} 1",
            "edge_agent_latency_seconds_count{pipeline=\"level\"} 4",
            "edge_agent_mqtt_connections_total{pipeline=\"level\",session=\"sensors\"} 1",
            "edge_agent_stalled{pipeline=\"level\"} 0",
        ] {
            #expect(lines.contains(line), "\(line)")
        }
        let open = try RawHTTPClient.get(
            "/metrics", port: port, headers: ["Accept: application/openmetrics-text; version=1.0.0"]
        )
        #expect(open.header("Content-Type")?.hasPrefix("application/openmetrics-text") == true)
        #expect(open.body.hasSuffix("# EOF\n"))
        if Promtool.path != nil {
            let checked = try Promtool.run(["check", "metrics"], input: metrics.body)
            #expect(checked.status == 0, "\(checked.text)")
        }

        // The alarm stands on the board when the monitor has looked.
        var json: [String: Any] = [:]
        try agent.process.errors.first("the alarm in the log", within: 5) {
            $0.contains("alarm raised")
        }
        let (exit, text) = try status(agent, "--json")
        #expect(exit == .code(0))
        json = try #require(
            try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(json["ready"] as? Bool == true)
        let pipeline = try #require((json["pipelines"] as? [[String: Any]])?.first)
        #expect(pipeline["name"] as? String == "level")
        #expect((pipeline["latency"] as? [String: Any])?["budgetMilliseconds"] as? Double == 20)
        #expect((pipeline["totals"] as? [String: Any])?["messages"] as? Int == 5)
        let alarm = try #require((json["alarms"] as? [[String: Any]])?.first)
        #expect(alarm["asset"] as? String == "p1")
        #expect(alarm["score"] as? Double == 64)
        let problems = try #require(json["problems"] as? [[String: Any]])
        #expect(
            problems.contains { $0["message"] as? String == "messages cannot be used: notJSON" })
        let served = try RawHTTPClient.get("/api/v1/status", port: port)
        #expect(served.header("Content-Type") == "application/json")
        let same = try #require(
            try JSONSerialization.jsonObject(with: Data(served.body.utf8)) as? [String: Any])
        #expect(Set(same.keys) == Set(json.keys))

        let (_, screen) = try status(agent)
        #expect(screen.contains("PIPELINE"))
        #expect(screen.contains("Alarms raised: 1"))
        #expect(screen.contains("uplink connected"))

        try agent.stop()
        let (after, complaint) = try status(agent)
        #expect(after == .code(69))
        #expect(complaint.contains("no agent runs with this configuration"))
    }

    @Test(
        "An agent that waits for its broker is alive, and not ready; without HTTP the command works, too"
    )
    func waiting() throws {
        let broker = try TestBroker()
        let yaml = TestAgent.yaml(broker)
        let agent = try TestAgent(yaml)
        try broker.terminate()
        try agent.process.errors.first("the session to be lost", within: 10) {
            $0.contains("sensors session lost")
        }
        let (exit, text) = try status(agent)
        #expect(exit == .code(0))
        #expect(text.contains("waiting for a broker"))
        #expect(text.contains("no sensors"))
        #expect(text.contains("NO UPLINK") || text.contains("Outbox:"))
    }

    @Test(
        "A second agent finds the port taken, says so, and works without HTTP"
    )
    func portTaken() throws {
        let broker = try TestBroker()
        let port = try FreePort.find()
        let top = "http: { enabled: true, port: \(port) }"
        let first = try TestAgent(TestAgent.yaml(broker, top: top))
        try first.process.errors.first("the agent to listen", within: 10) {
            $0.contains("listening url=")
        }
        let yaml = TestAgent.yaml(broker, top: top).replacingOccurrences(
            of: "id: box", with: "id: other")
        let second = try TestAgent(yaml)
        try second.process.errors.first("a word about the port", within: 10) {
            $0.contains("no HTTP: 127.0.0.1 port \(port)") && $0.contains("http.port")
        }
        #expect(try status(second).1.contains("other  ready"))
        #expect(try second.stop() == .code(0))
        #expect(try first.stop() == .code(0))
    }
}
