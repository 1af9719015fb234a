/// Keeps a pipeline to its latency budget: decides about late windows, finds the cause of each
/// miss, and runs the alert and the fallback.
///
/// For each window whose turn has come: `admit`, then unless it is left out evaluate with what
/// `decider` says, then `record`.
///
/// - Thread: the pipeline's; `metrics` any.
package struct BudgetMonitor: ~Copyable {
    package let budgetNanoseconds: UInt64
    package let metrics = BudgetMetrics()
    private let policy: OverrunPolicy
    private var alert: BudgetAlert
    /// The running mean of each stage in the model's evaluations that held the budget.
    private var usual = StageTimes()

    /// - Parameters:
    ///   - hasFallback: the bundle declares a fallback rule.
    package init(
        budgetNanoseconds: UInt64, onOverrun policy: OverrunPolicy,
        alert: BudgetAlertPolicy = .standard, hasFallback: Bool
    ) {
        self.budgetNanoseconds = budgetNanoseconds
        self.policy = policy
        self.alert = BudgetAlert(policy: alert, hasFallback: hasFallback)
    }

    /// Another model works: whether its bundle declares a fallback rule.
    package mutating func setFallback(_ hasFallback: Bool, now: UInt64) {
        alert.setFallback(hasFallback, now: now)
        usual = StageTimes()
    }

    /// What is to decide the next window.
    package var decider: AlarmOrigin { alert.decider }
    /// Where the alert and the fallback stand.
    package var phase: BudgetPhase { alert.phase }
    /// Misses among the last windows, as the alert counts them.
    package var recentMisses: Int { alert.recentMisses }

    /// Decides about a window whose turn has come. It counts nothing: pass the decision on to
    /// `leaveOut` or `record`.
    ///
    /// - Parameters:
    ///   - ageNanoseconds: since its last sample was readable.
    ///   - hasNewer: a newer window of the same asset is due as well.
    package func admit(ageNanoseconds: UInt64, hasNewer: Bool) -> OverrunDecision {
        guard ageNanoseconds > budgetNanoseconds else { return .evaluate }
        switch policy {
        case .coalesce: return hasNewer ? .coalesce : .evaluateLate
        case .drop: return .drop
        case .evaluate: return .evaluateLate
        }
    }

    /// Counts a window that was left out (`.coalesce` or `.drop`): a miss.
    ///
    /// - Returns: what to do about `latency-budget-exceeded`.
    package mutating func leaveOut(_ decision: OverrunDecision, now: UInt64) -> AlarmAction {
        metrics.count(decision == .drop ? .dropped : .coalesced)
        metrics.count(MissCause.lateWindow)
        return record(isMiss: true, now: now)
    }

    /// Counts windows that were never looked at, since newer ones of their asset were complete before its turn
    /// came. Those in time are no miss: the newest data were evaluated. The others were left out as late.
    ///
    /// - Parameters:
    ///   - count: how many were replaced.
    ///   - late: of these, how many were older than the budget when they were replaced.
    ///   - oldestAgeNanoseconds: how old the oldest of them would be now; it is late if that is over the
    ///     budget, whatever it was when it was replaced.
    /// - Returns: what to do about `latency-budget-exceeded`.
    package mutating func countReplaced(
        _ count: Int, late: Int, oldestAgeNanoseconds: UInt64, now: UInt64
    ) -> AlarmAction {
        let isOldestLate = oldestAgeNanoseconds > budgetNanoseconds
        let late = min(count, max(late, isOldestLate ? 1 : 0))
        metrics.count(.superseded, by: UInt64(clamping: count - late))
        guard late > 0 else { return .none }
        metrics.count(policy == .drop ? .dropped : .coalesced, by: UInt64(clamping: late))
        metrics.count(MissCause.lateWindow, by: UInt64(clamping: late))
        var action = AlarmAction.none
        // More than the alert looks back on would only be counted and forgotten.
        for _ in 0..<min(late, BudgetAlertPolicy.maximumWindow) {
            let next = record(isMiss: true, now: now)
            if next != .none { action = next }
        }
        return action
    }

    /// Counts an evaluation.
    ///
    /// - Parameters:
    ///   - decision: what `admit` said of it.
    ///   - origin: what decided it.
    /// - Returns: what to do about `latency-budget-exceeded`.
    package mutating func record(
        _ times: StageTimes, decision: OverrunDecision, origin: AlarmOrigin, now: UInt64
    ) -> AlarmAction {
        metrics.record(times)
        metrics.count(.evaluations)
        if origin == .fallback { metrics.count(.fallbackEvaluations) }
        let isLate = decision == .evaluateLate
        if isLate { metrics.count(.evaluatedLate) }
        let isMiss = isLate || times.totalNanoseconds > budgetNanoseconds
        if isMiss {
            metrics.count(isLate ? .lateWindow : MissCause(slowest: slowestStage(times)))
        } else if origin == .model {
            // The fallback's evaluations would make every model look slow afterwards.
            learn(times)
        }
        return record(isMiss: isMiss, now: now)
    }

    /// Lets time pass while no window comes.
    ///
    /// - Returns: what to do about `latency-budget-exceeded`.
    package mutating func tick(now: UInt64) -> AlarmAction {
        let action = alert.tick(now: now)
        metrics.show(alert.phase)
        return action
    }

    private mutating func record(isMiss: Bool, now: UInt64) -> AlarmAction {
        let action = alert.record(isMiss: isMiss, now: now)
        if action == .raise { metrics.count(.alertsRaised) }
        metrics.show(alert.phase)
        return action
    }

    /// The stage with the greatest time beyond its usual one; the first of equals.
    private func slowestStage(_ times: StageTimes) -> Stage {
        var slowest = Stage.wait
        var greatest = Int64.min
        for stage in Stage.allCases {
            let excess = Int64(clamping: times[stage]) - Int64(clamping: usual[stage])
            if excess > greatest { (slowest, greatest) = (stage, excess) }
        }
        return slowest
    }

    /// Moves the means by 1/16 of the difference.
    private mutating func learn(_ times: StageTimes) {
        for index in 0..<Stage.count {
            let mean = Int64(clamping: usual[index])
            let difference = Int64(clamping: times[index]) - mean
            usual[index] = UInt64(clamping: mean + difference / 16)
        }
    }
}
