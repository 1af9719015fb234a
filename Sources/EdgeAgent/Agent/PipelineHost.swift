internal import Logging
internal import SensorIO
internal import ServiceLifecycle
internal import Synchronization

/// A pipeline as the control plane sees it: its thread, its counters, its notices.
///
/// - Thread: the control plane's; the pipeline itself is given to its thread by `start()`.
final class PipelineHost: Sendable {
    let name: String
    let budgetNanoseconds: UInt64
    let status: AgentStatus.Pipeline
    let metrics: PipelineMetrics
    let budgetMetrics: BudgetMetrics
    let notices: NoticeBox<PipelineNotice>
    /// What the saver works on.
    let state: PipelineState
    /// The way of new models to the pipeline.
    let updated: UpdatedPipeline
    let modelView: PipelineModel.View
    /// The way of a reload's changes to the pipeline.
    let changes: PipelineExchange<PipelineChange>
    /// Makes the pipeline's thread turn.
    let wake: @Sendable () -> Void
    /// nil: nobody can look.
    let history: AssetHistory?
    let publishesLive: Bool
    private let thread: Mutex<PipelineThread>

    /// Tests the model on this box and allocates the pipeline. Blocks for about 30 ms.
    ///
    /// - Parameter historyLimits: of what is kept for people who look; nil: nothing is.
    /// - Throws: `AgentError` when the model fails its tests or the parts do not fit.
    init(
        _ plan: AgentPlan.PipelinePlan, agent: AgentConfiguration, restart: RestartConfiguration,
        outbox: OutboxService, saver: StateSaver, wallClock: WallClock, logger: Logger,
        control: PipelineControl = PipelineControl(), budgetAlert: BudgetAlertPolicy = .standard,
        historyLimits: AssetHistory.Limits? = nil
    ) throws(AgentError) {
        let configuration = plan.configuration
        name = configuration.name
        publishesLive = plan.alerts != nil
        let manifest = plan.bundle.manifest
        let limit = UInt64(clamping: configuration.inferenceBudget.wholeNanoseconds)
        budgetNanoseconds = UInt64(clamping: configuration.budget.wholeNanoseconds)
        status = AgentStatus.Pipeline(
            name: configuration.name, bundle: manifest.name, version: manifest.version.description,
            digest: plan.bundle.digest.description, origin: .model,
            budgetNanoseconds: budgetNanoseconds)
        let lane: OutboxLane
        do throws(OutboxError) {
            lane = try outbox.makeLane(name: configuration.name)
        } catch {
            throw .outbox(error)
        }
        changes = control.changes
        let wake: @Sendable () -> Void = { lane.wakeProducer() }
        self.wake = wake
        do throws(PipelineError) {
            let activated = try ModelActivation.activate(
                plan.bundle, alarmRule: plan.alarmRule, engines: plan.engines,
                limitNanoseconds: limit)
            plan.bundle.releaseContents()
            logger.notice(
                "model tested",
                metadata: [
                    "pipeline": "\(name)", "model": "\(manifest.name) \(manifest.version)",
                    "digest": "\(plan.bundle.digest)",
                    "engine": "\(activated.model.engine)",
                    "p99Microseconds": "\(Double(activated.p99Nanoseconds) / 1000)",
                    "limitMicroseconds": "\(Double(limit) / 1000)",
                ])
            var settings = Self.settings(plan, agent: agent.id, boot: outbox.boot.number)
            settings.budgetAlert = budgetAlert
            modelView = activated.model.view
            updated = UpdatedPipeline(
                settings: settings, control: control, wake: wake)
            let pipeline = try Pipeline(
                settings: settings, model: activated.model, lane: lane, wallClock: wallClock,
                control: control)
            history = historyLimits.map {
                AssetHistory(
                    channels: activated.model.channels, maximumAssets: configuration.maximumAssets,
                    limits: $0)
            }
            history?.show(activated.model.alarmRule)
            pipeline.history = history
            metrics = pipeline.metrics
            budgetMetrics = pipeline.budgetMetrics
            notices = pipeline.notices
            state = pipeline.saveWindows(
                in: "\(agent.stateDirectory)/windows-\(configuration.name).state",
                filled: saver.filled)
            let report = pipeline.restore(
                outbox.kept.filter { $0.scope == configuration.name },
                maximumAgeNanoseconds: UInt64(clamping: restart.maximumAge.wholeNanoseconds))
            report.log(pipeline: name, to: logger)
            thread = Mutex(PipelineThread(pipeline, control: control, lane: lane))
        } catch {
            throw .pipeline(name: configuration.name, error)
        }
    }

