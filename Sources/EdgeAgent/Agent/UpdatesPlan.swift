internal import SensorIO

/// What updates are told, worked out from the configuration before anything is started.
struct UpdatesPlan: Sendable {
    let configuration: UpdatesConfiguration
    let keys: [SigningKey]

    /// Reads the keys. Blocks on the disk.
    ///
    /// - Throws: `.mismatch` with the file that is no key.
    init(_ configuration: UpdatesConfiguration) throws(AgentError) {
        self.configuration = configuration
        var keys: [SigningKey] = []
        for path in configuration.publicKeys {
            let bytes: [UInt8]
            do throws(BundleError) {
                bytes = try BundleFiles.read(path: path, maximumBytes: 1 << 16)
            } catch {
                throw .updates(error)
            }
            do throws(SigningKey.KeyError) {
                keys.append(try SigningKey(name: path, pem: bytes))
            } catch {
                throw .updateKey(path: path, error)
            }
        }
        self.keys = keys
    }

    /// What one pipeline's updater is told.
    func settings(_ pipeline: AgentPlan.PipelinePlan, agent: String) -> UpdaterSettings {
        let configured = pipeline.configuration
        let bundleName = pipeline.bundle.manifest.name
        var settings = UpdaterSettings(
            pipeline: configured.name, agentVersion: AgentVersion.current,
            verifier: BundleVerifier(
                keys: keys, signature: configuration.signature, name: bundleName,
                agentVersion: AgentVersion.current),
            policy: configuration.policy,
            reference: configured.update.registry == nil
                ? nil : configured.update.model ?? bundleName,
            inferenceLimitNanoseconds: UInt64(
                clamping: configured.inferenceBudget.wholeNanoseconds),
            memoryLimitBytes: configuration.maximumModelMemoryBytes,
            adapt: { manifest throws(AlarmRuleError) in
                if let gap = configured.maximumGap, manifest.window.alignment == .perMessage {
                    manifest.window.maximumGapNanoseconds = gap.wholeNanoseconds
                }
                return try configured.alarm.alarmRule(over: manifest)
            })
        settings.engines = pipeline.engines
        settings.downloadLimits = configuration.download.limits
        settings.windows = configuration.windows
        settings.isInRollout = Rollout.includes(agent: agent, percent: configuration.rollout)
        settings.trustsClock = configuration.trustUnsynchronisedClock
        return settings
    }
}
