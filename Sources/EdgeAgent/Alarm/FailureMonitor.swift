/// Says when something that may fail once has failed too often in a row, and when it works again:
/// behind `evaluation-failed` and its like.
package struct FailureMonitor: Sendable, Equatable {
    /// True from `.raise` to `.clear`.
    package private(set) var isRaised = false
    /// All failures so far.
    package private(set) var failures: UInt64 = 0
    /// Failures in a row; once raised, successes in a row.
    private var run = 0
    private let raiseAfter: Int
    private let clearAfter: Int

    /// - Parameters:
    ///   - raiseAfter: failures in a row, at least 1.
    ///   - clearAfter: successes in a row, at least 1.
    package init(raiseAfter: Int = 5, clearAfter: Int = 20) {
        precondition(raiseAfter > 0 && clearAfter > 0, "A failure monitor counts from 1.")
        self.raiseAfter = raiseAfter
        self.clearAfter = clearAfter
    }

    /// Another model works: failures of the one before do not count, a raised alert clears by its successes.
    package mutating func startOver() { run = 0 }

    /// Takes one outcome.
    ///
    /// - Returns: `.raise`, `.clear` or `.none`.
    package mutating func record(isFailure: Bool) -> AlarmAction {
        if isFailure { failures &+= 1 }
        guard isFailure != isRaised else {
            run = 0
            return .none
        }
        run += 1
        guard run >= (isRaised ? clearAfter : raiseAfter) else { return .none }
        run = 0
        isRaised.toggle()
        return isRaised ? .raise : .clear
    }
}
