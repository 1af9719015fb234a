import Foundation
import InferenceRuntime
import Testing

/// LiteRT's answers on the reference models, byte for byte.
@Suite("Golden outputs", .enabled(if: SharedModels.areAvailable, "\(SharedModels.absence)"))
struct GoldenTests {
    @Test(
        "A reference model answers every byte as LiteRT does",
        arguments: SharedModels.int8Models, InstructionSet.available)
    func referenceModelIsExact(model: String, set: InstructionSet) throws {
        let plan = try ModelPlan(contentsOf: SharedModels.path(model), instructionSet: set)
        var (input, expected) = (
            try SharedModels.golden(model, "input"), try SharedModels.golden(model, "output")
        )
        #expect(expected.count == 64 * plan.outputs[0].byteCount)
        #if DEBUG
            // Debug builds do not optimize the kernels: 8 of the 64 there for the heaviest.
            if plan.multiplyAdds > 20_000_000 {
                input = input.prefix(8 * plan.inputs[0].byteCount)
                expected = expected.prefix(8 * plan.outputs[0].byteCount)
            }
        #endif
        let actual = try plan.answers(to: input)
        #expect(actual.count == expected.count)
        let differing = zip(actual, expected).count { $0 != $1 }
        #expect(differing == 0, "\(differing) of \(expected.count) bytes differ")
    }
}
