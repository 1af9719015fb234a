internal import InferenceRuntime
internal import SensorIO

/// What an agent is made of, worked out from the configuration before anything is started.
package struct AgentPlan: Sendable {
    /// A pipeline's bundle, and the rule that the box has decided on.
    struct PipelinePlan: Sendable {
        var configuration: PipelineConfiguration
        var bundle: ModelBundle
        var alarmRule: AlarmRule?
        var engines: EngineSelection
        var filters: [TopicFilter]
        var keys: [TopicKey]
        var channelCaptures: [Int?]
        var sensors: MQTTEndpoint
        /// nil when alerts go to another broker than the one the sensors publish to.
        var alerts: MQTTEndpoint?
        var topics: PipelineSettings.Topics
    }

    let configuration: Configuration
    /// The main file that it was read from.
    let path: String
    let agent: String
    let uplink: MQTTEndpoint
    let statusTopic: String
    /// Of the events of the agent's own alerts.
    let agentAlertTopic: String
    /// Of the retained state of those about the outbox.
    let outboxStateTopic: String
    let pipelines: [PipelinePlan]
    /// nil: models stay what the configuration names.
    let updates: UpdatesPlan?
    /// Commands over MQTT; nil: off.
    let commands: (settings: UpdateCommandGate.Settings, endpoint: MQTTEndpoint)?
    let passwords: [String: [UInt8]]
    /// nil: no HTTP.
    let http: HTTPPlan?
    /// What is doubtful but works.
    package let warnings: [ConfigurationDiagnostic]

    /// Reads bundles and passwords and checks that everything goes together. Blocks on the disk.
    ///
    /// - Throws: `AgentError` with the key that is wrong.
    package init(_ loaded: LoadedConfiguration) throws(AgentError) {
        let configuration = loaded.configuration
        self.configuration = configuration
        path = loaded.files.first ?? ""
        let agent = configuration.agent.id
        self.agent = agent
        let secrets: (passwords: [String: [UInt8]], warnings: [ConfigurationDiagnostic])
        do throws(ConfigurationError) {
            secrets = try loaded.readPasswords()
            http = try HTTPPlan(loaded)
        } catch {
            throw .secrets(error)
        }
        passwords = secrets.passwords
        guard let uplinkBroker = configuration.uplinkBroker else {
            throw .mismatch(pipeline: "*", reason: "uplink.broker names no broker")
        }
        uplink = uplinkBroker.endpoint(
            agent: agent, role: "uplink", password: secrets.passwords[uplinkBroker.name])
        statusTopic = try Self.constant(
            "status.topic", configuration.status.topic, bindings: ["agent": agent])
        if let settings = configuration.updates {
            updates = try UpdatesPlan(settings)
        } else {
            updates = nil
        }
        commands = try Self.commands(configuration, passwords: secrets.passwords)
        agentAlertTopic = try Self.constant(
            "status.alertsTopic", configuration.status.alertsTopic, bindings: ["agent": agent])
        outboxStateTopic = try Self.constant(
            "status.stateTopic", configuration.status.stateTopic,
            bindings: ["agent": agent, "subject": OutboxReporter.subject])
        var pipelines: [PipelinePlan] = []
        var diagnostics = loaded.warnings + secrets.warnings + (http?.warnings ?? [])
        for (index, pipeline) in configuration.pipelines.enumerated() {
            let plan = try Self.plan(
                pipeline, configuration, uplinkBroker: uplinkBroker, agent: agent,
                passwords: secrets.passwords)
            diagnostics += loaded.diagnostics(ofPipeline: index, with: plan.bundle.manifest)
            pipelines.append(plan)
        }
        guard !diagnostics.contains(where: { $0.severity == .error }) else {
            throw .configuration(diagnostics)
        }
        warnings = diagnostics
        self.pipelines = pipelines
    }

    private static func commands(
        _ configuration: Configuration, passwords: [String: [UInt8]]
    ) throws(AgentError) -> (settings: UpdateCommandGate.Settings, endpoint: MQTTEndpoint)? {
        guard let commands = configuration.updates?.commands,
            let broker = configuration.commandBroker
        else { return nil }
        let agent = configuration.agent.id
        do throws(TopicError) {
            let settings = UpdateCommandGate.Settings(
                agent: agent, allowed: Set(commands.allowed),
                responses: try commands.responseFilter(agent: agent),
                maximumPerMinute: commands.maximumPerMinute)
            let endpoint = broker.endpoint(
                agent: agent, role: "commands", password: passwords[broker.name])
            return (settings, UpdateCommands.endpoint(endpoint))
        } catch {
            throw .topic(key: "updates.commands.responses", text: commands.responses, error)
        }
    }

    private static func plan(
        _ pipeline: PipelineConfiguration, _ configuration: Configuration,
        uplinkBroker: BrokerConfiguration, agent: String, passwords: [String: [UInt8]]
    ) throws(AgentError) -> PipelinePlan {
        let name = pipeline.name
        guard let broker = configuration.sensorBroker(of: pipeline) else {
            throw .mismatch(pipeline: name, reason: "broker names no broker")
        }
        var bundle: ModelBundle
        do throws(BundleError) {
            bundle = try ModelBundle(
                directory: pipeline.model, agentVersion: AgentVersion.current)
        } catch {
            throw .bundle(pipeline: name, error)
        }
        if let gap = pipeline.maximumGap, bundle.manifest.window.alignment == .perMessage {
            bundle.manifest.window.maximumGapNanoseconds = gap.wholeNanoseconds
        }
        var keys: [TopicKey] = []
        var captures: [Int?] = []
        for filter in pipeline.topics {
            keys.append(try key(pipeline, filter))
            let capture = pipeline.payload.channelFromTopic
            captures.append(capture.flatMap { filter.captureIndex(of: $0) })
            if let capture, captures.last == .some(nil) {
                throw .mismatch(
                    pipeline: name,
                    reason: "payload.channelFromTopic: '\(capture)' is no capture of \(filter.text)"
                )
            }
        }
        let password = passwords[broker.name]
        let rule: AlarmRule?
        do throws(AlarmRuleError) {
            rule = try pipeline.alarm.alarmRule(over: bundle.manifest)
        } catch {
            throw .pipeline(name: name, .alarm(error))
        }
        var alerts: MQTTEndpoint?
        if broker.name == uplinkBroker.name {
            var endpoint = broker.endpoint(
                agent: agent, role: "\(name)-alerts", password: password)
            // Nothing is subscribed and SQLite owns what is in flight: the broker keeps nothing.
            endpoint.cleanStart = true
            endpoint.sessionExpirySeconds = 0
            alerts = endpoint
        }
        return PipelinePlan(
            configuration: pipeline, bundle: bundle, alarmRule: rule,
            engines: configuration.inference.engines, filters: pipeline.topics, keys: keys,
            channelCaptures: captures,
            sensors: broker.endpoint(agent: agent, role: "\(name)-sensors", password: password),
            alerts: alerts, topics: try topics(pipeline, configuration, agent: agent))
    }

    private static func key(
        _ pipeline: PipelineConfiguration, _ filter: TopicFilter
    ) throws(AgentError) -> TopicKey {
        guard let template = pipeline.assetKey else {
            let channel = pipeline.payload.channelFromTopic.map { Set([$0]) } ?? []
            return TopicKey(for: filter, excluding: channel)
        }
        do throws(TopicError) {
            return try TopicKey(template: template, for: filter)
        } catch {
            throw .topic(key: "pipelines.\(pipeline.name).assetKey", text: template, error)
        }
    }

    private static func topics(
        _ pipeline: PipelineConfiguration, _ configuration: Configuration, agent: String
    ) throws(AgentError) -> PipelineSettings.Topics {
        let path = "pipelines.\(pipeline.name)"
        let bindings = ["agent": agent, "pipeline": pipeline.name]
        return PipelineSettings.Topics(
            alerts: try template("\(path).alerts.topic", pipeline.alerts.topic, bindings),
            states: try template("\(path).state.topic", pipeline.state.topic, bindings),
            predictions: try template(
                "\(path).predictions.topic", pipeline.predictions.topic, bindings),
            agentAlerts: try template(
                "status.alertsTopic", configuration.status.alertsTopic, ["agent": agent],
                variables: []),
            agentStates: try template(
                "status.stateTopic", configuration.status.stateTopic,
                ["agent": agent, "subject": pipeline.name], variables: []))
    }

    private static func template(
        _ key: String, _ text: String, _ bindings: [String: String],
        variables: [String] = ["asset"]
    ) throws(AgentError) -> TopicTemplate {
        do throws(TopicError) {
            return try TopicTemplate(text, bindings: bindings, variables: variables)
        } catch {
            throw .topic(key: key, text: text, error)
        }
    }

    /// Of the retained state of one of the agent's own alerts. No pipeline is called so: a name has no colon.
    func stateTopic(of label: AgentAlertLabel, pipeline: String) -> String {
        stateTopic(of: "\(pipeline):\(label.name)")
    }

    /// Of the retained state of the agent's own alerts about a subject.
    func stateTopic(of subject: String) -> String {
        let topic = try? TopicTemplate(
            configuration.status.stateTopic, bindings: ["agent": agent, "subject": subject])
        return topic?.constantTopic ?? "\(outboxStateTopic):\(subject)"
    }

    private static func constant(
        _ key: String, _ text: String, bindings: [String: String]
    ) throws(AgentError) -> String {
        try template(key, text, bindings, variables: []).constantTopic ?? text
    }
}
