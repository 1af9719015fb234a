// Records that their producers publish themselves.
extension OutboxCore {
    /// In place of an identifier among what a lane waits for: nothing to wait for.
    static let settledMark: Int64 = -3

    /// Records that a lane's producer has published and the outbox has no answer for, in their order.
    func liveSequences(lane: Int) -> some Collection<UInt64> {
        lanes[lane].live.lazy.map(\.sequence)
    }

    /// Takes note of a live record whose PUBACK was there before the outbox looked at it, as were those of
    /// all live records of its lane before it: there is nothing left to do about it.
    mutating func acceptSettled(lane: Int, sequence: UInt64) {
        counters.accepted += 1
        counters.delivered += 1
        counters.deliveredLive += 1
        counters.sparedTheDisk += 1
        if lanes[lane].awaiting.first == nil {
            lanes[lane].durableSequence = sequence
        } else {
            // No record has this identifier: when its turn comes it counts as settled.
            lanes[lane].awaiting.append((sequence, Self.settledMark))
        }
    }
}
