import Foundation
import InferenceRuntime

/// The tables of docs/models.md: what the readers take, and the types that golden models prove.
enum SupportedOperators {
    struct Row: Equatable {
        var name: String
        var types: [String]
    }

    private static let order = [
        "float32", "float64", "hybrid", "int8", "uint8", "int16", "int32", "int64", "bool",
        "string",
        "mixed", "QDQ", "QLinear", "dynamic",
    ]

    private static func sorted(_ types: Set<String>) -> [String] {
        types.sorted { (order.firstIndex(of: $0) ?? 99, $0) < (order.firstIndex(of: $1) ?? 99, $1) }
    }

    /// Operators of TensorFlow Lite: types from the models of an operator alone where there are any.
    static let tflite: [Row] = ModelPlan.tfliteOperators.sorted().map { name in
        let all = OperatorGoldens.supported.filter { $0.operators.contains(name) }
        let alone = all.filter { $0.operators.count == 1 }
        let types = (alone.isEmpty ? all : alone).map {
            String($0.type.split(separator: "_").first ?? "")
        }
        return Row(name: name, types: sorted(Set(types).subtracting(["float16"])))
    }

    /// Operators of ONNX that the reader takes.
    static func onnx() throws -> [Row] {
        let file = ONNXGoldens.directory.appendingPathComponent("operators.txt")
        let defined = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        let models = ONNXGoldens.shared.models.filter { ONNXGoldens.missing[$0.name] == nil }
        let others = models.flatMap(\.operators).filter { $0.hasPrefix("com.microsoft.") }
        let names = Set(defined.map(String.init) + others).filter(isTaken).sorted()
        return names.map { name in
            var types: Set<String> = []
            for model in models where model.operators.contains(name) {
                switch model.type.split(separator: "_").first {
                case "qdq": types.insert("QDQ")
                case "qlinear": types.insert("QLinear")
                case "dynamic": types.insert("dynamic")
                default:
                    // A model of more operators may have come to others than its inputs are of.
                    if model.operators.count > 1, !types.isEmpty { continue }
                    for input in model.inputs {
                        types.insert(String(input.prefix { $0 != "[" }))
                    }
                }
            }
            return Row(name: name, types: sorted(types))
        }
    }

    /// Whether the reader knows the operator: without operands it then misses those.
    private static func isTaken(_ name: String) -> Bool {
        var writer = ONNXWriter()
        let parts = name.split(separator: ".")
        writer.nodes = [
            ONNXWriter.Node(
                operation: String(parts.last ?? ""),
                domain: parts.dropLast().joined(separator: "."), inputs: [], outputs: ["y"])
        ]
        writer.outputs = [(name: "y", type: 1, shape: [1])]
        do throws(ModelError) {
            _ = try ModelPlan.make(writer.bytes)
        } catch {
            if case .unsupportedOperator = error { return false }
        }
        return true
    }

    /// What stands between the marks in docs/models.md.
    static func markdown() throws -> String {
        func table(_ rows: [Row]) -> String {
            rows.map { "| `\($0.name)` | \($0.types.joined(separator: ", ")) |\n" }.joined()
        }
        func refused(_ missing: [String: String]) -> String {
            missing.sorted { $0.key < $1.key }.map { "| `\($0.key)` | \($0.value) |\n" }.joined()
        }
        let count = OperatorGoldens.shared.models.count + ONNXGoldens.shared.models.count
        return """

            ### TensorFlow Lite
            | operator | activations |
            |---|---|
            \(table(tflite))
            ### ONNX
            | operator | inputs, forms |
            |---|---|
            \(table(try onnx()))
            ### Forms that are refused
            Among the \(count) golden models, by the model's name:

            | model | not here |
            |---|---|
            \(refused(OperatorGoldens.missing))\(refused(ONNXGoldens.missing))

            """
    }
}
