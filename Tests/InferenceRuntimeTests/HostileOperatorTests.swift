import InferenceRuntime
import TestSupport
import Testing

/// Damaged models of every operator: an error, or a model that runs; never a trap or a hang.
@Suite("Hostile operators", .timeLimit(.minutes(5)))
struct HostileOperatorTests {
    @Test("A damaged model of an operator is refused or runs", arguments: OperatorGoldens.supported)
    func damaged(model: OperatorGoldens.Model) throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededGenerator(seed: seed)
        let bytes = try Fixtures.bytes("operators/\(model.name)", "tflite")
        for round in 0..<40 {
            var changed = bytes
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                // Small numbers make plausible axes, shapes and options; others are extremes.
                let values: [UInt8] = [0, 1, 2, 3, 4, 9, 0x7F, 0x80, 0xFF, changed[index] &+ 1]
                changed[index] =
                    round % 2 == 0
                    ? values.randomElement(using: &random) ?? 0
                    : .random(in: 0...255, using: &random)
            }
            do throws(ModelError) { try ModelPlan.exercise(changed) } catch {
                #expect(!error.description.isEmpty, "seed \(seed)")
            }
        }
    }
}
