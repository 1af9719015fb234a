import InferenceRuntime
import Testing

/// Every operator against LiteRT's answers.
@Suite("Operators")
struct FixtureTests {
    @Test("There are fixtures")
    func fixturesExist() {
        #expect(Fixtures.names.count >= 46)
    }

    @Test(
        "An operator answers as LiteRT does",
        arguments: Fixtures.quantizedNames, InstructionSet.available)
    func operatorIsExact(name: String, set: InstructionSet) throws {
        let plan = try ModelPlan.make(Fixtures.bytes(name, "tflite"), instructionSet: set)
        let expected = try Fixtures.bytes(name, "output")
        let actual = try plan.answers(to: Fixtures.bytes(name, "input"))
        #expect(actual.count == expected.count)
        let differences = zip(actual, expected).map { abs(Int(Int8(bitPattern: $0 &- $1))) }
        let worst = differences.max() ?? 0
        #expect(worst == 0, "\(differences.count { $0 != 0 }) differ, by up to \(worst)")
    }

    @Test("An operator in float32 answers as LiteRT does", arguments: Fixtures.realNames)
    func operatorIsClose(name: String) throws {
        let plan = try ModelPlan.make(Fixtures.bytes(name, "tflite"))
        let actual = try plan.answers(to: Fixtures.bytes(name, "input"))
        let tolerance: FloatTolerance =
            name.hasPrefix("hybrid-") ? .dynamicQuantization : .reassociation
        try tolerance.check(actual, Fixtures.bytes(name, "output"))
    }

    @Test(
        "A reference model in float32 answers as LiteRT does",
        .enabled(if: SharedModels.areAvailable, "\(SharedModels.absence)"),
        arguments: ["ad01_fp32", "kws_ref_model_float32"])
    func referenceModelIsClose(name: String) throws {
        let plan = try ModelPlan(contentsOf: SharedModels.path(name))
        let actual = try plan.answers(to: Fixtures.bytes(name, "input"))
        let tolerance: FloatTolerance =
            name == "ad01_fp32" ? .reassociation : .dynamicQuantization
        try tolerance.check(actual, Fixtures.bytes(name, "output"))
    }
}

/// How far float32 answers may be from LiteRT's, relative to the largest of them.
enum FloatTolerance: Float {
    /// The same sums in another order.
    case reassociation = 1e-5
    /// LiteRT rounds the activations of a hybrid layer to 8 bits; this runtime does not.
    case dynamicQuantization = 0.02

    func check(_ actual: [UInt8], _ expected: [UInt8]) throws {
        func floats(_ bytes: [UInt8]) -> [Float] {
            bytes.withUnsafeBytes { buffer in
                (0..<buffer.count / 4).map {
                    buffer.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self)
                }
            }
        }
        let (own, other) = (floats(actual), floats(expected))
        #expect(own.count == other.count)
        let largest = other.map(abs).max() ?? 0
        let worst = zip(own, other).map { abs($0 - $1) }.max() ?? 0
        #expect(worst <= rawValue * largest, "differs by \(worst) of \(largest)")
        #expect(largest > 0)
    }
}
