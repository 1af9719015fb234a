/// A session with one broker, driven by its owner's poll loop: it connects, subscribes, reads, writes,
/// and comes back by itself after whatever happened.
///
/// Each turn of the loop: ``appendPollDescriptors(to:)``, wait until something is ready or
/// ``nextDeadlineNanoseconds`` has come, ``service(_:nowNanoseconds:)``. Several sessions and other
/// descriptors share one wait. Nothing here blocks except ``stop(timeoutNanoseconds:)``; in steady state
/// none of our code allocates.
///
/// **Acknowledgements.** The PUBACK of a QoS 1 message is queued before ``onMessage`` is called with it and
/// leaves at the end of ``service(_:nowNanoseconds:)``, or, while ``holdsWrites`` is true, when the owner lets
/// it. What was not acknowledged when the process or the connection dies is sent again by the broker.
///
/// **Publishing** happens only while connected, and nothing outlives the connection: on a loss everything in
/// flight is forgotten and is the caller's to send again.
///
/// - Thread: one thread owns a session, from ``start(nowNanoseconds:)`` on; every callback runs on it, from
///   within ``service(_:nowNanoseconds:)``, ``start(nowNanoseconds:)``, ``flush()`` or ``stop(timeoutNanoseconds:)``. A callback may
///   publish and set ``holdsWrites``; it must not stop the session.
package final class MQTTSession {
    /// What a message view, and its bytes, are given to; set before the start.
    package var onMessage: (borrowing MQTTMessage) -> Void = { _ in }
    /// In place of ``onMessage``, for a session that takes requests of MQTT 5; set before the start.
    package var onRequest: ((borrowing MQTTMessage, MQTTRequestOrigin) -> Void)?
    /// Called for each PUBACK with the identifier that ``PublishOutcome/sent(messageIdentifier:)`` gave; a
    /// failure code means that the broker refused the message and will do so again.
    package var onPublished: (_ messageIdentifier: Int32, _ reason: MQTTReasonCode) -> Void = {
        _, _ in
    }
    /// Called on each change of ``state``.
    package var onStateChange: (MQTTSessionState) -> Void = { _ in }
    /// Called for each SUBACK.
    package var onSubscription: (MQTTSubscriptionEvent) -> Void = { _ in }

    package let endpoint: MQTTEndpoint
    package private(set) var state = MQTTSessionState.idle

    /// Whether the kernel notes when bytes arrive; set before the start.
    package var notesArrivals = false
    /// While true no byte is written: no PUBACK, no PUBLISH, no ping. Reading goes on. Whoever holds must
    /// let go before the keep alive interval is over (``oldestHeldNanoseconds``).
    package var holdsWrites = false
    /// Since when something has been waiting to be written because of ``holdsWrites``.
    package internal(set) var oldestHeldNanoseconds: UInt64?

    /// How many QoS 1 messages wait for their PUBACK.
    package internal(set) var inFlightCount = 0
    /// What the broker said about itself.
    var limits = MQTTServerLimits()

    /// How many messages one turn takes, so that a flood cannot keep the owner from its other work.
    package static let readBudget = 512
    /// How often a packet without a callback is read from a socket that has hung up before the
    /// connection counts as lost.
    private static let hangUpBudget = 64

    var connection: MosquittoConnection?
    var subscriptions: MQTTSubscriptionTable
    var isAccepted = false

    private var attempt: ConnectAttempt?
    private let attemptDone: EventDescriptor
    private let connectThreads = ConnectThreadCount()
    private var backoff: Backoff
    var random: SplitMix64

    private var now: UInt64 = 0
    private var isServicing = false
    private var isWriting = false
    var handled = 0
    var mustReadAgain = false
    var isReadingPaused = false
    private var connackRefusal: MQTTError?
    private var acceptedAt: UInt64 = 0
    /// The end of waiting for the connection or the CONNACK.
    private var stepDeadline: UInt64?
    private var retryAt: UInt64?
    private var keepAliveAt: UInt64 = 0
    var socketIndex = -1
    private var attemptIndex = -1

    /// Makes a session that is not connected yet.
    ///
    /// - Parameter randomSeed: for the jitter; nil takes the system's randomness.
    /// - Throws: ``MQTTError/invalidEndpoint(field:problem:)``, or ``MQTTError/system(operation:errorNumber:)`` when
    ///   the process has no descriptor left.
    package init(
        endpoint: MQTTEndpoint, subscriptions: [MQTTSubscription] = [], randomSeed: UInt64? = nil
    ) throws(MQTTError) {
        try endpoint.validate()
        self.endpoint = endpoint
        random = SplitMix64(seed: randomSeed ?? UInt64.random(in: 0...UInt64.max))
        backoff = Backoff(policy: endpoint.reconnect)
        self.subscriptions = MQTTSubscriptionTable(subscriptions, backoff: endpoint.reconnect)
        attemptDone = try EventDescriptor()
    }

    deinit {
        attempt?.abandon()
    }

    /// Whether the broker has accepted the connection and every subscription.
    package var isReady: Bool { isAccepted && subscriptions.areAllGranted }

    // MARK: - The loop

    /// Starts connecting. Does nothing if the session has been started before.
    package func start(nowNanoseconds: UInt64) {
        guard state == .idle else { return }
        now = nowNanoseconds
        beginAttempt()
    }

    /// Adds what the session waits for now: at most two descriptors.
    package func appendPollDescriptors(to set: inout PollSet) {
        socketIndex = -1
        attemptIndex = -1
        if attempt != nil {
            attemptIndex = set.add(attemptDone.fileDescriptor, .readable)
        }
        guard let connection else { return }
        let writes = connection.wantsWrite && !isHolding
        socketIndex = set.add(connection.socket, writes ? [.readable, .writable] : .readable)
    }

    /// When ``service(_:nowNanoseconds:)`` wants to be called even though no descriptor is ready.
    package var nextDeadlineNanoseconds: UInt64? {
        if mustReadAgain { return 0 }
        var next = retryAt
        if let stepDeadline { next = min(next ?? .max, stepDeadline) }
        if connection != nil { next = min(next ?? .max, keepAliveAt) }
        if isAccepted, let deadline = subscriptions.nextDeadline {
            next = min(next ?? .max, deadline)
        }
        return next
    }

    /// Does what there is to do after a wait: takes a finished connect over, reads every packet that is
    /// there up to ``readBudget``, keeps the connection alive, retries, writes.
    package func service(_ set: borrowing PollSet, nowNanoseconds: UInt64) {
        now = nowNanoseconds
        let readiness = set.readiness(at: socketIndex)
        let isAttemptDone = !set.readiness(at: attemptIndex).isEmpty
        socketIndex = -1
        attemptIndex = -1
        isServicing = true
        defer { isServicing = false }
        if attempt != nil { serviceAttempt(isDone: isAttemptDone) }
        if let connection { serviceConnection(connection, readiness) }
        if let retryAt, now >= retryAt { beginAttempt() }
    }

    private func serviceConnection(_ connection: MosquittoConnection, _ readiness: PollReadiness) {
        if !readiness.isEmpty || mustReadAgain, !readAll(connection, readiness) { return }
        if let stepDeadline, now >= stepDeadline {
            return lose(
                .timedOut(waitingFor: .acknowledgedConnection, afterSeconds: timeoutSeconds))
        }
        if now >= keepAliveAt {
            keepAliveAt = now &+ keepAliveCheckNanoseconds
            let code = connection.keepAlive()
            if code != 0 || connection.socket < 0 { return lose(connection, code) }
        }
        if isAccepted, let deadline = subscriptions.nextDeadline, now >= deadline {
            if subscriptions.isOverdue(at: now) {
                return lose(
                    .timedOut(waitingFor: .acknowledgedSubscription, afterSeconds: timeoutSeconds))
            }
            subscribe(connection)
        }
        writeQueued()
    }

    /// Reads until nothing is left or the budget is spent. Returns false if the connection was lost.
    ///
    /// One call of the library reads one packet or a few. Its own look into OpenSSL's buffer is cut short when
    /// errno says EAGAIN, which a PUBACK's wake-up byte leaves there, too: so whenever a packet reached us,
    /// it is asked again, or up to 16 KiB of decrypted packets would lie there while the socket is silent.
    private func readAll(_ connection: MosquittoConnection, _ readiness: PollReadiness) -> Bool {
        let hasHungUp = !readiness.isDisjoint(with: [.hungUp, .failed, .invalid])
        var hangUps = 0
        handled = 0
        mustReadAgain = false
        isReadingPaused = false
        // Once for all: each call is a system call.
        defer { connection.acknowledgeSegments() }
        while true {
            let before = handled
            let code = connection.read()
            if code != 0 || connection.socket < 0 || connackRefusal != nil {
                lose(connection, code)
                return false
            }
            if handled == before {
                guard hasHungUp else { break }
                hangUps += 1
                if hangUps > Self.hangUpBudget {
                    lose(.connectionLost(errorNumber: 0, text: nil))
                    return false
                }
            }
            if handled >= Self.readBudget || isReadingPaused {
                mustReadAgain = true
                break
            }
        }
        return true
    }

    /// Hands what is queued to the kernel, unless ``holdsWrites``. Each service ends with it; whoever
    /// publishes at another time calls it. From a callback it does nothing: the service is not over.
    package func flush() {
        guard !isServicing, isAccepted else { return }
        writeQueued()
    }

    private func writeQueued() {
        guard let connection, connection.wantsWrite else {
            oldestHeldNanoseconds = nil
            return
        }
        guard !isHolding else {
            if oldestHeldNanoseconds == nil { oldestHeldNanoseconds = MonotonicClock.nanoseconds }
            return
        }
        oldestHeldNanoseconds = nil
        if !isAccepted, endpoint.tls != nil {
            // With TLS 1.3 a broker refuses our certificate after the handshake. Its alert lies unread in the
            // socket; a write that fails would close it, and nobody would know why.
            let code = connection.read()
            if code != 0 || connection.socket < 0 { return lose(connection, code) }
        }
        isWriting = true
        let code = connection.write()
        isWriting = false
        if code != 0 || connection.socket < 0 { lose(connection, code) }
    }

    // MARK: - Connecting

    private func beginAttempt() {
        retryAt = nil
        guard connectThreads.hasRoom else {
            return lose(.timedOut(waitingFor: .connection, afterSeconds: timeoutSeconds))
        }
        let deadline = now &+ endpoint.connectTimeoutNanoseconds
        do throws(MQTTError) {
            attempt = try ConnectAttempt(
                endpoint: endpoint, deadlineNanoseconds: deadline, done: attemptDone,
                threads: connectThreads)
            stepDeadline = deadline
            change(to: .connecting)
        } catch {
            lose(error)
        }
    }

    private func serviceAttempt(isDone: Bool) {
        if isDone { attemptDone.drain() }
        switch attempt?.take() {
        case .success(let connection):
            attempt = nil
            connection.attach(to: self)
            if notesArrivals { connection.noteArrivals() }
            self.connection = connection
            stepDeadline = now &+ endpoint.connectTimeoutNanoseconds
            keepAliveAt = now &+ keepAliveCheckNanoseconds
        case .failure(let error):
            attempt = nil
            lose(error)
        case nil:
            guard let stepDeadline, now >= stepDeadline else { return }
            attempt?.abandon()
            attempt = nil
            lose(.timedOut(waitingFor: .connection, afterSeconds: timeoutSeconds))
        }
    }

    private func lose(_ connection: MosquittoConnection, _ code: Int32) {
        if let connackRefusal { return lose(connackRefusal) }
        let disconnectCode = connection.disconnectCode ?? code
        // From 128 on the code is the broker's reason, below it the library's own.
        if disconnectCode >= 128 || (code == 0 && disconnectCode == 0) {
            lose(
                .disconnectedByServer(
                    MQTTReasonCode(rawValue: UInt8(truncatingIfNeeded: disconnectCode))))
            return
        }
        let error = MQTTError(
            libraryCode: disconnectCode == 0 ? code : disconnectCode,
            errorNumber: connection.errorNumber, log: connection.log.text)
        if case .connectionLost(let number, nil) = error, !isAccepted, endpoint.tls != nil {
            lose(.connectionLost(errorNumber: number, text: Self.closedBeforeConnack))
        } else {
            lose(error)
        }
    }

    private static let closedBeforeConnack =
        "the broker closed before it answered the CONNECT; a certificate that it misses or does not "
        + "know may be why"

    private func lose(_ error: MQTTError) {
        connection = nil
        if isAccepted { backoff.succeeded(forNanoseconds: now &- acceptedAt) }
        isAccepted = false
        connackRefusal = nil
        inFlightCount = 0
        oldestHeldNanoseconds = nil
        stepDeadline = nil
        mustReadAgain = false
        limits = MQTTServerLimits()
        let wait = backoff.nextWaitNanoseconds(isTransient: error.isTransient, using: &random)
        retryAt = now &+ wait
        change(to: .disconnected(error, retryInNanoseconds: wait))
    }

    private func change(to state: MQTTSessionState) {
        self.state = state
        onStateChange(state)
    }

    /// CONNECT and its answer are never held back: nothing of the owner's depends on them.
    private var isHolding: Bool { holdsWrites && isAccepted }

    private func subscribe(_ connection: MosquittoConnection) {
        subscriptions.send(
            over: connection, now: now, timeout: endpoint.connectTimeoutNanoseconds)
    }

    /// Ends the session: sends a DISCONNECT, so that the broker keeps the will to itself, and closes. Takes
    /// at most `timeoutNanoseconds`. While ``holdsWrites`` is true nothing may be written, so the connection
    /// just closes, and the will is published.
    package func stop(timeoutNanoseconds: UInt64 = 1_000_000_000) {
        precondition(!isServicing, "a session is not stopped from its own callbacks")
        attempt?.abandon()
        attempt = nil
        retryAt = nil
        stepDeadline = nil
        guard state != .stopped else { return }
        if let connection, isAccepted, !holdsWrites {
            connection.disconnectBlocking(
                deadlineNanoseconds: MonotonicClock.nanoseconds &+ timeoutNanoseconds)
        }
        connection = nil
        isAccepted = false
        inFlightCount = 0
        oldestHeldNanoseconds = nil
        mustReadAgain = false
        change(to: .stopped)
    }

    // MARK: - What the library says

    func didReceiveConnack(
        code: UInt8, isSessionPresent: Bool, limits: MQTTServerLimits, reasonString: String?
    ) {
        handled += 1
        guard code == 0 else {
            let isOldCode = endpoint.protocolVersion == .v311 || code < 0x80
            connackRefusal = .connectionRefused(
                isOldCode
                    ? MQTTReasonCode(connectReturnCode: code) : MQTTReasonCode(rawValue: code),
                reasonString: reasonString)
            return
        }
        self.limits = limits
        isAccepted = true
        acceptedAt = now
        stepDeadline = nil
        keepAliveAt = now &+ keepAliveCheckNanoseconds
        connection?.stopLogging()
        subscriptions.connected()
        change(to: .connected(sessionPresent: isSessionPresent))
        if let connection { subscribe(connection) }
    }

    func didReceive(_ message: borrowing MQTTMessage) {
        handled += 1
        onMessage(message)
    }

    func didPublish(messageIdentifier: Int32, reason: MQTTReasonCode) {
        // The library calls for a QoS 0 message when it is written, for QoS 1 when the PUBACK is read.
        guard !isWriting else { return }
        handled += 1
        if inFlightCount > 0 { inFlightCount -= 1 }
        onPublished(messageIdentifier, reason)
    }

    func didReceiveSuback(messageIdentifier: Int32, code: MQTTReasonCode) {
        handled += 1
        let event = subscriptions.acknowledged(
            messageIdentifier: messageIdentifier, code: code, now: now, using: &random)
        if let event { onSubscription(event) }
    }
}
