internal import SensorIO

// Updates: what would refuse everything, and what would let everything in.
extension ConfigurationChecks {
    mutating func checkUpdates() {
        for (index, pipeline) in configuration.pipelines.enumerated() {
            let path = "pipelines[\(index)].update"
            let update = pipeline.update
            if update != PipelineUpdateConfiguration(), configuration.updates == nil {
                error(path, "needs 'updates' at the top, with the publisher's keys")
            }
            if let name = update.registry,
                !configuration.registries.contains(where: { $0.name == name })
            {
                error("\(path).registry", "'\(name)' is no name under registries")
            }
            if let model = update.model, ModelReference(model) == nil {
                error(
                    "\(path).model", "'\(model)' is no model's name, as in plant/vibration:stable")
            }
            if update.model != nil, update.registry == nil {
                error("\(path).model", "needs registry beside it")
            }
        }
        guard let updates = configuration.updates else { return }
        switch updates.signature {
        case .off:
            warning(
                "updates.signature",
                "whoever can write to a registry decides what this agent runs")
        case .required:
            if updates.publicKeys.isEmpty {
                warning("updates.keys", "no key is named: every new version will be refused")
            }
        }
        checkCommands(updates)
        if updates.shadow.minimumTime > updates.shadow.maximumTime {
            error("updates.shadow.minimumTime", "must be at most maximumTime")
        }
        if updates.trial.minimumTime > updates.trial.maximumTime {
            error("updates.trial.minimumTime", "must be at most maximumTime")
        }
    }

    private mutating func checkCommands(_ updates: UpdatesConfiguration) {
        guard let commands = updates.commands else { return }
        if let name = commands.broker, !configuration.brokers.contains(where: { $0.name == name }) {
            error("updates.commands.broker", "no broker is called '\(name)'")
        } else if configuration.commandBroker?.protocolVersion == .v311 {
            error(
                "updates.commands",
                "needs a broker with protocol 5: requests with a response topic are of MQTT 5")
        } else if let broker = configuration.commandBroker, broker.username == nil,
            broker.tls?.certificate == nil, !Self.isLoopback(broker.host)
        {
            warning(
                "updates.commands",
                "a broker that asks the agent for no name asks nobody: whoever reaches it may command"
            )
        }
    }
}
