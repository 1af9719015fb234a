/// The way of a pipeline's model from one version to the next: events in, actions out, nothing else.
///
/// `state` is all that survives. Whoever drives it writes the state after each event and before the actions, so
/// that a power cut at any place finds either nothing done or a state that does the same again.
/// - Thread: one at a time.
package struct UpdateMachine: Sendable {
    /// What the machine has to know of the box at each event.
    package struct Context: Sendable {
        /// Of a clock that never goes back, since some start. - Units: seconds
        package var nowSeconds: Int
        /// Whether a maintenance window is open, or none is configured.
        package var isWindowOpen: Bool
        /// Whether this agent is within the rollout's share.
        package var isInRollout: Bool

        package init(nowSeconds: Int, isWindowOpen: Bool = true, isInRollout: Bool = true) {
            self.nowSeconds = nowSeconds
            self.isWindowOpen = isWindowOpen
            self.isInRollout = isInRollout
        }
    }

    package internal(set) var state: UpdateState
    package let policy: UpdatePolicy
    /// What is looked for by itself; nil: nothing.
    package let reference: String?

    /// The bundle that the configuration names, once it is known.
    package internal(set) var configured: ModelVersion?
    var actions: [UpdateAction] = []
    var context = Context(nowSeconds: 0)
    private var startedAt = 0
    var nextPollAt: Int?
    var failures = 0
    /// When the candidate's phase was last accounted for, and what had been counted before this process.
    var phaseSeenAt = 0
    var tallyBefore = UpdateState.Tally()
    /// Whether the clock was asked for already.
    private var saidClockNeeded = false

    package init(state: UpdateState, policy: UpdatePolicy, reference: String?) {
        self.state = state
        self.policy = policy
        self.reference = reference
    }

    /// Takes one event.
    ///
    /// - Returns: what to do, in this order, once `state` is on the disk. An event that does not fit the state
    ///   (an answer that comes after a command has changed the way) changes nothing.
    package mutating func handle(_ event: UpdateEvent, _ context: Context) -> [UpdateAction] {
        actions = []
        state.unrecorded = []
        self.context = context
        switch event {
        case .started(let configured): start(configured)
        case .loadFailed(let choice, let reason): loadFailed(choice, reason)
        case .stopping: state.isRunning = false
        case .tick(let random): tick(random)
        case .command(let command, let actor): obey(command, actor)
        case .resolved(let validator): resolved(validator)
        case .registryFailed(let message, let isTransient, let retryAfter, let random):
            registryFailed(message, isTransient, retryAfter, random)
        case .downloaded:
            guard state.candidate?.phase == .downloading else { break }
            enter(.verifying)
            record(.downloaded)
            actions.append(.verify)
        case .verified(let version): verified(version)
        case .clockNeeded:
            guard state.candidate?.phase == .verifying, !saidClockNeeded else { break }
            saidClockNeeded = true
            record(.waiting, detail: "the bundle's 'expires' needs a synchronised clock")
        case .refused(let reason): fail(reason)
        case .selfTested: selfTested()
        case .observed(let tally, let p99, let limit): observed(tally, p99, limit)
        }
        return actions
    }

    // MARK: Start

    private mutating func start(_ configured: ModelVersion) {
        self.configured = configured
        startedAt = context.nowSeconds
        nextPollAt = context.nowSeconds
        let hasCrashed = state.isRunning
        state.isRunning = true
        adopt(configured)
        resume(hasCrashed)
    }

    /// The configuration may have changed meanwhile: another model, or a newer bundle beside the agent.
    private mutating func adopt(_ configured: ModelVersion) {
        if state.name != configured.name {
            // What is known about the other model's releases stays.
            state.name = configured.name
            state.active = .configured
            state.previous = nil
            state.candidate = nil
            state.validator = nil
            state.pin = nil
            state.crashes = 0
            clearAlerts(.restarted)
        }
        if let active = state.active.stored, configured.release > active.release, state.pin == nil,
            !state.refused.contains(where: { $0.digest == configured.digest })
        {
            state.previous = state.active
            state.active = .configured
            state.candidate = nil
            record(.committed, configured, detail: "the configured bundle is newer")
            clearAlerts(.recovered, configured)
        }
        if state.active == .configured {
            raiseMark(configured)
        }
    }

    private mutating func resume(_ hasCrashed: Bool) {
        guard var candidate = state.candidate else {
            return countCrash(hasCrashed)
        }
        switch candidate.phase {
        case .resolving, .downloading, .verifying:
            // The download goes on where it stopped; the registry may have something newer by now.
            enter(.resolving)
            actions.append(.resolve(reference: candidate.reference, known: nil))
            countCrash(hasCrashed)
        case .staged:
            countCrash(hasCrashed)
            advanceStaged()
        case .selfTest, .shadow, .trial:
            candidate.crashes += hasCrashed ? 1 : 0
            state.candidate = candidate
            tallyBefore = candidate.tally
            phaseSeenAt = context.nowSeconds
            guard candidate.crashes <= policy.trial.crashes, let version = candidate.version else {
                return fail(
                    .crashLoop(phase: candidate.phase.rawValue, starts: candidate.crashes))
            }
            // In shadow the model has to be loaded again; the trial's is the decider.
            if candidate.phase != .trial {
                state.candidate?.phase = .selfTest
                actions.append(.selfTest(version))
            }
        }
    }

    private mutating func countCrash(_ hasCrashed: Bool) {
        guard hasCrashed else {
            state.crashes = 0
            return
        }
        state.crashes += 1
        guard state.crashes >= policy.crashLimit, let previous = state.previous,
            let version = state.active.stored
        else { return }
        takeBackActive(
            version, to: previous, .crashLoop(phase: "normal work", starts: state.crashes))
    }

    private mutating func loadFailed(_ choice: ModelChoice, _ reason: UpdateRefusal) {
        guard let version = choice.stored else { return }
        if let candidate = state.candidate, candidate.version == version,
            candidate.phase == .trial
        {
            return fail(reason)
        }
        guard state.active == choice else { return }
        takeBackActive(version, to: state.previous ?? .configured, reason)
    }

    /// A committed version goes; the one before comes back.
    private mutating func takeBackActive(
        _ version: ModelVersion, to choice: ModelChoice, _ reason: UpdateRefusal
    ) {
        var gone = UpdateState.Candidate(phase: .trial, reference: "")
        gone.version = version
        gone.validator = state.validator
        state.refuse(gone, code: reason.code)
        state.active = choice
        state.previous = choice == .configured ? nil : .configured
        if state.pin == version.digest { state.pin = nil }
        state.crashes = 0
        record(.rolledBack, version, code: reason.code, detail: "\(reason)")
        raiseAlert(.updateRolledBack, version, reason)
    }

    // MARK: Time

    private mutating func tick(_ random: Double) {
        if state.crashes > 0, context.nowSeconds - startedAt >= policy.healthySeconds {
            state.crashes = 0
        }
        guard let candidate = state.candidate else { return pollIfDue(random) }
        switch candidate.phase {
        case .staged: advanceStaged()
        case .verifying where saidClockNeeded: actions.append(.verify)
        case .resolving, .downloading:
            guard let due = nextPollAt, failures > 0, context.nowSeconds >= due else { return }
            nextPollAt = nil
            enter(.resolving)
            actions.append(.resolve(reference: candidate.reference, known: nil))
        default: break
        }
    }

    private mutating func pollIfDue(_ random: Double) {
        guard let reference, !state.isHeld, state.pin == nil, context.isInRollout,
            let due = nextPollAt, context.nowSeconds >= due
        else { return }
        // A fifth to either side: a thousand boxes that started together spread out.
        nextPollAt = context.nowSeconds + spread(policy.pollSeconds, random)
        begin(reference, known: state.validator, isManual: false)
    }

    private func spread(_ seconds: Int, _ random: Double) -> Int {
        max(1, Int(Double(seconds) * (0.8 + 0.4 * min(max(random, 0), 1))))
    }

    mutating func begin(_ reference: String, known: String?, isManual: Bool) {
        var candidate = UpdateState.Candidate(phase: .resolving, reference: reference)
        candidate.isManual = isManual
        state.candidate = candidate
        saidClockNeeded = false
        actions.append(.resolve(reference: reference, known: known))
    }

    // MARK: The registry's answers

    private mutating func resolved(_ validator: String?) {
        guard let candidate = state.candidate, candidate.phase == .resolving else { return }
        failures = 0
        let isKnown =
            validator == nil || validator == state.validator
            || state.refused.contains { $0.validator == validator }
        if isKnown, !(candidate.isManual && validator != nil && validator != state.validator) {
            state.candidate = nil
            if candidate.isManual { record(.resolved, detail: "nothing new") }
            return
        }
        enter(.downloading)
        state.candidate?.validator = validator
        record(.resolved, detail: candidate.reference)
        actions.append(.download)
    }

    private mutating func registryFailed(
        _ message: String, _ isTransient: Bool, _ retryAfter: Int?, _ random: Double
    ) {
        guard let candidate = state.candidate,
            candidate.phase == .resolving || candidate.phase == .downloading
        else { return }
        failures = min(failures + 1, 30)
        if failures == 1 || !isTransient { record(.failed, detail: message) }
        let doubled = min(30 << min(failures, 16), policy.maximumBackoffSeconds)
        let wait = max(spread(doubled, random), min(retryAfter ?? 0, 86_400))
        if isTransient {
            nextPollAt = context.nowSeconds + wait
            return
        }
        // Somebody has to do something first; the next poll sees whether it was done.
        state.candidate = nil
        failures = 0
        nextPollAt = context.nowSeconds + max(wait, spread(policy.pollSeconds, random))
        actions.append(.discardDownload)
    }

    private mutating func verified(_ version: ModelVersion) {
        guard state.candidate?.phase == .verifying else { return }
        if let pin = state.pin, pin != version.digest { return fail(.notPinned(pinned: pin)) }
        state.candidate?.version = version
        enter(.staged)
        record(.verified)
        record(.staged)
        advanceStaged()
    }

    /// From staged on it goes by itself, or when somebody says so.
    mutating func advanceStaged() {
        guard let candidate = state.candidate, candidate.phase == .staged,
            let version = candidate.version
        else { return }
        let mayStart = candidate.isManual || (policy.apply == .automatic && !state.isHeld)
        guard mayStart else { return }
        enter(.selfTest)
        actions.append(.selfTest(version))
    }

    mutating func enter(_ phase: UpdateState.Phase) {
        state.candidate?.phase = phase
        state.candidate?.elapsedSeconds = 0
        state.candidate?.tally = UpdateState.Tally()
        tallyBefore = UpdateState.Tally()
        phaseSeenAt = context.nowSeconds
    }

    mutating func record(
        _ kind: UpdateRecord.Kind, _ version: ModelVersion? = nil, actor: String = "agent",
        code: String? = nil, detail: String? = nil
    ) {
        let record = UpdateRecord(
            kind, version ?? state.candidate?.version, actor: actor, code: code, detail: detail)
        state.unrecorded.append(record)
        actions.append(.record(record))
    }

    mutating func raiseAlert(
        _ label: AgentAlertLabel, _ version: ModelVersion?, _ reason: UpdateRefusal
    ) {
        state.alerts.removeAll { $0.label == label }
        state.alerts.append(UpdateState.RaisedAlert(label: label))
        let record = UpdateRecord(.refused, version, code: reason.code, detail: "\(reason)")
        actions.append(.raiseAlert(label, record))
    }

    /// - Parameter version: the one that works now, where that is why.
    mutating func clearAlerts(_ reason: ClearReason, _ version: ModelVersion? = nil) {
        for alert in state.alerts { actions.append(.clearAlert(alert, reason, version)) }
        state.alerts = []
    }

    mutating func raiseMark(_ version: ModelVersion) {
        state.highestReleases[version.name] = max(
            state.highestReleases[version.name] ?? 0, version.release)
    }
}
