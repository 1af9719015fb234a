import Foundation
import InferenceRuntime
import Testing

/// ONNX Runtime's answers on small models of each operator, and on real exports.
@Suite("ONNX golden models", .timeLimit(.minutes(5)))
struct ONNXGoldenTests {
    private func check(_ model: ONNXGoldens.Model) throws {
        let vectors = try GoldenVectors(try model.bytes("io"))
        // Activations that ONNX Runtime rounds at run time stay as they are here.
        let named = try #require(ONNXGoldens.shared.tolerances[model.tolerance])
        let tolerance = model.type == "dynamic_uint8" ? OperatorTests.hybridTolerance : named
        let plan = try ModelPlan.make(try model.bytes("onnx"))
        #expect(plan.outputs.count == vectors.outputs.count)
        var session = try InferenceSession(plan: plan)
        let mistaken = ONNXGoldens.mistaken[model.name] ?? []
        for (place, vector) in vectors.vectors.enumerated() where !mistaken.contains(place) {
            for (index, bytes) in vector.inputs.enumerated() {
                session.withInput(index) { $0.copyBytes(from: bytes) }
            }
            session.invoke()
            for (index, expected) in vector.outputs.enumerated() {
                let type = vectors.outputs[index].type
                let actual = session.withOutput(index) { [UInt8]($0) }
                if type == .string {
                    let names = plan.outputs[index].labels
                    let places = actual.withUnsafeBytes { Array($0.bindMemory(to: Int64.self)) }
                    #expect(places.map { names[Int($0)] } == Self.strings(expected))
                    continue
                }
                #expect(plan.outputs[index].shape == vectors.outputs[index].shape)
                #expect(plan.outputs[index].elementType == type)
                guard actual.count == expected.count else {
                    Issue.record("\(actual.count) bytes, not \(expected.count)")
                    continue
                }
                let (count, worst) = tolerance.violations(actual, expected, type)
                #expect(count == 0, "output \(index): the worst differs by \(worst)")
            }
        }
    }

    /// Strings of a golden file: a length of 32 bits before each.
    private static func strings(_ bytes: [UInt8]) -> [String] {
        var result: [String] = []
        var at = 0
        while at + 4 <= bytes.count {
            let length = (0..<4).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
            guard length <= bytes.count - at - 4 else { break }
            result.append(String(decoding: bytes[at + 4..<at + 4 + length], as: UTF8.self))
            at += 4 + length
        }
        return result
    }

    @Test("Trees answer as ONNX Runtime does", arguments: ONNXGoldens.models("trees"))
    func trees(model: ONNXGoldens.Model) throws { try check(model) }

    @Test(
        "Linear models and scalers answer as ONNX Runtime does",
        arguments: ONNXGoldens.models("classical"))
    func classical(model: ONNXGoldens.Model) throws { try check(model) }

    @Test("Float operators answer as ONNX Runtime does", arguments: ONNXGoldens.models("float32"))
    func float(model: ONNXGoldens.Model) throws { try check(model) }

    @Test(
        "Quantized models answer as ONNX Runtime does",
        arguments: ONNXGoldens.models(
            "qdq_uint8", "qdq_int8", "qlinear_uint8", "qlinear_int8", "dynamic_uint8"))
    func quantized(model: ONNXGoldens.Model) throws { try check(model) }

    @Test("There are golden models, and few of them are refused")
    func coverage() {
        #expect(ONNXGoldens.shared.models.count >= 400)
        #expect(ONNXGoldens.missing.count * 10 < ONNXGoldens.shared.models.count)
    }

    @Test(
        "What is missing is refused by name",
        arguments: ONNXGoldens.shared.models.filter { ONNXGoldens.missing[$0.name] != nil })
    func missing(model: ONNXGoldens.Model) throws {
        let bytes = try model.bytes("onnx")
        do throws(ModelError) {
            _ = try ModelPlan.make(bytes)
        } catch {
            switch error {
            case .unsupportedOperator, .unsupportedForm: return
            default: break
            }
            Issue.record("\(error)")
            return
        }
        Issue.record("the model is taken: strike it from the list")
    }

    @Test("A classifier's main output is its probabilities, with the names of the classes")
    func classifierOutputs() throws {
        let model = ONNXGoldens.shared.models.first {
            $0.name == "scikit/random_forest_classifier_names_zip_map"
        }
        let plan = try ModelPlan.make(try #require(model).bytes("onnx"))
        #expect(plan.mainOutput == 1)
        #expect(plan.outputs[1].labels == ["bearing", "imbalance", "normal"])
        #expect(plan.outputs[0].labels == plan.outputs[1].labels)
        #expect(plan.outputs[0].elementType == .int64)
    }

    @Test("Floats go into a model of float64 and come out of it")
    func doubles() throws {
        let model = ONNXGoldens.shared.models.first { $0.name == "ml/tree_ensemble_double" }
        let plan = try ModelPlan.make(try #require(model).bytes("onnx"))
        var session = try InferenceSession(plan: plan)
        let row: [Float] = [1, -2, 0.5, 3, -1]
        row.withUnsafeBufferPointer { session.setInput($0) }
        session.withInput { bytes in
            #expect(Array(bytes.bindMemory(to: Double.self)) == row.map(Double.init))
        }
        session.invoke()
        var result: [Float] = [.nan]
        result.withUnsafeMutableBufferPointer { session.copyOutput(into: $0) }
        #expect(result[0].isFinite)
    }
}
