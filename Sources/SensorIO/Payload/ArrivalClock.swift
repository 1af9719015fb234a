/// What the clocks said when a message was read.
package struct ArrivalClock: Sendable, Equatable {
    /// CLOCK_MONOTONIC (or BOOTTIME): never steps.
    package var monotonicNanoseconds: UInt64
    /// CLOCK_REALTIME since 1970.
    package var wallNanoseconds: Int64
    /// Whether the wall clock can be believed. While it cannot, payload timestamps are only checked
    /// against `plausibleWallNanoseconds`.
    package var isWallSynchronised: Bool

    /// 2000-01-01 up to 2200-01-01: the times that a payload may claim at all. Sums of two fit
    /// Int64's differences.
    package static let plausibleWallNanoseconds: ClosedRange<Int64> =
        946_684_800_000_000_000...7_258_118_400_000_000_000

    /// One reading of the clocks.
    package init(
        monotonicNanoseconds: UInt64, wallNanoseconds: Int64, isWallSynchronised: Bool = true
    ) {
        self.monotonicNanoseconds = monotonicNanoseconds
        self.wallNanoseconds = wallNanoseconds
        self.isWallSynchronised = isWallSynchronised
    }
}

/// On which clock the times of samples are.
package enum SampleTimeAxis: Sendable, Equatable {
    /// Nanoseconds since 1970, as the payloads said.
    case epoch
    /// The box's monotonic clock, at arrival.
    case monotonic
}
