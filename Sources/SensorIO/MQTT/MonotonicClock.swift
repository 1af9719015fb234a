internal import Glibc

/// The clock that every interval, deadline and latency is measured with; never set back, never
/// set forward.
package enum MonotonicClock {
    /// Nanoseconds of `CLOCK_MONOTONIC`.
    ///
    /// - Complexity: one call into the vDSO, no system call.
    package static var nanoseconds: UInt64 {
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        // Both fields are non-negative for this clock, and 2^64 ns are 584 years of uptime.
        return UInt64(bitPattern: Int64(now.tv_sec)) &* 1_000_000_000
            &+ UInt64(bitPattern: Int64(now.tv_nsec))
    }
}
