internal import SensorIO

extension LoadedConfiguration {
    /// Checks a pipeline against the bundle that it is to run.
    ///
    /// - Parameter index: of the pipeline.
    /// - Returns: what does not fit, and warnings; errors mean that the pipeline cannot start.
    package func diagnostics(
        ofPipeline index: Int, with manifest: BundleManifest
    ) -> [ConfigurationDiagnostic] {
        precondition(configuration.pipelines.indices.contains(index), "A pipeline that is there.")
        var check = BundleFit(
            pipeline: configuration.pipelines[index], manifest: manifest,
            path: "pipelines[\(index)]", loaded: self)
        check.run()
        return check.diagnostics.all
    }
}

/// Whether topics and payloads of a pipeline deliver what a bundle needs.
private struct BundleFit {
    let pipeline: PipelineConfiguration
    let manifest: BundleManifest
    let path: String
    let loaded: LoadedConfiguration
    var diagnostics = ConfigurationDiagnostics()

    private var isFixedRate: Bool { manifest.window.alignment != .perMessage }
    private var names: [String] { manifest.channels.map(\.name) }

    mutating func run() {
        checkChannels()
        checkAlignment()
        do throws(AlarmRuleError) {
            _ = try pipeline.alarm.alarmRule(over: manifest)
        } catch let problem {
            error("alarm", "with the thresholds of the bundle: \(problem)")
        }
        if let needed = manifest.inferenceBudget, needed > pipeline.inferenceBudget {
            warning(
                "inferenceShare",
                "leaves the model \(DurationText.format(pipeline.inferenceBudget)) of"
                    + " \(DurationText.format(pipeline.budget)); the bundle declares"
                    + " \(DurationText.format(needed))")
        }
    }

    private mutating func checkChannels() {
        let payload = pipeline.payload
        if let channel = payload.channel, !names.contains(channel) {
            unknown(channel, "payload.channel")
        }
        guard !payload.channels.isEmpty else { return }
        let given = payload.channels.map(\.name)
        for name in given where !names.contains(name) {
            if let nearest = NearestKey.find(name, among: names), !given.contains(nearest) {
                unknown(name, "payload.channels.\(name)")
            } else {
                warning("payload.channels.\(name)", "is not used: the bundle has no such channel")
            }
        }
        for name in names where !given.contains(name) {
            error("payload.channels", "the bundle's channel '\(name)' is missing")
        }
    }

    /// Rows of several channels come whole in a message, or are put together at a fixed rate.
    private mutating func checkAlignment() {
        let payload = pipeline.payload
        let isOneValue = payload.format != .jsonObject || payload.channelFromTopic != nil
        if isOneValue, names.count > 1, !isFixedRate {
            error(
                payload.channelFromTopic == nil ? "payload.format" : "payload.channelFromTopic",
                "a message has one value, but the bundle wants all \(names.count) channels in each"
                    + " message (it has no sampling interval)")
        }
        if payload.channel != nil, names.count > 1, isFixedRate {
            error(
                "payload.channel",
                "the bundle has \(names.count) channels, and no message would bring the others")
        }
        if payload.partialRows, !isFixedRate {
            error(
                "payload.partialRows",
                "the bundle wants all channels in each message (it has no sampling interval)")
        }
        if pipeline.maximumGap != nil, isFixedRate {
            warning("maximumGap", "has no effect: the bundle's windows have a fixed rate")
        }
    }

    private mutating func unknown(_ channel: String, _ key: String) {
        let hint =
            NearestKey.find(channel, among: names).map { "did you mean '\($0)'?" }
            ?? "there are \(names.joined(separator: ", "))"
        error(key, "the bundle has no channel '\(YAMLNode.excerpt(channel))'; \(hint)")
    }

    private mutating func error(_ key: String, _ message: String) {
        diagnostics.error(loaded.location(of: "\(path).\(key)"), "\(path).\(key)", message)
    }

    private mutating func warning(_ key: String, _ message: String) {
        diagnostics.warning(loaded.location(of: "\(path).\(key)"), "\(path).\(key)", message)
    }
}
