internal import SensorIO

/// The window that was decided last in a turn, and what the deciding model said about it.
struct WatchedWindow {
    let window: DueWindow
    let isAlarming: Bool
}

// The exchange of models between two turns, and the model in the shadow.
extension Pipeline {
    /// Takes over what the control plane has prepared. Windows and alarms stay as they are.
    ///
    /// What was there before goes back in the same delivery: nothing is allocated or freed here.
    func takeModels(now: UInt64) {
        guard let delivery = control.models.take() else { return }
        if let next = delivery.model {
            delivery.model = model
            model = next
            modelHash = next.modelHash
            swap(&events, &delivery.events)
            roomBytes = Self.roomBytes(events.capacityBytes)
            budget.setFallback(next.fallback != nil, now: now)
            failures.startOver()
            history?.show(next.alarmRule)
            if alarms.rule != next.alarmRule {
                alarms.replaceRule(
                    next.alarmRule,
                    now: AlarmInstant(
                        monotonicNanoseconds: now, wallNanoseconds: turnWallNanoseconds))
            }
        }
        if delivery.setsShadow { swap(&shadow, &delivery.shadow) }
        watched = nil
        control.models.giveBack(delivery)
    }

    /// Counts for the trial of the model that decides, and keeps the window for the shadow.
    func noteForUpdate(
        _ due: DueWindow, _ isAlarming: Bool?, _ clock: StageClock, _ decision: OverrunDecision
    ) {
        let isMiss =
            decision == .evaluateLate || clock.ageNanoseconds > settings.budgetNanoseconds
        model.tally.countDecision(isAlarming: isAlarming, isMiss: isMiss)
        if shadow != nil, let isAlarming {
            watched = WatchedWindow(window: due, isAlarming: isAlarming)
        }
    }

    /// Whether a model takes what this pipeline's windows have: then it can be exchanged while
    /// they stay.
    ///
    /// - Returns: nil if so, else why not.
    package static func refusal(
        of next: PipelineModel, insteadOf model: PipelineModel.View
    ) -> String? {
        guard next.channels == model.channels else {
            return
                "the bundle reads other channels than the one that works: name it as the pipeline's"
                + " 'model' and restart the agent"
        }
        guard next.window == model.window else {
            return "the bundle has other windows than the one that works: name it as the pipeline's"
                + " 'model' and restart the agent"
        }
        return nil
    }

    /// One evaluation's records: an alert, its state, a prediction, the agent's own, and what is
    /// kept
    /// of them.
    static func roomBytes(_ eventBytes: Int) -> Int {
        5 * (eventBytes + TopicKey.maximumBytes + 1024)
    }

    /// Lets the shadow see the window that was decided last, if the time until the next reading
    /// allows for it.
    ///
    /// After everything else of a turn. A reading that comes meanwhile waits as long as the
    /// shadow takes: so it
    /// runs only if it and the turn before it together stay within half the budget.
    func runShadow() {
        guard let shadow, let watched else { return }
        self.watched = nil
        let start = MonotonicClock.nanoseconds
        guard !bank.hasDueWindow, sensors.hasReadAll,
            start &- min(readableAt, start) &+ 2 &* shadow.costNanoseconds
                < settings.budgetNanoseconds / 2,
            shadow.model.extract(watched.window, from: bank)
        else { return }
        shadow.model.invoke()
        var isAlarming: Bool?
        if case .score(let score) = shadow.model.score() {
            isAlarming = shadow.model.isAlarming(score)
        }
        shadow.latency.record(MonotonicClock.nanoseconds &- start)
        shadow.tally.countShadow(isAlarming: isAlarming, activeIsAlarming: watched.isAlarming)
    }
}

extension PipelineModel {
    /// Whether a score is above the lowest threshold of the model's rule.
    package func isAlarming(_ score: Score) -> Bool {
        score.value > alarmRule.raiseAbove(ofBand: 0)
    }
}
