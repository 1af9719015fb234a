internal import CLinuxShims
internal import Glibc
internal import Synchronization

/// The time of day, and whether it can be believed.
///
/// A box without a clock battery boots in 1970 or in the year its image was made. Until the kernel
/// says that a time service disciplines the clock, times are marked `unsynchronised`; order never
/// depends on them.
/// - Thread: any.
package final class WallClock: Sendable {
    /// Nothing of this program ran before it was written: an earlier time is wrong for certain.
    /// 2026-11-01, nanoseconds since 1970.
    static let earliestPlausibleNanoseconds: Int64 = 1_793_491_200_000_000_000

    private let isSynchronised: Atomic<Bool>

    package init() {
        isSynchronised = Atomic(Self.readKernelState())
    }

    /// Nanoseconds of `CLOCK_REALTIME` since 1970.
    /// - Complexity: one call into the vDSO, no system call.
    package static var nanoseconds: Int64 {
        var now = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) &* 1_000_000_000 &+ Int64(now.tv_nsec)
    }

    /// The answer of the last `refresh()`.
    package var state: ClockState {
        isSynchronised.load(ordering: .relaxed) ? .synchronised : .unsynchronised
    }

    /// Asks the kernel again. For the control plane: once a second is enough.
    package func refresh() {
        isSynchronised.store(Self.readKernelState(), ordering: .relaxed)
    }

    private static func readKernelState() -> Bool {
        guard nanoseconds >= earliestPlausibleNanoseconds else { return false }
        // Where even asking is forbidden, a plausible time has to do.
        return els_clock_is_synchronised() != 0
    }
}
