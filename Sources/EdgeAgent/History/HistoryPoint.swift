/// What became of an asset in about two seconds.
package struct HistoryPoint: Sendable, Equatable {
    /// Which of the asset's points it is, from 0; from 0 again when the asset gets another ring.
    package var number: Int
    /// How long ago it was. - Units: seconds
    package var ageSeconds: Double
    /// The highest score since the point before.
    package var score: Float
    /// The alarm after it; nil: not raised.
    package var severity: Severity?
    /// What happened to the alarm at this point.
    package var transition: AlertTransition?
    /// The fallback decided, so the score is that of its rule.
    package var isFallback: Bool
    /// The newest reading of each channel that is recorded.
    package var channels: [Float]
}

/// An asset as it stands.
package struct AssetStanding: Sendable, Equatable {
    package var key: String
    /// Of the last evaluation.
    package var score: Float
    package var severity: Severity?
    package var isFallback: Bool
    /// Since the last evaluation. - Units: seconds
    package var ageSeconds: Double
    /// Since the alarm was raised, as far as this process saw it; nil: it is not raised. - Units: seconds
    package var raisedSeconds: Double?
    let slot: Int
}

/// The thresholds that the scores are held against.
package struct HistoryRule: Sendable, Equatable {
    package var bands: [SeverityBand]
    package var clearBelow: Float
}
