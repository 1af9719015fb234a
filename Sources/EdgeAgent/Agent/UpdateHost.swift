internal import Logging
internal import SensorIO
internal import ServiceLifecycle
internal import Synchronization

/// The updates of all pipelines: which version each starts with, and the thread that brings new ones.
///
/// - Thread: the control plane's; nothing of it is touched any more once `makeService` was called.
final class UpdateHost {
    private let plan: AgentPlan
    private let logger: Logger
    private let publisher: UpdatePublisher
    private let paths: UpdatePaths
    private var lock: UpdateLock?
    private var updaters: [Updater] = []

    /// Takes the model store over.
    ///
    /// - Throws: `.updates` when another process has it, or the disk cannot be written.
    init(
        _ plan: AgentPlan, _ updates: UpdatesPlan, outbox: OutboxService, wallClock: WallClock,
        logger: Logger
    ) throws(AgentError) {
        self.plan = plan
        self.logger = logger
        paths = UpdatePaths(stateDirectory: plan.configuration.agent.stateDirectory)
        do throws(OutboxError) {
            publisher = UpdatePublisher(
                lane: try outbox.makeLane(name: "updates"), agent: plan.agent,
                boot: outbox.boot.number, wallClock: wallClock, logger: logger)
        } catch {
            throw .outbox(error)
        }
        do throws(BundleError) {
            try paths.make()
            guard let lock = try UpdateLock.take(paths.lock) else {
                throw BundleError.unwritable(path: paths.lock, errorNumber: 11)
            }
            self.lock = consume lock
            let store = try ModelStore(
                path: paths.models, quotaBytes: UInt64(updates.configuration.quotaBytes))
            for pipeline in plan.pipelines {
                updaters.append(try makeUpdater(pipeline, updates, store, wallClock))
            }
        } catch {
            throw .updates(error)
        }
        if updates.configuration.signature == .off {
            logger.warning(
                "updates.signature is off: whoever can write to a registry decides what this agent runs"
            )
        }
    }

    private func makeUpdater(
        _ pipeline: AgentPlan.PipelinePlan, _ updates: UpdatesPlan, _ store: ModelStore,
        _ wallClock: WallClock
    ) throws(BundleError) -> Updater {
        let name = pipeline.configuration.name
        let settings = updates.settings(pipeline, agent: plan.agent)
        let registry = plan.configuration.registries.first {
            $0.name == pipeline.configuration.update.registry
        }
        var logger = logger
        logger[metadataKey: "pipeline"] = "\(name)"
        let publisher = publisher
        let agentAlertTopic = plan.agentAlertTopic
        let stateTopics = [AgentAlertLabel.updateRefused, .updateRolledBack].map {
            (label: $0, topic: plan.stateTopic(of: $0, pipeline: name))
        }
        let topic = try? TopicTemplate(
            updates.configuration.topic, bindings: ["agent": plan.agent, "pipeline": name],
            variables: []
        ).constantTopic
        return Updater(
            settings,
            Updater.Surroundings(
                store: store, stateFile: UpdateStateFile(path: paths.state(of: name)),
                audit: UpdateAudit(path: paths.audit),
                registry: registry.map { RegistryProcess($0) },
                monotonic: { MonotonicClock.nanoseconds },
                clock: { (WallClock.nanoseconds, wallClock.state) },
                spawn: { JobThread.spawn($0) },
                keptElsewhere: { [unowned self] in
                    updaters.reduce(into: Set()) { $0.formUnion($1.machine.state.keptDigests) }
                },
                report: { record in
                    publisher.publish(record, pipeline: name, topic: topic ?? "")
                },
                reserveEvent: { publisher.reserveEvent() },
                alert: { change in
                    publisher.publish(
                        change, pipeline: name, topic: agentAlertTopic,
                        stateTopic: { label in
                            stateTopics.first { $0.label == label }?.topic ?? ""
                        })
                },
                complain: { [logger] text in logger.error("\(text)") }))
    }

    /// What a pipeline runs: its plan as it is, or with the version that was committed or is on trial. Blocks.
    func choose(_ pipeline: AgentPlan.PipelinePlan) -> AgentPlan.PipelinePlan {
        let name = pipeline.configuration.name
        guard let updater = updaters.first(where: { $0.settings.pipeline == name }),
            let loaded = updater.start(configured: pipeline.bundle)
        else { return pipeline }
        var chosen = pipeline
        chosen.bundle = loaded.bundle
        chosen.alarmRule = loaded.alarmRule
        return chosen
    }

    /// Gives the thread all that it works on. The pipelines run.
    ///
    /// - Throws: `AgentError` when there is no socket or thread to be had.
    func start(
        _ hosts: [PipelineHost], onChange: @escaping (String, ModelVersion) -> Void
    ) throws(AgentError) -> UpdateService {
        for updater in updaters {
            guard let host = hosts.first(where: { $0.name == updater.settings.pipeline }) else {
                continue
            }
            updater.attach(host.updated, deciding: host.modelView)
        }
        guard let lock = lock.take() else { preconditionFailure("Updates are started once.") }
        do throws(BundleError) {
            let signal = try makeSignal()
            let socket = try UpdateSocket.listen(paths.socket)
            let commands = try makeCommands()
            let publisher = publisher
            // Proof: from here on only that thread touches the updaters, and this object through their closures.
            nonisolated(unsafe) let work = UpdateThread.Work(
                updaters: updaters, lock: lock, socket: socket, commands: commands,
                signal: signal, onChange: onChange,
                onEnd: { [self] in
                    publisher.flush()
                    updaters = []
                })
            var thread = unsafe UpdateThread(work)
            let code = thread.start()
            guard code == 0 else {
                throw BundleError.unwritable(path: "updates", errorNumber: code)
            }
            return UpdateService(thread)
        } catch {
            throw .updates(error)
        }
    }

    private func makeCommands() throws(BundleError) -> UpdateCommands? {
        guard let commands = plan.commands else { return nil }
        do throws(MQTTError) {
            return try UpdateCommands(
                commands.settings, endpoint: commands.endpoint, logger: logger)
        } catch {
            throw .unwritable(path: "updates.commands", errorNumber: 24)
        }
    }

    private func makeSignal() throws(BundleError) -> UpdateSignal {
        do throws(MQTTError) {
            return try UpdateSignal()
        } catch {
            throw .unwritable(path: paths.updates, errorNumber: 24)
        }
    }
}

/// Updates as a service: they end before the pipelines do.
struct UpdateService: Service {
    private let box: Box

    private final class Box: Sendable {
        let thread: Mutex<UpdateThread>
        init(_ thread: consuming sending UpdateThread) { self.thread = Mutex(thread) }
    }

    init(_ thread: consuming sending UpdateThread) { box = Box(thread) }

    func run() async throws {
        try? await gracefulShutdown()
        stop()
    }

    func stop() { box.thread.withLock { $0.stop() } }
}
