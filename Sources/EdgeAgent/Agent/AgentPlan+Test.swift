internal import InferenceRuntime
internal import SensorIO

extension AgentPlan {
    /// Tests each pipeline's model on this box, as a start would. Blocks for about 30 ms a pipeline.
    ///
    /// - Returns: one line a pipeline: which engine runs its bundle, and how fast.
    /// - Throws: `AgentError.pipeline` for the first model that fails.
    package func testModels() throws(AgentError) -> [String] {
        var lines: [String] = []
        for pipeline in pipelines {
            let name = pipeline.configuration.name
            let limit = UInt64(clamping: pipeline.configuration.inferenceBudget.wholeNanoseconds)
            do throws(PipelineError) {
                let activated = try ModelActivation.activate(
                    pipeline.bundle, alarmRule: pipeline.alarmRule, engines: pipeline.engines,
                    limitNanoseconds: limit)
                let manifest = pipeline.bundle.manifest
                lines.append(
                    "\(name): \(manifest.name) \(manifest.version), "
                        + "p99 \(Double(activated.p99Nanoseconds) / 1000) µs of \(limit / 1000) µs, "
                        + "engine \(activated.model.engine)")
            } catch {
                throw .pipeline(name: name, error)
            }
        }
        return lines
    }

    /// Connects to each broker once, and disconnects. Blocks, for a few seconds at most.
    ///
    /// - Returns: one line a broker.
    /// - Throws: `AgentError.broker` for the first that cannot be reached or refuses.
    package func testBrokers() throws(AgentError) -> [String] {
        var lines: [String] = []
        for broker in configuration.brokers {
            var endpoint = broker.endpoint(
                agent: agent, role: "check", password: passwords[broker.name])
            endpoint.cleanStart = true
            endpoint.sessionExpirySeconds = 0
            endpoint.connectTimeoutNanoseconds = min(
                endpoint.connectTimeoutNanoseconds, 5_000_000_000)
            do throws(MQTTError) {
                try Self.connectOnce(endpoint)
            } catch {
                throw .broker(name: "brokers.\(broker.name)", endpoint: "\(endpoint)", error)
            }
            lines.append("\(broker.name): \(endpoint): connected")
        }
        return lines
    }

    private static func connectOnce(_ endpoint: MQTTEndpoint) throws(MQTTError) {
        let session = try MQTTSession(endpoint: endpoint)
        var poll = PollSet(capacity: 4)
        session.start(nowNanoseconds: MonotonicClock.nanoseconds)
        defer { session.stop() }
        while true {
            switch session.state {
            case .connected: return
            case .disconnected(let error, _): throw error
            case .idle, .connecting, .stopped: break
            }
            poll.removeAll()
            session.appendPollDescriptors(to: &poll)
            // The session's own deadline ends this.
            poll.wait(deadlineNanoseconds: session.nextDeadlineNanoseconds)
            session.service(poll, nowNanoseconds: MonotonicClock.nanoseconds)
        }
    }
}
