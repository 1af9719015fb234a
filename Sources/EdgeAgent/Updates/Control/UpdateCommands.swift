internal import Logging
internal import SensorIO

/// Commands over MQTT 5: requests on `edge/<agent>/command/<command>`, answered on their response topic.
///
/// A session of its own, which the broker forgets when it ends: a command reaches an agent that is there, or
/// nobody.
/// - Thread: that of the updates, from `start` on.
final class UpdateCommands {
    /// For so long the broker keeps an answer. - Units: seconds
    private static let answerExpiry: UInt32 = 300
    private static let logIntervalNanoseconds: UInt64 = 10_000_000_000

    private let session: MQTTSession
    private let log: NoticeLog
    private let logger: Logger
    private var gate: UpdateCommandGate
    private var obey: (UpdateRequest, _ actor: String) -> UpdateAnswer = { _, _ in
        UpdateAnswer(isAccepted: false, text: "the agent ends")
    }
    private var refused = 0
    private var lastReason = ""
    private var loggedAt: UInt64?

    /// - Throws: `MQTTError` when the process has no descriptor left.
    init(
        _ settings: UpdateCommandGate.Settings, endpoint: MQTTEndpoint, logger: Logger
    ) throws(MQTTError) {
        gate = UpdateCommandGate(settings)
        self.logger = logger
        log = NoticeLog(logger: logger)
        session = try MQTTSession(
            endpoint: endpoint,
            subscriptions: [
                MQTTSubscription(
                    filter: UpdateCommandGate.prefix(agent: settings.agent) + "+",
                    content: .requests)
            ])
    }

    /// What a session for commands is: nothing is kept for it, and nothing large comes.
    static func endpoint(_ endpoint: MQTTEndpoint) -> MQTTEndpoint {
        var endpoint = endpoint
        endpoint.cleanStart = true
        endpoint.sessionExpirySeconds = 0
        endpoint.receiveMaximum = min(endpoint.receiveMaximum, 20)
        endpoint.maximumPacketBytes = min(endpoint.maximumPacketBytes, 16 << 10)
        return endpoint
    }

    /// Connects, and has requests obeyed from now on.
    func start(_ obey: @escaping (UpdateRequest, _ actor: String) -> UpdateAnswer) {
        self.obey = obey
        // This object outlives its session.
        session.onRequest = { [unowned self] message, origin in
            take(
                UpdateCommandGate.Arrival(
                    topic: unsafe Array(message.topic), payload: unsafe Array(message.payload),
                    isRetained: message.isRetained, origin: origin))
        }
        session.onStateChange = { [log, logger] state in
            log.write(state, of: "commands", logger)
        }
        session.onSubscription = { [log, logger] event in log.write(event, logger) }
        session.start(nowNanoseconds: MonotonicClock.nanoseconds)
    }

    func appendPollDescriptors(to set: inout PollSet) { session.appendPollDescriptors(to: &set) }

    var nextDeadlineNanoseconds: UInt64 { session.nextDeadlineNanoseconds ?? .max }

    func service(_ set: borrowing PollSet) {
        let now = MonotonicClock.nanoseconds
        session.service(set, nowNanoseconds: now)
        if refused > 0, loggedAt.map({ now &- $0 >= Self.logIntervalNanoseconds }) ?? true {
            logger.warning(
                "commands over MQTT were refused: \(lastReason)", metadata: ["count": "\(refused)"])
            refused = 0
            loggedAt = now
        }
    }

    func stop() {
        obey = { _, _ in UpdateAnswer(isAccepted: false, text: "the agent ends") }
        session.stop(timeoutNanoseconds: 300_000_000)
    }

    private func take(_ arrival: UpdateCommandGate.Arrival) {
        switch gate.decide(arrival, now: MonotonicClock.nanoseconds) {
        case .drop(let reason): note(reason)
        case .refuse(let answer):
            note(answer.text)
            send(answer, arrival)
        case .again(let answer): send(answer, arrival)
        case .obey(let request, let actor):
            let answer = obey(request, actor)
            if request.verb.changesSomething { gate.remember(arrival, answer) }
            send(answer, arrival)
        }
    }

    private func send(_ answer: UpdateAnswer, _ arrival: UpdateCommandGate.Arrival) {
        let outcome = session.respond(
            topic: arrival.origin.responseTopic ?? "", payload: answer.encoded,
            correlation: arrival.origin.correlation, expirySeconds: Self.answerExpiry)
        switch outcome {
        case .sent: break
        case .tooLarge where !answer.text.isEmpty && answer.text.utf8.count > 256:
            send(
                UpdateAnswer(
                    isAccepted: answer.isAccepted,
                    text: "the answer is larger than the broker takes"), arrival)
        default: note("an answer was not sent: \(outcome)")
        }
    }

    private func note(_ reason: String) {
        refused += 1
        lastReason = reason
    }
}
