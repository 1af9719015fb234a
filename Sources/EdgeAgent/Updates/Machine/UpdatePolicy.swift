/// What a new version has to show before it stays. The initial values are the documented defaults.
package struct UpdatePolicy: Sendable, Equatable {
    /// When a verified version goes on.
    package enum Apply: String, Sendable, CaseIterable {
        /// By itself.
        case automatic
        /// It stays staged until `edge-agent model promote`.
        case manual
    }

    package struct Shadow: Sendable, Equatable {
        /// - Units: seconds
        package var minimumSeconds = 600
        package var maximumSeconds = 86_400
        package var evaluations: UInt64 = 1000
        /// The least share of windows on which both models say the same.
        package var agreement = 0.95
        /// The largest share of alarming windows, as a factor on that of the active model.
        package var alarmFactor = 2.0
        /// A share that is allowed in any case.
        package var alarmShare = 0.02

        package init() {}
    }

    package struct Trial: Sendable, Equatable {
        /// - Units: seconds
        package var minimumSeconds = 3600
        package var maximumSeconds = 7 * 86_400
        package var evaluations: UInt64 = 1000
        /// Ends without a word that are forgiven: a power cut is no crash.
        package var crashes = 2
        package var failures: UInt64 = 0
        package var alarmFactor = 3.0
        package var alarmShare = 0.05
        /// The largest share of evaluations that may miss the budget.
        package var missShare = 0.01
        /// Shares are judged from so many evaluations on.
        package var judgedAfter: UInt64 = 100

        package init() {}
    }

    package var apply = Apply.automatic
    /// - Units: seconds
    package var pollSeconds = 900
    package var maximumBackoffSeconds = 6 * 3600
    package var shadow = Shadow()
    package var trial = Trial()
    /// Crashes in a row, each before `healthySeconds`, after which a committed version is taken back.
    package var crashLimit = 5
    package var healthySeconds = 600

    package init() {}
}
