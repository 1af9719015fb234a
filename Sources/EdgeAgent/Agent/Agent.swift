internal import CLinuxShims
internal import Glibc
internal import Logging
internal import SensorIO
internal import ServiceLifecycle
internal import UnixSignals

/// The whole agent: outbox, pipelines, and the monitor that watches them.
///
/// Start order is dependency order, and the end goes backwards: the pipelines stop taking readings, the
/// outbox keeps or sends what they decided, the last message says that the agent stopped.
package struct Agent: Sendable {
    private let plan: AgentPlan
    private let logger: Logger
    private let problems = RecentProblems()
    private let handler: StderrLogHandler
    private let notifier: SystemdNotifier
    private let environment: [String: String]

    /// - Parameters:
    ///   - log: where everything is said.
    ///   - environment: the process's, for systemd's variables.
    package init(plan: AgentPlan, log: StderrLogHandler, environment: [String: String]) {
        self.plan = plan
        handler = log
        logger = ProblemLogHandler.wrap(Logger(label: "edge-agent") { _ in log }, problems)
        notifier = SystemdNotifier(environment: environment)
        self.environment = environment
    }

    /// Runs until SIGTERM or SIGINT.
    ///
    /// - Throws: `AgentError` when something cannot be started.
    package func run() async throws {
        let startedAt = WallClock.nanoseconds
        // From the first moment on: untrapped, the signal ends the process.
        let reloads = await UnixSignalsSequence(trapping: .sighup)
        let readiness = Readiness()
        notifier.send(.status("testing the models"))
        try prepareProcess()
        let wallClock = WallClock()
        let log = NoticeLog(logger: logger)
        let status = StatusBox(
            AgentStatus(
                agent: plan.agent, version: AgentVersion.text, boot: 0,
                startedAtNanoseconds: startedAt, clock: wallClock.state, pipelines: []))
        if let updates = plan.updates {
            status.update { $0.requiresSignatures = updates.configuration.signature == .required }
        }
        let events = NoticeBox<OutboxEvent>()
        let uplinkConnections = UplinkTally()
        // What stands in the way of a start is said, too.
        var isStarted = false
        defer {
            if !isStarted { for event in events.take().notices { log.write(event) } }
            handler.writeSummaries(all: true)
        }
        let outbox = try makeOutbox(status: status) { event in
            uplinkConnections.note(event)
            events.postWaiting(event)
        }
        let saver = try StateSaver(
            interval: plan.configuration.restart.saveInterval, logger: logger)
        let updates = try plan.updates.map { updates throws(AgentError) in
            try UpdateHost(plan, updates, outbox: outbox, wallClock: wallClock, logger: logger)
        }
        let hosts = try start(
            outbox, saver: saver, updates: updates, status: status, wallClock: wallClock)
        saver.start(hosts.map(\.state))
        let view = AgentView(
            hosts: hosts, outbox: outbox, status: status, wallClock: wallClock, problems: problems,
            uplinkConnections: uplinkConnections,
            updates: plan.updates.map { _ in
                UpdatePaths(stateDirectory: plan.configuration.agent.stateDirectory)
            }, stateBytesWritten: { hosts.reduce(0) { $0 &+ $1.state.bytesWritten } })
        let page = makePage(hosts, outbox: outbox, status: status, wallClock: wallClock)
        let monitor = Monitor(
            page: page, hosts: hosts, outbox: outbox, events: events, lane: try makeLane(outbox),
            plan: plan, status: status, wallClock: wallClock, log: log, handler: handler,
            notifier: notifier, readiness: readiness, logger: logger,
            locksMemory: plan.configuration.agent.lockMemory, view: view,
            removed: try RemovedPipelines(outbox, plan, ownLane: Self.ownLane, logger: logger))
        // The last one ends first: the monitor logs what the others say at their end.
        let updateService = try updates?.start(hosts) { pipeline, version in
            status.update { $0.show(version, of: pipeline) }
            outbox.setBirth(birth(status))
        }
        let http = try plan.http.map { http throws(AgentError) in
            try HTTPService(
                http, routes: MonitoringRoutes.all(view) + (page?.routes ?? []), metrics: view.http,
                logger: logger)
        }
        let socket = try StatusSocket(
            stateDirectory: plan.configuration.agent.stateDirectory, view: view, logger: logger)
        let services: [any Service] =
            [
                monitor,
                Reloader(
                    signals: reloads, hosts: hosts, outbox: outbox, plan: plan,
                    environment: environment, handler: handler, logger: logger,
                    notifier: notifier, readiness: readiness),
                OutboxHost(outbox: outbox, states: hosts.map(\.state), logger: logger),
                PipelineHosts(hosts: hosts, saver: saver, notifier: notifier),
            ] + (updateService.map { [$0] } ?? []) + (http.map { [$0] } ?? [])
            + (socket.map { [$0] } ?? [])
        let group = ServiceGroup(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint],
            logger: quiet(logger))
        isStarted = true
        try await group.run()
    }

    private func makePage(
        _ hosts: [PipelineHost], outbox: OutboxService, status: StatusBox, wallClock: WallClock
    ) -> StatusPage? {
        guard plan.http != nil else { return nil }
        return StatusPage(
            PageSources(
                pipelines: hosts.compactMap(\.pageSource), status: { status.value },
                clock: { wallClock.state }, outbox: { outbox.metrics },
                updates: plan.updates.map { _ in
                    UpdatePaths(stateDirectory: plan.configuration.agent.stateDirectory)
                }))
    }

    /// No pipeline has this name.
    private static let ownLane = "/agent"

    /// For what the agent says about itself.
    private func makeLane(_ outbox: OutboxService) throws(AgentError) -> OutboxLane {
        do throws(OutboxError) {
            return try outbox.makeLane(name: Self.ownLane, capacityBytes: 64 << 10)
        } catch {
            throw .outbox(error)
        }
    }

    /// Tests the models, then starts the outbox's thread and each pipeline's.
    ///
    /// - Throws: `AgentError`; what was started has ended again.
    private func start(
        _ outbox: OutboxService, saver: StateSaver, updates: UpdateHost?, status: StatusBox,
        wallClock: WallClock
    ) throws(AgentError) -> [PipelineHost] {
        var hosts: [PipelineHost] = []
        do throws(AgentError) {
            for pipeline in plan.pipelines {
                hosts.append(
                    try PipelineHost(
                        updates?.choose(pipeline) ?? pipeline, agent: plan.configuration.agent,
                        restart: plan.configuration.restart, outbox: outbox, saver: saver,
                        wallClock: wallClock, logger: logger,
                        // Nobody can look at what is kept without HTTP.
                        historyLimits: plan.http.map { _ in
                            AssetHistory.Limits(pipelines: plan.pipelines.count)
                        }))
            }
            status.update { $0.pipelines = hosts.map(\.status) }
            outbox.setBirth(birth(status))
            do throws(OutboxError) {
                try outbox.start()
            } catch {
                throw .outbox(error)
            }
            for host in hosts { try host.start() }
            return hosts
        } catch {
            for host in hosts { host.stop() }
            outbox.stop(deadlineNanoseconds: MonotonicClock.nanoseconds &+ 1_000_000_000)
            throw error
        }
    }

    /// The group's own messages are about its services, not about the plant.
    private func quiet(_ logger: Logger) -> Logger {
        var logger = logger
        logger.logLevel = max(logger.logLevel, .warning)
        return logger
    }

    private func prepareProcess() throws(AgentError) {
        // A peer that goes away is an error of the write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        if plan.configuration.agent.lockMemory {
            let code = els_lock_memory()
            if code != 0 {
                logger.error(
                    "memory cannot be locked: see systemd/real-time.conf.example",
                    metadata: ["errno": "\(code)"])
            }
        }
        try StateDirectory.make(plan.configuration.agent.stateDirectory)
    }

    private func makeOutbox(
        status: StatusBox, onEvent: @escaping @Sendable (OutboxEvent) -> Void
    ) throws(AgentError) -> OutboxService {
        do throws(OutboxError) {
            return try OutboxService(
                configuration: plan.configuration.outbox.outboxConfiguration,
                uplink: { boot in
                    status.update { $0.boot = boot.number }
                    var endpoint = plan.uplink
                    endpoint.cleanStart = true
                    endpoint.sessionExpirySeconds = 0
                    endpoint.will = MQTTWill(
                        topic: plan.statusTopic, payload: status.value.offline(.lost),
                        contentType: .json)
                    return OutboxUplink(
                        endpoint: endpoint,
                        offline: OutboxStatusMessage(
                            topic: plan.statusTopic, payload: status.value.offline(.stopped)))
                }, onEvent: onEvent)
        } catch {
            throw .outbox(error)
        }
    }

    private func birth(_ status: StatusBox) -> OutboxStatusMessage {
        OutboxStatusMessage(
            topic: plan.statusTopic,
            payload: status.value.online(timeNanoseconds: WallClock.nanoseconds))
    }
}
