internal import Glibc
internal import SensorIO
internal import Synchronization

/// Drives one pipeline's `UpdateMachine`: writes its state, then does what it says.
///
/// - Thread: one; registry calls run on others and answer through `inbox`.
package final class Updater {
    /// The parts that are the box's.
    package struct Surroundings {
        package var store: ModelStore
        package var stateFile: UpdateStateFile
        package var audit: UpdateAudit
        /// nil: only directories can be staged.
        package var registry: (any ModelRegistry)?
        /// - Units: nanoseconds
        package var monotonic: () -> UInt64
        package var clock: () -> (wallNanoseconds: Int64, state: ClockState)
        /// Runs a job that blocks; tests run it at once.
        package var spawn: (@escaping @Sendable () -> Void) -> Void
        /// Digests that other pipelines need.
        package var keptElsewhere: () -> Set<SHA256Digest>
        package var report: (UpdateRecord) -> Void
        /// The number that the next event will have; nil where there are no events.
        package var reserveEvent: () -> EventReference?
        /// Publishes the agent's own alert.
        package var alert: (UpdateAlert) -> Void
        /// An error that nobody caused: the disk. For the log.
        package var complain: (String) -> Void

        package init(
            store: ModelStore, stateFile: UpdateStateFile, audit: UpdateAudit,
            registry: (any ModelRegistry)? = nil,
            monotonic: @escaping () -> UInt64, clock: @escaping () -> (Int64, ClockState),
            spawn: @escaping (@escaping @Sendable () -> Void) -> Void,
            keptElsewhere: @escaping () -> Set<SHA256Digest> = { [] },
            report: @escaping (UpdateRecord) -> Void = { _ in },
            reserveEvent: @escaping () -> EventReference? = { nil },
            alert: @escaping (UpdateAlert) -> Void = { _ in },
            complain: @escaping (String) -> Void = { _ in }
        ) {
            self.store = store
            self.stateFile = stateFile
            self.audit = audit
            self.registry = registry
            self.monotonic = monotonic
            self.clock = clock
            self.spawn = spawn
            self.keptElsewhere = keptElsewhere
            self.report = report
            self.reserveEvent = reserveEvent
            self.alert = alert
            self.complain = complain
        }
    }

    /// What registry jobs have to say.
    final class Inbox: Sendable {
        private let events = Mutex<[(job: Int, event: UpdateEvent, model: ResolvedModel?)]>([])

        func post(_ job: Int, _ event: UpdateEvent, _ model: ResolvedModel? = nil) {
            events.withLock { $0.append((job, event, model)) }
        }

        func take() -> [(job: Int, event: UpdateEvent, model: ResolvedModel?)] {
            events.withLock { events in
                defer { events = [] }
                return events
            }
        }
    }

    package let settings: UpdaterSettings
    var box: Surroundings
    package internal(set) var machine: UpdateMachine
    package internal(set) var pipeline: UpdatedPipeline?

    /// A power cut in tests: after so many writes and actions nothing is done any more.
    package var stepsUntilPowerCut: Int?
    package private(set) var isPowerless = false

    // MARK: Models in memory
    /// The model that decides, as far as this thread may look at it.
    var deciding: PipelineModel.View?
    var candidate: (model: PipelineModel, costNanoseconds: UInt64)?
    var shadow: ShadowModel?
    /// The one that decided before the trial.
    var kept: PipelineModel?
    /// Deliveries that the pipeline has no room for yet.
    var outgoing: [(delivery: ModelDelivery, keepsOld: Bool)] = []
    /// Whether what comes back next is kept for the way back.
    var underwayKeepsOld = false

    // MARK: Registry
    let inbox = Inbox()
    var job = 0
    var control: DownloadControl?
    var resolved: ResolvedModel?

    private var written: UpdateState?
    private var writtenAt: UInt64 = 0
    private var lastTick: UInt64 = 0
    private var replies: [(isAccepted: Bool, text: String)] = []
    private var pending: [UpdateEvent] = []
    private var isHandling = false
    private var random = SystemRandomNumberGenerator()

    /// Reads the state. Blocks on the disk.
    package init(_ settings: UpdaterSettings, _ surroundings: Surroundings) {
        self.settings = settings
        box = surroundings
        var state = UpdateState(name: settings.verifier.name)
        switch surroundings.stateFile.read() {
        case .state(let found): state = found
        case .none: break
        case .recovered(let found, let damage):
            state = found
            surroundings.complain(
                "the state of updates was damaged, the one before it is used: \(damage)")
        case .lost(let damage):
            // Without the mark an old release could come back: what is in the store is below it.
            surroundings.complain(
                "the state of updates is lost, the configured bundle works: \(damage)")
            state.highestReleases[state.name] = Self.highestRelease(
                of: state.name, in: surroundings.store, settings.agentVersion)
        }
        machine = UpdateMachine(
            state: state, policy: settings.policy, reference: settings.reference)
        // The power was cut between the state and what the last event had to say.
        for record in state.unrecorded
        where !surroundings.audit.has(record, pipeline: settings.pipeline) {
            perform(.record(record))
        }
    }

    private static func highestRelease(
        of name: String, in store: ModelStore, _ agentVersion: SemanticVersion
    ) -> Int {
        store.bundles().filter { $0.name == name }.compactMap { bundle in
            let directory = store.directory(name: bundle.name, digest: bundle.digest)
            return (try? ModelBundle(directory: directory, agentVersion: agentVersion))?
                .manifest.release
        }.max() ?? 0
    }

    // MARK: Events

    /// Takes an event and does everything that follows from it at once.
    func handle(_ event: UpdateEvent) {
        pending.append(event)
        guard !isHandling else { return }
        isHandling = true
        defer { isHandling = false }
        while !pending.isEmpty, !isPowerless { handleOne(pending.removeFirst()) }
    }

    private func handleOne(_ event: UpdateEvent) {
        let before = machine
        let actions = machine.handle(event, context)
        guard write(isUrgent: !actions.isEmpty || Self.mustBeWritten(event)) else {
            // What cannot be written is not begun. What makes things safe is done all the same.
            switch event {
            case .started, .loadFailed, .stopping, .observed, .refused: break
            case .command:
                machine = before
                replies.append((false, "the state cannot be written: see the agent's log"))
                return
            default:
                machine = before
                return
            }
            perform(actions)
            return
        }
        perform(actions)
    }

    private static func mustBeWritten(_ event: UpdateEvent) -> Bool {
        switch event {
        case .started, .stopping, .command: true
        default: false
        }
    }

    private func perform(_ actions: [UpdateAction]) {
        for action in actions {
            guard !countStep() else { return }
            if case .reply(let isAccepted, let text) = action {
                replies.append((isAccepted, text))
            } else {
                perform(action)
            }
        }
    }

    /// Writes the state if something of it changed; counts alone are worth a write a minute.
    func write(isUrgent: Bool) -> Bool {
        let clock = clockReading
        machine.state.clockFloorNanoseconds = clock.newFloorNanoseconds
        guard machine.state != written else { return true }
        let now = box.monotonic()
        let isDue = now &- writtenAt >= 60_000_000_000
        guard
            isUrgent || isDue || written == nil
                || written?.candidate?.phase != machine.state.candidate?.phase
        else { return true }
        guard !countStep() else { return false }
        do throws(BundleError) {
            try box.stateFile.write(machine.state)
            written = machine.state
            writtenAt = now
            return true
        } catch {
            box.complain("the state of updates cannot be written: \(error)")
            return false
        }
    }

    /// True when the power is cut here.
    private func countStep() -> Bool {
        guard let steps = stepsUntilPowerCut else { return isPowerless }
        if steps <= 0 { isPowerless = true }
        stepsUntilPowerCut = steps - 1
        return isPowerless
    }

    /// The version that decides, the configured one included.
    package var decidingVersion: ModelVersion? {
        machine.state.decider.stored ?? machine.configured
    }

    // MARK: Circumstances

    var clockReading: ClockReading {
        let now = box.clock()
        return ClockReading(
            wallNanoseconds: now.wallNanoseconds,
            state: settings.trustsClock ? .synchronised : now.state,
            floorNanoseconds: machine.state.clockFloorNanoseconds)
    }

    private var context: UpdateMachine.Context {
        let clock = clockReading
        let isOpen =
            settings.windows.isEmpty
            || (clock.state == .synchronised
                && settings.windows.contains {
                    $0.contains(nanosecondsSince1970: clock.wallNanoseconds)
                })
        return UpdateMachine.Context(
            nowSeconds: Int(box.monotonic() / 1_000_000_000), isWindowOpen: isOpen,
            isInRollout: settings.isInRollout)
    }

    // MARK: Life

    /// One round: what came back, what the registry said, what was counted, what is due.
    ///
    /// Call a few times a second.
    package func step() {
        guard !isPowerless else { return }
        collectModels()
        for answer in inbox.take() where answer.job == job {
            if let model = answer.model { resolved = model }
            handle(answer.event)
        }
        let now = box.monotonic()
        guard now &- lastTick >= 1_000_000_000 || lastTick == 0 else { return }
        lastTick = now
        observe()
        handle(.tick(random: Double.random(in: 0..<1, using: &random)))
    }

    /// Obeys a command.
    ///
    /// - Returns: whether it was accepted, and the answer for people.
    package func obey(
        _ command: UpdateCommand, by actor: String
    ) -> (isAccepted: Bool, text: String) {
        replies = []
        handle(.command(command, by: actor))
        return replies.last ?? (false, "nothing happened")
    }

    /// The end in good order: what is written then counts as no crash.
    package func stop() {
        control?.cancel()
        handle(.stopping)
    }
}
