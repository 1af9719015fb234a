import EdgeAgent
import TestSupport

/// A machine with a clock of the test's.
struct MachineRun {
    static let configured = version(1)
    static var policy: UpdatePolicy {
        var policy = UpdatePolicy()
        policy.shadow.minimumSeconds = 60
        policy.shadow.evaluations = 100
        policy.trial.minimumSeconds = 100
        policy.trial.evaluations = 200
        return policy
    }

    static func version(_ release: Int) -> ModelVersion {
        ModelVersion(
            name: "level", version: "1.\(release).0", release: release,
            digest: SHA256Digest(of: Array("\(release)".utf8)), origin: "test")
    }

    static func tally(
        _ evaluations: UInt64, failures: UInt64 = 0, alarming: UInt64 = 0, reference: UInt64 = 0,
        agreements: UInt64? = nil
    ) -> UpdateState.Tally {
        var tally = UpdateState.Tally()
        tally.evaluations = evaluations
        tally.failures = failures
        tally.alarming = alarming
        tally.reference = reference
        tally.agreements = agreements ?? evaluations
        return tally
    }

    var machine: UpdateMachine
    var now = 1000
    var isWindowOpen = true
    var isInRollout = true

    init(_ policy: UpdatePolicy = Self.policy, state: UpdateState = UpdateState(name: "level")) {
        machine = UpdateMachine(state: state, policy: policy, reference: "level:stable")
    }

    @discardableResult
    mutating func send(_ event: UpdateEvent, after seconds: Int = 0) -> [UpdateAction] {
        now += seconds
        return machine.handle(
            event,
            UpdateMachine.Context(
                nowSeconds: now, isWindowOpen: isWindowOpen, isInRollout: isInRollout))
    }

    @discardableResult
    mutating func start() -> [UpdateAction] { send(.started(configured: Self.configured)) }

    /// The process is gone without a word; the state is what the disk has.
    mutating func crash() -> [UpdateAction] {
        machine = UpdateMachine(
            state: machine.state, policy: machine.policy, reference: machine.reference)
        return start()
    }

    mutating func observe(_ tally: UpdateState.Tally, after seconds: Int) -> [UpdateAction] {
        send(.observed(tally, p99Nanoseconds: 1000, limitNanoseconds: 10_000), after: seconds)
    }

    /// Brings release 2 to a phase.
    mutating func advance(to phase: UpdateState.Phase) {
        start()
        send(.tick(random: 0.5))
        if phase == .resolving { return }
        send(.resolved(validator: "two"))
        if phase == .downloading { return }
        send(.downloaded)
        if phase == .verifying { return }
        send(.verified(Self.version(2)))
        if phase == .staged || phase == .selfTest { return }
        send(.selfTested)
        if phase == .shadow { return }
        _ = observe(Self.tally(100), after: 60)
    }

    static func codes(_ actions: [UpdateAction]) -> [String] {
        actions.compactMap { action in
            guard case .record(let record) = action else { return nil }
            return record.kind.rawValue + (record.code.map { ":\($0)" } ?? "")
        }
    }
}
