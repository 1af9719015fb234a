internal import SensorIO

/// What no key can say alone: references, contradictions, and topics that would run into each
/// other.
struct ConfigurationChecks {
    let configuration: Configuration
    private let locations: [String: SourceLocation]
    private let file: String
    private(set) var diagnostics = ConfigurationDiagnostics()

    init(_ configuration: Configuration, locations: [String: SourceLocation], file: String) {
        self.configuration = configuration
        self.locations = locations
        self.file = file
    }

    mutating func run() {
        for broker in configuration.brokers { check(broker) }
        for registry in configuration.registries { check(registry) }
        checkReferences()
        for (index, pipeline) in configuration.pipelines.enumerated() {
            check(pipeline, at: "pipelines[\(index)]")
        }
        checkUpdates()
        checkHTTP()
        checkNames()
        checkOutgoingTopics()
    }

    mutating func error(_ keyPath: String, _ message: String) {
        let location = ConfigurationLoader.location(of: keyPath, in: locations, file: file)
        diagnostics.error(location, keyPath, message)
    }

    mutating func warning(_ keyPath: String, _ message: String) {
        let location = ConfigurationLoader.location(of: keyPath, in: locations, file: file)
        diagnostics.warning(location, keyPath, message)
    }

    func isGiven(_ keyPath: String) -> Bool { locations[keyPath] != nil }

    // MARK: Brokers

    private mutating func check(_ broker: BrokerConfiguration) {
        let path = "brokers.\(broker.name)"
        if isGiven("\(path).passwordFile"), !isGiven("\(path).username") {
            error("\(path).passwordFile", "needs username beside it")
        }
        if broker.passwordFile != nil, broker.tls == nil, !Self.isLoopback(broker.host) {
            warning(
                "\(path).passwordFile",
                "the password goes over the network in clear text: use tls")
        }
        if broker.reconnect.initial > broker.reconnect.maximum {
            error(
                "\(path).reconnect.initial",
                "must be at most maximum, which is \(DurationText.format(broker.reconnect.maximum))"
            )
        }
        for (key, duration) in [
            ("keepAlive", broker.keepAlive), ("sessionExpiry", broker.sessionExpiry),
        ] where duration.components.attoseconds != 0 {
            error("\(path).\(key)", "must be whole seconds, is \(DurationText.format(duration))")
        }
        if broker.protocolVersion == .v311 {
            for key in ["sessionExpiry", "receiveMaximum", "maximumPacketBytes"]
            where isGiven("\(path).\(key)") {
                warning("\(path).\(key)", "has no effect: protocol 3.1.1 does not have it")
            }
        }
        if let tls = broker.tls { check(tls, at: "\(path).tls") }
    }

    mutating func check(_ tls: TLSConfiguration, at path: String) {
        for (key, other) in [("certificate", "key"), ("key", "certificate")]
        where isGiven("\(path).\(key)") && !isGiven("\(path).\(other)") {
            error("\(path).\(key)", "needs \(other) beside it")
        }
        if tls.ca == nil, tls.systemAuthorities == false, !isGiven("\(path).ca") {
            error(
                "\(path).systemAuthorities",
                "nobody could sign the server's certificate: give ca, or true here")
        }
    }

    static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }

    private mutating func checkReferences() {
        let names = configuration.brokers.map(\.name)
        guard !names.isEmpty else { return }
        var references: [(path: String, name: String?)] = [
            ("sensors.broker", configuration.sensors.broker),
            ("uplink.broker", configuration.uplink.broker),
        ]
        for (index, pipeline) in configuration.pipelines.enumerated() {
            references.append(("pipelines[\(index)].broker", pipeline.broker))
        }
        for (path, name) in references {
            guard let name, !names.contains(name) else { continue }
            let hint =
                NearestKey.find(name, among: names).map { "did you mean '\($0)'?" }
                ?? "there are \(names.joined(separator: ", "))"
            error(path, "no broker is called '\(name)'; \(hint)")
        }
        guard names.count > 1, !isGiven("sensors.broker") else { return }
        let needsDefault =
            !isGiven("uplink.broker")
            || configuration.pipelines.indices.contains { !isGiven("pipelines[\($0)].broker") }
        if needsDefault {
            error(
                "sensors.broker",
                "missing: there are several brokers (\(names.joined(separator: ", "))), say which")
        }
    }

    // MARK: Names and outgoing topics

    private mutating func checkNames() {
        var first: [String: Int] = [:]
        for (index, pipeline) in configuration.pipelines.enumerated() where !pipeline.name.isEmpty {
            if let other = first[pipeline.name] {
                error(
                    "pipelines[\(index)].name",
                    "pipelines[\(other)] is called '\(pipeline.name)', too")
            }
            first[pipeline.name] = index
        }
    }

    /// Two kinds of message, or two pipelines, on one topic: nobody could tell them apart, and a
    /// retained state would overwrite another.
    private mutating func checkOutgoingTopics() {
        var owners: [String: String] = [:]
        func expanded(_ template: String, _ pipeline: String, subject: String = "") -> String {
            template.replacingEach("{agent}", with: configuration.agent.id)
                .replacingEach("{pipeline}", with: pipeline).replacingEach(
                    "{subject}", with: subject)
        }
        var topics = [
            ("status.topic", expanded(configuration.status.topic, "")),
            ("status.alertsTopic", expanded(configuration.status.alertsTopic, "")),
        ]
        var names: Set<String> = [""]
        for (index, pipeline) in configuration.pipelines.enumerated() {
            // A second pipeline of one name is an error already, and shares every topic.
            guard names.insert(pipeline.name).inserted else { continue }
            let path = "pipelines[\(index)]"
            let name = pipeline.name
            topics.append(("\(path).alerts.topic", expanded(pipeline.alerts.topic, name)))
            topics.append(("\(path).state.topic", expanded(pipeline.state.topic, name)))
            if pipeline.predictions.mode != .off {
                topics.append(
                    ("\(path).predictions.topic", expanded(pipeline.predictions.topic, name)))
            }
        }
        for (path, topic) in topics {
            if let owner = owners[topic] {
                // Of two, the one that was written is the one to change.
                let (key, other) = isGiven(path) || !isGiven(owner) ? (path, owner) : (owner, path)
                error(key, "'\(topic)' is also the topic of \(other): both would be mixed")
            } else {
                owners[topic] = path
            }
        }
        checkFeedback(topics)
    }

    /// A pipeline that hears the agent's own messages would answer itself.
    private mutating func checkFeedback(_ topics: [(path: String, topic: String)]) {
        for (index, pipeline) in configuration.pipelines.enumerated() {
            guard let broker = configuration.sensorBroker(of: pipeline)?.name,
                broker == configuration.uplinkBroker?.name
            else { continue }
            for (place, filter) in pipeline.topics.enumerated() {
                for (path, topic) in topics {
                    let sample = Array(topic.replacingEach("{asset}", with: "asset").utf8)
                    var captures = TopicCaptures()
                    let hears = unsafe sample.withUnsafeBytes {
                        unsafe filter.matches($0, captures: &captures)
                    }
                    guard hears else { continue }
                    error(
                        "pipelines[\(index)].topics[\(place)]",
                        "'\(filter.text)' would also receive what the agent itself publishes"
                            + " to '\(topic)' (\(path))")
                    break
                }
            }
        }
    }
}
