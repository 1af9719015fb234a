internal import Glibc
internal import SensorIO

/// Publishes simulated readings to a broker, as sensors would.
package final class PumpPublisher {
    private let session: MQTTSession
    private let topics: [String: TopicText]
    private let quality: MQTTQualityOfService
    private var poll = PollSet(capacity: 4)

    private struct TopicText { var bytes: [CChar] }

    /// Connects. Blocks, for the connect timeout at most.
    ///
    /// - Parameter topic: a template over `asset`.
    /// - Throws: `AgentError.topic` or `.broker`.
    package init(
        host: String, port: UInt16, topic: String, assets: Int, isAcknowledged: Bool
    ) throws(AgentError) {
        quality = isAcknowledged ? .atLeastOnce : .atMostOnce
        var topics: [String: TopicText] = [:]
        for asset in 0..<assets {
            let name = PumpSimulation.name(asset)
            do throws(TopicError) {
                let text =
                    try TopicTemplate(topic, bindings: ["asset": name]).constantTopic ?? topic
                topics[name] = TopicText(bytes: text.utf8CString.map { $0 })
            } catch {
                throw .topic(key: "--topic", text: topic, error)
            }
        }
        self.topics = topics
        let endpoint = MQTTEndpoint(
            host: host, port: port, clientIdentifier: "edge-agent-simulate-\(getpid())",
            sessionExpirySeconds: 0, cleanStart: true, connectTimeoutNanoseconds: 5_000_000_000)
        do throws(MQTTError) {
            session = try MQTTSession(endpoint: endpoint)
            session.start(nowNanoseconds: MonotonicClock.nanoseconds)
            while !session.isReady {
                if case .disconnected(let error, _) = session.state { throw error }
                turn(until: session.nextDeadlineNanoseconds)
            }
        } catch {
            throw .broker(name: "--host", endpoint: "\(host):\(port)", error)
        }
    }

    /// Publishes one reading; blocks while as many wait for their PUBACK as the broker allows.
    ///
    /// - Throws: `AgentError.broker` when the connection is lost.
    package func publish(_ payload: [UInt8], asset: String) throws(AgentError) {
        guard let topic = topics[asset] else { return }
        while true {
            let outcome = unsafe payload.withUnsafeBytes { bytes in
                unsafe topic.bytes.withUnsafeBufferPointer { text in
                    // The array ends with its NUL and so is never empty.
                    unsafe session.publish(
                        topic: text.baseAddress.unsafelyUnwrapped, payload: bytes,
                        qualityOfService: quality, isRetained: false)
                }
            }
            switch outcome {
            case .sent:
                session.flush()
                return turn(until: 0)
            case .windowFull: turn(until: session.nextDeadlineNanoseconds)
            case .notConnected: throw lost()
            case .tooLarge(let bytes, _):
                throw .broker(
                    name: "--host", endpoint: "\(session.endpoint)",
                    .library(code: 0, text: "a message of \(bytes) bytes is too large"))
            case .refused(let error):
                throw .broker(name: "--host", endpoint: "\(session.endpoint)", error)
            }
        }
    }

    /// Waits until a time of `MonotonicClock` and keeps the connection alive meanwhile.
    ///
    /// - Throws: `AgentError.broker` when the connection is lost.
    package func wait(until deadline: UInt64) throws(AgentError) {
        while MonotonicClock.nanoseconds < deadline {
            turn(until: min(deadline, session.nextDeadlineNanoseconds ?? deadline))
            guard session.isReady else { throw lost() }
        }
    }

    private func lost() -> AgentError {
        var reason = MQTTError.connectionLost(errorNumber: 0, text: nil)
        if case .disconnected(let error, _) = session.state { reason = error }
        return .broker(name: "--host", endpoint: "\(session.endpoint)", reason)
    }

    /// Waits for the last PUBACKs and disconnects. Blocks, for two seconds at most.
    ///
    /// - Throws: `AgentError.broker` when the connection was lost, and readings with it.
    package func stop() throws(AgentError) {
        let deadline = MonotonicClock.nanoseconds &+ 2_000_000_000
        while session.inFlightCount > 0, MonotonicClock.nanoseconds < deadline {
            turn(until: deadline)
        }
        guard session.isReady else { throw lost() }
        session.stop()
    }

    private func turn(until deadline: UInt64?) {
        poll.removeAll()
        session.appendPollDescriptors(to: &poll)
        poll.wait(deadlineNanoseconds: deadline)
        session.service(poll, nowNanoseconds: MonotonicClock.nanoseconds)
    }
}
