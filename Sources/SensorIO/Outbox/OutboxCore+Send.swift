// Sending: what goes next, and what became of it.
extension OutboxCore {
    /// What the owner of the session and the database has to do next.
    enum Step: Equatable {
        /// Publish the record, then call ``OutboxCore/sent(_:messageIdentifier:)`` or
        /// ``OutboxCore/notSent(_:)``.
        case publish(OutboxRecord)
        /// Read rows of a class that come after an identifier, then call ``OutboxCore/loaded(_:of:)``.
        case load(OutboxRecordClass, after: Int64, limit: Int)
        case nothing
    }

    /// Memory before backlog, so that a drain delays nothing new; alerts and notices before predictions, so
    /// that a flood of predictions does not keep a backlog of alerts.
    private static let order: [(isBacklog: Bool, OutboxRecordClass)] = [
        (false, .alert), (false, .notice), (true, .alert), (true, .notice),
        (false, .prediction), (true, .prediction),
    ]

    /// What to do next while there is a connection and room in the window.
    mutating func nextStep(now: UInt64, elapsed: Int64) -> Step {
        guard isConnected, isScanned else { return .nothing }
        unblockDue(now)
        for (isBacklog, recordClass) in Self.order {
            if isBacklog {
                guard drainsBacklog, inFlight.count < limits.backlogWindow else { continue }
                let step = backlogStep(recordClass, now: now, elapsed: elapsed)
                if step != .nothing { return step }
            } else if inFlight.count < limits.window,
                let record = takePending(recordClass, now: now, elapsed: elapsed)
            {
                return .publish(record)
            }
        }
        return .nothing
    }

    /// How far into the pending records is looked for one that may be sent; the others get to the
    /// backlog with the next commit.
    private static let lookAhead = 1_024

    private mutating func takePending(
        _ recordClass: OutboxRecordClass, now: UInt64, elapsed: Int64
    ) -> OutboxRecord? {
        let index = Int(recordClass.rawValue)
        guard !pending[index].isEmpty else { return nil }
        var passed: Set<UInt64> = []
        var position = 0
        while position < min(pending[index].count, Self.lookAhead) {
            let id = pending[index][position]
            guard let entry = entries[id] else {
                pending[index].remove(at: position)
                continue
            }
            let hash = entry.record.topicHash
            if passed.contains(hash) || !maySend(entry, now: now) {
                passed.insert(hash)
                position += 1
                continue
            }
            pending[index].remove(at: position)
            guard !isExpired(entry.record, elapsed: elapsed) else {
                countDropForDisk(recordClass, .expired)
                settle(id, now: now, isDelivered: false)
                continue
            }
            entries[id]?.delivery = .inFlight
            var record = entry.record
            if entry.isLate { record.markHistorical() }
            return record
        }
        return nil
    }

    private func maySend(_ entry: Entry, now: UInt64) -> Bool {
        guard let topic = topics[entry.record.topicHash] else { return true }
        return topic.live == 0 && topic.backlog == 0 && topic.blockedUntil <= now
            // On the disk before an older row's deletion is; but a broken disk stops nobody.
            && (topic.rows == 0 || entry.isDurable || isDiskFailed)
            && (outdated[entry.record.topicHash] == nil || isDiskFailed)
    }

    func isExpired(_ record: OutboxRecord, elapsed: Int64) -> Bool {
        let own = Int64(record.header.expirySeconds) * 1_000_000_000
        let age = elapsed &- record.elapsedNanoseconds
        return age > limits.maximumAge || (own > 0 && age > own)
    }

    /// For how long a record is still worth sending, for the broker to know; 0: for ever.
    func remainingSeconds(of record: OutboxRecord, elapsed: Int64) -> UInt32 {
        guard record.header.expirySeconds > 0 else { return 0 }
        let age = max(0, elapsed &- record.elapsedNanoseconds) / 1_000_000_000
        return UInt32(clamping: max(1, Int64(record.header.expirySeconds) - age))
    }

    // MARK: Outcomes

    mutating func sent(_ id: Int64, messageIdentifier: Int32) {
        guard let entry = entries[id] else { return }
        inFlight.append(
            InFlight(
                id: id, topicHash: entry.record.topicHash, messageIdentifier: messageIdentifier))
    }

    /// The session did not take a record after all: it goes back to where it was.
    mutating func notSent(_ id: Int64) {
        returnToPending(id)
        spill()
    }

    /// A PUBACK came.
    mutating func acknowledged(messageIdentifier: Int32, reason: MQTTReasonCode, now: UInt64) {
        guard
            let index = inFlight.firstIndex(where: { $0.messageIdentifier == messageIdentifier })
        else { return }
        let flight = inFlight[index]
        if reason.isFailure {
            inFlight.remove(at: index)
            refuse(flight.id, reason: reason, now: now)
            return
        }
        if entries[flight.id]?.mustRepeat == true {
            inFlight.remove(at: index)
            entries[flight.id]?.mustRepeat = false
            returnToPending(flight.id)
            spill()
            return
        }
        if inFlight[..<index].contains(where: { $0.topicHash == flight.topicHash }) {
            entries[flight.id]?.isAcknowledged = true
            return
        }
        inFlight.remove(at: index)
        settle(flight.id, now: now)
        settleFollowers(of: flight.topicHash, from: index, now: now)
    }

