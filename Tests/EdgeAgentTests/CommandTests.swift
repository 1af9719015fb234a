import Foundation
import TestSupport
import Testing

@testable import SensorIO

@Suite("The command")
struct CommandTests {
    private func run(_ arguments: [String]) throws -> (ChildProcess.Exit, String, [String]) {
        let process = try ChildProcess(try TestAgent.executable(), arguments)
        process.closeInput()
        let exit = try process.waitForExit(within: 30)
        return (exit, process.errors.all.joined(separator: "\n"), process.output.all)
    }

    @Test(
        "Exit codes are those of sysexits",
        arguments: [
            (["frobnicate"], 64), (["run", "--config", "/nowhere.yaml"], 78),
            (["model", "check", "/nowhere"], 66), (["model", "info", "/etc/hostname"], 65),
            (
                [
                    "model", "run", "/etc/hostname", "--input", "/etc/hostname", "--output",
                    "/tmp/x",
                ], 65
            ),
            (["simulate", "--scenario", "rust@1+2"], 64), (["outbox", "purge"], 64),
            (["simulate", "--host", "127.0.0.1", "--port", "1", "--seconds", "1"], 69),
        ] as [([String], Int32)])
    func exitCodes(arguments: [String], code: Int32) throws {
        let (exit, errors, _) = try run(arguments)
        #expect(exit == .code(code), "\(errors)")
        #expect(!errors.isEmpty)
    }

    @Test("A broken configuration's syntax error is a configuration error with its place")
    func syntaxError() throws {
        let directory = try TemporaryDirectory("command")
        let path = try directory.write("agent: [\n", to: "broken.yaml")
        let (exit, errors, _) = try run(["check", "--config", path])
        #expect(exit == .code(78))
        #expect(errors.contains("broken.yaml:"))
    }

