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
    mutating func acceptSettled(
        lane: Int, header: OutboxRecordHeader, topic: UnsafeRawBufferPointer
    ) {
        let sequence = header.sequence
        let outdates = unsafe outdatesRefused(header, topic)
        counters.accepted += 1
        counters.delivered += 1
        counters.deliveredLive += 1
        counters.sparedTheDisk += 1
        if outdates {
            lanes[lane].awaiting.append((sequence, Self.outdatingMark))
        } else if lanes[lane].awaiting.first == nil {
            lanes[lane].durableSequence = sequence
        } else {
            // No record has this identifier: when its turn comes it counts as settled.
            lanes[lane].awaiting.append((sequence, Self.settledMark))
        }
    }

    /// A producer had the PUBACK of a record that it published.
    mutating func acknowledgeLive(lane: Int, sequence: UInt64, now: UInt64) {
        guard let index = lanes[lane].live.firstIndex(where: { $0.sequence == sequence }) else {
            return
        }
        let id = lanes[lane].live[index].id
        guard let hash = entries[id]?.record.topicHash else { return }
        guard entries[id]?.mustRepeat != true else {
            handOver(lane: lane, sequence: sequence)
            entries[id]?.isLate = true
            spill()
            return
        }
        guard !hasEarlierLive(lane, before: index, hash) else {
            entries[id]?.isAcknowledged = true
            return
        }
        settleLive(lane, at: index, now: now)
        settleLiveFollowers(of: hash, in: lane, now: now)
        unblock(hash)
    }

    /// Settles live records whose PUBACK came too early, now that the one before them is gone.
    mutating func settleLiveFollowers(of hash: UInt64, in lane: Int, now: UInt64) {
        var next = 0
        while next < lanes[lane].live.count {
            let candidate = lanes[lane].live[next].id
            if let entry = entries[candidate], entry.record.topicHash == hash {
                guard entry.isAcknowledged else { break }
                settleLive(lane, at: next, now: now)
            } else {
                next += 1
            }
        }
    }

    private func hasEarlierLive(_ lane: Int, before index: Int, _ hash: UInt64) -> Bool {
        lanes[lane].live[..<index].contains { entries[$0.id]?.record.topicHash == hash }
    }

    private mutating func settleLive(_ lane: Int, at index: Int, now: UInt64) {
        let id = lanes[lane].live.remove(at: index).id
        counters.deliveredLive += 1
        settle(id, now: now)
    }

    /// The broker refused a record that a producer published.
    mutating func rejectLive(lane: Int, sequence: UInt64, reason: MQTTReasonCode, now: UInt64) {
        guard let id = handOver(lane: lane, sequence: sequence) else { return }
        refuse(id, reason: reason, now: now)
    }

    /// A record that a producer was to publish, and could not, is the outbox's to send.
    @discardableResult
    mutating func handOver(lane: Int, sequence: UInt64) -> Int64? {
        guard let index = lanes[lane].live.firstIndex(where: { $0.sequence == sequence }) else {
            return nil
        }
        let id = lanes[lane].live.remove(at: index).id
        takeOver(id, isLate: false)
        return id
    }

    /// A producer lost its connection: what it has published and has no PUBACK for is the outbox's to send.
    mutating func releaseLive(lane: Int) {
        let live = lanes[lane].live
        lanes[lane].live.removeAll(keepingCapacity: true)
        for (_, id) in live { takeOver(id, isLate: true) }
        spill()
    }

    private mutating func takeOver(_ id: Int64, isLate: Bool) {
        guard let entry = entries[id] else { return }
        entries[id]?.delivery = .pending
        entries[id]?.isAcknowledged = false
        entries[id]?.mustRepeat = false
        entries[id]?.isLate = isLate || !isConnected
        lanes[entry.lane].held += 1
        topics[entry.record.topicHash]?.live -= 1
        insertPending(id)
        refreshIfEvicted(id)
        unblock(entry.record.topicHash)
    }
}
