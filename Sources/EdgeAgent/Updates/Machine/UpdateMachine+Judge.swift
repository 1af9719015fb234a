// From the self-test to the end: what a version has to show.
extension UpdateMachine {
    mutating func selfTested() {
        guard let candidate = state.candidate, candidate.phase == .selfTest,
            let version = candidate.version
        else { return }
        // After a restart the shadow goes on with what it had counted.
        let resumed = candidate.tally.evaluations > 0 || candidate.elapsedSeconds > 0
        if resumed { state.candidate?.phase = .shadow } else { enter(.shadow) }
        phaseSeenAt = context.nowSeconds
        record(.selfTested)
        let shadow = policy.shadow
        guard shadow.minimumSeconds > 0 || shadow.evaluations > 0 else { return startTrial() }
        record(.shadowStarted)
        actions.append(.startShadow(version))
    }

    /// Takes the counts of the phase that runs and decides whether it is over.
    mutating func observed(_ tally: UpdateState.Tally, _ p99: UInt64, _ limit: UInt64) {
        guard var candidate = state.candidate,
            candidate.phase == .shadow || candidate.phase == .trial
        else { return }
        candidate.elapsedSeconds += max(0, context.nowSeconds - phaseSeenAt)
        phaseSeenAt = context.nowSeconds
        candidate.tally = tallyBefore + tally
        state.candidate = candidate
        if candidate.phase == .shadow {
            judgeShadow(candidate, p99, limit)
        } else {
            judgeTrial(candidate)
        }
    }

    private mutating func judgeShadow(
        _ candidate: UpdateState.Candidate, _ p99: UInt64, _ limit: UInt64
    ) {
        let tally = candidate.tally
        let shadow = policy.shadow
        if tally.failures > 0 { return fail(.failedEvaluations(count: tally.failures)) }
        if candidate.isManual, shadow.evaluations == 0, shadow.minimumSeconds == 0 {
            return startTrial()
        }
        guard candidate.elapsedSeconds >= shadow.minimumSeconds,
            tally.evaluations >= shadow.evaluations
        else {
            if candidate.elapsedSeconds >= shadow.maximumSeconds {
                fail(
                    .inconclusive(
                        phase: "shadow", evaluations: tally.evaluations,
                        needed: shadow.evaluations))
            }
            return
        }
        if limit > 0, p99 > limit {
            return fail(.slowInShadow(p99Nanoseconds: p99, limitNanoseconds: limit))
        }
        let agreement = tally.share(tally.agreements)
        if tally.evaluations > 0, agreement < shadow.agreement {
            return fail(.disagreement(share: agreement, limit: shadow.agreement))
        }
        let active = tally.share(tally.reference)
        let allowed = max(active * shadow.alarmFactor, shadow.alarmShare)
        let alarming = tally.share(tally.alarming)
        if alarming > allowed { return fail(.alarmStorm(share: alarming, limit: allowed)) }
        // Passed. The last word of the shadow stays for the trial.
        state.candidate?.activeAlarmShare = active
        guard context.isWindowOpen || candidate.isManual, !state.isHeld || candidate.isManual else {
            return
        }
        startTrial()
    }

    mutating func startTrial() {
        guard let version = state.candidate?.version else { return }
        enter(.trial)
        state.candidate?.crashes = 0
        record(.trialStarted)
        actions.append(.stopShadow)
        actions.append(.decide(.stored(version), keepsOld: true))
    }

    private mutating func judgeTrial(_ candidate: UpdateState.Candidate) {
        let tally = candidate.tally
        let trial = policy.trial
        if tally.failures > trial.failures {
            return fail(.failedEvaluations(count: tally.failures))
        }
        if tally.evaluations >= trial.judgedAfter, tally.evaluations > 0 {
            let allowed = max(
                (candidate.activeAlarmShare ?? 0) * trial.alarmFactor, trial.alarmShare)
            let alarming = tally.share(tally.alarming)
            if alarming > allowed { return fail(.alarmStorm(share: alarming, limit: allowed)) }
            let misses = tally.share(tally.reference)
            if misses > trial.missShare {
                return fail(.budgetMisses(share: misses, limit: trial.missShare))
            }
        }
        let isLongEnough = candidate.elapsedSeconds >= trial.minimumSeconds
        if isLongEnough, tally.evaluations >= trial.evaluations { return commit() }
        if candidate.elapsedSeconds >= trial.maximumSeconds {
            fail(
                .inconclusive(
                    phase: "trial", evaluations: tally.evaluations, needed: trial.evaluations))
        }
    }

    mutating func commit(actor: String = "agent") {
        guard let candidate = state.candidate, let version = candidate.version else { return }
        state.previous = state.active
        state.active = .stored(version)
        state.validator = candidate.validator
        state.crashes = 0
        raiseMark(version)
        record(.committed, actor: actor)
        clearAlerts(.recovered, version)
        state.candidate = nil
        actions.append(.releaseOld)
        actions.append(.collectGarbage)
    }

    /// The version is refused, or in trial taken back; it is not tried a second time.
    mutating func fail(_ reason: UpdateRefusal, actor: String = "agent") {
        guard let candidate = state.candidate else { return }
        let phase = candidate.phase
        guard phase != .resolving, phase != .downloading else { return }
        let wasTrial = phase == .trial
        record(
            wasTrial ? .rolledBack : .refused, actor: actor, code: reason.code,
            detail: "\(reason)")
        // Who takes a version back himself needs no alert about it.
        if actor == "agent" {
            raiseAlert(wasTrial ? .updateRolledBack : .updateRefused, candidate.version, reason)
        }
        state.refuse(candidate, code: reason.code)
        state.candidate = nil
        switch phase {
        case .verifying: actions.append(.discardDownload)
        case .shadow: actions.append(.stopShadow)
        case .trial: actions.append(.decide(state.active, keepsOld: false))
        default: break
        }
        actions.append(.collectGarbage)
    }
}
