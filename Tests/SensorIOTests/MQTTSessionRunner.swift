import Foundation
import SensorIO
import TestSupport

/// Drives a session's poll loop on a thread of its own, as a pipeline does, and logs what it says.
final class MQTTSessionRunner: Sendable {

    struct Received: Sendable, Equatable {
        let topic: String
        let payload: String
        let isRetained: Bool
    }

    let states = EventLog<MQTTSessionState>()
    let subscriptions = EventLog<MQTTSubscriptionEvent>()
    let messages = EventLog<Received>()
    let acknowledgements = EventLog<Acknowledgement>()
    private let commands = EventLog<Command>()
    private let wake: EventDescriptor
    private let ended = EventLog<Bool>()

    struct Acknowledgement: Sendable, Equatable {
        let messageIdentifier: Int32
        let reason: MQTTReasonCode
    }

    fileprivate typealias Command = @Sendable (MQTTSession) -> Bool

    /// - Parameter prepare: runs on the runner's thread before the start.
    init(
        _ endpoint: MQTTEndpoint, _ filters: [String] = [], randomSeed: UInt64 = 1,
        prepare: @escaping @Sendable (MQTTSession) -> Void = { _ in }
    ) throws {
        wake = try EventDescriptor()
        let subscriptions = filters.map { MQTTSubscription(filter: $0) }
        try endpoint.validate()
        // The thread keeps the logs alive, not the runner: so the runner's deinit ends the thread.
        let loop = Loop(
            states: states, subscriptions: self.subscriptions, messages: messages,
            acknowledgements: acknowledgements, commands: commands, wake: wake, ended: ended)
        let thread = Thread {
            guard
                let session = try? MQTTSession(
                    endpoint: endpoint, subscriptions: subscriptions, randomSeed: randomSeed)
            else { return }
            loop.run(session, prepare)
        }
        thread.start()
    }

    deinit {
        commands.append { _ in false }
        wake.signal()
    }

    /// Runs a closure on the session's thread and returns what it returns.
    func perform<Value: Sendable>(_ body: @escaping @Sendable (MQTTSession) -> Value) throws
        -> Value
    {
        let result = EventLog<Value>()
        commands.append { session in
            result.append(body(session))
            return true
        }
        wake.signal()
        return try result.first("the session's thread") { _ in true }
    }

    /// Stops the session in good order; returns how long that took, in seconds.
    @discardableResult
    func stop() throws -> Double {
        let took = try perform { session in
            let start = MonotonicClock.nanoseconds
            session.stop()
            return Double(MonotonicClock.nanoseconds - start) / 1e9
        }
        try end()
        return took
    }

    /// Ends the thread and throws the session away without a word to the broker, as kill -9 does.
    func abandon() throws { try end() }

    private func end() throws {
        commands.append { _ in false }
        wake.signal()
        try ended.first("end of the session's thread") { _ in true }
    }

    func waitUntilReady(within seconds: Double = 10) throws {
        try waitUntilConnected(within: seconds)
        let wanted = try perform { $0.isReady }
        if !wanted {
            try subscriptions.first("grant", within: seconds) {
                if case .granted = $0 { true } else { false }
            }
        }
    }

    /// Waits for the `count`th time that the broker accepts, and returns whether it had the session.
    @discardableResult
    func waitUntilConnected(times count: Int = 1, within seconds: Double = 10) throws -> Bool {
        let isConnected: (MQTTSessionState) -> Bool = {
            if case .connected = $0 { true } else { false }
        }
        let all = try states.wait(for: "connection \(count)", within: seconds) {
            $0.count(where: isConnected) >= count
        }
        return all.filter(isConnected)[count - 1] == .connected(sessionPresent: true)
    }

    /// Waits for the first failure that satisfies the predicate, and returns it.
    @discardableResult
    func waitForError(
        _ what: String = "error", within seconds: Double = 10,
        where isWanted: (MQTTError) -> Bool = { _ in true }
    ) throws -> MQTTError {
        let state = try states.first(what, within: seconds) {
            if case .disconnected(let error, _) = $0 { isWanted(error) } else { false }
        }
        guard case .disconnected(let error, _) = state else { throw TestFailure("no \(what)") }
        return error
    }

    /// Publishes text with QoS 1 and writes it out.
    func publish(
        _ topic: String, _ payload: String, isRetained: Bool = false,
        contentType: MQTTContentType = .none, messageExpirySeconds: UInt32 = 0
    ) throws -> PublishOutcome {
        try perform { session in
            let bytes = Array(payload.utf8)
            let outcome = bytes.withUnsafeBytes { buffer in
                session.publish(
                    topic: topic, payload: buffer, qualityOfService: .atLeastOnce,
                    isRetained: isRetained, contentType: contentType,
                    messageExpirySeconds: messageExpirySeconds)
            }
            session.flush()
            return outcome
        }
    }
}

/// The poll loop itself.
private struct Loop: Sendable {
    let states: EventLog<MQTTSessionState>
    let subscriptions: EventLog<MQTTSubscriptionEvent>
    let messages: EventLog<MQTTSessionRunner.Received>
    let acknowledgements: EventLog<MQTTSessionRunner.Acknowledgement>
    let commands: EventLog<MQTTSessionRunner.Command>
    let wake: EventDescriptor
    let ended: EventLog<Bool>

    func run(_ session: MQTTSession, _ prepare: (MQTTSession) -> Void) {
        let (states, subscriptions, messages) = (states, subscriptions, messages)
        let acknowledgements = acknowledgements
        session.onStateChange = { states.append($0) }
        session.onSubscription = { subscriptions.append($0) }
        session.onMessage = { message in
            messages.append(
                MQTTSessionRunner.Received(
                    topic: String(decoding: message.topic, as: UTF8.self),
                    payload: String(decoding: message.payload, as: UTF8.self),
                    isRetained: message.isRetained))
        }
        session.onPublished = { identifier, reason in
            acknowledgements.append(
                MQTTSessionRunner.Acknowledgement(messageIdentifier: identifier, reason: reason))
        }
        prepare(session)
        session.start(nowNanoseconds: MonotonicClock.nanoseconds)
        var set = PollSet(capacity: 4)
        var done = 0
        loop: while true {
            set.removeAll()
            session.appendPollDescriptors(to: &set)
            set.add(wake.fileDescriptor, .readable)
            set.wait(deadlineNanoseconds: session.nextDeadlineNanoseconds)
            wake.drain()
            session.service(set, nowNanoseconds: MonotonicClock.nanoseconds)
            let all = commands.all
            for command in all[done...] where !command(session) { break loop }
            done = all.count
        }
        ended.append(true)
    }
}

extension MQTTEndpoint {
    /// An endpoint for a test's broker, with waits that suit a test.
    static func test(
        _ broker: TestBroker, _ clientIdentifier: String, _ version: MQTTProtocolVersion = .v5
    ) -> MQTTEndpoint {
        var endpoint = MQTTEndpoint(
            host: "localhost", port: broker.port, protocolVersion: version,
            clientIdentifier: clientIdentifier,
            reconnect: BackoffPolicy(
                initialNanoseconds: 50_000_000, maximumNanoseconds: 300_000_000))
        if let certificates = broker.options.certificates {
            endpoint.tls = MQTTTransportSecurity(
                certificateAuthorityFile: certificates.authorityFile)
            if broker.options.requiresClientCertificate {
                endpoint.tls?.clientCertificateFile = certificates.clientFile
                endpoint.tls?.clientKeyFile = certificates.clientKeyFile
            }
        }
        return endpoint
    }
}
