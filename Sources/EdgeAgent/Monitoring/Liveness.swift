internal import Synchronization

/// Whether the hot threads make progress: each turns at least once a second, also when nothing comes.
///
/// The watchdog and `/healthz` go by it. It is told of the turns by the monitor; if that hangs, the threads count as
/// silent, too.
/// - Thread: any.
package final class Liveness: Sendable {
    /// A thread that did not turn for so long counts as stalled: half of the unit's WatchdogSec.
    package static let patienceNanoseconds: UInt64 = 15_000_000_000

    private struct Entry {
        var turns = UInt64.max
        var progressedAt: UInt64
    }

    private let entries: Mutex<[Entry]>

    /// - Parameter now: monotonic; who has not turned yet has until patience ends.
    package init(threads: Int, now: UInt64) {
        entries = Mutex([Entry](repeating: Entry(progressedAt: now), count: threads))
    }

    /// Takes note of how often each thread has turned.
    package func note(_ turns: [UInt64], now: UInt64) {
        entries.withLock { entries in
            for (index, turns) in turns.enumerated() where turns != entries[index].turns {
                entries[index] = Entry(turns: turns, progressedAt: now)
            }
        }
    }

    /// Whether each thread has turned since then.
    package func allProgressed(since: UInt64) -> Bool {
        entries.withLock { $0.allSatisfy { $0.progressedAt > since } }
    }

    /// How long each thread has not turned. - Units: nanoseconds.
    package func silences(now: UInt64) -> [UInt64] {
        entries.withLock { $0.map { now &- min($0.progressedAt, now) } }
    }
}
