/// Which of the agent's own alerts a thread has raised, and by which events.
///
/// - Thread: one at a time.
struct AgentAlertStates {
    struct Raised {
        var atNanoseconds: Int64 = 0
        var by = EventReference(boot: 0, sequence: 0)
    }

    private var raised = [Raised](repeating: Raised(), count: AgentAlertLabel.allCases.count)

    /// Takes an alert up that an earlier start has raised, to clear it.
    mutating func restore(_ label: AgentAlertLabel, _ state: Raised) {
        raised[Int(label.rawValue)] = state
    }

    /// Makes an alert of a transition; a clear names the raise it ends, or itself if nobody knows that.
    mutating func makeAlert(
        _ label: AgentAlertLabel, _ transition: AlertTransition, sequence: UInt64, boot: UInt64,
        timeNanoseconds: Int64, clock: ClockState, value: Double, limit: Double,
        reason: ClearReason = .recovered
    ) -> AgentAlert {
        let index = Int(label.rawValue)
        if transition == .raised || raised[index].by.sequence == 0 {
            raised[index] = Raised(
                atNanoseconds: timeNanoseconds,
                by: EventReference(boot: boot, sequence: sequence))
        }
        return AgentAlert(
            label, transition, sequence: sequence, timeNanoseconds: timeNanoseconds, clock: clock,
            value: value, limit: limit, raisedAtNanoseconds: raised[index].atNanoseconds,
            raisedBy: raised[index].by, reason: reason)
    }
}
