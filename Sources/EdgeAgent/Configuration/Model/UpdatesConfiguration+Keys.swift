internal import SensorIO

extension UpdatesConfiguration: ConfigurationSection {
    static let keys = KeyTable<UpdatesConfiguration>([
        .scalar(
            "signature", \.signature, .choice(["required": .required, "off": .off]),
            "Whether a bundle has to be signed by one of the keys; off is said at each start and in"
                + " the status"),
        .list(
            "keys", \.publicKeys, .path("a PEM file"),
            "Public keys of the publishers, ECDSA on P-256 or P-384; a signature by any of them is"
                + " enough, so that a key can be replaced", defaultText: "none",
            maximumCount: 16),
        .scalar(
            "apply", \.apply, .choice(["automatic": .automatic, "manual": .manual]),
            "Whether a verified version goes on by itself, or waits for `edge-agent model promote`"),
        .scalar(
            "pollInterval", \.pollInterval, .duration(.seconds(1)...(.seconds(30 * 86_400))),
            "How often a registry is asked, give or take a fifth"),
        .scalar(
            "maximumBackoff", \.maximumBackoff,
            .duration(.seconds(10)...(.seconds(30 * 86_400))),
            "The longest wait after failures; it starts at a minute and doubles"),
        .list(
            "windows", \.windows, .maintenanceWindow,
            "When a version may start to decide, as in 22:00-04:30, UTC; closed while the clock is not"
                + " synchronised", defaultText: "at any time", maximumCount: 16),
        .scalar(
            "rollout", \.rollout, .number(0...100, unit: "percent"),
            "The share of agents that look for new versions; which ones follows from agent.id"),
        .scalar(
            "quota", \.quotaBytes, .size((1 << 20)...(1 << 40)),
            "What the model store may take; what is active, previous, staged or pinned is never removed"
        ),
        .scalar(
            "maximumModelMemory", \.maximumModelMemoryBytes, .size((64 << 10)...(1 << 34)),
            "The largest arena of a new version"),
        .scalar(
            "trustUnsynchronisedClock", \.trustUnsynchronisedClock, .boolean,
            "Take the clock at its word, for boxes without a time server: dates of expiry and"
                + " windows need it"),
        .scalar(
            "crashLimit", \.crashLimit, .integer(2...100, unit: "crashes"),
            "After so many crashes in a row a committed version is taken back"),
        .scalar(
            "healthyAfter", \.healthyAfter, .duration(.seconds(1)...(.seconds(86_400))),
            "After so long a start counts as no crash"),
        .scalar(
            "topic", \.topic, .topicTemplate(["agent", "pipeline"], required: []),
            "Events: what became of a version"),
        .optionalSection(
            "commands", \.commands,
            "Commands over MQTT 5, on edge/<agent>/command/<command>: see docs/updates.md",
            defaultText: "no commands over MQTT"),
        .section("download", \.download, "What the download of a version may take"),
        .section("shadow", \.shadow, "What a version shows beside the active one"),
        .section("trial", \.trial, "What a version shows while it decides and can be taken back"),
    ])
}

extension CommandsConfiguration: ConfigurationSection {
    static let keys = KeyTable<CommandsConfiguration>([
        .list(
            "allow", \.allowed, .command,
            "Which commands are obeyed; who may give them is the broker's to say, by its ACL",
            isRequired: true, maximumCount: UpdateRequest.Verb.allCases.count),
        .optional(
            "broker", \.broker, .identifier("a name under brokers"),
            "The broker on which commands come; it has to speak MQTT 5",
            defaultText: "that of uplink.broker"),
        .scalar(
            "responses", \.responses, .responseFilter,
            "Where answers may go: a request that wants its answer elsewhere is dropped"),
        .scalar(
            "maximumPerMinute", \.maximumPerMinute, .integer(1...6000, unit: "commands"),
            "More than so many are refused"),
    ])
}

extension DownloadConfiguration: ConfigurationSection {
    static let keys = KeyTable<DownloadConfiguration>([
        .scalar(
            "maximumSize", \.maximumBytes, .size((64 << 10)...(1 << 34)),
            "All files of a version together; a larger one is refused before it comes"),
        .scalar(
            "reserve", \.reserveBytes, .size(0...(1 << 40)),
            "So much of the file system stays free: without room for both the download waits"),
        .optional(
            "bandwidth", \.bytesPerSecond, .size(1024...(1 << 30)),
            "Bytes a second, so that a download leaves room on a thin link",
            defaultText: "as fast as it comes"),
    ])
}

