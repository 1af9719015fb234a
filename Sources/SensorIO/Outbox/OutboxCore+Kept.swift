// What producers want back after a restart. It belongs to no topic and waits for no broker.
extension OutboxCore {
    /// What is not on the disk yet, the newest of each key.
    struct KeptChanges {
        var changes: [Int64: OutboxKept] = [:]
        var dueAt: UInt64 = 0
        /// Since when the oldest of the changes waits.
        var takenAt: UInt64 = 0
        /// Commits that may be made at once.
        var tokens = Double(Self.burst)
        var tokensAt: UInt64 = 0

        /// So many changes are committed at once and hold back their readings until they are on the disk;
        /// one more a second. What changes faster is committed once a second, to spare the disk and the flow.
        static let burst = 20
        static let interval: UInt64 = 1_000_000_000
    }

    /// In place of an identifier among what a lane waits for.
    static let keptMark: Int64 = -1
    /// The same for what is not waited for.
    static let keptLaterMark: Int64 = -2

    /// Takes bytes over that a lane wants kept.
    mutating func keep(lane: Int, sequence: UInt64, kept change: OutboxKept, now: UInt64) {
        let isFirst = kept.changes.isEmpty
        if isFirst { kept.takenAt = now }
        lanes[lane].keptNewest = sequence
        kept.changes[change.rowNumber] = change
        let passed = Double(now &- kept.tokensAt) / Double(KeptChanges.interval)
        kept.tokens = min(kept.tokens + passed, Double(KeptChanges.burst))
        kept.tokensAt = now
        if kept.tokens >= 1 {
            kept.tokens -= 1
            kept.dueAt = 0
            lanes[lane].keptTaken = sequence
            lanes[lane].awaiting.append((sequence, Self.keptMark))
        } else {
            if isFirst { kept.dueAt = now &+ KeptChanges.interval }
            lanes[lane].awaiting.append((sequence, Self.keptLaterMark))
        }
    }

    /// When kept bytes are to be written: once the records that were decided before them are safe, or, when
    /// these have waited for their PUBACK for the commit delay, together with them.
    func keptDue() -> UInt64? {
        guard !kept.changes.isEmpty else { return nil }
        return isKeptAhead ? max(kept.dueAt, kept.takenAt &+ limits.commitDelay) : kept.dueAt
    }

    /// Whether a crash right after kept bytes were written would lose a record that was decided before them: at the
    /// next start its alarm would go on as if the event had been sent.
    var isKeptAhead: Bool {
        guard !kept.changes.isEmpty else { return false }
        return lanes.contains { lane in
            lane.awaiting.contents.contains {
                $0.sequence < lane.keptNewest && entries[$0.id]?.isDurable == false
            }
        }
    }

    /// Whether the next PUBACK may be what kept bytes wait for that are to be written at once.
    var mayKeepSoon: Bool { kept.dueAt == 0 && isKeptAhead }

    /// All kept bytes are on the disk.
    mutating func keptCommitted() {
        kept.changes.removeAll(keepingCapacity: true)
        for index in lanes.indices {
            lanes[index].keptDurable = lanes[index].keptTaken
            lanes[index].keptNewest = 0
        }
    }
}
