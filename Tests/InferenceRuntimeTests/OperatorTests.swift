import Foundation
import InferenceRuntime
import Testing

/// Every operator that is claimed, against LiteRT's default answers.
@Suite("Operator goldens")
struct OperatorTests {
    @Test("There are golden models, and most of their operators are claimed")
    func goldensExist() {
        #expect(OperatorGoldens.shared.models.count >= 100)
        #expect(OperatorGoldens.supported.count * 2 > OperatorGoldens.shared.models.count)
    }

    @Test("An operator answers as LiteRT does", arguments: OperatorGoldens.supported)
    func operatorAgrees(model: OperatorGoldens.Model) throws {
        let plan: ModelPlan
        do throws(ModelError) {
            plan = try ModelPlan.make(try! Fixtures.bytes("operators/\(model.name)", "tflite"))
        } catch ModelError.unsupportedForm(_, _, let reason) {
            print("unsupported form: \(model.name): \(reason)")
            return
        }
        try agree(plan, with: model)
    }

    private func agree(_ plan: ModelPlan, with model: OperatorGoldens.Model) throws {
        let golden = try GoldenVectors(Fixtures.bytes("operators/\(model.name)", "io"))
        let tolerance = try #require(OperatorGoldens.shared.tolerances[model.tolerance])
        try #require(plan.inputs.map(\.byteCount) == golden.inputs.map(\.byteCount))
        try #require(plan.outputs.map(\.byteCount) == golden.outputs.map(\.byteCount))
        var session = try InferenceSession(plan: plan)
        for (index, vector) in golden.vectors.enumerated() {
            if index > 0 && index % golden.steps == 0 { session = try InferenceSession(plan: plan) }
            for (place, bytes) in vector.inputs.enumerated() {
                session.withInput(place) { $0.copyBytes(from: bytes) }
            }
            session.invoke()
            for (place, expected) in vector.outputs.enumerated() {
                let actual = session.withOutput(place) { Array($0) }
                let (count, worst) = tolerance.violations(
                    actual, expected, golden.outputs[place].type)
                #expect(
                    count == 0,
                    "vector \(index), output \(place): \(count) elements differ, by up to \(worst)")
            }
        }
    }
}
