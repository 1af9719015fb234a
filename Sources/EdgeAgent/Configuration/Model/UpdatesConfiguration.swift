package import SensorIO

/// How new versions of models come to this box, and what they have to show.
package struct UpdatesConfiguration: Sendable, Equatable {
    package var signature = BundleVerifier.SignaturePolicy.required
    /// PEM files.
    package var publicKeys: [String] = []
    package var apply = UpdatePolicy.Apply.automatic
    package var pollInterval = Duration.seconds(900)
    package var maximumBackoff = Duration.seconds(6 * 3600)
    package var windows: [MaintenanceWindow] = []
    /// - Units: percent
    package var rollout = 100.0
    /// - Units: bytes
    package var quotaBytes = 512 << 20
    package var maximumModelMemoryBytes = 64 << 20
    package var trustUnsynchronisedClock = false
    package var crashLimit = 5
    package var healthyAfter = Duration.seconds(600)
    /// A template over `agent` and `pipeline`.
    package var topic = "edge/{agent}/models/{pipeline}"
    /// nil: no commands over MQTT.
    package var commands: CommandsConfiguration?
    package var download = DownloadConfiguration()
    package var shadow = ShadowConfiguration()
    package var trial = TrialConfiguration()

    package init() {}

    /// What the machine is told.
    package var policy: UpdatePolicy {
        var policy = UpdatePolicy()
        policy.apply = apply
        policy.pollSeconds = Int(clamping: pollInterval.components.seconds)
        policy.maximumBackoffSeconds = Int(clamping: maximumBackoff.components.seconds)
        policy.crashLimit = crashLimit
        policy.healthySeconds = Int(clamping: healthyAfter.components.seconds)
        policy.shadow.minimumSeconds = Int(clamping: shadow.minimumTime.components.seconds)
        policy.shadow.maximumSeconds = Int(clamping: shadow.maximumTime.components.seconds)
        policy.shadow.evaluations = UInt64(clamping: shadow.windows)
        policy.shadow.agreement = shadow.agreement
        policy.shadow.alarmFactor = shadow.alarmFactor
        policy.shadow.alarmShare = shadow.alarmShare
        policy.trial.minimumSeconds = Int(clamping: trial.minimumTime.components.seconds)
        policy.trial.maximumSeconds = Int(clamping: trial.maximumTime.components.seconds)
        policy.trial.evaluations = UInt64(clamping: trial.windows)
        policy.trial.judgedAfter = UInt64(clamping: trial.judgedAfter)
        policy.trial.crashes = trial.crashes
        policy.trial.failures = UInt64(clamping: trial.failures)
        policy.trial.alarmFactor = trial.alarmFactor
        policy.trial.alarmShare = trial.alarmShare
        policy.trial.missShare = trial.missShare
        return policy
    }
}

/// Commands over MQTT 5.
package struct CommandsConfiguration: Sendable, Equatable {
    /// nil: the uplink's.
    package var broker: String?
    package var allowed: [UpdateRequest.Verb] = []
    /// A topic filter in which `{agent}` is the agent.
    package var responses = "edge/{agent}/response/#"
    package var maximumPerMinute = 30

    package init() {}

    /// The topics to which answers may go.
    package func responseFilter(agent: String) throws(TopicError) -> TopicFilter {
        try TopicFilter(responses.replacingEach("{agent}", with: agent))
    }
}

/// What a download may take.
package struct DownloadConfiguration: Sendable, Equatable {
    package var maximumBytes = 512 << 20
    package var reserveBytes = 64 << 20
    /// nil: as fast as it comes.
    package var bytesPerSecond: Int?

    package init() {}

    var limits: DownloadControl.Limits {
        DownloadControl.Limits(
            maximumBytes: UInt64(clamping: maximumBytes),
            reservedBytes: UInt64(clamping: reserveBytes),
            bytesPerSecond: bytesPerSecond.map { UInt64(clamping: $0) })
    }
}

/// What a version shows beside the active one, without a word to anybody.
package struct ShadowConfiguration: Sendable, Equatable {
    package var minimumTime = Duration.seconds(600)
    package var maximumTime = Duration.seconds(86_400)
    package var windows = 1000
    package var agreement = 0.95
    package var alarmFactor = 2.0
    package var alarmShare = 0.02

    package init() {}
}

/// What a version shows while it decides and can be taken back.
package struct TrialConfiguration: Sendable, Equatable {
    package var minimumTime = Duration.seconds(3600)
    package var maximumTime = Duration.seconds(7 * 86_400)
    package var windows = 1000
    package var judgedAfter = 100
    package var crashes = 2
    package var failures = 0
    package var alarmFactor = 3.0
    package var alarmShare = 0.05
    package var missShare = 0.01

    package init() {}
}

/// Where a pipeline's new versions come from.
package struct PipelineUpdateConfiguration: Sendable, Equatable {
    /// nil: only what is staged by hand.
    package var registry: String?
    package var model: String?

    package init() {}
}
