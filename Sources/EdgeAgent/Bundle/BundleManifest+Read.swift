package import SensorIO

// Reading bundle.json. Every error names the path of the value inside the document.
extension BundleManifest {
    private static let keys = [
        "name", "version", "release", "expires", "summary", "runtime", "minimumAgentVersion",
        "inputs", "output", "thresholds", "inferenceBudget", "fallback",
    ]

    /// Reads a manifest.
    ///
    /// - Parameter isDescription: for packing: `thresholds` may be left out.
    /// - Throws: `JSONError` with the path of what is wrong.
    package init(_ document: JSONValue, isDescription: Bool = false) throws(JSONError) {
        let root = JSONNode(document)
        try root.requireKeys(among: Self.keys)
        name = try Self.identifier(root.required("name"))
        version = try Self.version(root.required("version"))
        release = try root.required("release").integer(in: 1...Int(Int32.max))
        expiresNanoseconds = try root.optional("expires").map { node throws(JSONError) in
            var text = try node.string()
            guard let time = text.withUTF8({ unsafe RFC3339Timestamp.nanoseconds(.init($0)) })
            else {
                throw node.invalid("be a time as in 2027-06-30T00:00:00Z")
            }
            return time
        }
        summary = try root.optional("summary").map { node throws(JSONError) in try node.string() }
        runtime = try Self.choice(root.required("runtime"))
        minimumAgentVersion = try root.optional("minimumAgentVersion").map(Self.version)

        let inputs = try root.required("inputs")
        try inputs.requireKeys(
            among: ["channels", "sampling", "window", "hop", "features", "normalization"])
        channels = try Self.channels(inputs.required("channels"))
        window = try Self.window(inputs)
        features = try Self.features(inputs.required("features"))
        try Self.check(window, features, channels: channels.count, inputs)
        normalization = try Self.normalization(
            inputs.optional("normalization"), features: features, channels: channels.count,
            samples: window.samples)
        output = try Self.output(root.required("output"))
        if let node = try root.optional("thresholds") {
            thresholds = try Self.thresholds(node)
        } else if isDescription {
            thresholds = nil
        } else {
            throw .missing(path: "thresholds")
        }
        inferenceBudget = try root.optional("inferenceBudget").map(Self.duration)
        fallback = nil
        fallback = try root.optional("fallback").map { node throws(JSONError) in
            try fallback(node)
        }
    }

    // MARK: Inputs

    private static func channels(_ node: JSONNode) throws(JSONError) -> [ChannelDescription] {
        var channels: [ChannelDescription] = []
        for element in try node.elements() {
            try element.requireKeys(among: ["name", "unit", "validRange", "outOfRange"])
            var channel = ChannelDescription(name: try label(element.required("name")))
            if channels.contains(where: { $0.name == channel.name }) {
                throw element.invalid("have another name: '\(channel.name)' stands there twice")
            }
            if let unit = try element.optional("unit") { channel.unit = try unit.string() }
            if let range = try element.optional("validRange") {
                let bounds = try range.numbers()
                guard bounds.count == 2, bounds[0] < bounds[1] else {
                    throw range.invalid("be two numbers, the lower one first")
                }
                channel.validRange = bounds[0]...bounds[1]
            }
            if let policy = try element.optional("outOfRange") {
                channel.outOfRange = try choice(policy)
            }
            channels.append(channel)
        }
        guard (1...1024).contains(channels.count) else {
            throw node.invalid("have 1 to 1024 channels")
        }
        return channels
    }

    private static func window(_ inputs: JSONNode) throws(JSONError) -> WindowDescription {
        let samples = try inputs.required("window").integer(
            in: 1...WindowDescription.maximumSamples)
        let hop = try inputs.optional("hop").map { node throws(JSONError) in
            try node.integer(in: 1...WindowDescription.maximumSamples)
        }
        var window = WindowDescription(samples: samples, hop: hop ?? 1)
        guard let sampling = try inputs.optional("sampling") else { return window }
        try sampling.requireKeys(among: ["interval", "maximumAge", "maximumGap"])
        if let gap = try sampling.optional("maximumGap") {
            window.maximumGapNanoseconds = try duration(gap).wholeNanoseconds
        }
        if let interval = try sampling.optional("interval") {
            let length = try duration(interval).wholeNanoseconds
            let age = try sampling.optional("maximumAge").map(duration)?.wholeNanoseconds
            window.alignment = .fixedRate(
                intervalNanoseconds: length, maximumAgeNanoseconds: age ?? length)
        } else if let age = try sampling.optional("maximumAge") {
            throw age.invalid("stand beside an interval: without one a row is a message")
        }
        return window
    }

