import Foundation
import InferenceRuntime
import TestSupport
import Testing

/// Files that are not what they say: an error, or a model that runs; never a trap or a hang.
@Suite("Hostile model files", .timeLimit(.minutes(3)))
struct HostileFileTests {
    static let model = "small-network"

    @Test("A file cut at any length is refused")
    func truncation() throws {
        let bytes = try Fixtures.bytes(Self.model, "tflite")
        for length in 0..<bytes.count {
            #expect(throws: ModelError.self, "cut to \(length) bytes") {
                try ModelPlan.exercise(Array(bytes.prefix(length)))
            }
        }
    }

    @Test("A file with any one byte changed is refused or runs")
    func everyByte() throws {
        let bytes = try Fixtures.bytes(Self.model, "tflite")
        for index in bytes.indices {
            for value: UInt8 in [0x00, 0xFF, bytes[index] ^ 0x80, bytes[index] &+ 1] {
                var changed = bytes
                changed[index] = value
                do throws(ModelError) { try ModelPlan.exercise(changed) } catch {
                    #expect(!error.description.isEmpty)
                }
            }
        }
    }

    @Test("Files with random bytes changed are refused or run", arguments: 0..<4)
    func randomBytes(round: Int) throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("hostile bytes: seed \(seed)")
        var random = SeededGenerator(seed: seed)
        for name in Fixtures.names {
            let bytes = try Fixtures.bytes(name, "tflite")
            for _ in 0..<100 {
                var changed = bytes
                for _ in 0..<Int.random(in: 1...12, using: &random) {
                    let index = changed.indices.randomElement(using: &random)!
                    changed[index] = .random(in: 0...255, using: &random)
                }
                do throws(ModelError) { try ModelPlan.exercise(changed) } catch {
                    #expect(!error.description.isEmpty, "seed \(seed)")
                }
            }
        }
    }

    @Test("A file with any word made huge, negative or a cycle is refused or runs")
    func everyWord() throws {
        let bytes = try Fixtures.bytes(Self.model, "tflite")
        for index in stride(from: 0, to: bytes.count - 3, by: 4) {
            // Offsets: to itself, back to the root, past the end, and the extremes.
            for value: UInt32 in [
                0, 0xFFFF_FFFF, 0x7FFF_FFFF, 0x8000_0000, UInt32(bytes.count),
                UInt32(bitPattern: -Int32(index)),
            ] {
                var changed = bytes
                for byte in 0..<4 { changed[index + byte] = UInt8(value >> (8 * byte) & 0xFF) }
                do throws(ModelError) { try ModelPlan.exercise(changed) } catch {
                    #expect(!error.description.isEmpty)
                }
            }
        }
    }

    @Test("Random bytes behind a correct identifier are refused")
    func noise() {
        let seed = UInt64.random(in: 0 ... .max)
        print("noise: seed \(seed)")
        var random = SeededGenerator(seed: seed)
        for _ in 0..<2_000 {
            var bytes = (0..<256).map { _ in UInt8.random(in: 0...255, using: &random) }
            bytes.replaceSubrange(0..<8, with: [20, 0, 0, 0] + Array("TFL3".utf8))
            #expect(throws: ModelError.self, "seed \(seed)") { try ModelPlan.exercise(bytes) }
        }
    }

    /// Attributes that are legal and far from any real model: bounded time and memory.
    @Test("Huge windows, dilations and group counts load and run")
    func extremeAttributes() throws {
        var pool = TFLiteWriter()
        let image = TFLiteWriter.Tensor(shape: [1, 500, 500, 1], type: 9, scales: [0.1])
        let (x, y) = (pool.add(image), pool.add(image))
        let window: [Int: TFLiteWriter.Field] = [
            0: .int8(0), 1: .int32(1), 2: .int32(1), 3: .int32(1), 4: .int32(32_767),
        ]
        pool.add(17, inputs: [x], outputs: [y], options: window)
        let poolFile = pool.file(inputs: [x], outputs: [y])

        var wide = TFLiteWriter()
        let small = TFLiteWriter.Tensor(shape: [1, 3, 3, 600], type: 9, scales: [0.1])
        let (a, b) = (wide.add(small), wide.add(small))
        let w = wide.add(
            .init(
                shape: [600, 2, 2, 1], type: 9, scales: [0.1],
                data: (0..<2_400).map { UInt8(truncatingIfNeeded: $0) }))
        let spread: [Int: TFLiteWriter.Field] = [
            0: .int8(0), 1: .int32(1), 2: .int32(1), 4: .int32(32_767), 5: .int32(32_767),
        ]
        wide.add(3, inputs: [a, w, -1], outputs: [b], options: spread)
        let wideFile = wide.file(inputs: [a], outputs: [b])

        for set in InstructionSet.available {
            #expect(throws: ModelError.self) {
                var limits = ModelLimits()
                limits.multiplyAdds = 1_000_000
                _ = try ModelPlan.make(poolFile, limits: limits, instructionSet: set)
            }
            let plan = try ModelPlan.make(wideFile, instructionSet: set)
            #expect(plan.arenaBytes < 1 << 20)
            let input = (0..<plan.inputs[0].byteCount).map { UInt8(truncatingIfNeeded: 7 * $0) }
            let reference = try ModelPlan.make(wideFile, instructionSet: .scalar)
            #expect(try plan.answers(to: input) == reference.answers(to: input))
        }
    }

    @Test("Something that is no model says so with its place")
    func notAModel() {
        #expect(throws: ModelError.malformed(.tooShort, offset: 0)) { try ModelPlan.exercise([]) }
        #expect(throws: ModelError.malformed(.notTFLite, offset: 4)) {
            try ModelPlan.exercise(Array("version https://git-lfs.github.com/spec/v1".utf8))
        }
    }
}
