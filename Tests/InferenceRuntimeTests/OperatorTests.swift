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
        let plan = try ModelPlan.make(Fixtures.bytes("operators/\(model.name)", "tflite"))
        let golden = try GoldenVectors(Fixtures.bytes("operators/\(model.name)", "io"))
        let tolerance = try #require(OperatorGoldens.shared.tolerances[model.tolerance])
        try #require(plan.inputs.map(\.byteCount) == golden.inputs.map(\.byteCount))
        try #require(plan.outputs.map(\.byteCount) == golden.outputs.map(\.byteCount))
        for start in stride(from: 0, to: golden.vectors.count, by: golden.steps) {
            let sequence = golden.vectors[start..<min(start + golden.steps, golden.vectors.count)]
            try agree(plan, sequence, golden.outputs.map(\.type), tolerance)
        }
    }

    /// Runs one sequence in a session of its own.
    private func agree(
        _ plan: ModelPlan, _ sequence: ArraySlice<GoldenVectors.Vector>, _ types: [ElementType],
        _ tolerance: OperatorGoldens.Tolerance
    ) throws {
        var session = try InferenceSession(plan: plan)
        for (index, vector) in zip(sequence.indices, sequence) {
            for (place, bytes) in vector.inputs.enumerated() {
                session.withInput(place) { $0.copyBytes(from: bytes) }
            }
            session.invoke()
            for (place, expected) in vector.outputs.enumerated() {
                let actual = session.withOutput(place) { Array($0) }
                let (count, worst) = tolerance.violations(actual, expected, types[place])
                #expect(
                    count == 0,
                    "vector \(index), output \(place): \(count) differ, by up to \(worst)")
            }
        }
    }
}
