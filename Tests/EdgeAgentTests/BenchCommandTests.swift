import Foundation
import TestSupport
import Testing

@Suite("The command bench")
struct BenchCommandTests {
    private func run(
        _ arguments: [String], environment: [String: String?] = [:]
    ) throws -> (exit: ChildProcess.Exit, errors: String, output: [String]) {
        let process = try ChildProcess(
            try TestAgent.executable(), ["bench"] + arguments, environment: environment)
        process.closeInput()
        let exit = try process.waitForExit(within: 30)
        return (exit, process.errors.all.joined(separator: "\n"), process.output.all)
    }

    private func json(_ output: [String]) throws -> [String: Any] {
        #expect(output.count == 1)
        let text = try #require(output.first)
        return try #require(
            try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    private static let few = ["--rounds", "3", "--iterations", "40", "--warm-up", "2"]

    @Test("One JSON object has latency, memory, operators and the forced instruction set")
    func object() throws {
        let result = try run(
            [TestAgent.levelBundle, "--json", "--cpu", "0"] + Self.few,
            environment: ["EDGE_AGENT_ISA": "scalar"])
        #expect(result.exit == .code(0), "\(result.errors)")
        let report = try json(result.output)
        #expect(report["rounds"] as? Int == 3)
        #expect(report["iterations"] as? Int == 40)
        #expect(report["processor"] as? Int == 0)
        #expect(report["ratio"] == nil)
        let engine = try #require((report["engines"] as? [[String: Any]])?.first)
        #expect(engine["engine"] as? String == "builtIn")
        #expect(engine["instructionSet"] as? String == "scalar")
        func time(_ name: String) throws -> Double {
            try #require(engine[name + "Microseconds"] as? Double)
        }
        // p50 is the median of the rounds' medians, so it lies between the extremes as well.
        let times = try ["minimum", "p50", "maximum"].map(time)
        #expect(times == times.sorted() && times[0] > 0)
        #expect(try time("p99") <= time("p999"))
        #expect(try time("p999") <= time("maximum"))
        #expect(try #require(engine["arenaBytes"] as? Int) > 0)
        #expect(try #require(engine["weightBytes"] as? Int) > 0)
        let operators = try #require(engine["operators"] as? [[String: Any]])
        #expect(operators.map { $0["name"] as? String } == ["FULLY_CONNECTED"])
        #expect(operators[0]["outputShape"] as? [Int] == [1, 4])
        #expect(operators.reduce(0) { $0 + ($1["share"] as? Double ?? 0) } == 1)
    }

    @Test("The table shows the same for people, and the answer goes to a file")
    func table() throws {
        let directory = try TemporaryDirectory("bench")
        try Data([8, 0, 8, 0]).write(to: URL(fileURLWithPath: directory.file("in")))
        let result = try run(
            [
                TestAgent.levelBundle + "/model.tflite", "--input", directory.file("in"),
                "--output", directory.file("out"),
            ] + Self.few)
        #expect(result.exit == .code(0), "\(result.errors)")
        let text = result.output.joined(separator: "\n")
        for word in [
            "built-in, ", "p50 ", "p99 ", "p99.9 ", "max ", "arena ", "weights ",
            "FULLY_CONNECTED [1, 4]", "3 rounds of 40 invokes",
        ] {
            #expect(text.contains(word), "\(text)")
        }
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: directory.file("out"))) == Data(count: 4))
    }

    @Test(
        "What cannot be measured says why",
        arguments: [
            (["/nowhere.tflite"], 65, "No such file"),
            (["$BUNDLE", "--against", "onnxruntime"], 66, "model.onnx"),
            (["$BUNDLE", "--against", "nobody"], 64, "onnxruntime"),
            (["$BUNDLE", "--rounds", "0"], 64, "--rounds"),
            (["$BUNDLE", "--cpu", "100000"], 65, "processor 100000"),
            (["$BUNDLE", "--input", "/etc/hostname"], 65, "a multiple of"),
            (["$BUNDLE", "--engine", "abacus"], 64, "automatic, builtIn, onnxRuntime"),
            (["$BUNDLE", "--engine", "onnxRuntime"], 65, "ONNX"),
        ] as [([String], Int32, String)])
    func errors(arguments: [String], code: Int32, text: String) throws {
        let result = try run(
            arguments.map { $0.replacingOccurrences(of: "$BUNDLE", with: TestAgent.levelBundle) })
        #expect(result.exit == .code(code), "\(result.errors)")
        #expect(result.errors.contains(text), "\(result.errors)")
    }

    @Test("A comparison without the library says what is missing")
    func noLibrary() throws {
        let result = try run([
            try Self.linear(), "--against", "onnxruntime", "--onnxruntime", "/nowhere.so",
        ])
        #expect(result.exit == .code(65))
        #expect(result.errors.contains("/nowhere.so"), "\(result.errors)")
    }

    @Test(
        "Against ONNX Runtime both are measured, and the ratio is that of the medians",
        .enabled(if: ONNXRuntimeFile.isAvailable, "\(ONNXRuntimeFile.skipReason)"))
    func comparison() throws {
        let library = try #require(ONNXRuntimeFile.path)
        let arguments = ["--against", "onnxruntime", "--onnxruntime", library] + Self.few
        let result = try run([try Self.linear(), "--json"] + arguments)
        #expect(result.exit == .code(0), "\(result.errors)")
        let report = try json(result.output)
        let engines = try #require(report["engines"] as? [[String: Any]])
        #expect(engines.map { $0["engine"] as? String } == ["builtIn", "onnxRuntime"])
        #expect(engines[1]["library"] as? String == library)
        let p50 = try engines.map { try #require($0["p50Microseconds"] as? Double) }
        let ratio = try #require(report["ratio"] as? Double)
        #expect(abs(ratio - p50[1] / p50[0]) < 0.001)

        let same = try run([TestAgent.fixture("spectrum") + "/model.onnx"] + arguments)
        #expect(same.exit == .code(65))
        #expect(same.errors.contains("nothing to measure it against"))
    }

    /// An ONNX model that both engines run.
    private static func linear() throws -> String {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent()
            .appendingPathComponent("InferenceRuntimeTests/Fixtures/onnx/float/gemm_opset_17.onnx")
            .path
        try #require(FileManager.default.fileExists(atPath: path))
        return path
    }
}
