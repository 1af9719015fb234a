internal import Synchronization

/// How often bytes that producers want kept are written at once: for the disk's sake not each time, where they
/// change many times a second.
///
/// A share is there again after ``intervalNanoseconds``, up to ``burst`` of them; all lanes of an outbox draw
/// from the same one. The producer asks, not the outbox: what has no share needs not wake it.
final class OutboxKeptPace: Sendable {
    static let burst: UInt64 = 20
    static let intervalNanoseconds: UInt64 = 1_000_000_000

    /// When all shares are there.
    private let fullAt = Atomic<UInt64>(0)

    /// Takes a share if there is one. - Thread: any.
    func take(nowNanoseconds now: UInt64) -> Bool {
        var full = fullAt.load(ordering: .relaxed)
        while true {
            let next = max(full, now) &+ Self.intervalNanoseconds
            guard next &- now <= Self.burst * Self.intervalNanoseconds else { return false }
            // Proof: relaxed: nothing but the number itself is passed between threads.
            let (isTaken, found) = fullAt.weakCompareExchange(
                expected: full, desired: next, ordering: .relaxed)
            if isTaken { return true }
            full = found
        }
    }
}
