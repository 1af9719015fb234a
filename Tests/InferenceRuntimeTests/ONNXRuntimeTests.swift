import Foundation
import InferenceRuntime
import TestSupport
import Testing

@Suite(
    "ONNX Runtime as an engine",
    .enabled(if: ONNXRuntimeFile.isAvailable, "\(ONNXRuntimeFile.skipReason)"))
struct ONNXRuntimeTests {
    private static let selection = EngineSelection(
        .onnxRuntime, onnxRuntimeLibrary: ONNXRuntimeFile.path)

    private static func make(
        _ bytes: [UInt8], _ engines: EngineSelection = selection,
        limits: ModelLimits = ModelLimits()
    ) throws(ModelError) -> InferenceModel {
        let result = bytes.withUnsafeBytes { buffer in
            Result { () throws(ModelError) in
                try InferenceModel(bytes: buffer, engines: engines, limits: limits)
            }
        }
        return try result.get()
    }

    /// One of each family, of each element type, and with several inputs and outputs.
    private static let some = ONNXGoldens.shared.models.enumerated()
        .filter { $0.offset % 23 == 0 }.map(\.element)

    @Test("Golden models answer as they do through its own interface", arguments: some)
    func goldens(model: ONNXGoldens.Model) throws {
        let vectors = try GoldenVectors(try model.bytes("io"))
        let tolerance = try #require(ONNXGoldens.shared.tolerances[model.tolerance])
        var session = try InferenceSession(try Self.make(try model.bytes("onnx")))
        // Strings, and lists of maps, are left out.
        let numbers = vectors.outputs.indices.filter { vectors.outputs[$0].type != .string }
        try #require(session.outputs.count == numbers.count || session.outputs.count == 1)
        for vector in vectors.vectors {
            for (index, bytes) in vector.inputs.enumerated() {
                session.withInput(index) { $0.copyBytes(from: bytes) }
            }
            let hasRun = session.invoke()
            #expect(hasRun)
            for (place, output) in session.outputs.indices.map({ ($0, numbers[$0]) }) {
                let actual = session.withOutput(place) { [UInt8]($0) }
                let expected = vector.outputs[output]
                #expect(session.outputs[place].shape == vectors.outputs[output].shape)
                #expect(actual.count == expected.count)
                let (count, worst) = tolerance.violations(
                    actual, expected, vectors.outputs[output].type)
                #expect(count == 0, "output \(output): the worst differs by \(worst)")
            }
        }
    }

    @Test("A model that our own runtime has stays there, and says so")
    func staysBuiltIn() throws {
        let model = try #require(ONNXGoldens.models("float32").first)
        let made = try Self.make(
            try model.bytes("onnx"),
            EngineSelection(.automatic, onnxRuntimeLibrary: ONNXRuntimeFile.path))
        #expect(made.engine == .builtIn(try .selected()))
        #expect(made.weightBytes != nil)
    }

    @Test("What it refuses comes with its own message")
    func refused() throws {
        let model = try #require(ONNXGoldens.models("float32").first)
        let bytes = try model.bytes("onnx")
        do throws(ModelError) {
            _ = try Self.make(Array(bytes.prefix(bytes.count / 2)))
            Issue.record("half a model is taken")
        } catch {
            guard case .onnxRuntimeRefused(.onnxRuntime(_, let path, _), let message) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(path == ONNXRuntimeFile.path)
            #expect(!message.isEmpty)
        }
    }

    @Test("What our own runtime lacks in this form goes there, and a run that fails says so")
    func failedRun() throws {
        var writer = ONNXWriter()
        writer.inputs = [("table", 1, [4]), ("places", 7, [2])]
        writer.outputs = [("picked", 1, [2])]
        writer.nodes = [
            .init(operation: "Gather", inputs: ["table", "places"], outputs: ["picked"])
        ]
        let model = try Self.make(
            writer.bytes, EngineSelection(.automatic, onnxRuntimeLibrary: ONNXRuntimeFile.path))
        guard case .onnxRuntime(_, _, let reason) = model.engine else {
            Issue.record("it runs on \(model.engine)")
            return
        }
        #expect(reason.contains("operator Gather is not in edge-agent's own runtime"))
        var session = try InferenceSession(model)
        let table: [Float] = [0.5, 1.5, 2.5, 3.5]
        table.withUnsafeBufferPointer { session.setInput($0) }
        func places(_ values: [Int64]) {
            session.withInput(1) { bytes in
                values.withUnsafeBytes { bytes.copyMemory(from: $0) }
            }
        }
        func picked() -> [Float] { session.withOutput { Array($0.bindMemory(to: Float.self)) } }
        places([3, 1])
        var hasRun = session.invoke()
        #expect(hasRun)
        #expect(picked() == [3.5, 1.5])
        places([0, 1000])
        hasRun = session.invoke()
        #expect(!hasRun)
        do throws(ModelError) {
            try session.invokeThrowing()
            Issue.record("a place that does not exist is taken")
        } catch {
            #expect(error.description.contains("out of"), "\(error)")
        }
        // And it goes on.
        places([2, 2])
        hasRun = session.invoke()
        #expect(hasRun)
        #expect(picked() == [2.5, 2.5])
    }

    @Test("It is not given what is no ONNX model")
    func otherFormat() throws {
        let file = Fixtures.directory.appendingPathComponent("add.tflite")
        let bytes = [UInt8](try Data(contentsOf: file))
        #expect(throws: ModelError.malformed(.notONNX, offset: 0)) { _ = try Self.make(bytes) }
    }

    @Test("Limits hold for its tensors too")
    func limits() throws {
        let model = try #require(ONNXGoldens.models("float32").first)
        var limits = ModelLimits()
        limits.arenaBytes = 16
        #expect(throws: ModelError.self) {
            _ = try Self.make(try model.bytes("onnx"), limits: limits)
        }
    }
}