extension ShadowConfiguration: ConfigurationSection {
    static let keys = KeyTable<ShadowConfiguration>([
        .scalar(
            "minimumTime", \.minimumTime, .duration(.zero ... .seconds(30 * 86_400)),
            "How long at least"),
        .scalar(
            "maximumTime", \.maximumTime, .duration(.seconds(1)...(.seconds(365 * 86_400))),
            "After so long without enough windows the version is refused"),
        .scalar(
            "windows", \.windows, .integer(0...1_000_000_000, unit: "windows"),
            "How many windows it has to see; with minimumTime 0s and 0 windows there is no shadow"),
        .scalar(
            "agreement", \.agreement, .number(0...1, unit: "share"),
            "On how many of them both models must say the same: alarm, or none"),
        .scalar(
            "alarmFactor", \.alarmFactor, .number(0...1_000_000, unit: "factor"),
            "How many times as many alarming windows as the active model it may have"),
        .scalar(
            "alarmShare", \.alarmShare, .number(0...1, unit: "share"),
            "A share of alarming windows that is allowed in any case"),
    ])
}

extension TrialConfiguration: ConfigurationSection {
    static let keys = KeyTable<TrialConfiguration>([
        .scalar(
            "minimumTime", \.minimumTime, .duration(.zero ... .seconds(30 * 86_400)),
            "How long at least"),
        .scalar(
            "maximumTime", \.maximumTime, .duration(.seconds(1)...(.seconds(365 * 86_400))),
            "After so long without enough windows the version is taken back"),
        .scalar(
            "windows", \.windows, .integer(0...1_000_000_000, unit: "windows"),
            "How many windows it has to decide"),
        .scalar(
            "judgedAfter", \.judgedAfter, .integer(1...1_000_000_000, unit: "windows"),
            "From how many windows on shares are judged"),
        .scalar(
            "crashes", \.crashes, .integer(0...100, unit: "crashes"),
            "Ends without a word that are forgiven, on trial and before it: a power cut is no crash"
        ),
        .scalar(
            "failures", \.failures, .integer(0...1_000_000_000, unit: "evaluations"),
            "Evaluations without a finite score that are forgiven"),
        .scalar(
            "alarmFactor", \.alarmFactor, .number(0...1_000_000, unit: "factor"),
            "How many times as many alarming windows as the old model in the shadow it may have"),
        .scalar(
            "alarmShare", \.alarmShare, .number(0...1, unit: "share"),
            "A share of alarming windows that is allowed in any case"),
        .scalar(
            "missShare", \.missShare, .number(0...1, unit: "share"),
            "The share of windows that may miss the latency budget"),
    ])
}

extension PipelineUpdateConfiguration: ConfigurationSection {
    static let keys = KeyTable<PipelineUpdateConfiguration>([
        .optional(
            "registry", \.registry, .identifier("a name under registries"),
            "Where new versions come from", defaultText: "nowhere: only what is staged by hand"),
        .optional(
            "model", \.model, .text("a model's name, as in plant/vibration:stable"),
            "What is looked for there: a name with a version, a channel, or alone for the newest",
            defaultText: "the name of the bundle that works"),
    ])
}

extension ScalarKind where Value == UpdateRequest.Verb {
    /// The name of a command.
    static var command: ScalarKind {
        choice([
            "pull": .pull, "stage": .stage, "promote": .promote, "rollback": .rollback,
            "pin": .pin, "unpin": .unpin, "hold": .hold, "unhold": .unhold,
            "acknowledge": .acknowledge, "list": .list, "history": .history,
        ])
    }
}

extension ScalarKind where Value == String {
    /// A filter of response topics, with the agent's name in it.
    static var responseFilter: ScalarKind {
        parsed(
            "topic filter", "a topic filter such as edge/{agent}/response/#",
            range: "names: {agent}",
            parse: { text throws(ScalarProblem) in
                do throws(TopicError) {
                    let filter = try TopicFilter(text.replacingEach("{agent}", with: "x"))
                    if filter.captureNames.isEmpty { return text }
                } catch {
                    throw ScalarProblem(
                        message: "topic filter '\(YAMLNode.excerpt(text))': \(error)")
                }
                throw ScalarProblem(
                    message:
                        "topic filter '\(YAMLNode.excerpt(text))': only {agent} may stand in braces"
                )
            },
            format: { $0 })
    }
}

extension ScalarKind where Value == MaintenanceWindow {
    /// A time of day, from and to.
    static var maintenanceWindow: ScalarKind {
        parsed(
            "time of day", "a time of day such as 22:00-04:30",
            parse: { MaintenanceWindow($0) }, format: \.text)
    }
}
