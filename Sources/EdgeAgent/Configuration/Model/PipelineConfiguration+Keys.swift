internal import SensorIO

private let eventNames = ["agent", "pipeline", "asset"]

extension PipelineConfiguration: NamedConfigurationSection {
    static let keys = KeyTable<PipelineConfiguration>([
        .scalar(
            "name", \.name, .identifier("the pipeline's name"),
            "Name, unique on this agent; part of topics and event sources", isRequired: true),
        .optional(
            "broker", \.broker, .identifier("a name under brokers"),
            "The broker from which the readings come", defaultText: "that of sensors.broker"),
        .list(
            "topics", \.topics, .topicFilter,
            "Topic filters; {name} takes one level and captures it, + and # as in MQTT",
            isRequired: true, maximumCount: 32),
        .optional(
            "assetKey", \.assetKey, .text("a template such as {site}/{asset}"),
            "How the asset's key is made of the captures",
            defaultText: "{asset} if it is captured, else all captures joined by /"),
        .scalar(
            "qos", \.qualityOfService, .choice(["0": .atMostOnce, "1": .atLeastOnce]),
            "Quality of service of the subscription"),
        .section("payload", \.payload, "What a message looks like"),
        .scalar(
            "model", \.model, .path("the directory of a bundle"), "Directory of the model's bundle",
            isRequired: true),
        .scalar(
            "budget", \.budget, .duration(.milliseconds(1)...(.seconds(60))),
            "How long it may take from the bytes on the socket to the alert on the socket"),
        .scalar(
            "inferenceShare", \.inferenceShare, .number(0.01...1, unit: "fraction"),
            "How much of the budget the model may take at its 99th percentile, else it is refused"),
        .scalar(
            "onOverrun", \.onOverrun,
            .choice(["coalesce": .coalesce, "drop": .drop, "evaluate": .evaluate]),
            "What happens to a window older than the budget: only the newest counts, none, or each"),
        .scalar(
            "maximumAssets", \.maximumAssets, .integer(1...1_000_000, unit: "assets"),
            "How many assets are watched; memory is taken for all of them at start"),
        .scalar(
            "minimumIdle", \.minimumIdle, .duration(.zero ... .seconds(365 * 86_400)),
            "How long an asset is silent before a new one may take its place"),
        .optional(
            "maximumGap", \.maximumGap, .duration(.milliseconds(1)...(.seconds(365 * 86_400))),
            "A window starts anew after this long without a sample", defaultText: "the bundle's"),
        .section("alarm", \.alarm, "Where this box has another opinion than the bundle"),
        .section("alerts", \.alerts, "Events: an alarm was raised or cleared"),
        .section("state", \.state, "Retained messages: how each alarm stands"),
        .section("predictions", \.predictions, "Every score"),
        .section("scheduling", \.scheduling, "Real-time scheduling of the pipeline's thread"),
        .section("update", \.update, "New versions of the model; needs updates"),
    ])
}

extension PayloadConfiguration: ConfigurationSection {
    static let keys = KeyTable<PayloadConfiguration>([
        .scalar(
            "format", \.format,
            .choice([
                "jsonObject": .jsonObject, "jsonScalar": .jsonScalar, "textScalar": .textScalar,
            ]), "An object with several channels, one JSON number, or one number as text"),
        .table(
            "channels", \.channels, .payloadPath,
            "Objects: the path of each channel, as in `vibration: data.vib`",
            defaultText: "each channel is a key of its own name", maximumCount: 1024),
        .optional(
            "channel", \.channel, .text("a channel's name"), "Scalars: the channel that it is",
            defaultText: "none"),
        .optional(
            "channelFromTopic", \.channelFromTopic, .text("the name of a capture"),
            "The capture of the topic that names the channel", defaultText: "none"),
        .optional(
            "value", \.value, .payloadPath,
            "With channelFromTopic, objects: the path of the one value", defaultText: "none"),
        .optionalSection(
            "timestamp", \.timestamp, "Where the time of a sample stands",
            defaultText: "the time of arrival"),
        .scalar(
            "maximumAge", \.maximumAge, .duration(.zero ... .seconds(3650 * 86_400)),
            "How old a timestamp may be"),
        .scalar(
            "maximumFuture", \.maximumFuture, .duration(.zero ... .seconds(3650 * 86_400)),
            "How far ahead of the box's clock a timestamp may be"),
        .scalar(
            "maximumBytes", \.maximumBytes, .size(1...PayloadDescription.maximumBytesLimit),
            "The largest message that is read"),
        .scalar(
            "maximumSamples", \.maximumSamples,
            .integer(1...PayloadDescription.maximumSamplesLimit, unit: "samples"),
            "How many samples one message may carry, as a JSON array of objects"),
        .scalar(
            "partialRows", \.partialRows, .boolean,
            "Accept objects that lack channels; needs a bundle with windows of a fixed rate"),
    ])
}

