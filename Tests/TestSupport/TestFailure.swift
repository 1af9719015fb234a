/// Why a test's surroundings could not be had, or an event did not come in time.
public struct TestFailure: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }
}
