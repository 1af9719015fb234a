internal import SensorIO
internal import Synchronization

/// Looks at the running agent for people and monitoring: takes snapshots of what its threads count.
///
/// Costs the hot threads nothing: their counters are read, nothing is asked of them.
/// - Thread: any but the hot ones.
final class AgentView: Sendable {
    /// How often the reference for rates is taken anew: rates are those of the last 30 to 60 s.
    private static let sampleNanoseconds: UInt64 = 30_000_000_000

    let alarms = AlarmBoard()
    let problems: RecentProblems
    let http = HTTPMetrics()
    let liveness: Liveness
    private let hosts: [PipelineHost]
    private let outbox: OutboxService
    private let status: StatusBox
    private let wallClock: WallClock
    private let uplinkConnections: UplinkTally
    private let stateBytesWritten: @Sendable () -> UInt64
    /// nil: no updates.
    private let updates: UpdatePaths?
    private let references: Mutex<References>

    /// What was counted at a moment.
    fileprivate struct Reference {
        var at: UInt64
        var messages: UInt64
        var budget: BudgetSnapshot
    }

    /// Two moments of each pipeline, the older one first: one is old enough at any time.
    private struct References {
        var older: [Reference]
        var newer: [Reference]
    }

    init(
        hosts: [PipelineHost], outbox: OutboxService, status: StatusBox, wallClock: WallClock,
        problems: RecentProblems, uplinkConnections: UplinkTally, updates: UpdatePaths?,
        stateBytesWritten: @escaping @Sendable () -> UInt64
    ) {
        self.hosts = hosts
        self.outbox = outbox
        self.status = status
        self.wallClock = wallClock
        self.problems = problems
        self.uplinkConnections = uplinkConnections
        self.updates = updates
        self.stateBytesWritten = stateBytesWritten
        let now = MonotonicClock.nanoseconds
        liveness = Liveness(threads: hosts.count, now: now)
        let references = hosts.map { Self.reference($0, now) }
        self.references = Mutex(References(older: references, newer: references))
        alarms.restore(outbox.kept)
    }

    private static func reference(_ host: PipelineHost, _ now: UInt64) -> Reference {
        Reference(
            at: now, messages: host.metrics[.messages],
            budget: host.budgetMetrics.snapshot(budgetNanoseconds: host.budgetNanoseconds))
    }

    /// A look in between, a few times a second: notes that the threads turn, and what rates refer to.
    func look(now: UInt64) {
        liveness.note(hosts.map { $0.metrics[.turns] }, now: now)
        let isDue = references.withLock { references in
            references.newer.first.map { now &- $0.at >= Self.sampleNanoseconds } ?? false
        }
        guard isDue else { return }
        let next = hosts.map { Self.reference($0, now) }
        references.withLock { references in
            references.older = references.newer
            references.newer = next
        }
    }

    /// Names of the pipelines whose sessions are not ready.
    var waiting: [String] { hosts.filter { !$0.isReady }.map(\.name) }

    /// Names of the pipelines whose threads do not turn.
    var stalled: [String] {
        zip(hosts, liveness.silences(now: MonotonicClock.nanoseconds))
            .filter { $0.1 >= Liveness.patienceNanoseconds }.map(\.0.name)
    }

    /// How everything stands now. Reads the state files of updates; allocates.
    func snapshot() -> AgentSnapshot {
        let now = MonotonicClock.nanoseconds
        var status = status.value
        status.clock = wallClock.state
        let silences = liveness.silences(now: now)
        let older = references.withLock { $0.older }
        let pipelines = hosts.enumerated().map { index, host in
            let current = Self.reference(host, now)
            return AgentSnapshot.Pipeline(
                status: status.pipelines.first { $0.name == host.name } ?? host.status,
                metrics: host.metrics, budget: current.budget, publishesLive: host.publishesLive,
                recent: AgentSnapshot.Recent(from: older[index], to: current),
                update: updates.flatMap { UpdateStateFile(path: $0.state(of: host.name)).peek() },
                silentNanoseconds: silences[index])
        }
        let log = problems.all
        return AgentSnapshot(
            status: status, timeNanoseconds: WallClock.nanoseconds, stalled: stalled,
            pipelines: pipelines, outbox: outbox.metrics,
            uplinkConnections: uplinkConnections.count, stateBytesWritten: stateBytesWritten(),
            alarms: alarms.all, problems: log.problems, warnings: log.warnings, errors: log.errors,
            http: http, process: ProcessUsage.now())
    }
}

extension AgentSnapshot.Recent {
    fileprivate init(from old: AgentView.Reference, to new: AgentView.Reference) {
        self.init()
        seconds = Double(new.at &- old.at) / 1e9
        messages = new.messages &- old.messages
        evaluations = new.budget.evaluations &- old.budget.evaluations
        misses = new.budget.totalMisses &- old.budget.totalMisses
        latency = new.budget.total.subtracting(old.budget.total)
    }
}

/// How often the uplink's session has connected. - Thread: any.
final class UplinkTally: Sendable {
    private let connections = Atomic<UInt64>(0)

    var count: UInt64 { connections.load(ordering: .relaxed) }

    func note(_ event: OutboxEvent) {
        if case .uplinkChanged(isConnected: true, _) = event {
            connections.wrappingAdd(1, ordering: .relaxed)
        }
    }
}
