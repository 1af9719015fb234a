/// What happens to a window that is older than the budget when its turn comes.
package enum OverrunPolicy: UInt8, Sendable {
    /// Only the newest window of that asset is evaluated, late as it may be.
    case coalesce
    /// It is not evaluated.
    case drop
    /// It is evaluated all the same, and so is every other: for bulk pipelines.
    case evaluate

    /// The policy of this name in the configuration, nil for another word.
    package init?(name: String) {
        switch name {
        case "coalesce": self = .coalesce
        case "drop": self = .drop
        case "evaluate": self = .evaluate
        default: return nil
        }
    }
}

/// What to do with a window whose turn has come.
package enum OverrunDecision: UInt8, Sendable {
    /// It is in time.
    case evaluate
    /// It is late; evaluate it all the same.
    case evaluateLate
    /// It is late and a newer one of the same asset is due: leave it out.
    case coalesce
    /// It is late: leave it out.
    case drop
}

/// Why a window missed the budget.
package enum MissCause: Int, Sendable, CaseIterable {
    /// It was older than the budget when its turn came.
    case lateWindow = 0
    /// The evaluation ended after the budget, and of all stages this one had taken most beyond
    /// what it takes on average in evaluations that hold the budget.
    case wait
    case decode
    case features
    case inference
    case alarm
    case publish

    package static let count = 7

    init(slowest stage: Stage) {
        switch stage {
        case .wait: self = .wait
        case .decode: self = .decode
        case .features: self = .features
        case .inference: self = .inference
        case .alarm: self = .alarm
        case .publish: self = .publish
        }
    }

    /// The name as it stands in metrics and status.
    package var name: StaticString {
        switch self {
        case .lateWindow: "late-window"
        case .wait: "wait"
        case .decode: "decode"
        case .features: "features"
        case .inference: "inference"
        case .alarm: "alarm"
        case .publish: "publish"
        }
    }
}

/// When `latency-budget-exceeded` is raised and cleared, and when the fallback hands back.
package struct BudgetAlertPolicy: Sendable, Equatable {
    /// The longest window of evaluations.
    package static let maximumWindow = 1024

    /// Raised at this many misses …
    package var raiseAfterMisses: Int
    /// … among this many of the last windows (at most `maximumWindow`).
    package var ofEvaluations: Int
    /// Cleared after this many windows in a row in budget, if `minimumHoldNanoseconds` have passed
    /// since the last miss …
    package var clearAfterEvaluations: Int
    package var minimumHoldNanoseconds: UInt64
    /// … or after this long without a miss, however few windows there were.
    package var clearAfterNanoseconds: UInt64
    /// The first time that the fallback decides before the model is tried again. Each failed trial
    /// doubles it, up to `maximumFallbackNanoseconds`.
    package var fallbackNanoseconds: UInt64
    package var maximumFallbackNanoseconds: UInt64

    /// 5 misses of 100; cleared after 200 windows and 5 s, or 60 s; fallback for 10 s to 5 min.
    package static let standard = BudgetAlertPolicy(
        raiseAfterMisses: 5, ofEvaluations: 100, clearAfterEvaluations: 200,
        minimumHoldNanoseconds: 5_000_000_000, clearAfterNanoseconds: 60_000_000_000,
        fallbackNanoseconds: 10_000_000_000, maximumFallbackNanoseconds: 300_000_000_000)

    package init(
        raiseAfterMisses: Int, ofEvaluations: Int, clearAfterEvaluations: Int,
        minimumHoldNanoseconds: UInt64, clearAfterNanoseconds: UInt64,
        fallbackNanoseconds: UInt64, maximumFallbackNanoseconds: UInt64
    ) {
        precondition(
            (1...Self.maximumWindow).contains(ofEvaluations)
                && (1...ofEvaluations).contains(raiseAfterMisses) && clearAfterEvaluations >= 1,
            "A budget policy counts at least one miss in a window of 1 to 1024.")
        self.raiseAfterMisses = raiseAfterMisses
        self.ofEvaluations = ofEvaluations
        self.clearAfterEvaluations = clearAfterEvaluations
        self.minimumHoldNanoseconds = minimumHoldNanoseconds
        self.clearAfterNanoseconds = clearAfterNanoseconds
        self.fallbackNanoseconds = fallbackNanoseconds
        self.maximumFallbackNanoseconds = max(fallbackNanoseconds, maximumFallbackNanoseconds)
    }
}
