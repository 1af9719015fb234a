internal import Glibc
internal import Synchronization

/// The outbox as a running thing: one thread named `outbox` that owns the database and the session to the
/// uplink.
///
/// Order of use: make it (this opens the database and settles the boot number), make the lanes,
/// ``start()``, ``stop(deadlineNanoseconds:)``.
package final class OutboxService: Sendable {
    /// The number of this start; a part of every record's identifier.
    package let boot: OutboxBoot
    /// What the lanes of earlier starts have kept.
    package let kept: [OutboxKept]
    /// Whether the start before this one ended in order; false also after damage, and while nobody can read it.
    package let followsOrderlyEnd: Bool
    private let sequencer = OutboxSequencer()
    private let shared: OutboxShared
    // Proof: written by init, used by start() once to hand it to the thread, whose own it is from then on.
    private nonisolated(unsafe) let worker: OutboxWorker

    /// Opens the database, salvaging it if it must, and settles the boot number.
    ///
    /// A disk that cannot be written is no error: the outbox then works in memory and says so.
    ///
    /// - Parameters:
    ///   - uplink: where records go, made once the number of this start is known.
    ///   - onEvent: called on the outbox's thread (and on the caller's during init); must not block.
    /// - Throws: ``OutboxError``; no half of an outbox remains.
    package init(
        configuration: OutboxConfiguration, uplink: (OutboxBoot) -> OutboxUplink,
        onEvent: @escaping @Sendable (OutboxEvent) -> Void
    ) throws(OutboxError) {
        let lock = try OutboxLock(path: configuration.path)
        let now = OutboxClockReading.now()
        var opening: OutboxOpening?
        do throws(SQLiteError) {
            opening = try OutboxOpening(configuration: configuration, now: now)
        } catch {
            onEvent(.diskFailed(error))
            onEvent(.bootNumberIsRandom(error))
        }
        opening?.events.forEach(onEvent)
        kept = opening?.kept ?? []
        followsOrderlyEnd = opening.map { $0.start.followsOrderlyEnd && $0.events.isEmpty } ?? false
        // From 2^52 up: no stored number gets there.
        boot =
            opening.map { OutboxBoot(number: $0.start.bootNumber, isPersisted: true) }
            ?? OutboxBoot(number: 1 << 52 | UInt64.random(in: 0..<1 << 52), isPersisted: false)
        let uplink = uplink(boot)
        var endpoint = uplink.endpoint
        endpoint.sendMaximum = UInt16(clamping: configuration.window + 4)
        let session: MQTTSession
        let doorbell: OutboxDoorbell
        do throws(MQTTError) {
            session = try MQTTSession(endpoint: endpoint)
            doorbell = try OutboxDoorbell()
        } catch {
            throw .uplink(error)
        }
        shared = OutboxShared(doorbell: doorbell, birth: uplink.birth)
        unsafe worker = OutboxWorker(
            configuration: configuration, boot: boot.number, opening: opening, now: now, lock: lock,
            session: session, shared: shared, offline: uplink.offline, onEvent: onEvent)
    }

    /// Makes a lane for one producer; before or after ``start()``.
    ///
    /// - Parameter capacityBytes: of its ring; a record may take a quarter of it.
    package func makeLane(name: String, capacityBytes: Int = 1 << 20) throws(OutboxError)
        -> OutboxLane
    {
        do throws(MQTTError) {
            let lane = try OutboxLane(
                name: name, capacityBytes: capacityBytes, sequencer: sequencer,
                doorbell: shared.doorbell, startsOpen: false)
            shared.state.withLock { $0.newLanes.append(lane) }
            shared.doorbell.ringAlways()
            return lane
        } catch {
            throw .uplink(error)
        }
    }

    /// Starts the thread. Does not wait for the uplink.
    package func start() throws(OutboxError) {
        let isFirst = shared.state.withLock { state in
            defer { state.isStarted = true }
            return !state.isStarted
        }
        precondition(isFirst, "an outbox is started once")
        var thread = pthread_t()
        // Balanced by the thread's function, or below when there is no thread.
        let argument = unsafe Unmanaged.passRetained(worker).toOpaque()
        let code = unsafe pthread_create(&thread, nil, runOutbox, argument)
        guard code == 0 else {
            unsafe Unmanaged<OutboxWorker>.fromOpaque(argument).release()
            throw .system(operation: "pthread_create", errorNumber: code)
        }
        shared.state.withLock { $0.thread = thread }
    }

    /// Replaces the birth message, and publishes the new one if the uplink is connected.
    package func setBirth(_ birth: OutboxStatusMessage) {
        shared.state.withLock { state in
            state.birth = birth
            state.isBirthNew = true
        }
        shared.doorbell.ringAlways()
    }

    /// Changes the limits of the running outbox; its path and window stay as they are.
    package func setConfiguration(_ configuration: OutboxConfiguration) {
        shared.state.withLock { $0.configuration = configuration }
        shared.doorbell.ringAlways()
    }

    /// Ends the outbox: takes what is in the lanes, waits for PUBACKs until the deadline, commits the rest,
    /// publishes the offline status, disconnects in order (so the will stays unsent), joins the thread.
    ///
    /// Blocks. Producers must have stopped. A second call returns what the first did.
    ///
    /// - Parameter deadlineNanoseconds: a time of ``MonotonicClock``; the disk may take a little longer.
    @discardableResult
    package func stop(deadlineNanoseconds: UInt64) -> OutboxStopReport {
        let thread = shared.state.withLock { state in
            state.stopDeadline = deadlineNanoseconds
            defer { state.thread = nil }
            return state.thread
        }
        shared.doorbell.ringAlways()
        if let thread { pthread_join(thread, nil) }
        return shared.state.withLock { $0.report }
    }

    /// Where the outbox stands, at most 50 ms old. - Thread: any but the hot ones: it takes a lock.
    package var metrics: OutboxMetrics { shared.state.withLock { $0.metrics } }
}

/// What the outbox's thread and the control plane exchange; producers never take its lock.
final class OutboxShared: Sendable {
    struct State {
        var newLanes: [OutboxLane] = []
        var birth: OutboxStatusMessage?
        var isBirthNew = false
        var configuration: OutboxConfiguration?
        var stopDeadline: UInt64?
        var isStarted = false
        var thread: pthread_t?
        var metrics = OutboxMetrics()
        var report = OutboxStopReport()
    }

    let doorbell: OutboxDoorbell
    let state: Mutex<State>

    init(doorbell: OutboxDoorbell, birth: OutboxStatusMessage?) {
        self.doorbell = doorbell
        var state = State()
        state.birth = birth
        self.state = Mutex(state)
    }
}

private func runOutbox(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let argument = unsafe argument {
        // Balances the retain of `start`; only this thread uses the object.
        unsafe Unmanaged<OutboxWorker>.fromOpaque(argument).takeRetainedValue().run()
    }
    return nil
}
