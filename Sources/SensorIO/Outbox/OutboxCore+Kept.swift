// What producers want back after a restart. It belongs to no topic and waits for no broker.
extension OutboxCore {
    /// What is not on the disk yet, in two generations: where changes never end, there is always one of which
    /// the event is still on its way, and what is to be written must not wait for those behind it.
    struct KeptChanges {
        /// The newest of each key, by the number of its row.
        var changes: [Int64: OutboxKept] = [:]
        /// Whether one of them is waited for.
        var isAwaited = false
        /// When they are to be written if none is; nil: not settled yet.
        var dueAt: UInt64?
        /// What is written as soon as the records are safe that were decided before; newer changes leave it alone.
        var closed: [Int64: OutboxKept] = [:]

        var isEmpty: Bool { changes.isEmpty && closed.isEmpty }
    }

    /// In place of an identifier among what a lane waits for.
    static let keptMark: Int64 = -1
    /// The same for what is not waited for.
    static let keptLaterMark: Int64 = -2

    /// Takes bytes over that a lane wants kept.
    ///
    /// - Parameter isAwaited: whether the lane's ``durableSequence(lane:)`` waits for them.
    mutating func keep(lane: Int, sequence: UInt64, kept change: OutboxKept, isAwaited: Bool) {
        kept.changes[change.rowNumber] = change
        lanes[lane].kept.newest = sequence
        lanes[lane].awaiting.append(
            (sequence, isAwaited ? Self.keptMark : Self.keptLaterMark))
        guard isAwaited else { return }
        kept.isAwaited = true
        lanes[lane].kept.awaited = sequence
    }

    /// When kept bytes are to be written: at once if some are waited for, else after a while; but not before the
    /// records are safe that were decided before them. Those without a PUBACK are written after the commit delay.
    mutating func keptDue(now: UInt64) -> UInt64? {
        if kept.closed.isEmpty, !kept.changes.isEmpty {
            let dueAt = kept.dueAt ?? now &+ OutboxKeptPace.intervalNanoseconds
            kept.dueAt = dueAt
            guard kept.isAwaited || dueAt <= now else { return dueAt }
            kept.closed = kept.changes
            kept.changes = [:]
            kept.isAwaited = false
            kept.dueAt = nil
            for index in lanes.indices {
                lanes[index].keptClosed = lanes[index].kept
                lanes[index].kept = KeptSequences()
            }
        }
        guard !kept.closed.isEmpty else { return nil }
        return areSafe(before: \.keptClosed) ? 0 : nil
    }

    /// Whether the next PUBACK may be what kept bytes wait for.
    var mayKeepSoon: Bool { !kept.closed.isEmpty && !areSafe(before: \.keptClosed) }

    /// Whether all records are safe that were decided before bytes that are kept. If these were on the disk and a
    /// crash lost the records, an alarm would go on at the next start as if its event had been sent.
    private func areSafe(before generation: KeyPath<Lane, KeptSequences>) -> Bool {
        lanes.allSatisfy { lane in
            let newest = lane[keyPath: generation].newest
            return newest == 0
                || !lane.awaiting.contents.contains {
                    $0.sequence < newest && entries[$0.id]?.isDurable == false
                }
        }
    }

    /// What the next transaction writes of it; everything with the records that are not safe yet.
    func keptBatch(withInserts: Bool) -> (rows: [OutboxKept], isAll: Bool) {
        if withInserts || (areSafe(before: \.keptClosed) && areSafe(before: \.kept)) {
            return (Array(kept.closed.merging(kept.changes) { $1 }.values), true)
        }
        return (areSafe(before: \.keptClosed) ? Array(kept.closed.values) : [], false)
    }

    /// What ``keptBatch(withInserts:)`` gave is on the disk.
    mutating func keptCommitted(isAll: Bool) {
        kept.closed = [:]
        for index in lanes.indices {
            lanes[index].keptDurable = max(
                lanes[index].keptDurable, lanes[index].keptClosed.awaited,
                isAll ? lanes[index].kept.awaited : 0)
            lanes[index].keptClosed = KeptSequences()
            if isAll { lanes[index].kept = KeptSequences() }
        }
        if isAll { kept = KeptChanges() }
    }
}
