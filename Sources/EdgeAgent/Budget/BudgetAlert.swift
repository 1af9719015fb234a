/// How a pipeline stands towards its budget.
package enum BudgetPhase: UInt8, Sendable, Equatable {
    /// The budget holds; the model decides.
    case holding = 0
    /// The alert is raised and there is no fallback; the model decides.
    case exceeded
    /// The alert is raised; the fallback decides.
    case fallback
    /// The alert is raised; the model decides again, on trial.
    case trial

    /// The name as it stands in status.
    package var name: StaticString {
        switch self {
        case .holding: "holding"
        case .exceeded: "exceeded"
        case .fallback: "fallback"
        case .trial: "trial"
        }
    }
}

/// The state machine behind `latency-budget-exceeded` and the fallback: pure.
///
/// ```
///            misses            no fallback                held long enough
/// holding ───────────┬──────────────────────▶ exceeded ──────────────────────▶ holding
///                    │ fallback
///                    └─────────▶ fallback ── its time is up ──▶ trial ── held ──▶ holding
///                                   ▲                             │
///                                   └────── misses: twice the time┘
/// ```
/// The alert is raised on leaving `holding` and cleared on coming back to it, so an overload that
/// outlasts several trials is still one alert.
package struct BudgetAlert: Sendable {
    package private(set) var phase = BudgetPhase.holding
    /// Misses among the last windows.
    package var recentMisses: Int { window.misses }

    private let policy: BudgetAlertPolicy
    private var hasFallback: Bool
    private var window: MissWindow
    private var heldInARow = 0
    private var lastMiss: UInt64 = 0
    private var phaseSince: UInt64 = 0
    private var fallbackNanoseconds: UInt64

    package init(policy: BudgetAlertPolicy, hasFallback: Bool) {
        self.policy = policy
        self.hasFallback = hasFallback
        window = MissWindow(length: policy.ofEvaluations)
        fallbackNanoseconds = policy.fallbackNanoseconds
    }

    /// Another model works: whether there is a fallback beside it. Without one the model decides.
    package mutating func setFallback(_ hasFallback: Bool, now: UInt64) {
        self.hasFallback = hasFallback
        if !hasFallback, phase == .fallback || phase == .trial { enter(.exceeded, now: now) }
    }

    /// What decides the next window.
    package var decider: AlarmOrigin { phase == .fallback ? .fallback : .model }

    /// Takes one window's outcome.
    ///
    /// - Parameter now: monotonic nanoseconds.
    /// - Returns: `.raise`, `.clear` or `.none`.
    package mutating func record(isMiss: Bool, now: UInt64) -> AlarmAction {
        window.push(isMiss: isMiss)
        heldInARow = isMiss ? 0 : min(heldInARow, .max - 1) + 1
        if isMiss { lastMiss = now }
        guard isMiss, window.misses >= policy.raiseAfterMisses else { return tick(now: now) }
        switch phase {
        case .holding:
            enter(hasFallback ? .fallback : .exceeded, now: now)
            return .raise
        case .trial:
            let (doubled, overflow) = fallbackNanoseconds.multipliedReportingOverflow(by: 2)
            fallbackNanoseconds =
                overflow
                ? policy.maximumFallbackNanoseconds
                : min(doubled, policy.maximumFallbackNanoseconds)
            enter(.fallback, now: now)
            return .none
        case .exceeded, .fallback:
            return .none
        }
    }

    /// Lets time pass: to be called now and then while no window comes.
    ///
    /// - Parameter now: monotonic nanoseconds.
    /// - Returns: `.clear` or `.none`.
    package mutating func tick(now: UInt64) -> AlarmAction {
        let quiet = elapsed(since: max(lastMiss, phaseSince), now: now)
        switch phase {
        case .holding:
            return .none
        case .fallback:
            // The trial waits until the fallback itself keeps up.
            if elapsed(since: phaseSince, now: now) >= fallbackNanoseconds,
                elapsed(since: lastMiss, now: now)
                    >= min(policy.minimumHoldNanoseconds, fallbackNanoseconds)
            {
                enter(.trial, now: now)
            }
            return .none
        case .exceeded, .trial:
            let heldEnough =
                heldInARow >= policy.clearAfterEvaluations && quiet >= policy.minimumHoldNanoseconds
            guard heldEnough || quiet >= policy.clearAfterNanoseconds else { return .none }
            fallbackNanoseconds = policy.fallbackNanoseconds
            enter(.holding, now: now)
            return .clear
        }
    }

    private mutating func enter(_ phase: BudgetPhase, now: UInt64) {
        self.phase = phase
        phaseSince = now
        heldInARow = 0
        window.removeAll()
    }

    private func elapsed(since start: UInt64, now: UInt64) -> UInt64 {
        now > start ? now - start : 0
    }
}
