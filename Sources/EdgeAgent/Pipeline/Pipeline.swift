internal import Glibc
package import SensorIO
internal import Synchronization

/// One way from sensor topics to alerts: one thread, one sensor session, one model, many assets.
///
/// Each turn of its loop waits for the network, reads every packet that is there into the windows,
/// evaluates each window that is due once, and publishes. Nothing queues up inside.
///
/// Nothing that was decided is lost: every record goes to the outbox's lane before it is published,
/// and while one of them is neither acknowledged by the broker nor on disk, the sensor session
/// writes nothing, and so acknowledges none of the readings that led to it.
/// - Thread: made on any; `run()` and everything below it on the pipeline's own.
// `keyBuffer`, `topicBuffer`, `features`, `outputs`, `decodeNanoseconds` and `raisedKeys` are
// allocated in init with the sizes their uses are bounded by, and freed in deinit.
@safe
package final class Pipeline {
    package let settings: PipelineSettings
    package let metrics: PipelineMetrics
    package let budgetMetrics: BudgetMetrics
    package let notices: NoticeBox<PipelineNotice>

    let sensors: MQTTSession
    let alertSession: MQTTSession?
    let lane: OutboxLane
    let wallClock: WallClock
    let control: PipelineControl

    // MARK: Receiving
    let router: TopicRouter
    var captures = TopicCaptures()
    let decoder: PayloadDecoder
    let bank: WindowBank
    let ledger: RejectionLedger
    let keyBuffer: UnsafeMutableRawBufferPointer
    /// How long the decoding of each asset's last message took.
    let decodeNanoseconds: UnsafeMutablePointer<UInt32>

    // MARK: Deciding
    var model: PipelineModel
    var budget: BudgetMonitor
    var alarms: AlarmBank
    /// The keys of assets with a raised alarm, kept beyond their eviction from the bank.
    let raisedKeys: RaisedKeys
    var failures = FailureMonitor()
    /// A new version that is watched before it decides.
    var shadow: ShadowModel?
    var watched: WatchedWindow?
    var evaluations: UInt64 = 0
    /// For people who look; nil while nobody can.
    var history: AssetHistory?

    // MARK: Publishing
    var predictions: PipelineSettings.Predictions
    var events: PipelineEventWriter
    var agentEvents: AgentEventWriter
    let topicBuffer: UnsafeMutableRawBufferPointer
    var inflight = InflightTable()
    /// The last record published on this thread, and the last one that is the outbox's; see `holdsReadings`.
    private var turns: UInt64 = 0
    var lastLiveSequence: UInt64 = 0
    var lastKeptSequence: UInt64 = 0
    var agentAlerts = AgentAlertStates()

    // MARK: Over restarts
    /// nil where nothing is saved.
    var state: PipelineState?
    /// Of the bundle's name, and of its digest with the alarm rule.
    let nameHash: UInt64
    var modelHash: UInt64
    /// The last alarm state that readings wait for, and when it was given to the outbox.
    var keptAlarm = (sequence: UInt64(0), atNanoseconds: UInt64(0))
    var retiredAlarms: [RetiredAlarm] = []
    var retiredAgentAlerts: [RetiredAgentAlert] = []
    let alarmTopics: AlarmTopics
    /// Where the start before has left alarms raised; nil: on the same topics.
    var earlierTopics: AlarmTopics?
    /// Whether the next start will know `alarmTopics`.
    var areTopicsKept = false

    // MARK: The turn
    var poll = PollSet(capacity: 8)
    /// For a wait inside a turn, while `poll` is being served.
    var roomPoll = PollSet(capacity: 1)
    /// When the bytes that this turn reads became readable, at the earliest.
    var readableAt: UInt64 = 0
    var turnWallNanoseconds: Int64 = 0
    private var readableClock = ReadableClock(now: 0)
    private var isOutboxBehind = false
    /// Since when there has been no room for more live records; see `mustAwaitAcknowledgements`.
    private var windowFullSince: UInt64?
    /// What the records of a turn may take in the lane, topics included.
    var roomBytes: Int

    /// Allocates all that the pipeline needs.
    ///
    /// - Parameters:
    ///   - model: loaded, tested and within the budget.
    ///   - lane: the pipeline's own; this object is its producer.
    /// - Throws: `PipelineError`, when the settings do not fit the model or memory is short.
    package init(
        settings: PipelineSettings, model: PipelineModel, lane: OutboxLane, wallClock: WallClock,
        control: PipelineControl
    ) throws(PipelineError) {
        self.settings = settings
        self.lane = lane
        self.wallClock = wallClock
        self.control = control
        predictions = settings.predictions
        alarmTopics = AlarmTopics(settings.topics)
        metrics = PipelineMetrics()
        notices = NoticeBox()
        do {
            sensors = try MQTTSession(
                endpoint: settings.sensors,
                subscriptions: settings.filters.map {
                    MQTTSubscription(
                        filter: $0.mqttFilter, qualityOfService: settings.qualityOfService)
                })
            alertSession = try settings.alerts.map { endpoint throws(MQTTError) in
                try MQTTSession(endpoint: endpoint)
            }
        } catch {
            throw .mqtt(error)
        }
        router = TopicRouter(settings.filters)
        do {
            decoder = try PayloadDecoder(settings.payload, channels: model.channels)
        } catch {
            throw .payload(error)
        }
        do {
            bank = try WindowBank(
                window: model.window, channelCount: model.channels.count,
                timeAxis: decoder.timeAxis, limits: settings.assets)
        } catch {
            throw .window(error)
        }
        bank.lateAfterNanoseconds = settings.budgetNanoseconds
        ledger = RejectionLedger()
        unsafe keyBuffer = .allocate(byteCount: TopicKey.maximumBytes, alignment: 8)
        unsafe decodeNanoseconds = .allocate(capacity: settings.assets.maximumAssets)
        unsafe decodeNanoseconds.initialize(repeating: 0, count: settings.assets.maximumAssets)
        raisedKeys = RaisedKeys(capacity: settings.assets.maximumAssets)
        alarms = AlarmBank(capacity: settings.assets.maximumAssets, rule: model.alarmRule)
        budget = BudgetMonitor(
            budgetNanoseconds: settings.budgetNanoseconds, onOverrun: settings.onOverrun,
            alert: settings.budgetAlert, hasFallback: model.fallback != nil)
        budgetMetrics = budget.metrics
        let identity = EventIdentity(
            agent: settings.agent, boot: settings.boot, pipeline: settings.name)
        events = PipelineEventWriter(
            identity: identity,
            capacityBytes: PipelineEventWriter.requiredBytes(
                identity: identity, model: model.eventModel,
                maximumSubjectBytes: TopicKey.maximumBytes))
        agentEvents = AgentEventWriter(
            identity: EventIdentity(agent: settings.agent, boot: settings.boot),
            maximumSubjectBytes: settings.name.utf8.count + 256)
        unsafe topicBuffer = .allocate(byteCount: TopicFilter.maximumBytes + 1, alignment: 8)
        roomBytes = Self.roomBytes(events.capacityBytes)
        nameHash = model.eventModel.nameHash
        modelHash = model.modelHash
        self.model = model
        connectCallbacks()
    }

    deinit {
        unsafe keyBuffer.deallocate()
        unsafe topicBuffer.deallocate()
        unsafe decodeNanoseconds.deallocate()
    }

    /// The callbacks hold the pipeline unowned: it owns the sessions, which run them on its thread.
    private func connectCallbacks() {
        sensors.onMessage = { [unowned self] message in receive(message) }
        sensors.onStateChange = { [unowned self] state in sensorsChanged(state) }
        sensors.onSubscription = { [unowned self] event in notices.post(.subscription(event)) }
        alertSession?.onPublished = { [unowned self] identifier, reason in
            published(identifier, reason)
        }
        alertSession?.onStateChange = { [unowned self] state in alertsChanged(state) }
    }

    // MARK: - The loop

    /// Runs until `control.stop()`, then stops in good order.
    func run() {
        applyScheduling()
        let start = MonotonicClock.nanoseconds
        readableClock.drained(at: start)
        sensors.notesArrivals = true
        sensors.start(nowNanoseconds: start)
        alertSession?.start(nowNanoseconds: start)
        prepareTopics()
        while !control.isStopRequested {
            turn()
            countTurn()
        }
        stop()
    }

    /// For the watchdog: the thread goes on.
    func countTurn() {
        turns &+= 1
        metrics.set(.turns, turns)
    }

    private func turn() {
        if hasRetired {
            turnWallNanoseconds = WallClock.nanoseconds
            publishRetired()
        }
        poll.removeAll()
        let wakeIndex = poll.add(lane.wakeDescriptor, .readable)
        // Without room for what an evaluation may decide, nothing is read: the broker keeps it.
        let hasRoom = lane.hasRoom(forBytes: roomBytes)
        noteLane(isBehind: !hasRoom)
        let mayEvaluate = hasRoom && !mustAwaitAcknowledgements
        let mayRead = mayEvaluate && !mustCatchUp
        if mayRead { sensors.appendPollDescriptors(to: &poll) }
        alertSession?.appendPollDescriptors(to: &poll)
        let before = MonotonicClock.nanoseconds
        poll.wait(
            deadlineNanoseconds: bank.hasDueWindow && mayEvaluate
                ? 0 : nextDeadline(before, mayRead: mayRead))
        let now = MonotonicClock.nanoseconds
        if mayRead { noteReadable(since: before, now: now) }
        turnWallNanoseconds = WallClock.nanoseconds
        if !poll.readiness(at: wakeIndex).isEmpty { lane.drainWake() }
        takeModels(now: now)
        takeChanges(now: now)

        alertSession?.service(poll, nowNanoseconds: now)
        if mayRead {
            // No PUBACK leaves before what its reading leads to is decided and kept.
            sensors.holdsWrites = true
            sensors.service(poll, nowNanoseconds: now)
            noteRead()
            readBacklog(since: now)
        }
        if mayEvaluate { evaluateDueWindows() }
        metrics.set(.sensorsConnected, sensors.isReady ? 1 : 0)
        tick(now: MonotonicClock.nanoseconds)
        serveSaver()
        alertSession?.flush()
        lane.flush()
        lane.wantsWake = holdsReadings || !lane.isClear || !hasRoom
        sensors.holdsWrites = holdsReadings
        sensors.flush()
        runShadow()
    }

    private func noteReadable(since before: UInt64, now: UInt64) {
        var position: UInt64?
        var age: UInt64?
        if readableClock.hasBacklog {
            position = sensors.streamPosition.map { $0.received &- $0.unread }
        } else if now &- before >= 10_000 {
            age = sensors.receiveAgeNanoseconds(poll)
        }
        readableAt = readableClock.readableAt(
            waitBegan: before, waitEnded: now, position: position, age: age)
    }

    /// Reads on while more is there, for half the budget at most: what is evaluated has to be the newest.
    private func readBacklog(since start: UInt64) {
        guard settings.onOverrun != .evaluate else { return }
        var now = MonotonicClock.nanoseconds
        while !sensors.hasReadAll, lane.hasRoom(forBytes: roomBytes),
            now &- start < settings.budgetNanoseconds / 2
        {
            noteReadable(since: now, now: now)
            sensors.service(poll, nowNanoseconds: now)
            noteRead()
            now = MonotonicClock.nanoseconds
        }
    }

    private func noteRead() {
        let now = MonotonicClock.nanoseconds
        if !sensors.hasReadAll, let position = sensors.streamPosition {
            readableClock.leftUnread(at: now, received: position.received)
        } else {
            readableClock.drained(at: now)
        }
    }

    /// Whether to read on only when PUBACKs have made room for what an evaluation may decide.
    ///
    /// A record for which there is no room goes to the outbox, and all that follow have to queue up behind it:
    /// dear, and to be had for a moment's patience. A broker that lets us wait for longer is the
    /// outbox's business.
    var mustAwaitAcknowledgements: Bool {
        guard let alertSession, alertSession.isReady, lane.isClear,
            !inflight.hasRoom(for: Self.liveRecordsPerEvaluation)
                || !alertSession.hasRoom(for: Self.liveRecordsPerEvaluation)
        else {
            windowFullSince = nil
            return false
        }
        let now = MonotonicClock.nanoseconds
        let since = windowFullSince ?? now
        windowFullSince = since
        return now &- since < longestWindowWaitNanoseconds
    }

    /// An alert, its state, a prediction and a clear of an asset that made room.
    private static let liveRecordsPerEvaluation = 4

    private var longestWindowWaitNanoseconds: UInt64 {
        min(settings.budgetNanoseconds / 4, 10_000_000)
    }

    /// While a record is neither acknowledged by the broker nor on disk, the readings that led to
    /// it are not acknowledged either. Not for ever: half the keep alive has to be enough, or the sensors' broker
    /// would end the session.
    var holdsReadings: Bool {
        if let held = sensors.oldestHeldNanoseconds,
            MonotonicClock.nanoseconds &- held > longestHoldNanoseconds
        {
            return false
        }
        return areReadingsUnsafe
    }

    /// Whether a crash now would lose what readings that wait for their PUBACK led to.
    private var areReadingsUnsafe: Bool {
        // A window that is still due may lead to a record.
        if bank.hasDueWindow { return true }
        let durable = lane.durableSequence
        if isAlarmOnItsWay(durableSequence: durable) { return true }
        return lastKeptSequence > durable || (lastLiveSequence > durable && !inflight.isEmpty)
    }

    /// Whether nothing is to be read until all that was decided is safe.
    ///
    /// PUBACKs leave together or not at all. Where readings never pause, there is always a record that is not safe
    /// yet, and without this the PUBACKs would be held until the time is over, and then leave before it is.
    private var mustCatchUp: Bool {
        guard let held = sensors.oldestHeldNanoseconds else { return false }
        let patience = min(longestHoldNanoseconds / 4, 200_000_000)
        return MonotonicClock.nanoseconds &- held > patience && holdsReadings
    }

    /// Says once that the lane has no room, and once that it has again.
    private func noteLane(isBehind: Bool) {
        guard isBehind != isOutboxBehind else { return }
        isOutboxBehind = isBehind
        notices.post(.outboxBehind(isBehind: isBehind))
    }

    private var longestHoldNanoseconds: UInt64 {
        // The broker's own keep alive, where it has set one.
        max(sensors.keepAliveSeconds, 4) &* 500_000_000
    }

    private func nextDeadline(_ now: UInt64, mayRead: Bool) -> UInt64 {
        var next = now &+ 1_000_000_000  // The budget's alert clears by time as well.
        // A session that is not served now has no say in when to turn.
        if mayRead, let deadline = sensors.nextDeadlineNanoseconds { next = min(next, deadline) }
        if !mayRead, let held = sensors.oldestHeldNanoseconds {
            next = min(next, held &+ longestHoldNanoseconds)
        }
        if let deadline = alertSession?.nextDeadlineNanoseconds { next = min(next, deadline) }
        if let windowFullSince { next = min(next, windowFullSince &+ longestWindowWaitNanoseconds) }
        return next
    }

    private func stop() {
        // What was read and is due is decided first; its readings are acknowledged below.
        evaluateDueWindows(awaits: false)
        // What is in flight gets a moment for its PUBACK; what does not come is the outbox's.
        var deadline = MonotonicClock.nanoseconds &+ 200_000_000
        while let alertSession, !inflight.isEmpty, MonotonicClock.nanoseconds < deadline {
            poll.removeAll()
            alertSession.appendPollDescriptors(to: &poll)
            poll.wait(deadlineNanoseconds: deadline)
            alertSession.service(poll, nowNanoseconds: MonotonicClock.nanoseconds)
            alertSession.flush()
        }
        handOver()
        lane.flush()
        deadline = MonotonicClock.nanoseconds &+ 300_000_000
        while areReadingsUnsafe, MonotonicClock.nanoseconds < deadline {
            lane.wantsWake = true
            guard areReadingsUnsafe else { break }
            poll.removeAll()
            poll.add(lane.wakeDescriptor, .readable)
            poll.wait(deadlineNanoseconds: deadline)
            lane.drainWake()
        }
        // Those that are not safe come again: no session has to be kept alive for longer.
        sensors.holdsWrites = areReadingsUnsafe
        sensors.flush()
        alertSession?.stop(timeoutNanoseconds: 200_000_000)
        sensors.stop(timeoutNanoseconds: 200_000_000)
        saveFinally()
    }
}