    /// Settles records whose PUBACK came too early, now that the one before them is gone.
    private mutating func settleFollowers(of hash: UInt64, from start: Int, now: UInt64) {
        var index = start
        while index < inFlight.count {
            guard inFlight[index].topicHash == hash else {
                index += 1
                continue
            }
            guard entries[inFlight[index].id]?.isAcknowledged == true else { return }
            settle(inFlight.remove(at: index).id, now: now)
        }
    }

    /// The session or the broker does not take a record.
    mutating func refuse(_ id: Int64, reason: MQTTReasonCode, now: UInt64) {
        guard var record = entries[id]?.record, let isDurable = entries[id]?.isDurable else {
            return
        }
        let hash = record.topicHash
        record.attempts += 1
        if reason.isTransient, record.attempts < limits.maximumAttempts {
            entries[id]?.record.attempts = record.attempts
            if isDurable {
                if attemptChanges.isEmpty { attemptedAt = now }
                attemptChanges.append((id, record.attempts))
            }
            let wait = limits.retry &* (1 << UInt64(min(record.attempts - 1, 6)))
            topics[hash]?.blockedUntil = now &+ wait
            blocked.append((now &+ wait, hash))
            repeatLater(of: hash, after: id)
            entries[id]?.isLate = true
            returnToPending(id)
            spill()
            return
        }
        removePending(id)
        let newest = topics[hash]?.newestSuperseding ?? -1
        let index = inFlight.firstIndex { $0.topicHash == hash } ?? inFlight.count
        settle(id, now: now, isDelivered: false)
        if refusals.isEmpty { refusedAt = now }
        refusals.append(OutboxRefusal(record: record, reasonCode: reason.rawValue))
        if record.header.supersedes {
            refusedStates.insert(hash)
            if newest > id {
                outdate(hash, Array(record.bytes.prefix(record.topicCount)), by: newest)
            }
        }
        events.append(
            .quarantined(
                topic: record.topic, sequence: record.header.sequence, boot: record.boot,
                reasonCode: reason.rawValue))
        settleFollowers(of: hash, from: index, now: now)
        for lane in lanes.indices { settleLiveFollowers(of: hash, in: lane, now: now) }
    }

    /// Has the records of a topic sent again that are on their way behind one which was refused for now: after
    /// it, or the topic's order would be lost.
    private mutating func repeatLater(of hash: UInt64, after id: Int64) {
        var index = 0
        while index < inFlight.count {
            let later = inFlight[index]
            if later.topicHash == hash, later.id > id,
                entries[later.id]?.isAcknowledged == true
            {
                // Its PUBACK is here already, and there is no second one to wait for.
                inFlight.remove(at: index)
                entries[later.id]?.isAcknowledged = false
                returnToPending(later.id)
                continue
            }
            if later.topicHash == hash, later.id > id { entries[later.id]?.mustRepeat = true }
            index += 1
        }
        for lane in lanes.indices {
            for later in lanes[lane].live
            where later.id > id && entries[later.id]?.record.topicHash == hash {
                if entries[later.id]?.isAcknowledged == true {
                    handOver(lane: lane, sequence: later.sequence)
                } else {
                    entries[later.id]?.mustRepeat = true
                }
            }
        }
    }

    mutating func removePending(_ id: Int64) {
        let index = Int(OutboxRecord.recordClass(of: id).rawValue)
        if let position = pending[index].firstIndex(of: id) { pending[index].remove(at: position) }
    }

    private mutating func returnToPending(_ id: Int64) {
        guard let entry = entries[id], entry.delivery == .inFlight else { return }
        entries[id]?.delivery = .pending
        insertPending(id)
        refreshIfEvicted(id)
    }

    // MARK: Connection

    mutating func connected() {
        isConnected = true
        isUplinkTried = true
        memoryIsSpared()
    }

    /// The connection is gone, and with it everything in flight.
    mutating func disconnected() {
        isConnected = false
        isUplinkTried = true
        // The uplink was what records were safe by; perhaps the disk is back.
        if isDiskFailed { diskRetryAt = 0 }
        let flights = inFlight
        inFlight.removeAll(keepingCapacity: true)
        for flight in flights {
            entries[flight.id]?.isAcknowledged = false
            entries[flight.id]?.mustRepeat = false
            returnToPending(flight.id)
        }
        for ids in pending {
            for id in ids { entries[id]?.isLate = true }
        }
        spill()
    }
}
