internal import CLinuxShims
internal import Synchronization

/// The outbox's thread: reads lanes, publishes, commits, waits.
///
/// - Thread: its own, from ``run()`` on.
final class OutboxWorker {
    var configuration: OutboxConfiguration
    let session: MQTTSession
    let shared: OutboxShared
    let onEvent: (OutboxEvent) -> Void
    /// Held for as long as the thread uses the database.
    private var lock: OutboxLock?
    private let offline: OutboxStatusMessage?

    var core: OutboxCore
    var store: OutboxStore? {
        willSet {
            if let store, newValue !== store { writtenBefore &+= store.bytesWritten }
        }
    }
    /// The store of before the disk failed: to read the backlog from while none can be written.
    ///
    /// A record whose topic has rows waits for them, so without it nothing of such a topic could be sent. What it shows
    /// is what was committed; it goes when there is a new one, or when it cannot be read either.
    var reader: OutboxStore?
    /// Through stores that are closed.
    private var writtenBefore: UInt64 = 0
    var writeBudget: OutboxWriteBudget
    var clock: OutboxClock
    /// Whether a database has ever been open in this boot, so that identifiers fit it.
    var hasOpened: Bool
    private var opening: OutboxOpening?
    private(set) var lanes: [OutboxLane] = []
    private var poll = PollSet(capacity: 4)

    private(set) var now: UInt64 = 0
    private(set) var elapsed: Int64 = 0
    private var clockCheckedAt: UInt64 = 0
    private var stopDeadline: UInt64?
    /// The broker's own window is full: nothing is published before the next PUBACK.
    private var isStalled = false
    private var mustTurnAgain = false
    private var statusIdentifier: Int32?
    private var hasReportedUplink = false

    // Upkeep, in OutboxWorker+Upkeep.
    var lastActivity: UInt64 = 0
    var needsUpkeep = true
    var ageCheckedAt: UInt64 = 0
    var metricsAt: UInt64 = 0
    var drainedAt: UInt64 = 0
    var drainedBefore: UInt64 = 0
    var drainRate = 0.0
    var quarantined = 0

    // In OutboxWorker+Disk.
    var salvages = 0
    var salvagedAt: UInt64 = 0

    init(
        configuration: OutboxConfiguration, boot: UInt64, opening: OutboxOpening?,
        now: OutboxClockReading, lock: OutboxLock, session: MQTTSession, shared: OutboxShared,
        offline: OutboxStatusMessage?, onEvent: @escaping @Sendable (OutboxEvent) -> Void
    ) {
        self.configuration = configuration
        self.lock = lock
        self.session = session
        self.shared = shared
        self.offline = offline
        self.onEvent = onEvent
        self.opening = opening
        writeBudget = OutboxWriteBudget(budgetBytes: configuration.writeBudgetBytes)
        store = opening?.store
        clock = opening?.start.clock ?? OutboxClock(last: nil, now: now)
        hasOpened = opening != nil
        core = OutboxCore(limits: OutboxCore.Limits(configuration), boot: boot)
    }

    // MARK: The loop

    func run() {
        unsafe els_set_thread_name("outbox")
        session.onPublished = { [unowned self] identifier, reason in
            self.published(identifier, reason)
        }
        session.onStateChange = { [unowned self] state in self.stateChanged(state) }
        readClocks()
        openAtStart()
        takeShared()
        session.start(nowNanoseconds: now)
        while true {
            turn()
            if let stopDeadline, isDone || now >= stopDeadline { break }
            wait()
        }
        finish()
        // The closures would keep nothing alive, but they must not outlive the thread's object.
        session.onPublished = { _, _ in }
        session.onStateChange = { _ in }
    }

    private func turn() {
        shared.doorbell.announce(.awake)
        readClocks()
        takeShared()
        readLanes()
        pump()
        commitIfDue()
        pump()
        publishStates()
        upkeep()
        for event in core.takeEvents() { report(event) }
    }

    func readClocks() {
        now = MonotonicClock.nanoseconds
        if now &- clockCheckedAt > 1_000_000_000 {
            // Asks whether the wall clock is synchronised, too; once a second is enough.
            clockCheckedAt = now
            elapsed = clock.elapsedNanoseconds(.now())
        } else {
            elapsed = clock.elapsedNanoseconds(uptimeNanoseconds: OutboxClockReading.uptime())
        }
    }

    private func takeShared() {
        let (newLanes, isBirthNew, deadline) = shared.state.withLock { state in
            defer {
                state.newLanes.removeAll()
                state.isBirthNew = false
            }
            return (state.newLanes, state.isBirthNew, state.stopDeadline)
        }
        for lane in newLanes {
            lanes.append(lane)
            _ = core.addLane()
        }
        if isBirthNew { publishBirth() }
        takeConfiguration()
        if stopDeadline == nil, let deadline {
            stopDeadline = deadline
            core.drainsBacklog = false
        }
    }

