/// How a pipeline's model stands; all of it survives a power cut.
package struct UpdateState: Sendable, Equatable {
    /// How far a new version has come. Between two of them stands a write of this state.
    package enum Phase: String, Sendable, CaseIterable {
        case resolving, downloading, verifying, staged, selfTest, shadow, trial
    }

    /// What was counted while a version was watched.
    package struct Tally: Sendable, Equatable {
        /// Windows that the version evaluated.
        package var evaluations: UInt64 = 0
        /// Those that gave no finite score.
        package var failures: UInt64 = 0
        /// Those whose score was above the lowest threshold.
        package var alarming: UInt64 = 0
        /// Shadow: those that the active model found alarming; trial: the budget's misses.
        package var reference: UInt64 = 0
        /// Shadow: those on which both said the same.
        package var agreements: UInt64 = 0

        package init() {}

        static func + (left: Tally, right: Tally) -> Tally {
            var sum = left
            sum.evaluations &+= right.evaluations
            sum.failures &+= right.failures
            sum.alarming &+= right.alarming
            sum.reference &+= right.reference
            sum.agreements &+= right.agreements
            return sum
        }

        /// How many of the evaluations; 0 without any.
        func share(_ count: UInt64) -> Double {
            evaluations == 0 ? 0 : Double(count) / Double(evaluations)
        }
    }

    /// A new version on its way.
    package struct Candidate: Sendable, Equatable {
        package var phase: Phase
        /// What the registry is asked for.
        package var reference: String
        /// Of the registry's answer: what is not offered again when it was refused.
        package var validator: String?
        /// From `staged` on.
        package var version: ModelVersion?
        /// By hand: neither the rollout's share nor a maintenance window is waited for.
        package var isManual = false
        /// Processes that ended without a word while this was loaded.
        package var crashes = 0
        /// How long the phase has been watched. - Units: seconds
        package var elapsedSeconds = 0
        package var tally = Tally()
        /// How many windows of the active model were alarming in shadow; nil without a shadow.
        package var activeAlarmShare: Double?

        package init(phase: Phase, reference: String) {
            self.phase = phase
            self.reference = reference
        }
    }

    /// A version that does not get a second chance.
    package struct Refused: Sendable, Equatable {
        package var validator: String?
        package var digest: SHA256Digest?
        package var release: Int
        package var code: String
    }

    /// One of the agent's own alerts that stands: `update-refused` or `update-rolled-back`.
    package struct RaisedAlert: Sendable, Equatable {
        package var label: AgentAlertLabel
        package var atNanoseconds: Int64 = 0
        /// nil between the decision and the event.
        package var by: EventReference?

        package init(
            label: AgentAlertLabel, atNanoseconds: Int64 = 0, by: EventReference? = nil
        ) {
            self.label = label
            self.atNanoseconds = atNanoseconds
            self.by = by
        }
    }

    static let maximumRefused = 32

    /// The name of the bundles of this pipeline.
    package var name: String
    package var active = ModelChoice.configured
    /// What was active before; nil where there is nothing to go back to.
    package var previous: ModelChoice?
    package var candidate: Candidate?
    /// The highest release that was ever committed, by the bundle's name.
    package var highestReleases: [String: Int] = [:]
    /// The newest are last; at most `maximumRefused`.
    package var refused: [Refused] = []
    package var pin: SHA256Digest?
    package var isHeld = false
    /// The registry's last answer that led to the active version.
    package var validator: String?
    /// The latest date that was certain; see `ClockReading`.
    package var clockFloorNanoseconds: Int64 = 0
    /// Written at start and taken back at an end in good order: what is found set has crashed.
    package var isRunning = false
    /// The records of the last event: a power cut may come before they are in the audit log, so the next start looks.
    package var unrecorded: [UpdateRecord] = []
    /// Starts of the active model in a row that ended without a word and before they were healthy.
    package var crashes = 0

    /// At most one of each label.
    package var alerts: [RaisedAlert] = []

    package init(name: String) { self.name = name }

    /// The model that decides after a start.
    package var decider: ModelChoice {
        if let candidate, candidate.phase == .trial, let version = candidate.version {
            return .stored(version)
        }
        return active
    }

    /// The digests in the store that must not be removed.
    package var keptDigests: Set<SHA256Digest> {
        var kept = Set([active.stored?.digest, previous?.stored?.digest].compactMap { $0 })
        if let digest = candidate?.version?.digest { kept.insert(digest) }
        if let pin { kept.insert(pin) }
        return kept
    }

    /// The word for people and for the status.
    package var phaseName: String { candidate?.phase.rawValue ?? "idle" }

    mutating func refuse(_ candidate: Candidate, code: String) {
        refused.append(
            Refused(
                validator: candidate.validator, digest: candidate.version?.digest,
                release: candidate.version?.release ?? 0, code: code))
        if refused.count > Self.maximumRefused {
            refused.removeFirst(refused.count - Self.maximumRefused)
        }
    }
}
