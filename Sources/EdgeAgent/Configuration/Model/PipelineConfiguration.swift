package import SensorIO

/// One pipeline: topics in, one model, alerts out.
package struct PipelineConfiguration: Sendable, Equatable {
    package var name = ""
    /// nil: that of `sensors.broker`.
    package var broker: String?
    package var topics: [TopicFilter] = []
    /// A template over the captures; nil: `asset` alone if it is captured, else all, joined by `/`.
    package var assetKey: String?
    package var qualityOfService = MQTTQualityOfService.atLeastOnce
    package var payload = PayloadConfiguration()
    /// The absolute path of a bundle's directory.
    package var model = ""
    package var budget = Duration.milliseconds(20)
    /// How much of the budget the model may take.
    package var inferenceShare = 0.5
    package var onOverrun = OverrunPolicy.coalesce
    package var maximumAssets = 100
    package var minimumIdle = Duration.seconds(60)
    /// A window starts anew after this long without a sample; nil: as the bundle says.
    package var maximumGap: Duration?
    package var alarm = AlarmConfiguration()
    package var alerts = AlertsConfiguration()
    package var state = StateConfiguration()
    package var predictions = PredictionsConfiguration()
    package var scheduling = SchedulingConfiguration()
    package var update = PipelineUpdateConfiguration()

    package init() {}

    /// How long the model may take.
    package var inferenceBudget: Duration {
        .nanoseconds(Int64(Double(budget.wholeNanoseconds) * inferenceShare))
    }
}

/// What a message of the sensors looks like.
package struct PayloadConfiguration: Sendable, Equatable {
    package var format = PayloadFormat.jsonObject
    /// Channel → path in the object.
    package var channels: [NamedValue<PayloadPath>] = []
    /// Scalars: always this channel.
    package var channel: String?
    /// The capture of the topic that names the channel.
    package var channelFromTopic: String?
    /// With `channelFromTopic`, objects: where the one value stands.
    package var value: PayloadPath?
    /// nil: the time of arrival.
    package var timestamp: TimestampConfiguration?
    package var maximumAge = Duration.seconds(86_400)
    package var maximumFuture = Duration.seconds(300)
    /// - Units: bytes
    package var maximumBytes = 64 << 10
    package var maximumSamples = 1
    package var partialRows = false

    package init() {}

    /// What a decoder is made from.
    package var description: PayloadDescription {
        let channels: PayloadChannels =
            if let channelFromTopic {
                .topicCapture(channelFromTopic, value: value)
            } else if let channel {
                .fixed(channel)
            } else if self.channels.isEmpty {
                .byName
            } else {
                .fields(self.channels.map { PayloadField(channel: $0.name, path: $0.value) })
            }
        return PayloadDescription(
            format: format, channels: channels,
            timestamp: timestamp?.timestamp ?? .arrival, maximumBytes: maximumBytes,
            maximumSamples: maximumSamples, acceptsPartialRows: partialRows,
            clockRange: AcceptableClockRange(
                maximumAgeNanoseconds: maximumAge.wholeNanoseconds,
                maximumFutureNanoseconds: maximumFuture.wholeNanoseconds))
    }
}

/// Where the time of a sample stands.
package struct TimestampConfiguration: Sendable, Equatable {
    package var field: PayloadPath?
    package var unit = TimestampUnit.milliseconds

    package init() {}

    /// What a decoder is made from; nil only in a configuration that has not been checked.
    package var timestamp: PayloadTimestamp? { field.map { .field($0, unit: unit) } }
}

/// When an alarm is raised and cleared, where the box has another opinion than the bundle.
package struct AlarmConfiguration: Sendable, Equatable {
    package var raiseAbove: Double?
    package var clearBelow: Double?
    package var raiseAfter: Int?
    package var clearAfter: Int?
    package var reminder: Duration?
    /// Replaces all of the bundle's severities.
    package var severities: [SeverityConfiguration] = []

    package init() {}
}

/// One severity with its threshold.
package struct SeverityConfiguration: Sendable, Equatable {
    package var severity = Severity.warning
    package var above = 0.0

    package init() {}
}

/// Where events about alarms go.
package struct AlertsConfiguration: Sendable, Equatable {
    /// A template over `agent`, `pipeline` and `asset`.
    package var topic = "edge/{agent}/alerts/{pipeline}/{asset}"
    /// nil: for ever, as far as the outbox keeps them.
    package var expiry: Duration?

    package init() {}
}

/// Where the retained states of alarms go.
package struct StateConfiguration: Sendable, Equatable {
    /// A template over `agent`, `pipeline` and `asset`.
    package var topic = "edge/{agent}/state/{pipeline}/{asset}"

    package init() {}
}

/// Whether and where every score goes.
package struct PredictionsConfiguration: Sendable, Equatable {
    package enum Mode: String, Sendable, CaseIterable { case off, sampled, full }

    package var mode = Mode.off
    /// `sampled`: every nth evaluation.
    package var everyNth = 10
    package var qualityOfService = MQTTQualityOfService.atLeastOnce
    /// A template over `agent`, `pipeline` and `asset`.
    package var topic = "edge/{agent}/predictions/{pipeline}/{asset}"

    package init() {}

    /// What a pipeline is told.
    package var predictions: PipelineSettings.Predictions {
        switch mode {
        case .off: .off
        case .sampled: .everyNth(everyNth)
        case .full: .everyNth(1)
        }
    }
}

/// How a pipeline's thread is scheduled.
package struct SchedulingConfiguration: Sendable, Equatable {
    package var fifoPriority: Int?
    package var processor: Int?

    package init() {}

    /// What a pipeline is told.
    package var scheduling: PipelineSettings.Scheduling {
        PipelineSettings.Scheduling(fifoPriority: fifoPriority, processor: processor)
    }
}
