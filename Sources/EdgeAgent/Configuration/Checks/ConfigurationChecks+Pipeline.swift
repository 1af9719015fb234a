internal import SensorIO

extension ConfigurationChecks {
    mutating func check(_ pipeline: PipelineConfiguration, at path: String) {
        checkTopics(pipeline, path)
        checkPayload(pipeline.payload, "\(path).payload")
        checkAlarm(pipeline.alarm, "\(path).alarm")
        if isGiven("\(path).predictions.everyNth"), pipeline.predictions.mode != .sampled {
            warning(
                "\(path).predictions.everyNth",
                "has no effect: mode is \(pipeline.predictions.mode.rawValue), not sampled")
        }
    }

    private mutating func checkTopics(_ pipeline: PipelineConfiguration, _ path: String) {
        for (index, filter) in pipeline.topics.enumerated() {
            let place = "\(path).topics[\(index)]"
            if let other = pipeline.topics[..<index].firstIndex(where: {
                $0.mqttFilter == filter.mqttFilter
            }) {
                error(place, "subscribes to the same as topics[\(other)]: '\(filter.mqttFilter)'")
            }
            if let capture = pipeline.payload.channelFromTopic,
                filter.captureIndex(of: capture) == nil
            {
                let names = filter.captureNames
                error(
                    "\(path).payload.channelFromTopic",
                    "'\(filter.text)' has no capture '\(YAMLNode.excerpt(capture))'; "
                        + (names.isEmpty
                            ? "it has none"
                            : "it has \(names.joined(separator: ", "))"))
            }
            guard let template = pipeline.assetKey else { continue }
            do throws(TopicError) {
                _ = try TopicKey(template: template, for: filter)
            } catch let problem {
                error(
                    "\(path).assetKey",
                    "'\(YAMLNode.excerpt(template))' with '\(filter.text)': \(problem)")
            }
        }
    }

    private mutating func checkPayload(_ payload: PayloadConfiguration, _ path: String) {
        let isObject = payload.format == .jsonObject
        if isObject {
            if isGiven("\(path).channel") {
                error(
                    "\(path).channel", "is for scalars: of an object name each channel in channels")
            }
            if isGiven("\(path).channelFromTopic"), !isGiven("\(path).value") {
                error("\(path).channelFromTopic", "needs value beside it: where the object has it")
            }
            if isGiven("\(path).value"), !isGiven("\(path).channelFromTopic") {
                error("\(path).value", "needs channelFromTopic beside it; else use channels")
            }
            if isGiven("\(path).channelFromTopic"), isGiven("\(path).channels") {
                error("\(path).channels", "contradicts channelFromTopic: give one of them")
            }
        } else {
            for key in ["channels", "value", "timestamp", "maximumSamples", "partialRows"]
            where isGiven("\(path).\(key)") {
                error(
                    "\(path).\(key)",
                    "is for format jsonObject: a scalar has one value and nothing beside it")
            }
            let count = ["channel", "channelFromTopic"].count { isGiven("\(path).\($0)") }
            if count != 1 {
                error(
                    "\(path).format",
                    "\(payload.format.rawValue) needs either channel or channelFromTopic")
            }
        }
        for (index, field) in payload.channels.enumerated() {
            for other in payload.channels[..<index]
            where other.value.isPrefix(of: field.value) || field.value.isPrefix(of: other.value) {
                error(
                    "\(path).channels.\(field.name)",
                    "'\(field.value)' and '\(other.value)' (\(other.name)) cannot both be numbers")
            }
        }
        if payload.timestamp == nil {
            for key in ["maximumAge", "maximumFuture"] where isGiven("\(path).\(key)") {
                warning("\(path).\(key)", "has no effect without timestamp")
            }
        }
    }

    private mutating func checkAlarm(_ alarm: AlarmConfiguration, _ path: String) {
        if alarm.raiseAbove != nil, !alarm.severities.isEmpty {
            error("\(path).raiseAbove", "contradicts severities: the lowest of them raises")
            return
        }
        // What can be checked without the bundle: the rule that severities alone make.
        guard !alarm.severities.isEmpty else { return }
        do throws(AlarmRuleError) {
            _ = try AlarmRule(bands: alarm.bands, clearBelow: alarm.clearBelow.map(Float.init))
        } catch let problem {
            error("\(path).severities", "\(problem)")
        }
    }
}

extension AlarmConfiguration {
    /// The severities as an alarm's rule takes them.
    var bands: [SeverityBand] {
        severities.map { SeverityBand(severity: $0.severity, raiseAbove: Float($0.above)) }
    }

    /// The bundle's thresholds with what the box says over them.
    ///
    /// A threshold of the box's own drops the bundle's `clearBelow`, which was chosen for another.
    package func thresholds(
        over bundle: BundleManifest.Thresholds
    ) -> BundleManifest.Thresholds {
        var thresholds = bundle
        if !severities.isEmpty {
            thresholds.bands = bands
        } else if let raiseAbove, !thresholds.bands.isEmpty {
            thresholds.bands[0].raiseAbove = Float(raiseAbove)
        }
        if !severities.isEmpty || raiseAbove != nil { thresholds.clearBelow = nil }
        if let clearBelow { thresholds.clearBelow = Float(clearBelow) }
        if let raiseAfter { thresholds.raiseAfter = raiseAfter }
        if let clearAfter { thresholds.clearAfter = clearAfter }
        if let reminder { thresholds.reminder = reminder }
        return thresholds
    }

    /// The rule of a pipeline.
    ///
    /// - Throws: `AlarmRuleError` when box and bundle contradict each other.
    package func alarmRule(over bundle: BundleManifest) throws(AlarmRuleError) -> AlarmRule {
        var manifest = bundle
        manifest.thresholds = bundle.thresholds.map { thresholds(over: $0) }
        return try manifest.alarmRule()
    }
}
