package import InferenceRuntime

/// The whole configuration of an agent: read once, checked, and never changed.
///
/// Made by `Configuration.load(path:environment:)`; the initial values are the documented defaults.
package struct Configuration: Sendable, Equatable {
    package var agent = AgentConfiguration()
    /// In the order of the files; at least one, each name once.
    package var brokers: [BrokerConfiguration] = []
    package var sensors = SensorsConfiguration()
    package var uplink = UplinkConfiguration()
    package var inference = InferenceConfiguration()
    /// In the order of the files; each name once.
    package var registries: [RegistryConfiguration] = []
    package var outbox = OutboxSettings()
    package var restart = RestartConfiguration()
    package var status = StatusConfiguration()
    package var http = HTTPConfiguration()
    /// nil: models stay what the configuration names.
    package var updates: UpdatesConfiguration?
    /// In the order of the files; at least one, each name once.
    package var pipelines: [PipelineConfiguration] = []

    package init() {}

    /// The broker of this name.
    package func broker(named name: String) -> BrokerConfiguration? {
        brokers.first { $0.name == name }
    }

    /// The broker to which alerts and status go.
    ///
    /// nil only in a configuration that has not been checked.
    package var uplinkBroker: BrokerConfiguration? {
        (uplink.broker ?? sensors.broker).map { broker(named: $0) } ?? onlyBroker
    }

    /// The broker on which commands come; nil without `updates.commands`.
    package var commandBroker: BrokerConfiguration? {
        updates?.commands.flatMap { $0.broker.map { broker(named: $0) } ?? uplinkBroker }
    }

    /// The broker from which a pipeline has its readings.
    ///
    /// nil only in a configuration that has not been checked.
    package func sensorBroker(of pipeline: PipelineConfiguration) -> BrokerConfiguration? {
        (pipeline.broker ?? sensors.broker).map { broker(named: $0) } ?? onlyBroker
    }

    private var onlyBroker: BrokerConfiguration? { brokers.count == 1 ? brokers.first : nil }
}

/// The agent itself.
package struct AgentConfiguration: Sendable, Equatable {
    package enum LogLevel: String, Sendable, CaseIterable {
        case trace, debug, info, notice, warning, error
    }

    package enum LogFormat: String, Sendable, CaseIterable { case text, json }

    /// Part of topics and of event ids; after reading never empty.
    package var id = ""
    /// An absolute path.
    package var stateDirectory = "/var/lib/edge-agent"
    package var logLevel = LogLevel.info
    package var logFormat = LogFormat.text
    package var lockMemory = false

    package init() {}
}

/// Where readings come from.
package struct SensorsConfiguration: Sendable, Equatable {
    package var broker: String?

    package init() {}
}

/// Where alerts, states and status go.
package struct UplinkConfiguration: Sendable, Equatable {
    package var broker: String?

    package init() {}
}

/// What runs the models.
package struct InferenceConfiguration: Sendable, Equatable {
    package var engine = EngineSelection.Choice.automatic
    /// An absolute path; nil: the usual places.
    package var onnxRuntimeLibrary: String?

    package init() {}

    /// Which engines may run a model.
    package var engines: EngineSelection {
        EngineSelection(engine, onnxRuntimeLibrary: onnxRuntimeLibrary)
    }
}

/// How what has been decided is kept until a broker has it.
package struct OutboxSettings: Sendable, Equatable {
    /// An absolute path; after reading never empty.
    package var path = ""
    /// - Units: bytes
    package var maximumBytes = 64 << 20
    package var maximumAge = Duration.seconds(30 * 86_400)
    package var commitDelay = Duration.milliseconds(50)
    /// Records a second; nil: as fast as the broker takes them.
    package var drainRate: Int?
    /// - Units: bytes
    package var maximumMemoryBytes = 4 << 20
    package var window = 100
    package var maximumQuarantined = 1000
    /// A day's. - Units: bytes
    package var writeBudgetBytes = 1 << 30

    package init() {}
}

/// What a restart of the agent takes up.
package struct RestartConfiguration: Sendable, Equatable {
    /// Zero: at the end only.
    package var saveInterval = Duration.seconds(300)
    package var maximumAge = Duration.seconds(3600)

    package init() {}
}

/// The retained message that says what runs.
package struct StatusConfiguration: Sendable, Equatable {
    /// A template over `agent`.
    package var topic = "edge/{agent}/status"
    /// A template over `agent`: where alerts about the agent itself go.
    package var alertsTopic = "edge/{agent}/alerts"
    /// A template over `agent` and `subject`, which is the name of the pipeline that an alert of
    /// the agent is about, or of another part: where the retained states of these alerts go.
    package var stateTopic = "edge/{agent}/state/{subject}"

    package init() {}
}
