import InferenceRuntime
import TestSupport
import Testing

/// Every instruction set against the scalar kernels, which define the result.
@Suite("Kernels of all instruction sets")
struct KernelEqualityTests {
    /// Debug builds do not optimize the kernels: fewer there.
    #if DEBUG
        static let rounds = 50
    #else
        static let rounds = 500
    #endif

    @Test(
        "Random layers give the same bytes as the scalar kernels",
        arguments: RandomModel.Kind.allCases, InstructionSet.available.filter { $0 != .scalar })
    func equality(kind: RandomModel.Kind, set: InstructionSet) throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("\(kind) on \(set.rawValue): seed \(seed)")
        var random = SeededGenerator(seed: seed)
        var tried = 0
        for _ in 0..<Self.rounds {
            let model = RandomModel(kind, &random)
            let reference: ModelPlan
            do throws(ModelError) {
                reference = try ModelPlan.make(model.bytes, instructionSet: .scalar)
            } catch {
                // Scales whose ratio no rule covers are refused, by all alike.
                #expect(throws: ModelError.self) {
                    try ModelPlan.make(model.bytes, instructionSet: set)
                }
                continue
            }
            tried += 1
            let plan = try ModelPlan.make(model.bytes, instructionSet: set)
            let input = (0..<2 * model.inputBytes).map { index in
                index < model.inputBytes ? UInt8.random(in: 0...255, using: &random) : 0x80
            }
            let expected = try reference.answers(to: input)
            let actual = try plan.answers(to: input)
            #expect(actual == expected, "seed \(seed): \(model)")
            if actual != expected { return }
        }
        #expect(tried > Self.rounds / 3)
    }
}
