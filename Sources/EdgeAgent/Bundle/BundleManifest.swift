package import SensorIO

/// `bundle.json`: what a model is, how it is fed and how its answers are read.
package struct BundleManifest: Sendable, Equatable {
    /// The file format of the model.
    package enum Runtime: String, Sendable, CaseIterable {
        case tflite
        case onnx
    }

    /// What the model's output means.
    package enum Output: Sendable, Equatable {
        /// The model gives its input back; the score is the mean squared difference.
        case reconstructionError
        /// One probability a label; the score is the sum of those of the alarm labels.
        case classProbabilities(labels: [String], alarmLabels: [String])
        /// One of the output's values is the score.
        case value(index: Int)
    }

    /// A simpler rule on one feature, for when the model does not keep its budget.
    package struct Fallback: Sendable, Equatable {
        /// As `FeatureDescription.names` writes it: `vibration.rms`.
        package var feature: String
        package var isAbove: Bool
        /// In the feature's own unit, without normalisation.
        package var threshold: Double
        package var clearThreshold: Double
        package var severity: Severity
    }

    /// When an alarm is raised and cleared.
    package struct Thresholds: Sendable, Equatable {
        package var bands: [SeverityBand]
        package var clearBelow: Float?
        package var raiseAfter: Int
        package var clearAfter: Int
        package var reminder: Duration?
    }

    package var name: String
    package var version: SemanticVersion
    /// Only ever grows from one version of a bundle to the next.
    package var release: Int
    /// Not used after this time, nanoseconds since 1970; nil: for ever.
    package var expiresNanoseconds: Int64?
    package var summary: String?
    package var runtime: Runtime
    package var minimumAgentVersion: SemanticVersion?

    package var channels: [ChannelDescription]
    package var window: WindowDescription
    package var features: FeatureDescription
    package var normalization: NormalizationDescription
    package var output: Output
    /// nil only in a description that is still to be packed.
    package var thresholds: Thresholds?
    package var inferenceBudget: Duration?
    package var fallback: Fallback?

    /// The name of the model's file.
    package var modelFile: String { "model.\(runtime.rawValue)" }

    /// How the score is computed.
    package var scoreMethod: ScoreMethod {
        switch output {
        case .reconstructionError: .reconstructionError
        case .classProbabilities(let labels, let alarmLabels):
            .classProbabilities(alarmClasses: alarmLabels.compactMap { labels.firstIndex(of: $0) })
        case .value(let index): .value(index: index)
        }
    }

    /// The names of the classes, by index; empty for other models.
    package var labels: [String] {
        if case .classProbabilities(let labels, _) = output { labels } else { [] }
    }

    /// The rule of the thresholds.
    ///
    /// - Throws: `AlarmRuleError` when they contradict each other.
    package func alarmRule() throws(AlarmRuleError) -> AlarmRule {
        guard let thresholds else { throw .noBands }
        return try AlarmRule(
            bands: thresholds.bands, clearBelow: thresholds.clearBelow,
            raiseAfter: thresholds.raiseAfter, clearAfter: thresholds.clearAfter,
            reminderNanoseconds: UInt64(clamping: thresholds.reminder?.wholeNanoseconds ?? 0))
    }

    /// The fallback as the pipeline runs it; nil when the bundle has none.
    package func fallbackRule() -> FallbackRule? {
        guard let fallback, let thresholds,
            let index = featureIndex(named: fallback.feature)
        else { return nil }
        let band = thresholds.bands.firstIndex { $0.severity >= fallback.severity }
        return FallbackRule(
            featureIndex: index, direction: fallback.isAbove ? .above : .below,
            threshold: Float(fallback.threshold), clearThreshold: Float(fallback.clearThreshold),
            band: UInt8((band ?? thresholds.bands.count - 1) + 1))
    }

    /// The place of a feature in the model's input; nil if there is none of this name.
    ///
    /// Makes no list of all names: a raw window may have millions of them.
    package func featureIndex(named name: String) -> Int? {
        guard case .raw = features else {
            return features.names(channels: channels, samples: window.samples)
                .firstIndex(of: name)
        }
        guard name.last == "]", let bracket = name.lastIndex(of: "["),
            let channel = channels.firstIndex(where: { $0.name == name[..<bracket] }),
            let time = Int(name[name.index(after: bracket)...].dropLast()),
            (0..<window.samples).contains(time), name.hasSuffix("[\(time)]")
        else { return nil }
        return time * channels.count + channel
    }
}