extension TimestampConfiguration: ConfigurationSection {
    static let keys = KeyTable<TimestampConfiguration>([
        .optional(
            "field", \.field, .payloadPath, "The path of the time in the object",
            isRequired: true),
        .scalar(
            "unit", \.unit,
            .choice([
                "s": .seconds, "ms": .milliseconds, "us": .microseconds, "ns": .nanoseconds,
                "rfc3339": .rfc3339,
            ]), "How it is written: units since 1970, or as a date and time"),
    ])
}

extension AlarmConfiguration: ConfigurationSection {
    static let keys = KeyTable<AlarmConfiguration>([
        .optional(
            "raiseAbove", \.raiseAbove, .number(),
            "A score above it is an alarm of the lowest severity", defaultText: "the bundle's"),
        .optional(
            "clearBelow", \.clearBelow, .number(), "A score below it may clear the alarm",
            defaultText: "the bundle's; the threshold, if raiseAbove or severities are given"),
        .optional(
            "raiseAfter", \.raiseAfter, .integer(AlarmRule.countRange, unit: "evaluations"),
            "So many in a row above raise", defaultText: "the bundle's"),
        .optional(
            "clearAfter", \.clearAfter, .integer(AlarmRule.countRange, unit: "evaluations"),
            "So many in a row below clear", defaultText: "the bundle's"),
        .optional(
            "reminder", \.reminder, .duration(.zero ... .seconds(365 * 86_400)),
            "A raised alarm is published again after this long; 0s: never",
            defaultText: "the bundle's"),
        .sectionList(
            "severities", \.severities,
            "Severities with their thresholds, both rising; replace all of the bundle's",
            keyedBy: "severity", defaultText: "the bundle's",
            maximumCount: AlarmRule.maximumBands),
    ])
}

extension SeverityConfiguration: ConfigurationSection {
    static let keys = KeyTable<SeverityConfiguration>([
        .scalar(
            "severity", \.severity, .severity, "The severity as X.733 names it", isRequired: true),
        .scalar("above", \.above, .number(), "It holds for scores above this", isRequired: true),
    ])
}

extension AlertsConfiguration: ConfigurationSection {
    static let keys = KeyTable<AlertsConfiguration>([
        .scalar(
            "topic", \.topic, .topicTemplate(eventNames, required: ["asset"]),
            "Topic of the events"),
        .optional(
            "expiry", \.expiry, .duration(.seconds(1)...(.seconds(4_294_967_294))),
            "The broker drops an event that nobody has taken after this long (MQTT 5)",
            defaultText: "never"),
    ])
}

extension StateConfiguration: ConfigurationSection {
    static let keys = KeyTable<StateConfiguration>([
        .scalar(
            "topic", \.topic, .topicTemplate(eventNames, required: ["asset"]),
            "Topic of the retained states, one an asset")
    ])
}

extension PredictionsConfiguration: ConfigurationSection {
    static let keys = KeyTable<PredictionsConfiguration>([
        .scalar(
            "mode", \.mode, .choice(["off": .off, "sampled": .sampled, "full": .full]),
            "Which scores are published: none, every nth, all"),
        .scalar(
            "everyNth", \.everyNth, .integer(1...1_000_000, unit: "evaluations"),
            "With sampled: every nth evaluation"),
        .scalar(
            "qos", \.qualityOfService, .choice(["0": .atMostOnce, "1": .atLeastOnce]),
            "0: sent once or not at all, never stored, if the sensors' broker is the uplink as well"
        ),
        .scalar(
            "topic", \.topic, .topicTemplate(eventNames, required: ["asset"]),
            "Topic of the scores"),
    ])
}

extension SchedulingConfiguration: ConfigurationSection {
    static let keys = KeyTable<SchedulingConfiguration>([
        .optional(
            "fifoPriority", \.fifoPriority, .integer(1...98),
            "SCHED_FIFO at this priority; needs LimitRTPRIO", defaultText: "normal scheduling"),
        .optional(
            "processor", \.processor, .integer(0...1023),
            "The processor that the thread is pinned to", defaultText: "any"),
    ])
}
