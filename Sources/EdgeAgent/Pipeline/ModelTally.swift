internal import Synchronization

/// What a model did on live windows, for its trial or its shadow.
///
/// - Thread: the pipeline's writes; any reads. Relaxed: each counter stands for itself.
package final class ModelTally: Sendable {
    private let evaluations = Atomic<UInt64>(0)
    private let failures = Atomic<UInt64>(0)
    private let alarming = Atomic<UInt64>(0)
    private let reference = Atomic<UInt64>(0)
    private let agreements = Atomic<UInt64>(0)

    package init() {}

    package var value: UpdateState.Tally {
        var tally = UpdateState.Tally()
        tally.evaluations = evaluations.load(ordering: .relaxed)
        tally.failures = failures.load(ordering: .relaxed)
        tally.alarming = alarming.load(ordering: .relaxed)
        tally.reference = reference.load(ordering: .relaxed)
        tally.agreements = agreements.load(ordering: .relaxed)
        return tally
    }

    /// Counts one evaluation of the model that decides.
    ///
    /// - Parameter isAlarming: nil when it gave no finite score.
    package func countDecision(isAlarming: Bool?, isMiss: Bool) {
        count(evaluations)
        if isAlarming == nil { count(failures) }
        if isAlarming == true { count(alarming) }
        if isMiss { count(reference) }
    }

    /// Counts one evaluation beside the model that decides.
    package func countShadow(isAlarming: Bool?, activeIsAlarming: Bool) {
        count(evaluations)
        if isAlarming == nil { count(failures) }
        if isAlarming == true { count(alarming) }
        if activeIsAlarming { count(reference) }
        if isAlarming == activeIsAlarming { count(agreements) }
    }

    /// One writer: a load and a store need no locked instruction.
    private func count(_ counter: borrowing Atomic<UInt64>) {
        counter.store(counter.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }
}
