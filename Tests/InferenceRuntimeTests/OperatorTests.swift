import Foundation
import InferenceRuntime
import Testing

/// Every operator against LiteRT's default answers.
@Suite("Operator goldens")
struct OperatorTests {
    @Test("There are golden models, and hardly one is refused")
    func goldensExist() {
        #expect(OperatorGoldens.shared.models.count >= 1_000)
        #expect(OperatorGoldens.unsupported.count == OperatorGoldens.missing.count)
        #expect(OperatorGoldens.missing.count <= 10)
    }

    @Test("An operator answers as LiteRT does", arguments: OperatorGoldens.supported)
    func operatorAgrees(model: OperatorGoldens.Model) throws {
        let bytes = try Fixtures.bytes("operators/\(model.name)", "tflite")
        let plan = try ModelPlan.make(bytes)
        let golden = try GoldenVectors(Fixtures.bytes("operators/\(model.name)", "io"))
        let named = try #require(OperatorGoldens.shared.tolerances[model.tolerance])
        let tolerance = model.type.hasPrefix("hybrid") ? Self.hybridTolerance : named
        try #require(plan.inputs.map(\.byteCount) == golden.inputs.map(\.byteCount))
        try #require(plan.outputs.map(\.byteCount) == golden.outputs.map(\.byteCount))
        for start in stride(from: 0, to: golden.vectors.count, by: golden.steps) {
            let sequence = golden.vectors[start..<min(start + golden.steps, golden.vectors.count)]
            try agree(
                plan, sequence, golden.outputs.map(\.type), tolerance,
                allowed: Self.libraryFaults[model.name] ?? 0)
        }
    }

    @Test(
        "What is missing is refused by name and place", arguments: OperatorGoldens.unsupported)
    func missingIsRefused(model: OperatorGoldens.Model) throws {
        let bytes = try Fixtures.bytes("operators/\(model.name)", "tflite")
        let error = #expect(throws: ModelError.self) { try ModelPlan.make(bytes) }
        guard case .unsupportedForm(let name, 0, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(model.operators == [name])
    }

    /// Hybrid layers compute with real activations, where LiteRT first rounds them to 8 bits.
    static let hybridTolerance = OperatorGoldens.Tolerance(
        steps: 0, absolute: 0, relative: 0, ofLargest: 0.02)

    /// Elements in which LiteRT itself is wrong, by model.
    ///
    /// DIV shifts a quotient near 0 right by more than 31 bits, which is undefined: 0 / 2 is then 1.
    /// The square root of 3e38 comes out as half of what it is.
    static let libraryFaults = [
        "div/int8_both_broadcast": 18, "div/int8_channel": 2, "div/int8_constant": 3,
        "div/int8_relu": 6, "div/int8_relu6": 6, "div/int8_relu_n1_to_1": 6, "div/uint8_relu": 2,
        "div/uint8_same_shape": 2, "sqrt/float32_edges": 1,
    ]

    /// Runs one sequence in a session of its own.
    private func agree(
        _ plan: ModelPlan, _ sequence: ArraySlice<GoldenVectors.Vector>, _ types: [ElementType],
        _ tolerance: OperatorGoldens.Tolerance, allowed: Int
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
                    count <= allowed,
                    "vector \(index), output \(place): \(count) differ, by up to \(worst)")
            }
        }
    }
}
