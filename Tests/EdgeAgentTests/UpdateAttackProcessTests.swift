import EdgeAgent
import Foundation
import TestSupport
import Testing

/// What makes the agent die where a test wants it to: Tests/faults/update_shim.c.
enum UpdateShim {
    static let path = ProcessInfo.processInfo.environment["TEST_UPDATE_SHIM"]
}

/// The attacks that kill the process, or show in real readings only: on the running agent, with a supervisor.
@Suite(
    "Attacks on updates of the running agent",
    .enabled(
        if: TestBroker.isAvailable && TestSigner.isAvailable
            && UpdateShim.path != nil,
        "needs mosquitto, openssl and the shim: make test sets TEST_UPDATE_SHIM"))
struct UpdateAttackProcessTests {
    private static let attacks: [UpdateAttack] = UpdateAttack.allCases.filter {
        if case .agent? = try? $0.scenario() { true } else { false }
    }
    private static let models = "edge/box/models/level"
    private static let predictions = "edge/box/predictions/level/p1"

    /// What the new version does is seen by itself in seconds.
    private static func yaml(
        _ scenario: UpdateAttack.AgentScenario, _ broker: TestBroker, _ signer: TestSigner
    ) -> String {
        TestAgent.yaml(
            broker, pipeline: "onOverrun: evaluate\npredictions: { mode: full }",
            top: """
                updates:
                  keys: [\(signer.publicKeyFile)]
                  shadow: { minimumTime: 0s, windows: \(scenario.shadowWindows) }
                  trial: { minimumTime: 0s, windows: 100000, judgedAfter: 20 }
                """)
    }

    private static func bundle(
        _ scenario: UpdateAttack.AgentScenario, _ path: String, _ signer: TestSigner
    ) throws {
        try TestBundle.make(path, change: scenario.manifest)
        if scenario.isRoot {
            // It passes its golden vectors, and gives NaN below 0.
            try FileManager.default.removeItem(atPath: "\(path)/model.tflite")
            try FileManager.default.copyItem(
                atPath: TestAgent.fixture("level/root.tflite"), toPath: "\(path)/model.tflite")
            try Data("{\"input\":[1,4,9,16],\"output\":[1,2,3,4],\"tolerance\":1e-6}\n".utf8)
                .write(to: URL(fileURLWithPath: "\(path)/golden.jsonl"))
        }
        try signer.sign(path)
    }

    private static func step(_ event: ReceivedEvent) -> String {
        event.data["step"] as? String ?? ""
    }

    private static func version(_ event: ReceivedEvent) -> String? {
        (event.data["model"] as? [String: Any])?["version"] as? String
    }

    @Test(
        "An attack is refused or taken back, the old model works again, and the process goes on",
        arguments: attacks)
    func attack(_ attack: UpdateAttack) throws {
        guard case .agent(let scenario) = try attack.scenario() else { return }
        let broker = try TestBroker()
        let signer = try TestSigner()
        let subscriber = try TestSubscriber(broker, ["edge/#"])
        var environment = scenario.shim
        if !environment.isEmpty { environment["LD_PRELOAD"] = UpdateShim.path }
        let agent = try TestAgent(Self.yaml(scenario, broker, signer), environment: environment)
        let path = agent.directory.file("next")
        try Self.bundle(scenario, path, signer)
        try ChildProcess.run(
            try TestAgent.executable(),
            ["model", "stage", "--config", agent.configuration, path])
        func end() -> ReceivedEvent? {
            subscriber.events(Self.models).first {
                ["refused", "rolledBack"].contains(Self.step($0))
            }
        }
        // Readings come all the time; whoever supervises the agent starts it again when it dies.
        var deaths = 0
        let deadline = Date(timeIntervalSinceNow: 60)
        while end() == nil {
            guard Date() < deadline else {
                throw TestFailure(
                    "\(subscriber.events(Self.models).map(Self.step))\n\(agent.process.transcript)")
            }
            let readings = [String](repeating: TestAgent.reading(scenario.level), count: 25)
            try TestPublisher.publish(broker, "plant/p1/reading", lines: readings)
            guard let exit = agent.process.exit else {
                usleep(50_000)
                continue
            }
            #expect(exit == .signal(SIGABRT), "\(agent.process.transcript)")
            deaths += 1
            try agent.startAgain(environment, waits: false)
        }
        try agent.waitUntilReady()
        #expect(deaths == scenario.deaths)
        let last = try #require(end())
        #expect(last.data["reason"] as? String == scenario.code, "\(last.json)")
        let detail = last.data["detail"] as? String ?? ""
        for text in scenario.says { #expect(detail.contains(text), "\(detail)") }
        #expect(!subscriber.events(Self.models).contains { Self.step($0) == "committed" })

        // A reading later the old one decides, and after one more start it still does.
        for _ in 0..<2 {
            let before = subscriber.events(Self.predictions).count
            try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(1))
            // What was sent before may still come first.
            try subscriber.messages.wait(for: "a score of the old model", within: 20) { messages in
                messages.filter { $0.topic == Self.predictions }.dropFirst(before).last.flatMap {
                    ReceivedEvent($0).flatMap(Self.version)
                } == "1.0.0"
            }
            try agent.killAndRestart()
        }
        let list = try ChildProcess.run(
            try TestAgent.executable(), ["model", "list", "--config", agent.configuration])
        #expect(list.joined().contains("the configured bundle"), "\(list)")
        #expect(list.joined().contains(scenario.code), "\(list)")
    }
}