    private static func features(_ node: JSONNode) throws(JSONError) -> FeatureDescription {
        if case .string(let text) = node.value {
            guard text == "raw" else { throw node.invalid("be \"raw\" or a list of statistics") }
            return .raw
        }
        var statistics: [FeatureStatistic] = []
        for element in try node.elements() {
            let statistic: FeatureStatistic = try choice(element)
            if statistics.contains(statistic) { throw element.invalid("stand there once") }
            statistics.append(statistic)
        }
        guard !statistics.isEmpty else { throw node.invalid("name at least one statistic") }
        return .statistics(statistics)
    }

    private static func normalization(
        _ node: JSONNode?, features: FeatureDescription, channels: Int, samples: Int
    ) throws(JSONError) -> NormalizationDescription {
        guard let node else { return .none }
        try node.requireKeys(among: ["offsets", "scales"])
        let offsets = try node.required("offsets")
        let scales = try node.required("scales")
        var expected = channels
        if case .statistics(let statistics) = features { expected *= statistics.count }
        let values = (offsets: try offsets.numbers(), scales: try scales.numbers())
        guard values.offsets.count == expected else {
            throw offsets.invalid("have \(expected) numbers, it has \(values.offsets.count)")
        }
        guard values.scales.count == expected else {
            throw scales.invalid("have \(expected) numbers, it has \(values.scales.count)")
        }
        guard !values.scales.contains(0) else { throw scales.invalid("not contain 0") }
        return .affine(offsets: values.offsets, scales: values.scales)
    }

    /// What a window's parts say together, and how large the model's input is for it: everything
    /// that is made of a manifest later is bounded by this.
    private static func check(
        _ window: WindowDescription, _ features: FeatureDescription, channels: Int,
        _ inputs: JSONNode
    ) throws(JSONError) {
        do throws(WindowError) {
            try window.check(channelCount: channels)
        } catch {
            throw inputs.invalid("describe a window that can be kept: \(error)")
        }
        do throws(FeatureError) {
            _ = try features.count(samples: window.samples, channelCount: channels)
        } catch {
            throw inputs.invalid("describe features that can be computed: \(error)")
        }
    }

    // MARK: Output

    private static func output(_ node: JSONNode) throws(JSONError) -> Output {
        let kind = try node.required("kind")
        switch try kind.string() {
        case "reconstructionError":
            try node.requireKeys(among: ["kind"])
            return .reconstructionError
        case "classProbabilities":
            try node.requireKeys(among: ["kind", "labels", "alarmLabels"])
            let labels = try node.required("labels")
            let names = try labels.strings()
            guard !names.isEmpty, Set(names).count == names.count else {
                throw labels.invalid("name each class once")
            }
            let alarmLabels = try node.required("alarmLabels")
            let alarms = try alarmLabels.strings()
            guard !alarms.isEmpty, Set(alarms).count == alarms.count,
                alarms.allSatisfy(names.contains)
            else { throw alarmLabels.invalid("be some of the labels, each once") }
            return .classProbabilities(labels: names, alarmLabels: alarms)
        case "value":
            try node.requireKeys(among: ["kind", "index"])
            let index = try node.optional("index").map { node throws(JSONError) in
                try node.integer(in: 0...1_000_000)
            }
            return .value(index: index ?? 0)
        default:
            throw kind.invalid("be reconstructionError, classProbabilities or value")
        }
    }

