/// A copy of a histogram's counters.
package struct HistogramSnapshot: Sendable, Equatable {
    private var counts: [UInt64]
    /// How many values were counted.
    package private(set) var count: UInt64
    /// The sum of all values.
    package private(set) var sumNanoseconds: UInt64
    /// The greatest value, exact.
    package private(set) var maximumNanoseconds: UInt64

    /// Makes an empty snapshot, to merge others into.
    package init() {
        counts = .init(repeating: 0, count: LatencyHistogram.bucketCount)
        count = 0
        sumNanoseconds = 0
        maximumNanoseconds = 0
    }

    init(counts: [UInt64], sumNanoseconds: UInt64, maximumNanoseconds: UInt64) {
        self.counts = counts
        count = counts.reduce(0, &+)
        self.sumNanoseconds = sumNanoseconds
        self.maximumNanoseconds = maximumNanoseconds
    }

    /// The mean, 0 without values.
    package var meanNanoseconds: UInt64 { count == 0 ? 0 : sumNanoseconds / count }

    /// The value that `fraction` of all values do not exceed.
    ///
    /// - Parameter fraction: 0...1, for example 0.99.
    /// - Returns: the middle of that value's bucket, off by at most 1.6 %, never above the
    ///   maximum; 0 without values.
    package func percentile(_ fraction: Double) -> UInt64 {
        guard count > 0 else { return 0 }
        let wanted = (min(max(fraction, 0), 1) * Double(count)).rounded(.up)
        let rank = max(1, UInt64(exactly: wanted) ?? count)
        var seen: UInt64 = 0
        for index in counts.indices {
            seen &+= counts[index]
            if seen >= rank { return min(Self.middle(ofBucket: index), maximumNanoseconds) }
        }
        return maximumNanoseconds
    }

    /// How many values were at most `nanoseconds`, to the bucket: for cumulative metrics.
    package func count(atMost nanoseconds: UInt64) -> UInt64 {
        let last = LatencyHistogram.index(of: nanoseconds)
        return counts[...last].reduce(0, &+)
    }

    /// The values that came after an earlier copy of the same histogram. Their greatest is not known: the result has
    /// that of all.
    package func subtracting(_ earlier: HistogramSnapshot) -> HistogramSnapshot {
        HistogramSnapshot(
            counts: zip(counts, earlier.counts).map { $0 &- min($1, $0) },
            sumNanoseconds: sumNanoseconds &- earlier.sumNanoseconds,
            maximumNanoseconds: maximumNanoseconds)
    }

    /// How many values lie in each quarter of an octave from 1.024 µs (2^10 ns) to 34 s (2^35 ns), for a picture; those
    /// below and above count into the first and the last.
    package func quarterOctaves() -> [UInt64] {
        var quarters = [UInt64](repeating: 0, count: 100)
        for index in counts.indices where counts[index] > 0 {
            // 32 buckets an octave; the one of 2^10 ns is the 192nd.
            quarters[min(max((index - 192) / 8, 0), 99)] &+= counts[index]
        }
        return quarters
    }

    /// Adds the values of another histogram.
    package mutating func merge(_ other: HistogramSnapshot) {
        for index in counts.indices { counts[index] &+= other.counts[index] }
        count &+= other.count
        sumNanoseconds &+= other.sumNanoseconds
        maximumNanoseconds = max(maximumNanoseconds, other.maximumNanoseconds)
    }

    private static func middle(ofBucket index: Int) -> UInt64 {
        let lower = LatencyHistogram.lowerBound(ofBucket: index)
        guard index + 1 < LatencyHistogram.bucketCount else { return .max }
        let next = LatencyHistogram.lowerBound(ofBucket: index + 1)
        return lower + (next - lower) / 2
    }
}
