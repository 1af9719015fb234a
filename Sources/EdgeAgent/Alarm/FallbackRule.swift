/// On which side of a threshold a feature is bad.
package enum FallbackDirection: Sendable, Equatable { case above, below }

/// A bundle's simpler rule on one feature, which decides while the model cannot hold its budget.
package struct FallbackRule: Sendable, Equatable {
    /// The feature's place in the model's input.
    package let featureIndex: Int
    package let direction: FallbackDirection
    /// - Units: those of the feature before normalisation or after it, as the caller feeds it.
    package let threshold: Float
    /// The alarm may clear once the feature is back beyond this: hysteresis.
    package let clearThreshold: Float
    /// The band of the alarm's rule that the rule's verdict stands for, from 1.
    package let band: UInt8

    /// Makes a rule; nil if a threshold is not finite or `clearThreshold` lies on the bad side.
    package init?(
        featureIndex: Int, direction: FallbackDirection, threshold: Float,
        clearThreshold: Float? = nil, band: UInt8 = 1
    ) {
        let clear = clearThreshold ?? threshold
        let isOrdered = direction == .above ? clear <= threshold : clear >= threshold
        guard featureIndex >= 0, threshold.isFinite, clear.isFinite, isOrdered, band >= 1,
            band <= AlarmRule.maximumBands
        else { return nil }
        self.featureIndex = featureIndex
        self.direction = direction
        self.threshold = threshold
        self.clearThreshold = clear
        self.band = band
    }

    /// What the features of one evaluation say.
    ///
    /// - Returns: the feature's value, which stands as the event's score, and the observation for
    ///   the alarm; nil if the value is not finite (an evaluation error).
    package func evaluate(
        _ features: UnsafeBufferPointer<Float>
    ) -> (value: Float, observation: AlarmObservation)? {
        precondition(
            featureIndex < features.count, "A fallback rule names a feature that is not there.")
        let value = unsafe features[featureIndex]
        guard value.isFinite else { return nil }
        let (holds, isClear) =
            direction == .above
            ? (value > threshold, value < clearThreshold)
            : (value < threshold, value > clearThreshold)
        return (value, AlarmObservation(bandsHeld: holds ? band : 0, isBelowClear: isClear))
    }
}
