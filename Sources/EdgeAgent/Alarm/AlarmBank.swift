/// The alarms of a pipeline: one state for each slot of its asset table, allocated once.
///
/// - Thread: the pipeline's thread.
@safe  // `states` holds `capacity` initialised elements; every subscript goes through slot(_:).
package struct AlarmBank: ~Copyable {
    /// How many assets fit.
    package let capacity: Int
    /// The rule of all assets; `replaceRule` changes it.
    package private(set) var rule: AlarmRule
    /// How many alarms are raised now.
    package private(set) var raisedCount = 0
    private let states: UnsafeMutablePointer<AlarmState>

    /// Allocates the states of `capacity` assets, all idle.
    package init(capacity: Int, rule: AlarmRule) {
        precondition(capacity > 0, "An alarm bank holds at least one asset.")
        self.capacity = capacity
        self.rule = rule
        unsafe states = .allocate(capacity: capacity)
        unsafe states.initialize(repeating: AlarmState(), count: capacity)
    }

    deinit {
        unsafe states.deinitialize(count: capacity)
        unsafe states.deallocate()
    }

    /// The alarm of a slot.
    package subscript(slot: Int) -> AlarmState {
        check(slot)
        return unsafe states[slot]
    }

    /// Takes one observation of a slot's asset.
    ///
    /// - Returns: what to do. After `.raise` call `noteEvent`. At `.clear` the state is already
    ///   idle: read what the event needs (`raisedBy`, `severity`) from `self[slot]` before.
    package mutating func advance(
        slot: Int, _ observation: AlarmObservation, labelIndex: Int16 = -1, now: AlarmInstant
    ) -> AlarmAction {
        check(slot)
        let action = unsafe states[slot].advance(
            observation, rule: rule, labelIndex: labelIndex, now: now)
        switch action {
        case .raise: raisedCount += 1
        case .clear: raisedCount -= 1
        case .none, .escalate, .remind: break
        }
        return action
    }

    /// Keeps the id of the event that announced the raise of a slot's alarm.
    package mutating func noteEvent(slot: Int, _ event: EventReference) {
        check(slot)
        unsafe states[slot].noteEvent(event)
    }

    /// Ends a slot's alarm from outside and frees the slot for another asset.
    ///
    /// Call it for every asset that leaves the table: an alarm that stayed raised in a retained
    /// message could never be cleared afterwards.
    ///
    /// - Returns: `.clear` if a cleared event and state are due, else `.none`.
    package mutating func retire(slot: Int) -> AlarmAction {
        check(slot)
        let action = unsafe states[slot].retire()
        if action == .clear { raisedCount -= 1 }
        return action
    }

    /// Puts a restored alarm into a slot.
    package mutating func restore(slot: Int, _ state: AlarmState) {
        check(slot)
        if unsafe states[slot].isRaised { raisedCount -= 1 }
        unsafe states[slot] = state
        if state.isRaised { raisedCount += 1 }
    }

    /// Takes a new rule, as a new model or configuration brings it. What is raised stays raised
    /// and is judged by the new rule from its next evaluation on; counts start anew.
    package mutating func replaceRule(_ rule: AlarmRule, now: AlarmInstant) {
        self.rule = rule
        for slot in 0..<capacity { unsafe states[slot].restartCounting(rule: rule, now: now) }
    }

    private func check(_ slot: Int) {
        precondition(slot >= 0 && slot < capacity, "A slot of the asset table is out of range.")
    }
}
