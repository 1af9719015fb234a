/// Quantiles of recorded values.
package enum Quantiles {
    /// The probabilities at which baselines are kept.
    package static let probabilities: [Double] = [
        0, 0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999, 1,
    ]

    /// The value below which a share of `sorted` lies, interpolated linearly.
    ///
    /// - Parameter sorted: ascending, not empty.
    /// - Source: Hyndman and Fan's type 7, the default of NumPy and R.
    package static func quantile(_ probability: Double, ofSorted sorted: [Float]) -> Double {
        precondition(!sorted.isEmpty, "A quantile is of at least one value.")
        let position = min(max(probability, 0), 1) * Double(sorted.count - 1)
        let lower = Int(position)
        let upper = min(lower + 1, sorted.count - 1)
        let share = position - Double(lower)
        return Double(sorted[lower]) * (1 - share) + Double(sorted[upper]) * share
    }
}
