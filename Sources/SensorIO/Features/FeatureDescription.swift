/// What a model is fed from a window.
package enum FeatureDescription: Sendable, Equatable {
    /// The samples themselves.
    /// - Shape: [time, channel], row-major
    case raw
    /// Statistics of each channel, in this order, each at most once.
    /// - Shape: [channel, statistic], row-major: all statistics of the first channel come first
    case statistics([FeatureStatistic])
}

/// One number about one channel of a window of `n` samples `x`.
///
/// Formulas are those of NumPy and SciPy under the names given, so that training code has them
/// already.
package enum FeatureStatistic: String, Sendable, Equatable, CaseIterable {
    /// Σx / n (`numpy.mean`)
    case mean
    /// √(Σ(x - mean)² / n), of the population (`numpy.std`)
    case standardDeviation
    case minimum
    case maximum
    /// √(Σx² / n)
    case rms
    /// maximum - minimum (`numpy.ptp`)
    case peakToPeak
    /// max|x| / rms; 1 for a channel that is constant, also for all zeros
    case crestFactor
    /// n·Σ(x - mean)⁴ / (Σ(x - mean)²)², Pearson's, biased (`scipy.stats.kurtosis(fisher=False)`);
    /// 3, which is that of a normal distribution, for a channel that is constant
    case kurtosis
    /// Slope of the least-squares line through (0, x₀), (1, x₁), … in units per sample
    /// (`numpy.polyfit(numpy.arange(n), x, 1)[0]`); 0 for one sample
    case slope
}
