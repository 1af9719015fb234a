/// All statistics of one channel of a window, from at most two passes over it.
struct ChannelMoments {
    private let mean: Double
    private let minimum: Double
    private let maximum: Double
    private let rms: Double
    /// Σ(x - mean)² / n
    private var variance = 0.0
    /// Σ(x - mean)⁴ / n
    private var fourth = 0.0
    private var slope = 0.0
    /// Decided by the values themselves: rounding of the mean must not make deviations out of
    /// nothing.
    private var isConstant: Bool { minimum == maximum }

    /// - Parameter values: Finite, not empty, each exactly a float. Then no sum of squares or
    ///   fourth powers overflows.
    init(of values: UnsafeMutableBufferPointer<Double>, withDeviations: Bool) {
        let count = values.count
        let whole = count & ~3
        // Four sums side by side: a vector's lanes, and less rounding than one long sum.
        var sums = SIMD4<Double>.zero
        var squares = SIMD4<Double>.zero
        var lows = SIMD4<Double>(repeating: unsafe values[0])
        var highs = lows
        var index = 0
        while index < whole {
            let four = unsafe SIMD4(
                values[index], values[index + 1], values[index + 2], values[index + 3])
            sums += four
            squares += four * four
            lows.replace(with: four, where: four .< lows)
            highs.replace(with: four, where: four .> highs)
            index += 4
        }
        var sum = sums.sum()
        var square = squares.sum()
        var low = lows.min()
        var high = highs.max()
        while index < count {
            let value = unsafe values[index]
            sum += value
            square += value * value
            low = min(low, value)
            high = max(high, value)
            index += 1
        }
        let n = Double(count)
        minimum = low
        maximum = high
        if low == high {
            mean = low
            rms = low.magnitude
            return
        }
        mean = sum / n
        rms = (square / n).squareRoot()
        if withDeviations { unsafe addDeviations(values) }
    }

    subscript(statistic: FeatureStatistic) -> Double {
        switch statistic {
        case .mean: mean
        case .standardDeviation: variance.squareRoot()
        case .minimum: minimum
        case .maximum: maximum
        case .rms: rms
        case .peakToPeak: maximum - minimum
        case .crestFactor: isConstant ? 1 : max(maximum, -minimum) / rms
        case .kurtosis: isConstant ? 3 : fourth / (variance * variance)
        case .slope: slope
        }
    }

    private mutating func addDeviations(_ values: UnsafeMutableBufferPointer<Double>) {
        let count = values.count
        let whole = count & ~3
        let centre = Double(count - 1) / 2
        let means = SIMD4(repeating: mean)
        var seconds = SIMD4<Double>.zero
        var fourths = SIMD4<Double>.zero
        var products = SIMD4<Double>.zero
        var places = SIMD4<Double>(0, 1, 2, 3) - centre
        var index = 0
        while index < whole {
            let four = unsafe SIMD4(
                values[index], values[index + 1], values[index + 2], values[index + 3])
            let deviations = four - means
            let deviationsSquared = deviations * deviations
            seconds += deviationsSquared
            fourths += deviationsSquared * deviationsSquared
            products += deviations * places
            places += 4
            index += 4
        }
        var second = seconds.sum()
        var fourthSum = fourths.sum()
        var product = products.sum()
        while index < count {
            let deviation = unsafe values[index] - mean
            let squared = deviation * deviation
            second += squared
            fourthSum += squared * squared
            product += deviation * (Double(index) - centre)
            index += 1
        }
        let n = Double(count)
        variance = second / n
        fourth = fourthSum / n
        // Σ(i - centre)² for i = 0..<n is n(n² - 1)/12; n is at least 2 here, as one sample is
        // constant.
        slope = product / (n * (n * n - 1) / 12)
    }
}