    /// Whether there is nothing left to wait for at the end.
    private var isDone: Bool {
        core.inFlight.isEmpty && lanes.allSatisfy { $0.ring.isEmpty }
            && (!core.isConnected || core.pending.allSatisfy { $0.isEmpty })
    }

    private func wait() {
        var deadline = session.nextDeadlineNanoseconds
        func consider(_ time: UInt64?) {
            if let time { deadline = min(deadline ?? .max, time) }
        }
        consider(core.commitDue(now: now))
        consider(core.nextDeadline(now: now))
        consider(upkeepDue)
        consider(stopDeadline)
        if mustTurnAgain { deadline = 0 }
        let patience = configuration.commitDelayNanoseconds
        let isTimed = deadline.map { $0 <= now &+ patience } ?? false
        // Readings are held back until alarms' states are written, and these wait for their events' PUBACKs: which are
        // worth being woken for.
        shared.doorbell.announce(isTimed && !core.mayKeepSoon ? .timed : .endless)
        if lanes.contains(where: { !$0.ring.isEmpty }) { deadline = 0 }
        poll.removeAll()
        let doorbell = poll.add(shared.doorbell.event.fileDescriptor, .readable)
        session.appendPollDescriptors(to: &poll)
        poll.wait(deadlineNanoseconds: deadline)
        shared.doorbell.announce(.awake)
        if !poll.readiness(at: doorbell).isEmpty { shared.doorbell.event.drain() }
        readClocks()
        session.service(poll, nowNanoseconds: now)
    }

    // MARK: Lanes

    func readLanes() {
        for (index, lane) in lanes.enumerated() where !lane.ring.isEmpty {
            lastActivity = now
            // The usual case by far: published and acknowledged before anyone looked here.
            var settled = lane.ring.acknowledgedCount(after: core.liveSequences(lane: index))
            lane.ring.read(
                limit: .max,
                beforeRelease: {
                    // The lane is closed before its producer sees that a record was taken.
                    if !core.isOpen(lane: index) { lane.close() }
                },
                { entry in
                    switch entry {
                    case .record(let header, let topic, _, isLive: true) where settled > 0:
                        settled -= 1
                        unsafe core.acceptSettled(lane: index, header: header, topic: topic)
                    case .record(let header, let topic, let payload, let isLive):
                        unsafe core.accept(
                            lane: index, header: header, topic: topic, payload: payload,
                            isLive: isLive, now: now, elapsed: elapsed)
                    case .keep(let sequence, let key, let bytes, let isAwaited):
                        let kept = unsafe OutboxKept(
                            scope: lane.name, key: Array(key), bytes: Array(bytes))
                        core.keep(
                            lane: index, sequence: sequence, kept: kept, isAwaited: isAwaited)
                    case .acknowledged(let sequence):
                        core.acknowledgeLive(lane: index, sequence: sequence, now: now)
                    case .rejected(let sequence, let code):
                        core.rejectLive(
                            lane: index, sequence: sequence, reason: MQTTReasonCode(rawValue: code),
                            now: now)
                    case .handOver(let sequence):
                        core.handOver(lane: index, sequence: sequence)
                    case .releaseAll:
                        core.releaseLive(lane: index)
                    }
                })
            publishState(index, hasTaken: true)
        }
    }

    private func publishStates() {
        for index in lanes.indices { publishState(index, hasTaken: false) }
    }

    private func publishState(_ index: Int, hasTaken: Bool) {
        lanes[index].publishState(
            durableSequence: core.durableSequence(lane: index), isOpen: core.isOpen(lane: index),
            hasTaken: hasTaken)
    }

    // MARK: Uplink

    /// Sends what may be sent, as far as the window goes.
    private func pump() {
        mustTurnAgain = false
        guard core.isConnected else { return }
        var steps = 0
        while !isStalled {
            // A turn has an end: the lanes and the disk come first again.
            guard steps < 1_024 else {
                mustTurnAgain = true
                break
            }
            steps += 1
            let step = core.nextStep(now: now, elapsed: elapsed)
            if step == .nothing { break }
            lastActivity = now
            switch step {
            case .publish(let record): publish(record)
            case .load(let recordClass, let after, let limit):
                load(recordClass, after: after, limit: limit)
            case .nothing: break
            }
        }
        session.flush()
    }

