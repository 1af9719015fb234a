internal import Synchronization

/// The counters and histograms of one pipeline's budget.
///
/// - Thread: the pipeline's thread writes; any thread takes a snapshot at any time.
package final class BudgetMetrics: Sendable {
    enum Counter: Int, CaseIterable {
        case evaluations, evaluatedLate, coalesced, dropped, superseded, fallbackEvaluations
        case alertsRaised
    }

    private let counters = InlineArray<7, Atomic<UInt64>> { _ in Atomic(0) }
    private let misses = InlineArray<7, Atomic<UInt64>> { _ in Atomic(0) }
    private let phase = Atomic<UInt8>(BudgetPhase.holding.rawValue)
    private let stages = InlineArray<6, LatencyHistogram> { _ in LatencyHistogram() }
    private let total = LatencyHistogram()

    package init() {}

    // One writer: a load and a store need no locked instruction. Relaxed: each counter stands for
    // itself.
    func count(_ counter: Counter, by amount: UInt64 = 1) {
        let value = counters[counter.rawValue].load(ordering: .relaxed)
        counters[counter.rawValue].store(value &+ amount, ordering: .relaxed)
    }

    func count(_ cause: MissCause, by amount: UInt64 = 1) {
        let value = misses[cause.rawValue].load(ordering: .relaxed)
        misses[cause.rawValue].store(value &+ amount, ordering: .relaxed)
    }

    /// Windows that were evaluated so far.
    var evaluations: UInt64 { counters[Counter.evaluations.rawValue].load(ordering: .relaxed) }

    func record(_ times: StageTimes) {
        for index in 0..<Stage.count { stages[index].record(times[index]) }
        total.record(times.totalNanoseconds)
    }

    func show(_ phase: BudgetPhase) { self.phase.store(phase.rawValue, ordering: .relaxed) }

    /// Copies everything. Allocates: for the control plane.
    package func snapshot(budgetNanoseconds: UInt64) -> BudgetSnapshot {
        func value(_ counter: Counter) -> UInt64 {
            counters[counter.rawValue].load(ordering: .relaxed)
        }
        return BudgetSnapshot(
            budgetNanoseconds: budgetNanoseconds,
            phase: BudgetPhase(rawValue: phase.load(ordering: .relaxed)) ?? .holding,
            evaluations: value(.evaluations), evaluatedLate: value(.evaluatedLate),
            coalesced: value(.coalesced), dropped: value(.dropped), superseded: value(.superseded),
            fallbackEvaluations: value(.fallbackEvaluations), alertsRaised: value(.alertsRaised),
            misses: MissCause.allCases.map { misses[$0.rawValue].load(ordering: .relaxed) },
            stages: Stage.allCases.map { stages[$0.rawValue].snapshot() }, total: total.snapshot())
    }
}

/// A copy of a pipeline's budget counters, for metrics and status.
package struct BudgetSnapshot: Sendable {
    package let budgetNanoseconds: UInt64
    package let phase: BudgetPhase
    /// Windows that were evaluated, by the model or by the fallback.
    package let evaluations: UInt64
    /// Of these, late when their turn came.
    package let evaluatedLate: UInt64
    /// Late windows left out for a newer one of their asset.
    package let coalesced: UInt64
    /// Late windows left out.
    package let dropped: UInt64
    /// Windows in time that a newer one of their asset replaced before its turn; not a miss.
    package let superseded: UInt64
    /// Windows that the fallback decided.
    package let fallbackEvaluations: UInt64
    /// How often `latency-budget-exceeded` was raised.
    package let alertsRaised: UInt64
    fileprivate let misses: [UInt64]
    fileprivate let stages: [HistogramSnapshot]
    /// From readable to handed to the kernel.
    package let total: HistogramSnapshot

    /// Windows that missed the budget for this cause.
    package func misses(_ cause: MissCause) -> UInt64 { misses[cause.rawValue] }
    /// All windows that missed the budget.
    package var totalMisses: UInt64 { misses.reduce(0, &+) }
    /// The times of one stage.
    package func histogram(_ stage: Stage) -> HistogramSnapshot { stages[stage.rawValue] }

    fileprivate init(
        budgetNanoseconds: UInt64, phase: BudgetPhase, evaluations: UInt64, evaluatedLate: UInt64,
        coalesced: UInt64, dropped: UInt64, superseded: UInt64, fallbackEvaluations: UInt64,
        alertsRaised: UInt64, misses: [UInt64], stages: [HistogramSnapshot],
        total: HistogramSnapshot
    ) {
        self.budgetNanoseconds = budgetNanoseconds
        self.phase = phase
        self.evaluations = evaluations
        self.evaluatedLate = evaluatedLate
        self.coalesced = coalesced
        self.dropped = dropped
        self.superseded = superseded
        self.fallbackEvaluations = fallbackEvaluations
        self.alertsRaised = alertsRaised
        self.misses = misses
        self.stages = stages
        self.total = total
    }
}
