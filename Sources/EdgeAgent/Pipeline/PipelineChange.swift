internal import SensorIO

/// What a reload changes in a pipeline that runs: the windows stay, and so do the alarms that are raised.
///
/// - Thread: one at a time; who has taken it.
package final class PipelineChange {
    /// nil: no change.
    let alarmRule: AlarmRule?
    let predictions: PipelineSettings.Predictions?

    package init(alarmRule: AlarmRule? = nil, predictions: PipelineSettings.Predictions? = nil) {
        self.alarmRule = alarmRule
        self.predictions = predictions
    }
}

extension Pipeline {
    /// Takes over what a reload has changed. Allocates and frees nothing.
    ///
    /// What is raised stays raised and is judged by the new rule from its next evaluation on.
    func takeChanges(now: UInt64) {
        guard let change = control.changes.take() else { return }
        if let predictions = change.predictions { self.predictions = predictions }
        if let rule = change.alarmRule, rule != alarms.rule {
            model.alarmRule = rule
            modelHash = model.modelHash
            alarms.replaceRule(
                rule,
                now: AlarmInstant(
                    monotonicNanoseconds: now, wallNanoseconds: turnWallNanoseconds))
        }
        control.changes.giveBack(change)
    }
}
