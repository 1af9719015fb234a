import InferenceRuntime
import Testing

@Suite("Constants and variables")
struct FoldingTests {
    @Test("A half-precision number is read as what it is")
    func half() {
        #expect(Float(half: 0x3C00) == 1)
        #expect(Float(half: 0xC000) == -2)
        #expect(Float(half: 0x7BFF) == 65_504)
        #expect(Float(half: 0x0001) == 0x1p-24)
        #expect(Float(half: 0x03FF) == 1_023 * 0x1p-24)
        #expect(Float(half: 0x7C00) == .infinity)
        #expect(Float(half: 0xFC00) == -.infinity)
        #expect(Float(half: 0x7E00).isNaN)
    }

    @Test("Half-precision weights are made real once, at load")
    func halfPrecisionWeights() throws {
        let plan = try ModelPlan.make(Fixtures.bytes("folding/float16_weights", "tflite"))
        #expect(plan.operators.map(\.stepCount) == [0, 0, 1])
        let golden = try GoldenVectors(Fixtures.bytes("folding/float16_weights", "io"))
        let tolerance = try #require(OperatorGoldens.shared.tolerances["floatSum"])
        var session = try InferenceSession(plan: plan)
        for vector in golden.vectors {
            session.withInput { $0.copyBytes(from: vector.inputs[0]) }
            session.invoke()
            let actual = session.withOutput { Array($0) }
            #expect(tolerance.violations(actual, vector.outputs[0], .float32).count == 0)
        }
    }

    @Test("A reset gives variables their first values again")
    func reset() throws {
        let model = "operators/variables/int32_running_sum"
        let plan = try ModelPlan.make(Fixtures.bytes(model, "tflite"))
        let golden = try GoldenVectors(Fixtures.bytes(model, "io"))
        var session = try InferenceSession(plan: plan)
        for (index, vector) in golden.vectors.enumerated() {
            if index % golden.steps == 0 { session.reset() }
            session.withInput { $0.copyBytes(from: vector.inputs[0]) }
            session.invoke()
            #expect(session.withOutput { Array($0) } == vector.outputs[0])
        }
    }
}
