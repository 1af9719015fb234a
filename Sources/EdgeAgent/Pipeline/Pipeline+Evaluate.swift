internal import InferenceRuntime
internal import SensorIO

// From a window that is due to a decision.
extension Pipeline {
    /// Evaluates the windows that are due, those first that have waited longest.
    ///
    /// Goes back to the socket before the budget is used up: what came meanwhile replaces the
    /// windows that still wait.
    ///
    /// - Parameter awaits: whether to leave what there is no room for in the broker's window to a later turn.
    func evaluateDueWindows(awaits: Bool = true) {
        let start = MonotonicClock.nanoseconds
        let limit = settings.budgetNanoseconds / 2
        while !hasRetired, lane.hasRoom(forBytes: roomBytes),
            !(awaits && mustAwaitAcknowledgements),
            let due = bank.nextDue()
        {
            evaluate(due)
            if settings.onOverrun != .evaluate, MonotonicClock.nanoseconds &- start > limit {
                break
            }
        }
    }

    private func evaluate(_ due: DueWindow) {
        let slot = due.asset
        let start = MonotonicClock.nanoseconds
        var clock = StageClock(
            readableAtNanoseconds: due.arrivalNanoseconds,
            decodeNanoseconds: unsafe UInt64(decodeNanoseconds[slot]), now: start)
        if due.coalesced > 0 {
            let waitingSince = due.waitingSinceNanoseconds
            let action = budget.countReplaced(
                Int(due.coalesced), late: Int(due.coalescedLate),
                oldestAgeNanoseconds: start > waitingSince ? start &- waitingSince : 0, now: start)
            report(action, now: start)
        }
        let decision = budget.admit(ageNanoseconds: clock.ageNanoseconds, hasNewer: false)
        if decision == .drop || decision == .coalesce {
            return report(budget.leaveOut(decision, now: start), now: start)
        }
        guard model.extract(due, from: bank) else { return }
        clock.lap(.features, now: MonotonicClock.nanoseconds)

        let origin = budget.decider
        var contributors = Contributors()
        var score = Score(value: 0)
        var observation: AlarmObservation?
        if origin == .fallback, let fallback = model.fallback {
            if let (value, held) = unsafe fallback.evaluate(model.physicalFeatures) {
                score = Score(value: value)
                observation = held
            }
        } else {
            model.invoke()
            control.delayInvocation()
            clock.lap(.inference, now: MonotonicClock.nanoseconds)
            if case .score(let scored) = model.score() {
                score = scored
                observation = model.alarmRule.observe(scored.value)
            }
            noteForUpdate(due, observation == nil ? nil : model.isAlarming(score), clock, decision)
        }
        let instant = AlarmInstant(
            monotonicNanoseconds: start, wallNanoseconds: turnWallNanoseconds)
        reportFailure(observation == nil, now: instant)
        guard let observation else {
            metrics.count(.failedEvaluations)
            clock.lap(.alarm, now: MonotonicClock.nanoseconds)
            let action = budget.record(
                clock.times, decision: decision, origin: origin, now: start)
            return report(action, now: start)
        }
        let before = alarms[slot]
        let action = alarms.advance(
            slot: slot, observation, labelIndex: score.labelIndex, now: instant)
        if action != .none && action != .clear && origin == .model {
            contributors = model.contributors()
        }
        clock.lap(.alarm, now: MonotonicClock.nanoseconds)

        evaluations &+= 1
        let predicts = isPredictionDue
        if action != .none || predicts {
            let evaluation = Evaluation(
                timeNanoseconds: turnWallNanoseconds, score: score, window: eventWindow(due),
                latencyNanoseconds: clock.ageNanoseconds,
                budgetNanoseconds: settings.budgetNanoseconds, origin: origin,
                clock: wallClock.state)
            if let transition = AlertTransition(action) {
                publishAlert(
                    transition, slot: slot, evaluation: evaluation,
                    state: action == .clear ? before : alarms[slot], contributors: contributors)
            }
            if predicts { publishPrediction(slot: slot, evaluation: evaluation) }
            alertSession?.flush()
        }
        let end = MonotonicClock.nanoseconds
        clock.lap(.publish, now: end)
        let budgetAction = budget.record(
            clock.times, decision: decision, origin: origin, now: end)
        report(budgetAction, now: end)
        // After the clock was read: who looks is no part of the latency.
        if let history { note(due, score, action, origin, in: history, now: end) }
    }

    /// Shows an evaluation to people who look.
    private func note(
        _ due: DueWindow, _ score: Score, _ action: AlarmAction, _ origin: AlarmOrigin,
        in history: AssetHistory, now: UInt64
    ) {
        unsafe bank.withRows(of: due) { first, second in
            let rows = unsafe second.isEmpty ? first : second
            let newest = unsafe UnsafeBufferPointer(
                rebasing: rows[max(0, rows.count - bank.channelCount)...])
            unsafe history.record(
                slot: due.asset, generation: due.generation, key: bank.key(of: due.asset),
                score: score.value, severity: alarms[due.asset].severity, action: action,
                isFallback: origin == .fallback, nowNanoseconds: now, row: newest)
        }
    }

    private var isPredictionDue: Bool {
        switch predictions {
        case .off: false
        case .everyNth(let count): evaluations % UInt64(max(count, 1)) == 0
        }
    }

    /// The window's times as times of day, whichever clock the samples were stamped with.
    private func eventWindow(_ due: DueWindow) -> EventWindow {
        var offset: Int64 = 0
        if decoder.timeAxis == .monotonic {
            offset = turnWallNanoseconds &- Int64(clamping: readableAt)
        }
        return EventWindow(
            startNanoseconds: due.firstSampleNanoseconds &+ offset,
            endNanoseconds: due.lastSampleNanoseconds &+ offset, samples: bank.window.samples)
    }

    /// What goes by time instead of by evaluation; once a turn.
    func tick(now: UInt64) {
        report(budget.tick(now: now), now: now)
        metrics.set(.alarmsRaised, UInt64(alarms.raisedCount))
    }

    /// Publishes a change of the alert `latency-budget-exceeded`.
    private func report(_ action: AlarmAction, now: UInt64) {
        guard let transition = AlertTransition(action) else { return }
        publishAgentAlert(
            .latencyBudgetExceeded, transition, value: Double(budget.recentMisses),
            limit: Double(settings.budgetAlert.raiseAfterMisses))
    }

    /// Publishes a change of the alert `evaluation-failed`.
    private func reportFailure(_ isFailure: Bool, now: AlarmInstant) {
        guard let transition = AlertTransition(failures.record(isFailure: isFailure)) else {
            return
        }
        publishAgentAlert(
            .evaluationFailed, transition, value: Double(failures.failures), limit: 0)
    }
}