    private func publish(_ record: OutboxRecord) {
        let outcome = unsafe record.bytes.span.bytes.withUnsafeBytes { bytes -> PublishOutcome in
            // Proof: `bytes` starts with the topic and its NUL, and lives until publish returns, which copies.
            guard let base = bytes.baseAddress else { return .notConnected }
            return unsafe session.publish(
                topic: base.assumingMemoryBound(to: CChar.self),
                payload: UnsafeRawBufferPointer(rebasing: bytes[(record.topicCount + 1)...]),
                qualityOfService: .atLeastOnce, isRetained: record.header.isRetained,
                contentType: record.header.contentType,
                messageExpirySeconds: core.remainingSeconds(of: record, elapsed: elapsed))
        }
        switch outcome {
        case .sent(let identifier): core.sent(record.id, messageIdentifier: identifier)
        case .notConnected, .windowFull:
            core.notSent(record.id)
            isStalled = true
        case .tooLarge: core.refuse(record.id, reason: .packetTooLarge, now: now)
        case .refused: core.refuse(record.id, reason: MQTTReasonCode(rawValue: 0x83), now: now)
        }
    }

    private func published(_ identifier: Int32, _ reason: MQTTReasonCode) {
        isStalled = false
        lastActivity = now
        if identifier == statusIdentifier {
            statusIdentifier = nil
        } else {
            core.acknowledged(messageIdentifier: identifier, reason: reason, now: now)
        }
    }

    private func stateChanged(_ state: MQTTSessionState) {
        isStalled = false
        lastActivity = now
        switch state {
        case .connected:
            core.connected()
            hasReportedUplink = true
            report(.uplinkChanged(isConnected: true, error: nil))
            publishBirth()
        case .disconnected(let error, _):
            let wasConnected = core.isConnected
            statusIdentifier = nil
            core.disconnected()
            // Each loss is news, each further failure to connect is not.
            if wasConnected || !hasReportedUplink {
                hasReportedUplink = true
                report(.uplinkChanged(isConnected: false, error: error))
            }
        case .idle, .connecting, .stopped: break
        }
    }

    private func publishBirth() {
        guard core.isConnected, let birth = shared.state.withLock({ $0.birth }) else { return }
        publishStatus(birth)
    }

    private func publishStatus(_ message: OutboxStatusMessage) {
        let outcome = unsafe message.topic.withCString { topic in
            unsafe message.payload.withUnsafeBytes { payload in
                unsafe session.publish(
                    topic: topic, payload: payload, qualityOfService: .atLeastOnce,
                    isRetained: true, contentType: message.contentType)
            }
        }
        if case .sent(let identifier) = outcome { statusIdentifier = identifier }
    }

    /// Bytes that this process has written to the disk: log and write-back.
    var bytesWritten: UInt64 { writtenBefore &+ (store?.bytesWritten ?? 0) }

    func report(_ event: OutboxEvent) {
        if case .quarantined = event { quarantined += 1 }
        onEvent(event)
    }

    // MARK: The end

    private func finish() {
        readClocks()
        readLanes()
        for index in lanes.indices { core.releaseLive(lane: index) }
        core.disconnected()
        core.mustCommitNow = true
        // The last chance: no waiting for the next attempt.
        core.diskRetryAt = 0
        commit()
        publishStates()
        var report = OutboxStopReport()
        report.stored = core.rows - core.deletable.count
        report.lost = core.entries.values.count { !$0.isDurable }
        if session.state == .connected(sessionPresent: true)
            || session.state == .connected(sessionPresent: false)
        {
            report.isDisconnectedCleanly = publishOffline()
        }
        session.stop(timeoutNanoseconds: 200_000_000)
        closeStore()
        lock = nil
        for event in core.takeEvents() { self.report(event) }
        refreshMetrics()
        shared.state.withLock { $0.report = report }
    }

    /// Publishes the last status, and waits a moment for its PUBACK.
    private func publishOffline() -> Bool {
        guard let offline else { return true }
        statusIdentifier = nil
        publishStatus(offline)
        session.flush()
        // A broker that is stalled must not hold up the end: the will says offline as well.
        let deadline = now &+ 250_000_000
        while statusIdentifier != nil, now < deadline, session.isReady {
            poll.removeAll()
            session.appendPollDescriptors(to: &poll)
            poll.wait(deadlineNanoseconds: min(deadline, session.nextDeadlineNanoseconds ?? .max))
            readClocks()
            session.service(poll, nowNanoseconds: now)
        }
        return statusIdentifier == nil && session.isReady
    }

    func openAtStart() {
        defer { opening = nil }
        guard let opening else {
            core.commitFailed(
                SQLiteError(operation: "open", code: 14, text: "not open"), now: now)
            // Said at init already.
            _ = core.takeEvents()
            core.beginScan()
            core.endScan()
            core.forgetBacklog()
            return
        }
        scan()
        // No new record may have the identifier of one that could not be read.
        core.nextCounter = max(core.nextCounter, opening.highestCounter + 1)
    }
}
