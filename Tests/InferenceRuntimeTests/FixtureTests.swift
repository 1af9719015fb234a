import InferenceRuntime
import Testing

/// Every operator against LiteRT's answers.
@Suite("Operators")
struct FixtureTests {
    @Test("There are fixtures")
    func fixturesExist() {
        #expect(Fixtures.names.count >= 30)
    }

    @Test(
        "An operator answers as LiteRT does", arguments: Fixtures.names, InstructionSet.available)
    func operatorIsExact(name: String, set: InstructionSet) throws {
        let plan = try ModelPlan.make(Fixtures.bytes(name, "tflite"), instructionSet: set)
        let expected = try Fixtures.bytes(name, "output")
        let actual = try plan.answers(to: Fixtures.bytes(name, "input"))
        #expect(actual.count == expected.count)
        let differences = zip(actual, expected).map { abs(Int(Int8(bitPattern: $0 &- $1))) }
        let worst = differences.max() ?? 0
        #expect(worst == 0, "\(differences.count { $0 != 0 }) differ, by up to \(worst)")
    }
}
