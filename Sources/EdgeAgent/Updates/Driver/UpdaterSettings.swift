package import InferenceRuntime

/// What a pipeline's updates are told before they start.
package struct UpdaterSettings: Sendable {
    package var pipeline: String
    package var agentVersion: SemanticVersion
    package var verifier: BundleVerifier
    package var policy: UpdatePolicy
    /// What is looked for by itself; nil: only what is pulled by hand.
    package var reference: String?
    /// Which engines may run a model.
    package var engines = EngineSelection()
    /// What an inference may take at its 99th percentile.
    package var inferenceLimitNanoseconds: UInt64
    /// What a model's arena may take.
    package var memoryLimitBytes: Int
    /// What the box's configuration changes in a bundle, and the rule that it gives.
    package var adapt: @Sendable (inout BundleManifest) throws(AlarmRuleError) -> AlarmRule?
    package var downloadLimits = DownloadControl.Limits()
    package var windows: [MaintenanceWindow] = []
    package var isInRollout = true
    /// For boxes that never have a time server: the clock is taken at its word.
    package var trustsClock = false

    package init(
        pipeline: String, agentVersion: SemanticVersion, verifier: BundleVerifier,
        policy: UpdatePolicy, reference: String?, inferenceLimitNanoseconds: UInt64,
        memoryLimitBytes: Int = 64 << 20,
        adapt: @escaping @Sendable (inout BundleManifest) throws(AlarmRuleError) -> AlarmRule? = {
            _ throws(AlarmRuleError) in nil
        }
    ) {
        self.pipeline = pipeline
        self.agentVersion = agentVersion
        self.verifier = verifier
        self.policy = policy
        self.reference = reference
        self.inferenceLimitNanoseconds = inferenceLimitNanoseconds
        self.memoryLimitBytes = memoryLimitBytes
        self.adapt = adapt
    }
}

/// A time of day at which a new version may start to decide.
package struct MaintenanceWindow: Sendable, Equatable {
    /// Minutes after midnight, UTC.
    package var startMinute: Int
    package var endMinute: Int

    /// Reads `22:00-04:30`; nil for anything else. An end before the start is on the next day.
    package init?(_ text: String) {
        let halves = text.split(separator: "-", omittingEmptySubsequences: false)
        guard halves.count == 2, let start = Self.minute(halves[0]),
            let end = Self.minute(halves[1]), start != end
        else { return nil }
        startMinute = start
        endMinute = end
    }

    /// Whether a time lies in it. Only for clocks that can be believed.
    package func contains(nanosecondsSince1970: Int64) -> Bool {
        let minute = Int((nanosecondsSince1970 / 60_000_000_000) % 1440)
        return startMinute < endMinute
            ? minute >= startMinute && minute < endMinute
            : minute >= startMinute || minute < endMinute
    }

    package var text: String { "\(Self.text(startMinute))-\(Self.text(endMinute))" }

    private static func text(_ minute: Int) -> String {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(two(minute / 60)):\(two(minute % 60))"
    }

    private static func minute(_ text: Substring) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 }),
            parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let hour = Int(parts[0]), let minute = Int(parts[1]), hour < 24, minute < 60
        else { return nil }
        return hour * 60 + minute
    }
}

/// Which agents a rollout reaches: always the same ones for the same share, and more of them for a larger one.
package enum Rollout {
    /// - Parameter percent: 0...100.
    package static func includes(agent: String, percent: Double) -> Bool {
        let digest = SHA256Digest(of: Array(agent.utf8)).bytes
        let number = digest.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return Double(number) / 4_294_967_296 * 100 < percent
    }
}