    private static func thresholds(_ node: JSONNode) throws(JSONError) -> Thresholds {
        try node.requireKeys(
            among: ["severities", "clearBelow", "raiseAfter", "clearAfter", "reminder"])
        let severities = try node.required("severities")
        var bands: [SeverityBand] = []
        for element in try severities.elements() {
            try element.requireKeys(among: ["severity", "raiseAbove"])
            bands.append(
                SeverityBand(
                    severity: try severity(element.required("severity")),
                    raiseAbove: Float(try element.required("raiseAbove").number())))
        }
        let count = AlarmRule.countRange
        let thresholds = Thresholds(
            bands: bands,
            clearBelow: try node.optional("clearBelow").map { node throws(JSONError) in
                Float(try node.number())
            },
            raiseAfter: try node.optional("raiseAfter").map { node throws(JSONError) in
                try node.integer(in: count)
            } ?? 1,
            clearAfter: try node.optional("clearAfter").map { node throws(JSONError) in
                try node.integer(in: count)
            } ?? 1,
            reminder: try node.optional("reminder").map(duration))
        do {
            _ = try AlarmRule(
                bands: bands, clearBelow: thresholds.clearBelow,
                raiseAfter: thresholds.raiseAfter, clearAfter: thresholds.clearAfter)
        } catch {
            throw node.invalid("be consistent: \(error)")
        }
        return thresholds
    }

    private func fallback(_ node: JSONNode) throws(JSONError) -> Fallback {
        try node.requireKeys(among: ["feature", "above", "below", "clear", "severity"])
        let feature = try node.required("feature")
        let name = try feature.string()
        guard featureIndex(named: name) != nil else {
            let first = features.names(channels: [channels[0]], samples: 1)[0]
            throw feature.invalid("be a feature of the model, as in \(first)")
        }
        let above = try node.optional("above")
        let below = try node.optional("below")
        guard let bound = above ?? below, above == nil || below == nil else {
            throw node.invalid("have either above or below")
        }
        let threshold = try bound.number()
        let clear = try node.optional("clear").map { node throws(JSONError) in try node.number() }
        if let clear, above != nil ? clear > threshold : clear < threshold {
            throw node.invalid("clear on the quiet side of its threshold")
        }
        return Fallback(
            feature: name, isAbove: above != nil, threshold: threshold,
            clearThreshold: clear ?? threshold,
            severity: try node.optional("severity").map(Self.severity) ?? .warning)
    }

    // MARK: Values

    /// Whether a bundle may be called so. In the store it is a directory's name: those with a leading dot are its own.
    static func isIdentifier(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count) && text.utf8.first != 0x2E
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
                    || (0x61...0x7A).contains(byte) || byte == 0x2D || byte == 0x2E || byte == 0x5F
            }
    }

    private static func identifier(_ node: JSONNode) throws(JSONError) -> String {
        let text = try node.string()
        guard isIdentifier(text) else {
            throw node.invalid("be 1 to 128 letters, digits, '.', '_' or '-', the first no '.'")
        }
        return text
    }

    /// A name for people, as sensors have them: spaces and letters of any script.
    private static func label(_ node: JSONNode) throws(JSONError) -> String {
        let text = try node.string()
        guard (1...128).contains(text.utf8.count),
            text.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 })
        else { throw node.invalid("be 1 to 128 bytes of printable text") }
        return text
    }

    private static func version(_ node: JSONNode) throws(JSONError) -> SemanticVersion {
        guard let version = SemanticVersion(try node.string()) else {
            throw node.invalid("be a version as in 1.2.3")
        }
        return version
    }

    private static func duration(_ node: JSONNode) throws(JSONError) -> Duration {
        guard let duration = DurationText.parse(try node.string()), duration > .zero else {
            throw node.invalid("be a duration as in \"20ms\" or \"1.5s\", above 0")
        }
        return duration
    }

    private static func severity(_ node: JSONNode) throws(JSONError) -> Severity {
        guard let severity = Severity(name: try node.string()) else {
            throw node.invalid("be warning, minor, major or critical")
        }
        return severity
    }

    private static func choice<Value: RawRepresentable & CaseIterable>(
        _ node: JSONNode
    ) throws(JSONError) -> Value where Value.RawValue == String {
        guard let value = Value(rawValue: try node.string()) else {
            let names = Value.allCases.map(\.rawValue).joined(separator: ", ")
            throw node.invalid("be one of \(names)")
        }
        return value
    }
}
