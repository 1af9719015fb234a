import Foundation
import TestSupport
import Testing

/// The agent and its commands on a model that only ONNX Runtime can run (operator DFT).
@Suite(
    "Models beyond our own runtime",
    .enabled(if: ONNXRuntimeFile.isAvailable, "\(ONNXRuntimeFile.skipReason)"))
struct ONNXRuntimeEngineTests {
    private static let fixture = TestAgent.fixture("spectrum")
    private static let model = fixture + "/model.onnx"

    private func run(
        _ arguments: String...
    ) throws -> (exit: ChildProcess.Exit, errors: String, output: [String]) {
        let process = try ChildProcess(try TestAgent.executable(), arguments)
        process.closeInput()
        let exit = try process.waitForExit(within: 30)
        return (exit, process.errors.all.joined(separator: "\n"), process.output.all)
    }

    private func library() throws -> String { try #require(ONNXRuntimeFile.path) }

    private func pack(into directory: TemporaryDirectory) throws -> String {
        let bundle = directory.file("bundle")
        let result = try run(
            "model", "pack", Self.model, "--description", Self.fixture + "/description.json",
            "--data", Self.fixture + "/samples.csv", "--output", bundle, "--onnxruntime",
            try library())
        #expect(result.exit == .code(0), "\(result.errors)")
        return bundle
    }

    @Test("model run gives ONNX Runtime's own answers, and nothing of its log")
    func answers() throws {
        let directory = try TemporaryDirectory("onnxruntime")
        let text = try String(contentsOfFile: Self.fixture + "/answers.jsonl", encoding: .utf8)
        var (input, expected): ([Float], [Float]) = ([], [])
        for line in text.split(separator: "\n") {
            let answer = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            input += try #require(answer["input"] as? [Double]).map { Float($0) }
            expected += try #require(answer["output"] as? [Double]).map { Float($0) }
        }
        try input.withUnsafeBytes { Data($0) }.write(to: URL(fileURLWithPath: directory.file("in")))
        let result = try run(
            "model", "run", Self.model, "--input", directory.file("in"), "--output",
            directory.file("out"), "--onnxruntime", try library())
        #expect(result.exit == .code(0))
        #expect(result.errors.isEmpty)
        #expect(result.output == ["\(expected.count) runs"])
        let bytes = try Data(contentsOf: URL(fileURLWithPath: directory.file("out")))
        let actual = bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
        #expect(actual.count == expected.count)
        for (actual, expected) in zip(actual, expected) {
            #expect(abs(actual - expected) <= 1e-5 * max(1, expected))
        }
    }

    @Test("A bundle is packed and checked, and the check says which engine and why")
    func packAndCheck() throws {
        let directory = try TemporaryDirectory("onnxruntime")
        let bundle = try pack(into: directory)
        for command in ["check", "info"] {
            let result = try run("model", command, bundle, "--onnxruntime", try library())
            #expect(result.exit == .code(0), "\(result.errors)")
            let engine = try #require(result.output.first { $0.contains("engine") })
            #expect(engine.contains("onnxruntime 1."))
            #expect(engine.contains(try library()))
            #expect(engine.contains("operator DFT is not in edge-agent's own runtime"))
        }
        let refused = try run("model", "check", bundle, "--engine", "builtIn")
        #expect(refused.exit == .code(65))
        #expect(refused.errors.contains("(DFT) is not supported"))
    }

    @Test("Without the library, or with a wrong one, the error says what needs it and what to do")
    func wrongLibrary() throws {
        let directory = try TemporaryDirectory("onnxruntime")
        let source = try directory.write(
            """
            struct base { const void *(*get)(unsigned); const char *(*version)(void); };
            static const void *get(unsigned version) { (void)version; return 0; }
            static const char *name(void) { return "1.10.0"; }
            static const struct base found = {get, name};
            const struct base *OrtGetApiBase(void) { return &found; }

            """, to: "old.c")
        let compiler = try ChildProcess(
            "/usr/bin/env",
            ["clang", "-shared", "-fPIC", "-o", directory.file("old.so"), source])
        #expect(try compiler.waitForExit(within: 30) == .code(0))
        try Data([0x7F]).write(to: URL(fileURLWithPath: directory.file("broken.so")))
        let cases = [
            (directory.file("missing.so"), "No such file"),
            (directory.file("broken.so"), "file too short"),
            ("libm.so.6", "not ONNX Runtime"),
            (directory.file("old.so"), "version 1.10.0 is too old, 1.14 is needed"),
        ]
        for (library, reason) in cases {
            let result = try run("model", "info", Self.model, "--onnxruntime", library)
            #expect(result.exit == .code(65))
            #expect(result.errors.contains("operator DFT"), "\(result.errors)")
            #expect(result.errors.contains(reason), "\(result.errors)")
            #expect(result.errors.contains("--onnxruntime"), "\(result.errors)")
        }
    }

    @Test(
        "The agent runs such a bundle, and check says by what",
        .enabled(if: TestBroker.isAvailable, "mosquitto is not installed"))
    func endToEnd() throws {
        let directory = try TemporaryDirectory("onnxruntime")
        let bundle = try pack(into: directory)
        let broker = try TestBroker()
        let subscriber = try TestSubscriber(broker, ["edge/#"])
        let yaml = TestAgent.yaml(
            broker,
            top: "inference: { engine: automatic, onnxRuntimeLibrary: \(try library()) }"
        ).replacingOccurrences(of: "$BUNDLE", with: bundle)
        let agent = try TestAgent(yaml)
        for level in [1, 8, 8, 1.0] {
            try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(level))
        }
        let alerts = try subscriber.waitForEvents("edge/box/alerts/level/p1", count: 2)
        #expect(alerts.map(\.type) == ["edge.alert.raised.v1", "edge.alert.cleared.v1"])
        #expect(alerts[0].data["score"] as? Double == 64)
        #expect(try agent.stop() == .code(0))
        let tested = agent.process.errors.all.first { $0.contains("model tested") }
        #expect(tested?.contains("operator DFT is not in edge-agent's own runtime") == true)
        #expect(agent.process.output.all.isEmpty)

        let check = try run("check", "--config", agent.configuration, "--offline")
        #expect(check.exit == .code(0), "\(check.errors)")
        #expect(check.output.contains { $0.contains("engine onnxruntime") && $0.contains("DFT") })

        let forbidden = try directory.write(
            try String(contentsOfFile: agent.configuration, encoding: .utf8)
                .replacingOccurrences(of: "engine: automatic", with: "engine: builtIn"),
            to: "edge-agent.yaml")
        let refused = try run("check", "--config", forbidden, "--offline")
        #expect(refused.exit == .code(65))
        #expect(refused.errors.contains("(DFT) is not supported"))
    }
}
