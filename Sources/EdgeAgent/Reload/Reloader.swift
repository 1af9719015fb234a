internal import Logging
internal import SensorIO
internal import ServiceLifecycle
internal import Synchronization
internal import UnixSignals

/// Reads the configuration again at SIGHUP, and applies what can be while everything runs.
///
/// All of it is checked first: with one error nothing changes.
struct Reloader: Service {
    let signals: UnixSignalsSequence
    let hosts: [PipelineHost]
    let outbox: OutboxService
    let plan: AgentPlan
    let environment: [String: String]
    let handler: StderrLogHandler
    let logger: Logger
    let notifier: SystemdNotifier
    let readiness: Readiness

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var running = plan.configuration
            for await _ in signals { await reload(&running) }
        }
    }

    /// - Parameter running: what the agent runs with; keys that wait for a restart stay as they were.
    private func reload(_ running: inout Configuration) async {
        // Before that the unit is starting still, and READY would be a lie.
        let isReady = readiness.isReady
        if isReady { notifier.send(.reloading(now: MonotonicClock.nanoseconds)) }
        defer { if isReady { notifier.send(.ready) } }
        let next: AgentPlan
        do {
            next = try AgentPlan(
                try Configuration.load(path: plan.path, environment: environment))
        } catch {
            for line in "\(error)".split(separator: "\n") {
                logger.error("configuration not reloaded, nothing changes: \(line)")
            }
            return
        }
        for warning in next.warnings { logger.warning("\(warning)") }
        let changes = ConfigurationChange.between(running, next.configuration)
        var applied = await apply(changes, of: next, to: &running)
        for change in changes {
            let isApplied = applied.first == change
            if isApplied { applied.removeFirst() }
            logger.log(
                level: isApplied ? .notice : .warning,
                "\(isApplied ? "reloaded" : "not before a restart"), \(change.description)")
        }
        if changes.isEmpty { logger.notice("reloaded, nothing has changed") }
    }

    /// - Returns: the changes that are in force now, in their order.
    private func apply(
        _ changes: [ConfigurationChange], of next: AgentPlan, to running: inout Configuration
    ) async -> [ConfigurationChange] {
        let scopes = changes.map { ReloadScope(reference: $0.path.reference) }
        if scopes.contains(.logLevel) {
            running.agent.logLevel = next.configuration.agent.logLevel
            handler.setLevel(running.agent.logLevel.loggerLevel)
        }
        if scopes.contains(.outbox) {
            let path = running.outbox.path
            let window = running.outbox.window
            running.outbox = next.configuration.outbox
            (running.outbox.path, running.outbox.window) = (path, window)
            outbox.setConfiguration(running.outbox.outboxConfiguration)
        }
        var changed: Set<String> = []
        for index in running.pipelines.indices {
            let name = running.pipelines[index].name
            let mine = zip(changes, scopes).filter { change, _ in
                change.path.text.hasPrefix("pipelines[\(name)].")
            }.compactMap(\.1)
            guard mine.contains(.alarm) || mine.contains(.predictions),
                let planned = next.pipelines.first(where: { $0.configuration.name == name }),
                let host = hosts.first(where: { $0.name == name })
            else { continue }
            let change = Self.change(
                planned, mine, host.status.digest, hasUpdates: plan.updates != nil)
            guard await host.take(change) else { continue }
            if change.predictions != nil {
                let predictions = planned.configuration.predictions
                running.pipelines[index].predictions.mode = predictions.mode
                running.pipelines[index].predictions.everyNth = predictions.everyNth
                changed.insert("\(name) predictions")
            }
            if change.alarmRule != nil {
                running.pipelines[index].alarm = planned.configuration.alarm
                changed.insert("\(name) alarm")
            }
        }
        return zip(changes, scopes).filter { change, scope in
            switch scope {
            case .logLevel, .outbox: true
            case .alarm, .predictions:
                changed.contains {
                    let parts = $0.split(separator: " ")
                    return change.path.text.hasPrefix("pipelines[\(parts[0])].\(parts[1])")
                }
            case nil: false
            }
        }.map(\.0)
    }

    /// What a pipeline is to take over.
    ///
    /// - Parameters:
    ///   - digest: of the bundle that it was started with.
    ///   - hasUpdates: another version may decide, with thresholds of its own: its rule waits for a restart.
    private static func change(
        _ planned: AgentPlan.PipelinePlan, _ scopes: [ReloadScope], _ digest: String,
        hasUpdates: Bool
    ) -> PipelineChange {
        var rule: AlarmRule?
        if scopes.contains(.alarm), !hasUpdates, planned.bundle.digest.description == digest {
            rule = planned.alarmRule
        }
        return PipelineChange(
            alarmRule: rule,
            predictions: scopes.contains(.predictions)
                ? planned.configuration.predictions.predictions : nil)
    }
}

/// Whether systemd was told that the agent is ready. - Thread: any.
final class Readiness: Sendable {
    private let flag = Atomic<Bool>(false)

    var isReady: Bool { flag.load(ordering: .relaxed) }

    func announce() { flag.store(true, ordering: .relaxed) }
}

extension ConfigurationChange: CustomStringConvertible {
    /// `outbox.maximumBytes: 64MiB → 32MiB`
    var description: String {
        switch kind {
        case .value(let old, let new):
            "\(path.text): \(old ?? "left out") → \(new ?? "left out")"
        case .added: "\(path.text): added"
        case .removed: "\(path.text): removed"
        }
    }
}

extension PipelineHost {
    /// Hands a change to the pipeline's thread and waits until it works by it: a turn, a second at most.
    ///
    /// - Returns: false if the thread did not take it in time.
    func take(_ change: PipelineChange) async -> Bool {
        _ = changes.collect()
        guard changes.deliver(change) else { return false }
        wake()
        for _ in 0..<300 {
            if changes.collect() != nil { return true }
            guard (try? await Task.sleep(for: .milliseconds(10))) != nil else { return false }
        }
        return false
    }
}
