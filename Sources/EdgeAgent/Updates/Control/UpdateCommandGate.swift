internal import SensorIO

/// Decides what becomes of a request over MQTT: obeyed, answered without that, or dropped. Pure.
///
/// A request counts only with a response topic below the ones that are allowed and with correlation data; it is
/// obeyed once, however often it comes. What was published as retained is never obeyed: it would be again at each
/// start.
struct UpdateCommandGate {
    /// What the configuration says.
    struct Settings: Sendable {
        var agent: String
        var allowed: Set<UpdateRequest.Verb>
        /// Where answers may go.
        var responses: TopicFilter
        /// - Range: 1...
        var maximumPerMinute: Int
    }

    /// A request as it came.
    struct Arrival {
        var topic: [UInt8]
        var payload: [UInt8]
        var isRetained: Bool
        var origin: MQTTRequestOrigin
    }

    enum Decision: Equatable {
        /// Nothing is done and nothing said; the reason is for the log.
        case drop(String)
        /// Nothing is done.
        case refuse(UpdateAnswer)
        /// It was obeyed before: the same answer again.
        case again(UpdateAnswer)
        /// `actor` for the audit log.
        case obey(UpdateRequest, actor: String)
    }

    static let maximumResponseTopicBytes = 256
    static let maximumCorrelationBytes = 64
    /// How many requests are known again.
    static let remembered = 64

    /// What tells a request from others.
    private struct Identity: Equatable {
        var topic: [UInt8]
        var responseTopic: String
        var correlation: [UInt8]
    }

    private struct Memory {
        var identity: Identity
        var payload: SHA256Digest
        var answer: UpdateAnswer
    }

    /// The topic of a command is this and its name.
    static func prefix(agent: String) -> String { "edge/\(agent)/command/" }

    private let settings: Settings
    private let prefix: [UInt8]
    private var memories: [Memory] = []
    private var tokens: Double
    private var tokensAt: UInt64?
    private var saidTooMany = false

    init(_ settings: Settings) {
        self.settings = settings
        prefix = Array(Self.prefix(agent: settings.agent).utf8)
        tokens = Double(settings.maximumPerMinute)
    }

    /// What is to be done with a request.
    ///
    /// - Parameter now: of the monotonic clock. - Units: nanoseconds
    mutating func decide(_ arrival: Arrival, now: UInt64) -> Decision {
        let hasToken = takeToken(now)
        guard let responseTopic = arrival.origin.responseTopic else {
            return .drop("a request without a response topic")
        }
        guard isAllowed(responseTopic) else {
            return .drop(
                "a response topic that is not below \(settings.responses.text): '\(responseTopic.prefix(128))'"
            )
        }
        guard hasToken else { return tooMany() }
        saidTooMany = false
        guard !arrival.isRetained else { return refuse("a command must not be retained") }
        guard let correlation = arrival.origin.correlation, !correlation.isEmpty else {
            return refuse("a command needs correlation data, which tell it from a repetition")
        }
        guard correlation.count <= Self.maximumCorrelationBytes else {
            return refuse(
                "correlation data may have \(Self.maximumCorrelationBytes) bytes, these have \(correlation.count)"
            )
        }
        guard arrival.topic.starts(with: prefix) else {
            return .drop("a topic that no command has")
        }
        let name = String(decoding: arrival.topic.dropFirst(prefix.count), as: UTF8.self)
        guard let verb = UpdateRequest.Verb(rawValue: name) else {
            let known = UpdateRequest.Verb.allCases.map(\.rawValue).joined(separator: ", ")
            return refuse("there is no command '\(name.prefix(64))': there are \(known)")
        }
        guard settings.allowed.contains(verb) else {
            return refuse("'\(name)' is not among updates.commands.allow of this agent")
        }
        let identity = Identity(
            topic: arrival.topic, responseTopic: responseTopic, correlation: correlation)
        if let memory = memories.first(where: { $0.identity == identity }) {
            return memory.payload == SHA256Digest(of: arrival.payload)
                ? .again(memory.answer)
                : refuse("these correlation data were another request's: take new ones")
        }
        do throws(JSONError) {
            return .obey(
                try UpdateRequest(verb, parsing: arrival.payload),
                actor: Self.actor(responseTopic, correlation))
        } catch {
            return refuse("the payload: \(error)")
        }
    }

    /// Keeps the answer to a request that was obeyed, should it come again.
    mutating func remember(_ arrival: Arrival, _ answer: UpdateAnswer) {
        guard let responseTopic = arrival.origin.responseTopic,
            let correlation = arrival.origin.correlation
        else { return }
        if memories.count >= Self.remembered { memories.removeFirst() }
        memories.append(
            Memory(
                identity: Identity(
                    topic: arrival.topic, responseTopic: responseTopic, correlation: correlation),
                payload: SHA256Digest(of: arrival.payload), answer: answer))
    }

    /// MQTT 5 does not tell who published: where the answer goes is all that is known.
    private static func actor(_ responseTopic: String, _ correlation: [UInt8]) -> String {
        let isText = correlation.allSatisfy { (0x21...0x7E).contains($0) }
        let text =
            isText
            ? String(decoding: correlation, as: UTF8.self)
            : correlation.reduce(into: "0x") { text, byte in
                text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        return "mqtt \(responseTopic) \(text)"
    }

    private func isAllowed(_ topic: String) -> Bool {
        let bytes = Array(topic.utf8)
        guard !bytes.isEmpty, bytes.count <= Self.maximumResponseTopicBytes, bytes[0] != 0x24,
            bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x2B && $0 != 0x23 && $0 != 0x7F }),
            // What is answered there would come back as a request.
            !bytes.starts(with: prefix)
        else { return false }
        var captures = TopicCaptures()
        // The bytes live through the call.
        return unsafe bytes.withUnsafeBytes {
            unsafe settings.responses.matches($0, captures: &captures)
        }
    }

    private mutating func takeToken(_ now: UInt64) -> Bool {
        let most = Double(settings.maximumPerMinute)
        if let tokensAt {
            tokens = min(most, tokens + Double(now &- tokensAt) / 60e9 * most)
        }
        tokensAt = now
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }

    /// Says it once: a flood is not answered with another.
    private mutating func tooMany() -> Decision {
        let text = "more than \(settings.maximumPerMinute) commands a minute"
        guard !saidTooMany else { return .drop(text) }
        saidTooMany = true
        return refuse("\(text): try again later")
    }

    private func refuse(_ text: String) -> Decision {
        .refuse(UpdateAnswer(isAccepted: false, text: text))
    }
}
