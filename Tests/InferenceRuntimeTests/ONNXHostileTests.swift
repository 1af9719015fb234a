import Foundation
import InferenceRuntime
import TestSupport
import Testing

/// ONNX files that are not what they say: an error, or a model that runs; never a trap or a hang.
@Suite("Hostile ONNX files", .timeLimit(.minutes(5)))
struct ONNXHostileTests {
    /// One of each kind: small, and between them most operators.
    static let names = [
        "ml/tree_classifier_2_classes_strings", "ml/tree_ensemble_members", "float/mlp",
        "ml/chain_scaler_normalizer_linear", "float/reshape_by_shape", "float/cnn_1d",
        "qdq/uint8_network_opset_17", "qlinear/uint8_conv",
    ]

    private func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](
            try Data(
                contentsOf: ONNXGoldens.directory.appendingPathComponent("\(name).onnx")))
    }

    /// Loads, and looks at the error if that is what comes.
    private func survive(_ bytes: [UInt8], _ comment: Comment) {
        do throws(ModelError) { try ModelPlan.exercise(bytes) } catch {
            #expect(!error.description.isEmpty, comment)
        }
    }

    @Test("A file cut at any length is refused or runs", arguments: names)
    func truncation(name: String) throws {
        let bytes = try bytes(name)
        for length in 0..<bytes.count { survive(Array(bytes.prefix(length)), "cut to \(length)") }
    }

    @Test("A file with any one byte changed is refused or runs", arguments: names)
    func everyByte(name: String) throws {
        let bytes = try bytes(name)
        for index in bytes.indices {
            for value: UInt8 in [0x00, 0xFF, bytes[index] ^ 0x80, bytes[index] &+ 1] {
                var changed = bytes
                changed[index] = value
                survive(changed, "byte \(index) is \(value)")
            }
        }
    }

    @Test("Files with random bytes changed are refused or run", arguments: names)
    func randomBytes(name: String) throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("hostile ONNX bytes: seed \(seed)")
        var random = SeededGenerator(seed: seed)
        let bytes = try bytes(name)
        for _ in 0..<500 {
            var changed = bytes
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                let index = changed.indices.randomElement(using: &random)!
                switch Int.random(in: 0..<3, using: &random) {
                case 0: changed[index] = .random(in: 0...255, using: &random)
                case 1: changed.remove(at: index)
                default:
                    // A varint of as many bits as fit, or of more.
                    let length = Int.random(in: 1...12, using: &random)
                    changed.insert(
                        contentsOf: Array(repeating: 0xFF, count: length) + [1], at: index)
                }
            }
            survive(changed, "seed \(seed)")
        }
    }

    @Test("A varint of more than 64 bits is refused where it stands")
    func hugeVarint() {
        let bytes = [0x08] + [UInt8](repeating: 0xFF, count: 10) + [0x01]
        #expect(throws: ModelError.malformed(.varintTooLong, offset: 10)) {
            try ModelPlan.exercise(bytes)
        }
        #expect(throws: ModelError.malformed(.fieldOutOfBounds, offset: 2)) {
            // A graph of 2^63 bytes.
            try ModelPlan.exercise(
                [0x08, 0x08, 0x3A] + [UInt8](repeating: 0x80, count: 9) + [0x01])
        }
    }

    @Test("Messages nested a thousand deep are refused or skipped")
    func deepNesting() {
        var inner: [UInt8] = []
        for _ in 0..<1_000 {
            var message = ProtobufMessage()
            // A graph in an attribute in a node in a graph, and so on.
            message.add(6, inner)
            var node = ProtobufMessage()
            node.add(4, "If")
            node.add(5, message)
            var graph = ProtobufMessage()
            graph.add(1, node)
            inner = graph.bytes
        }
        var model = ProtobufMessage()
        model.add(1, 8)
        model.add(7, inner)
        #expect(throws: ModelError.unsupportedOperator(name: "If", position: 0)) {
            try ModelPlan.exercise(model.bytes)
        }
    }

    @Test("A graph with a cycle, a value written twice, and an output that nothing writes")
    func brokenGraphs() {
        var writer = ONNXWriter()
        writer.inputs = [("x", 1, [1, 4])]
        writer.outputs = [("y", 1, [1, 4])]
        writer.nodes = [
            .init(operation: "Add", inputs: ["x", "b"], outputs: ["a"]),
            .init(operation: "Relu", inputs: ["a"], outputs: ["b"]),
            .init(operation: "Relu", inputs: ["b"], outputs: ["y"]),
        ]
        #expect(throws: ModelError.malformed(.readBeforeWritten, offset: 0)) {
            try ModelPlan.exercise(writer.bytes)
        }
        writer.nodes = [
            .init(operation: "Relu", inputs: ["x"], outputs: ["y"]),
            .init(operation: "Abs", inputs: ["x"], outputs: ["y"]),
        ]
        #expect(throws: ModelError.malformed(.writtenTwice, offset: 0)) {
            try ModelPlan.exercise(writer.bytes)
        }
        writer.nodes = [.init(operation: "Relu", inputs: ["x"], outputs: ["z"])]
        #expect(throws: ModelError.malformed(.readBeforeWritten, offset: 0)) {
            try ModelPlan.exercise(writer.bytes)
        }
    }

    @Test("Data in another file is refused with what to do")
    func externalData() {
        var tensor = ProtobufMessage()
        tensor.add(1, 4)
        tensor.add(2, 1)
        tensor.add(8, "weights")
        tensor.add(14, 1)
        var writer = ONNXWriter()
        writer.inputs = [("x", 1, [1, 4])]
        writer.outputs = [("y", 1, [1, 4])]
        writer.initializers = [tensor]
        writer.nodes = [.init(operation: "Add", inputs: ["x", "weights"], outputs: ["y"])]
        do throws(ModelError) { try ModelPlan.exercise(writer.bytes) } catch {
            guard case .invalidTensor("weights", _, let reason) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(reason.contains("another file"))
            return
        }
        Issue.record("the model was taken")
    }

    @Test("The same elements as raw bytes or as numbers are the same constant")
    func typedData() throws {
        func answer(_ fill: (inout ProtobufMessage) -> Void) throws -> [Float] {
            var tensor = ProtobufMessage()
            tensor.add(1, 3)
            tensor.add(2, 1)
            tensor.add(8, "w")
            fill(&tensor)
            var writer = ONNXWriter()
            writer.inputs = [("x", 1, [3])]
            writer.outputs = [("y", 1, [3])]
            writer.initializers = [tensor]
            writer.nodes = [.init(operation: "Add", inputs: ["x", "w"], outputs: ["y"])]
            var session = try InferenceSession(plan: try ModelPlan.make(writer.bytes))
            session.invoke()
            return session.withOutput { Array($0.bindMemory(to: Float.self)) }
        }
        let values: [Float] = [1.5, -2, 1e-30]
        let raw = values.flatMap { value in
            (0..<4).map { UInt8(value.bitPattern >> (8 * $0) & 0xFF) }
        }
        #expect(try answer { $0.add(9, raw) } == values)
        #expect(try answer { $0.add(4, raw) } == values, "packed")
        #expect(try answer { for value in values { $0.add(4, value) } } == values, "not packed")
        #expect(throws: ModelError.self) { _ = try answer { $0.add(4, Array(raw.prefix(8))) } }
        #expect(throws: ModelError.self) { _ = try answer { $0.add(9, raw + raw) } }
    }
}
