import Foundation
import TestSupport
import Testing

@testable import EdgeAgent

@Suite("What differs between two configurations")
struct ConfigurationChangeTests {
    private func changes(
        _ old: String, _ new: String, environment: [String: String] = [:]
    ) throws -> [String] {
        ConfigurationChange.between(
            try ConfigurationText.read(old).configuration,
            try ConfigurationText.read(new, environment: environment).configuration
        ).map(\.description)
    }

    @Test("Nothing, when only its spelling differs, or when a default is written out")
    func same() throws {
        let spelled = ConfigurationText.pipeline("budget: 0.02s", "qos: 1") + "\n# a comment\n"
        #expect(try changes(ConfigurationText.minimal, spelled) == [])
    }

    @Test("Each key with both values, also where the environment sets it")
    func values() throws {
        let new = ConfigurationText.pipeline("budget: 30ms", "alarm: { raiseAbove: 0.5 }")
        #expect(
            try changes(
                ConfigurationText.minimal, new,
                environment: ["EDGE_AGENT_OUTBOX_MAXIMUM_BYTES": "32MiB"])
                == [
                    "outbox.maximumBytes: 64MiB → 32MiB", "pipelines[pumps].budget: 20ms → 30ms",
                    "pipelines[pumps].alarm.raiseAbove: left out → 0.5",
                ])
        #expect(
            try changes(new, ConfigurationText.minimal).last
                == "pipelines[pumps].alarm.raiseAbove: 0.5 → left out")
    }

    @Test("A pipeline that came or went is one change, and moves no other")
    func elements() throws {
        let two = ConfigurationText.minimal.replacingOccurrences(
            of: "pipelines:\n",
            with: "pipelines:\n  - name: first\n    topics: [\"first/{asset}\"]\n    model: m\n")
        #expect(try changes(ConfigurationText.minimal, two) == ["pipelines[first]: added"])
        #expect(try changes(two, ConfigurationText.minimal) == ["pipelines[first]: removed"])
    }

    @Test("What a reload applies are keys of the reference", arguments: ReloadScope.allCases)
    func references(scope: ReloadScope) {
        var known: Set<String> = []
        func visit(_ keys: [KeyDescription], _ prefix: String) {
            for key in keys {
                let path = prefix.isEmpty ? key.name : "\(prefix).\(key.name)"
                known.insert(path)
                visit(key.children, path + key.infix)
            }
        }
        visit(ConfigurationReference.keys, "")
        for reference in scope.references {
            #expect(known.contains(reference))
            #expect(ReloadScope(reference: reference) == scope)
        }
        #expect(ReloadScope(reference: "pipelines[].alarm.severities[].above") == .alarm)
        #expect(ReloadScope(reference: "pipelines[].alerts.topic") == nil)
    }
}

@Suite(
    "Reload by SIGHUP", .enabled(if: TestBroker.isAvailable, "mosquitto is not installed"))
struct ReloadTests {
    private func reload(_ agent: TestAgent, _ change: (String) -> String) throws {
        let text = try String(contentsOfFile: agent.configuration, encoding: .utf8)
        try change(text).write(toFile: agent.configuration, atomically: true, encoding: .utf8)
        agent.process.signal(SIGHUP)
    }

    @Test("Thresholds and predictions change while windows, alarms and the process stay")
    func applied() throws {
        let broker = try TestBroker()
        let subscriber = try TestSubscriber(broker, ["edge/box/#"])
        let agent = try TestAgent(
            TestAgent.yaml(
                broker, pipeline: "budget: 1s\nalarm: { raiseAbove: 16.0, clearBelow: 4.0 }"))
        // Below the threshold: nothing. Then the same reading is an alarm.
        try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(3))
        try reload(agent) {
            $0.replacingOccurrences(of: "raiseAbove: 16.0", with: "raiseAbove: 8.0")
                .replacingOccurrences(of: "budget: 1s", with: "budget: 2s")
                .replacingOccurrences(of: "logLevel: debug", with: "logLevel: info")
                + "\n    predictions: { mode: full }\n"
        }
        try agent.process.errors.first("the last applied key") {
            $0.contains("reloaded, pipelines[level].predictions.mode: off → full")
        }
        let lines = agent.process.errors.all
        for line in [
            "reloaded, agent.logLevel: debug → info",
            "reloaded, pipelines[level].alarm.raiseAbove: 16 → 8",
            "not before a restart, pipelines[level].budget: 1s → 2s",
        ] {
            #expect(lines.contains { $0.contains(line) }, "\(line)")
        }
        #expect(subscriber.events("edge/box/alerts").isEmpty)
        try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(3))
        let alert = try subscriber.waitForEvents("edge/box/alerts/level/p1", count: 1)[0]
        #expect(alert.type == "edge.alert.raised.v1")
        #expect(alert.data["threshold"] as? Double == 8)
        try subscriber.waitForEvents("edge/box/predictions/level/p1", count: 1)
        // What waits for a restart is said again; what was applied is not.
        try reload(agent) { $0 }
        try agent.process.errors.wait(for: "the second reload") {
            $0.filter { $0.contains("not before a restart, pipelines[level].budget") }.count == 2
        }
        #expect(agent.process.errors.all.filter { $0.contains("raiseAbove") }.count == 1)
        #expect(agent.process.isRunning)
    }

    @Test("With one error nothing changes, and the error has its place")
    func refused() throws {
        let broker = try TestBroker()
        let agent = try TestAgent(TestAgent.yaml(broker))
        try reload(agent) {
            $0.replacingOccurrences(of: "logLevel: debug", with: "logLevel: info")
                + "\n    budget: 20parsec\n"
        }
        let line = try agent.process.errors.first("the refusal") {
            $0.contains("configuration not reloaded, nothing changes")
        }
        #expect(line.contains("edge-agent.yaml:"))
        #expect(line.contains("pipelines[0].budget"))
        #expect(!agent.process.errors.all.contains { $0.contains("reloaded, agent.logLevel") })
        // Mended, it is taken.
        try reload(agent) { $0.replacingOccurrences(of: "20parsec", with: "20ms") }
        try agent.process.errors.first("the reload") {
            $0.contains("reloaded, agent.logLevel: debug → info")
        }
    }
}
