internal import InferenceRuntime

extension Configuration: ConfigurationSection {
    static let keys = KeyTable<Configuration>([
        .section("agent", \.agent, "The agent itself"),
        .sectionTable(
            "brokers", \.brokers, "MQTT brokers, each under a name of your choice",
            isRequired: true, maximumCount: 16),
        .section("sensors", \.sensors, "Where readings come from"),
        .section("uplink", \.uplink, "Where alerts, alarm states and status go"),
        .section("inference", \.inference, "What runs the models"),
        .sectionTable(
            "registries", \.registries,
            "Where new versions of models come from, each under a name of your choice",
            maximumCount: 16),
        .section("outbox", \.outbox, "How decided alerts are kept until a broker has them"),
        .section("restart", \.restart, "What a restart of the agent takes up"),
        .section("status", \.status, "The agent's own topics"),
        .section("http", \.http, "Status page, metrics and health over HTTP"),
        .optionalSection(
            "updates", \.updates,
            "New versions of models: where they may come from, what they must show",
            defaultText: "no updates: models stay what the pipelines name"),
        .sectionList(
            "pipelines", \.pipelines, "What is watched: topics in, one model, alerts out",
            keyedBy: "name", isRequired: true, maximumCount: 64),
    ])
}

extension AgentConfiguration: ConfigurationSection {
    static let keys = KeyTable<AgentConfiguration>([
        .scalar(
            "id", \.id, .identifier("the agent's name"),
            "Name of this agent, unique among those of a broker; part of topics and event ids",
            defaultText: "the host name"),
        .scalar(
            "stateDirectory", \.stateDirectory, .path("a directory"),
            "Directory for the outbox, saved alarms and models",
            defaultText: "$STATE_DIRECTORY (set by systemd), else /var/lib/edge-agent"),
        .scalar(
            "logLevel", \.logLevel,
            .choice([
                "trace": .trace, "debug": .debug, "info": .info, "notice": .notice,
                "warning": .warning, "error": .error,
            ]), "The least important messages that are logged"),
        .scalar(
            "logFormat", \.logFormat, .choice(["text": .text, "json": .json]),
            "One line a message: key=value text, or JSON"),
        .scalar(
            "lockMemory", \.lockMemory, .boolean,
            "Keep the process in memory (mlockall); needs LimitMEMLOCK"),
    ])
}

extension SensorsConfiguration: ConfigurationSection {
    static let keys = KeyTable<SensorsConfiguration>([
        .optional(
            "broker", \.broker, .identifier("a name under brokers"),
            "The broker from which pipelines have their readings unless they say otherwise",
            defaultText: "the only broker")
    ])
}

extension UplinkConfiguration: ConfigurationSection {
    static let keys = KeyTable<UplinkConfiguration>([
        .optional(
            "broker", \.broker, .identifier("a name under brokers"),
            "The broker to which alerts, alarm states and status go",
            defaultText: "that of sensors.broker")
    ])
}

extension InferenceConfiguration: ConfigurationSection {
    static let keys = KeyTable<InferenceConfiguration>([
        .scalar(
            "engine", \.engine,
            .choice([
                "automatic": .automatic, "builtIn": .builtIn, "onnxRuntime": .onnxRuntime,
            ]),
            "The agent's own runtime, ONNX Runtime, or ONNX Runtime just for `.onnx` models that"
                + " the agent's own cannot run"),
        .optional(
            "onnxRuntimeLibrary", \.onnxRuntimeLibrary, .path("a shared library"),
            "ONNX Runtime's library, 1.14 or newer; it is opened only when a model needs it",
            defaultText: "libonnxruntime.so in the usual places"),
    ])
}

extension OutboxSettings: ConfigurationSection {
    static let keys = KeyTable<OutboxSettings>([
        .scalar(
            "path", \.path, .path("a file"), "The database file",
            defaultText: "outbox.sqlite in agent.stateDirectory"),
        .scalar(
            "maximumBytes", \.maximumBytes, .size((256 << 10)...(1 << 40)),
            "How much disk the database may take; beyond it the lowest class goes, oldest first"),
        .scalar(
            "maximumAge", \.maximumAge, .duration(.seconds(60)...(.seconds(3650 * 86_400))),
            "How old a record may become before it is dropped"),
        .scalar(
            "commitDelay", \.commitDelay, .duration(.zero ... .seconds(10)),
            "How long a record may wait for the broker before it is written to the disk"),
        .optional(
            "drainRate", \.drainRate, .integer(1...1_000_000, unit: "records a second"),
            "The most records a second of a backlog", defaultText: "as fast as the broker takes it"),
        .scalar(
            "maximumMemoryBytes", \.maximumMemoryBytes, .size((64 << 10)...(1 << 30)),
            "How much memory records may take that are not, or cannot be, on the disk"),
        .scalar(
            "window", \.window, .integer(1...100, unit: "records"),
            "How many records of a backlog may wait for the broker at once"),
        .scalar(
            "maximumQuarantined", \.maximumQuarantined, .integer(0...1_000_000, unit: "records"),
            "How many records that the broker refused are kept for inspection"),
        .scalar(
            "writeBudget", \.writeBudgetBytes, .size((1 << 20)...(1 << 44)),
            "How much the outbox may write to the disk in a day before it raises "
                + "outbox-write-budget-exceeded; nothing is given up for it"),
    ])
}

extension RestartConfiguration: ConfigurationSection {
    static let keys = KeyTable<RestartConfiguration>([
        .scalar(
            "saveInterval", \.saveInterval, .duration(.zero ... .seconds(86_400)),
            "How often windows are saved beside the save at the end, if something has changed; 0s: at the "
                + "end only. Alarms are saved whenever they change"),
        .scalar(
            "maximumAge", \.maximumAge, .duration(.seconds(1)...(.seconds(365 * 86_400))),
            "After how long an absence windows begin anew and alarms that were raised are cleared"),
    ])
}

extension StatusConfiguration: ConfigurationSection {
    static let keys = KeyTable<StatusConfiguration>([
        .scalar(
            "topic", \.topic, .topicTemplate(["agent"], required: []),
            "Retained: what runs, and by the last will that nothing does"),
        .scalar(
            "alertsTopic", \.alertsTopic, .topicTemplate(["agent"], required: []),
            "Alerts about the agent itself, such as latency-budget-exceeded"),
        .scalar(
            "stateTopic", \.stateTopic,
            .topicTemplate(["agent", "subject"], required: ["subject"]),
            "Retained: how the agent's own alerts about a pipeline (the subject) stand"),
    ])
}
