import Foundation
import InferenceRuntime
import Testing

@Suite("Model plans")
struct ModelPlanTests {
    @Test("A plan describes its inputs, outputs and operators")
    func description() throws {
        let plan = try ModelPlan.make(Fixtures.bytes("unsigned-edges", "tflite"))
        #expect(plan.inputs.map(\.name) == ["input"])
        #expect(plan.inputs[0].shape == [1, 24])
        #expect(plan.inputs[0].elementType == .uint8)
        #expect(plan.inputs[0].scale == 0.05)
        #expect(plan.inputs[0].zeroPoint == 125)
        #expect(plan.outputs[0].shape == [1, 9])
        #expect(plan.operators.map(\.name) == ["QUANTIZE", "FULLY_CONNECTED", "QUANTIZE"])
        #expect(plan.multiplyAdds == 24 * 9)
        #expect(plan.arenaBytes > 0 && plan.weightBytes > 0)
    }

    @Test("A dynamic batch dimension is one")
    func dynamicBatch() throws {
        let plan = try ModelPlan.make(Fixtures.bytes("fully-connected-dynamic-batch", "tflite"))
        #expect(plan.inputs[0].shape == [1, 10])
    }

    @Test("An operator that is missing is named with its position")
    func missingOperator() throws {
        // In the file of the small network, every softmax (25) becomes a SPACE_TO_DEPTH (26).
        var bytes = try Fixtures.bytes("softmax", "tflite")
        let expected = ModelError.unsupportedOperator(name: "SPACE_TO_DEPTH", position: 0)
        var found = false
        for index in bytes.indices where bytes[index] == 25 {
            bytes[index] = 26
            do throws(ModelError) { _ = try ModelPlan.make(bytes) } catch {
                if error == expected { found = true }
            }
        }
        #expect(found)
        #expect(expected.description == "operator 0 (SPACE_TO_DEPTH) is not supported")
    }

    @Test("Real values go in and come out quantized as the model says")
    func realValues() throws {
        let plan = try ModelPlan.make(Fixtures.bytes("unsigned-edges", "tflite"))
        var session = try InferenceSession(plan: plan)
        var values = [Float](repeating: 0, count: 24)
        values[0] = 0.05 * 2.5
        values[1] = -1_000
        values[2] = .nan
        values[3] = .infinity
        values.withUnsafeBufferPointer { session.setInput($0) }
        session.withInput { bytes in #expect(Array(bytes.prefix(5)) == [127, 0, 125, 255, 125]) }
        session.invoke()
        var result = [Float](repeating: -1, count: 9)
        result.withUnsafeMutableBufferPointer { session.copyOutput(into: $0) }
        session.withOutput { bytes in
            #expect(result == bytes.map { Float(Int($0) - 133) * plan.outputs[0].scale })
        }
    }

    @Test("Two runs on one input give one answer", arguments: Fixtures.names)
    func inputSurvives(name: String) throws {
        let plan = try ModelPlan.make(Fixtures.bytes(name, "tflite"))
        let input = try Fixtures.bytes(name, "input").prefix(plan.inputs[0].byteCount)
        var session = try InferenceSession(plan: plan)
        session.withInput { $0.copyBytes(from: input) }
        session.invoke()
        let first = session.withOutput { Array($0) }
        session.invoke()
        #expect(session.withOutput { Array($0) } == first)
    }

    @Test("A file that is not there, a directory and a device are refused")
    func unreadable() {
        #expect(throws: ModelError.cannotRead(path: "/nowhere/x.tflite", code: ENOENT)) {
            try ModelPlan(contentsOf: "/nowhere/x.tflite")
        }
        #expect(throws: ModelError.cannotRead(path: "/tmp", code: EISDIR)) {
            try ModelPlan(contentsOf: "/tmp")
        }
        #expect(throws: ModelError.cannotRead(path: "/dev/zero", code: EINVAL)) {
            try ModelPlan(contentsOf: "/dev/zero")
        }
    }
}
