/// What is done to features before the model sees them.
package enum NormalizationDescription: Sendable, Equatable {
    case none
    /// (feature - offset) / scale: mean and standard deviation, or minimum and range, of training.
    ///
    /// For statistics both have one entry for each feature, in the features' order; for the raw
    /// window one for each channel.
    /// - Range: offsets finite; scales finite and not 0
    case affine(offsets: [Double], scales: [Double])
}