    static func settings(
        _ plan: AgentPlan.PipelinePlan, agent: String, boot: UInt64
    ) -> PipelineSettings {
        let configuration = plan.configuration
        var settings = PipelineSettings(
            name: configuration.name, agent: agent, boot: boot, sensors: plan.sensors,
            alerts: plan.alerts, filters: plan.filters, keys: plan.keys,
            channelCaptures: plan.channelCaptures,
            qualityOfService: configuration.qualityOfService,
            payload: configuration.payload.description,
            assets: AssetLimits(
                maximumAssets: configuration.maximumAssets,
                minimumIdleNanoseconds: UInt64(
                    clamping: configuration.minimumIdle.wholeNanoseconds),
                maximumKeyBytes: TopicKey.maximumBytes),
            budgetNanoseconds: UInt64(clamping: configuration.budget.wholeNanoseconds),
            onOverrun: configuration.onOverrun,
            topics: plan.topics, predictions: configuration.predictions.predictions,
            expirySeconds: UInt32(clamping: configuration.alerts.expiry?.components.seconds ?? 0),
            scheduling: configuration.scheduling.scheduling)
        settings.predictionsQualityOfService = configuration.predictions.qualityOfService
        return settings
    }

    /// What the status page shows of it; nil: nothing is kept for it.
    var pageSource: PageSources.Pipeline? {
        history.map {
            PageSources.Pipeline(
                name: name, budgetNanoseconds: budgetNanoseconds, publishesLive: publishesLive,
                metrics: metrics, budget: budgetMetrics, history: $0)
        }
    }

    /// Whether the broker has granted every subscription, and takes alerts if it is the uplink as well.
    var isReady: Bool {
        metrics[.sensorsConnected] == 1 && (!publishesLive || metrics[.alertsConnected] == 1)
    }

    /// Starts the thread.
    ///
    /// - Throws: `.thread` when none can be had.
    func start() throws(AgentError) {
        let code = thread.withLock { $0.start() }
        guard code == 0 else { throw .thread(name: name, errorNumber: code) }
    }

    /// Asks the thread to end; `stop` waits for it.
    func requestStop() { thread.withLock { $0.requestStop() } }

    /// Ends the thread in good order. Blocks, for about a second at most.
    func stop() { thread.withLock { $0.stop() } }
}

extension Pipeline.RestoreReport {
    /// Says what was taken up and what was not.
    func log(pipeline: String, to logger: Logger) {
        var logger = logger
        logger[metadataKey: "pipeline"] = "\(pipeline)"
        if let windowsRefused {
            logger.warning("saved windows are not used, they begin anew: \(windowsRefused)")
        }
        guard windows + alarmsThatGoOn + alarmsToClear > 0 else { return }
        logger.notice(
            "restarted",
            metadata: [
                "windows": "\(windows)", "alarmsThatGoOn": "\(alarmsThatGoOn)",
                "alarmsCleared": "\(alarmsToClear)",
            ])
    }
}

/// All pipelines as one service: they stop at the same time.
struct PipelineHosts: Service {
    let hosts: [PipelineHost]
    let saver: StateSaver
    let notifier: SystemdNotifier

    func run() async throws {
        try? await gracefulShutdown()
        notifier.send(.stopping, .status("stopping"))
        // From here on each pipeline saves its windows itself.
        saver.stop()
        // Each waits for its last PUBACKs: all at the same time, and then one is waited for after the other.
        for host in hosts { host.requestStop() }
        for host in hosts { host.stop() }
    }
}

/// The outbox as a service: the first to start and the last to stop.
struct OutboxHost: Service {
    let outbox: OutboxService
    let states: [PipelineState]
    let logger: Logger

    func run() async throws {
        try? await gracefulShutdown()
        let report = outbox.stop(
            deadlineNanoseconds: MonotonicClock.nanoseconds &+ 500_000_000)
        if report.lost > 0 {
            logger.error(
                "records are lost: the outbox could not be written",
                metadata: ["records": "\(report.lost)"])
        }
        logger.notice(
            "stopped",
            metadata: [
                "recordsKept": "\(report.stored)",
                "outboxBytesWritten": "\(outbox.metrics.bytesWritten)",
                "windowsBytesWritten": "\(states.reduce(0) { $0 &+ $1.bytesWritten })",
            ])
    }
}