    @Test("model run gives the bytes that a bundle's golden vectors promise")
    func modelRun() throws {
        let directory = try TemporaryDirectory("command")
        let bundle = TestAgent.levelBundle
        let golden = try String(contentsOfFile: bundle + "/golden.jsonl", encoding: .utf8)
        var input: [UInt8] = []
        var output: [UInt8] = []
        for line in golden.split(separator: "\n") {
            let vector = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: [Int]])
            input += try #require(vector["input"]).map { UInt8(bitPattern: Int8($0)) }
            output += try #require(vector["output"]).map { UInt8(bitPattern: Int8($0)) }
        }
        try Data(input).write(to: URL(fileURLWithPath: directory.file("in.bin")))
        let (exit, errors, _) = try run([
            "model", "run", bundle + "/model.tflite", "--input", directory.file("in.bin"),
            "--output",
            directory.file("out.bin"),
        ])
        #expect(exit == .code(0), "\(errors)")
        #expect(
            Array(try Data(contentsOf: URL(fileURLWithPath: directory.file("out.bin")))) == output)
    }

    @Test("model pack makes the fixture's bundle again, byte for byte")
    func modelPack() throws {
        let directory = try TemporaryDirectory("command")
        let fixture = URL(fileURLWithPath: TestAgent.levelBundle).deletingLastPathComponent().path
        let (exit, errors, _) = try run([
            "model", "pack", fixture + "/model.tflite", "--description",
            fixture + "/description.json", "--data", fixture + "/samples.csv", "--output",
            directory.file("bundle"),
        ])
        #expect(exit == .code(0), "\(errors)")
        for name in ["bundle.json", "golden.jsonl", "baseline.json", "model.tflite"] {
            #expect(
                try Data(contentsOf: URL(fileURLWithPath: directory.file("bundle") + "/" + name))
                    == Data(contentsOf: URL(fileURLWithPath: TestAgent.levelBundle + "/" + name)),
                "\(name)")
        }
    }

    @Test("simulate writes a table that says which asset each row is of")
    func simulate() throws {
        let (exit, _, lines) = try run([
            "simulate", "--fast", "--seconds", "2", "--rate", "5", "--assets", "3", "--csv",
        ])
        #expect(exit == .code(0))
        #expect(lines.count == 31)
        #expect(lines[0].hasPrefix("asset,vibration.x,"))
        #expect(lines[2].hasPrefix("P-102,"))
    }

    @Test("simulate with a seed and a start writes the same bytes each time")
    func reproducibleSimulation() throws {
        let arguments = [
            "simulate", "--fast", "--seconds", "1", "--seed", "7", "--start",
            "2026-11-01T00:00:00Z",
        ]
        let (exit, _, lines) = try run(arguments)
        #expect(exit == .code(0))
        #expect(lines.first?.contains("\"ts\":1793491200000") == true, "\(lines.first ?? "")")
        #expect(try run(arguments).2 == lines)
    }

    @Test(
        "simulate ends with an error when its broker dies between two readings",
        .enabled(if: TestBroker.isAvailable, "mosquitto is not installed"))
    func simulationWithoutBroker() throws {
        let broker = try TestBroker()
        let simulation = try ChildProcess(
            TestAgent.executable(),
            [
                "simulate", "--host", "127.0.0.1", "--port", "\(broker.port)", "--assets", "1",
                "--rate", "0.01",
            ])
        try broker.waitForLog(containing: "Received PUBLISH")
        try broker.kill()
        #expect(try simulation.waitForExit(within: 10) == .code(69))
    }

    @Test(
        "What a broker refuses can be listed, sent again and dropped, and damage is found",
        .enabled(if: TestBroker.isAvailable, "mosquitto is not installed"))
    func quarantine() throws {
        // Readings may come in, nothing may go out but what is about the agent.
        let broker = try TestBroker { options in
            options.accessRules = [
                "topic readwrite plant/#", "topic readwrite edge/box/status",
                "topic readwrite edge/box/alerts", "topic readwrite edge/box/state/outbox",
                "topic read edge/#",
            ]
        }
        let subscriber = try TestSubscriber(broker, ["edge/box/alerts", "edge/box/state/outbox"])
        let agent = try TestAgent(TestAgent.yaml(broker))
        try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(8))
        try agent.process.errors.wait(for: "event and state to be refused", within: 10) {
            $0.filter { $0.contains("the broker refuses") }.count >= 1
        }
        // The agent's own alert says so as well, where that may go out.
        let own = try subscriber.waitForEvents("edge/box/alerts", count: 1)[0]
        #expect(own.data["label"] as? String == "outbox-quarantined")
        #expect(own.subject == "outbox")
        let state = try subscriber.waitForEvents("edge/box/state/outbox", count: 1)[0]
        #expect(state.json["label"] as? String == "outbox-quarantined")
        let options = ["--config", agent.configuration]
        #expect(try agent.stop() == .code(0))
        let (_, _, listed) = try run(["outbox", "quarantine", "list"] + options)
        #expect(listed.count == 2)
        #expect(listed[0].contains("Not authorized (0x87)\tedge/box/alerts/level/p1"))
        #expect(listed[1].contains("edge/box/state/level/p1"))
        let keys = listed.compactMap { $0.split(separator: "\t").first.map(String.init) }
        #expect(try run(["outbox", "quarantine", "retry"] + options).0 == .code(64))
        #expect(
            try run(["outbox", "quarantine", "retry", keys[0]] + options).2
                == ["1 records wait again"])
        #expect(try run(["outbox", "export"] + options).2.count == 1)
        #expect(
            try run(["outbox", "quarantine", "drop", "--all"] + options).2 == ["removed 1 records"])
        #expect(try run(["outbox", "quarantine", "list"] + options).2.isEmpty)
        let path = agent.directory.file("state/outbox.sqlite")
        #expect(try run(["outbox", "verify"] + options).2 == ["\(path): no damage"])
        try SQLiteConnection(path: path, mode: .readWrite)
            .execute("UPDATE record SET payload = x'7B7D'")
        let (exit, _, problems) = try run(["outbox", "verify"] + options)
        #expect(exit == .code(65))
        #expect(problems.first?.contains("its checksum does not agree") == true)
    }

    @Test(
        "The outbox can be looked at, exported and purged",
        .enabled(if: TestBroker.isAvailable, "mosquitto is not installed"))
    func outbox() throws {
        let broker = try TestBroker()
        let nowhere = try FreePort.find()
        let agent = try TestAgent(
            TestAgent.yaml(
                broker,
                top: """
                      uplink: { host: localhost, port: \(nowhere) }
                    sensors: { broker: local }
                    uplink: { broker: uplink }
                    """))
        try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(8))
        try agent.process.errors.first("the alarm", within: 10) { $0.contains("alarm raised") }
        let options = ["--config", agent.configuration]
        #expect(try run(["outbox", "purge", "--force"] + options).0 == .code(75))
        #expect(try agent.stop() == .code(0))
        let (_, _, status) = try run(["outbox", "status"] + options)
        #expect(status.contains { $0.hasPrefix("alerts") && $0.contains("2 waiting") })
        let (_, _, exported) = try run(["outbox", "export"] + options)
        #expect(exported.count == 2)
        #expect(exported[0].contains("edge.alert.raised.v1"))
        let (exit, errors, purged) = try run(["outbox", "purge", "--force"] + options)
        #expect(exit == .code(0), "\(errors)")
        #expect(purged == ["removed 2 records"])
        #expect(try run(["outbox", "export"] + options).2.isEmpty)
    }
}
