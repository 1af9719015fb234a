internal import Synchronization

/// A histogram of latencies in log-linear buckets of fixed memory.
///
/// Values below 32 ns have a bucket each; above, each power of two is cut into 32. A bucket's
/// middle is off by at most 1/64 (1.6 %) of a value in it. From 2^37 ns (137 s) on all values
/// count into the last bucket; `maximum` stays exact.
///
/// - Thread: one writer; any number of readers at any time, without locks. A reader may see a
///   record's bucket and not yet its sum: relaxed ordering, since each counter stands for itself.
package final class LatencyHistogram: Sendable {
    static let bucketCount = 32 + 32 * 32

    private let buckets = InlineArray<1056, Atomic<UInt64>> { _ in Atomic(0) }
    private let sum = Atomic<UInt64>(0)
    private let maximum = Atomic<UInt64>(0)

    package init() {}

    /// Counts one value.
    ///
    /// - Parameter nanoseconds: any.
    /// - Thread: the writer's.
    package func record(_ nanoseconds: UInt64) {
        // With one writer a load and a store need no locked instruction.
        let index = Self.index(of: nanoseconds)
        let count = buckets[index].load(ordering: .relaxed)
        buckets[index].store(count &+ 1, ordering: .relaxed)
        sum.store(sum.load(ordering: .relaxed) &+ nanoseconds, ordering: .relaxed)
        if nanoseconds > maximum.load(ordering: .relaxed) {
            maximum.store(nanoseconds, ordering: .relaxed)
        }
    }

    /// Copies the counters. Allocates: for the control plane.
    ///
    /// - Thread: any.
    package func snapshot() -> HistogramSnapshot {
        var counts: [UInt64] = []
        counts.reserveCapacity(Self.bucketCount)
        for index in 0..<Self.bucketCount { counts.append(buckets[index].load(ordering: .relaxed)) }
        return HistogramSnapshot(
            counts: counts, sumNanoseconds: sum.load(ordering: .relaxed),
            maximumNanoseconds: maximum.load(ordering: .relaxed))
    }

    /// The bucket of a value.
    @inline(__always)
    static func index(of nanoseconds: UInt64) -> Int {
        if nanoseconds < 32 { return Int(truncatingIfNeeded: nanoseconds) }
        let exponent = 63 &- nanoseconds.leadingZeroBitCount  // 5 and more.
        if exponent > 36 { return bucketCount - 1 }
        let part = nanoseconds &>> UInt64(truncatingIfNeeded: exponent &- 5) & 31
        return 32 &* (exponent &- 4) &+ Int(truncatingIfNeeded: part)
    }

    /// The lowest value of a bucket.
    static func lowerBound(ofBucket index: Int) -> UInt64 {
        guard index >= 32 else { return UInt64(index) }
        let (octave, part) = index.quotientAndRemainder(dividingBy: 32)
        return UInt64(32 + part) << UInt64(octave - 1)
    }
}
