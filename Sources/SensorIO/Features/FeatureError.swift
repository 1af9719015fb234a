/// Why features cannot be prepared.
package enum FeatureError: Error, Sendable, Equatable, CustomStringConvertible {
    case noStatistics
    case duplicateStatistic(FeatureStatistic)
    case wrongCount(String, actual: Int, expected: Int)
    /// An offset that is not finite, or a scale that is not finite or 0.
    case invalidNormalization(String, index: Int)
    /// - Range: of the product of samples, channels and statistics
    case tooManyFeatures(actual: Int, maximum: Int)

    package var description: String {
        switch self {
        case .noStatistics: "there are no statistics"
        case .duplicateStatistic(let statistic): "'\(statistic.rawValue)' is there twice"
        case .wrongCount(let name, let actual, let expected):
            "\(actual) \(name), expected \(expected)"
        case .invalidNormalization(let name, let index):
            "\(name)[\(index)] must be finite and a scale not 0"
        case .tooManyFeatures(let actual, let maximum): "\(actual) features, at most \(maximum)"
        }
    }
}
