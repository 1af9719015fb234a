// The disk: when to write what, and what has become of it.
extension OutboxCore {
    /// When the next transaction is due; nil: there is nothing to write. Before `now`: at once.
    mutating func commitDue(now: UInt64) -> UInt64? {
        var due: UInt64?
        if let inserts = insertDue() { due = inserts }
        if let keptDue = keptDue(now: now) { due = min(due ?? .max, keptDue) }
        if !outdated.isEmpty { due = 0 }
        // Refusals come in crowds: a commit for each would wear the disk out.
        if !refusals.isEmpty { due = min(due ?? .max, refusedAt &+ limits.commitDelay) }
        if !attemptChanges.isEmpty { due = min(due ?? .max, attemptedAt &+ limits.commitDelay) }
        if !deletable.isEmpty {
            let isIdle = backlogByClass.allSatisfy { $0 == 0 } && inFlight.isEmpty
            let deletes =
                isIdle || deletable.count >= limits.deleteBatch
                ? 0 : oldestDeletableAt &+ limits.deleteDelay
            due = min(due ?? .max, deletes)
        }
        // A disk that failed is tried again even if there is nothing to write, to know when it is back.
        if isDiskFailed { return max(due ?? 0, diskRetryAt) }
        return due
    }

    /// When records have to be written: at once if one waits to be sent, otherwise when the oldest has waited
    /// for its PUBACK for the commit delay.
    private mutating func insertDue() -> UInt64? {
        while let first = fresh.first {
            if let entry = entries[first], !entry.isDurable { break }
            fresh.removeFirst()
        }
        guard let first = fresh.first, let oldest = entries[first] else {
            mustCommitNow = false
            return nil
        }
        if mustCommitNow || !isScanned { return 0 }
        let waits = pending.contains { ids in
            ids.contains { entries[$0]?.isDurable == false }
        }
        return waits ? 0 : oldest.acceptedAt &+ limits.commitDelay
    }

    /// Whether the transaction that is due now writes records, so that lanes must be closed before.
    mutating func areInsertsDue(now: UInt64) -> Bool {
        guard let due = insertDue() else { return false }
        return due <= now
    }

    /// What is to be written now.
    mutating func makeBatch(withInserts: Bool) -> OutboxBatch {
        var batch = OutboxBatch()
        if withInserts {
            // What is kept is written together with the events that it came with.
            let cleared = kept.isEmpty ? topicsToClear() : []
            for id in fresh.contents {
                guard let entry = entries[id], !entry.isDurable else { continue }
                if entry.delivery == .pending, cleared.contains(entry.record.topicHash) { continue }
                batch.inserts.append(entry.record)
            }
        }
        batch.deletes = deletable.keys.sorted()
        batch.quarantines = refusals
        batch.outdated = Array(outdated.values)
        batch.attempts = attemptChanges
        batch.drops = uncountedDrops
        (batch.kept, batch.isAllKept) = keptBatch(withInserts: withInserts)
        return batch
    }

    /// Topics of which the next transaction deletes the last row: their records need not be written before they
    /// are sent, but may go right after it. If they were written as well, each would be the row for which
    /// the next one has to be written, and so on for as long as records come.
    private func topicsToClear() -> Set<UInt64> {
        guard isConnected, isScanned, !deletable.isEmpty else { return [] }
        var rows: [UInt64: Int] = [:]
        for hash in deletable.values { rows[hash, default: 0] += 1 }
        return Set(
            rows.lazy.filter { hash, count in
                guard let topic = topics[hash] else { return false }
                return topic.rows == count && topic.live == 0 && topic.blockedUntil == 0
            }.map(\.key))
    }

    /// The batch is on the disk.
    mutating func committed(_ batch: OutboxBatch, _ report: OutboxWriteReport) {
        counters.commits += 1
        for record in batch.inserts {
            entries[record.id]?.isDurable = true
            topics[record.topicHash]?.rows += 1
            rows += 1
            if record.header.supersedes { topics[record.topicHash]?.latestSuperseding = record.id }
        }
        if !batch.inserts.isEmpty {
            mustCommitNow = false
            let left = fresh.contents.filter { entries[$0]?.isDurable == false }
            fresh.removeAll()
            for id in left { fresh.append(id) }
        }
        for id in batch.deletes { forgetRow(id, deletable.removeValue(forKey: id)) }
        dropLoaded(batch.deletes)
        refusals.removeFirst(min(batch.quarantines.count, refusals.count))
        attemptChanges.removeAll()
        uncountedDrops.removeAll()
        if !batch.kept.isEmpty { keptCommitted(isAll: batch.isAllKept) }
        if !batch.outdated.isEmpty { outdated.removeAll() }
        // What was in doubt has been written over, or a scan has told.
        inDoubt.removeAll()
        settledBeforeScan.removeAll()
        counters.superseded += UInt64(report.outdated)
        for drop in report.quarantineDropped { countDrop(drop.recordClass, drop.cause, drop.count) }
        evicted(report.evicted)
        if isDiskFailed {
            isDiskFailed = false
            diskFailedSince = nil
            isQuarantineAwaited = true
            memoryIsSpared()
            events.append(.diskRecovered)
        }
        spill()
    }

    /// Nothing of a batch is on the disk, for certain or as far as is known.
    mutating func commitFailed(_ error: SQLiteError, batch: OutboxBatch? = nil, now: UInt64) {
        if let batch { inDoubt.formUnion(batch.inserts.lazy.map(\.id)) }
        if !isDiskFailed { events.append(.diskFailed(error)) }
        isDiskFailed = true
        judgeMemory(now: now)
        diskRetryAt = now &+ limits.diskRetry
        // What waits for the quarantine is bounded like everything in memory.
        while refusals.count > 100 {
            let record = refusals.removeFirst().record
            countDrop(record.recordClass, .quarantineFull, 1)
        }
        boundMemory()
    }

    /// Memory counts when neither the uplink nor the disk has been there for a while; for refused records, which only wait
    /// for the disk, when that has not.
    ///
    /// Before, what led to records is not confirmed: it comes again should they be lost, and until then no more comes
    /// than the sensors' broker sends without a confirmation.
    private mutating func judgeMemory(now: UInt64) {
        let failedSince = diskFailedSince ?? now
        diskFailedSince = failedSince
        isQuarantineAwaited = now &- failedSince < limits.memoryPatience
        guard !isConnected, isUplinkTried else { return }
        let since = nothingLeftSince ?? now
        nothingLeftSince = since
        isMemoryAllThereIs = now &- since >= limits.memoryPatience
    }

    /// The uplink or the disk is there again.
    mutating func memoryIsSpared() {
        nothingLeftSince = nil
        isMemoryAllThereIs = false
    }

    /// Rows that were read and then deleted must not be sent. It is rare: normally they are long passed.
    private mutating func dropLoaded(_ deleted: [Int64]) {
        guard loadedIndex < loaded.count, let last = deleted.last,
            last >= loaded[loadedIndex].id
        else { return }
        let gone = Set(deleted)
        loaded.removeFirst(loadedIndex)
        loadedIndex = 0
        loaded.removeAll { gone.contains($0.id) }
    }

    private mutating func forgetRow(_ id: Int64, _ hash: UInt64?) {
        guard let hash else { return }
        rows -= 1
        topics[hash]?.rows -= 1
        forgetTopicIfIdle(hash)
    }

    /// Rows had to go for the database's bound.
    private mutating func evicted(_ rows: [OutboxStore.Outline]) {
        guard !rows.isEmpty else { return }
        for row in rows {
            let recordClass = OutboxRecord.recordClass(of: row.id)
            if deletable.removeValue(forKey: row.id) != nil {
                forgetRow(row.id, row.topicHash)
            } else if let entry = entries[row.id] {
                entries[row.id]?.isDurable = false
                forgetRow(row.id, row.topicHash)
                if entry.delivery == .pending {
                    removePending(row.id)
                    settle(row.id, now: 0, isDelivered: false)
                    countDrop(recordClass, .databaseFull, 1)
                } else {
                    entries[row.id]?.isEvicted = true
                }
            } else {
                backlogByClass[Int(recordClass.rawValue)] -= 1
                topics[row.topicHash]?.backlog -= 1
                forgetRow(row.id, row.topicHash)
                countDrop(recordClass, .databaseFull, 1)
            }
        }
        dropLoaded()
    }

    // MARK: Memory

    /// Lets durable records go from memory that cannot be sent soon: they are read again in their turn.
    ///
    /// - Parameter isForced: also while rows cannot be read: then they are forgotten with these.
    mutating func spill(isForced: Bool = false) {
        guard isForced || !isBacklogForgotten else { return }
        for index in pending.indices where !pending[index].isEmpty {
            var kept: [Int64] = []
            for id in pending[index] {
                guard let entry = entries[id] else { continue }
                guard entry.isDurable, mustSpill(entry) else {
                    kept.append(id)
                    continue
                }
                entries[id] = nil
                memoryBytes -= entry.record.memoryBytes
                if entry.lane >= 0 { lanes[entry.lane].held -= 1 }
                topics[entry.record.topicHash]?.inMemory -= 1
                guard !isBacklogForgotten else {
                    forgetRow(id, entry.record.topicHash)
                    continue
                }
                topics[entry.record.topicHash]?.backlog += 1
                backlogByClass[index] += 1
                isExhausted[index] = false
                if id <= cursor[index] {
                    cursor[index] = id - 1
                    dropLoaded()
                } else if let last = loaded.last, last.recordClass == entry.record.recordClass,
                    id < last.id
                {
                    // It would be passed over: the rows that were read ahead go beyond it.
                    dropLoaded()
                }
            }
            pending[index] = kept
        }
    }

    private func mustSpill(_ entry: Entry) -> Bool {
        guard isConnected, memoryBytes < limits.maximumMemoryBytes / 2 else { return true }
        guard let topic = topics[entry.record.topicHash] else { return false }
        return topic.backlog > 0 || topic.live > 0 || topic.blockedUntil > 0
    }

    /// Drops what memory has no room for while the disk cannot be written: the lowest class, oldest first.
    mutating func boundMemory() {
        guard memoryBytes > limits.maximumMemoryBytes else { return }
        spill(isForced: true)
        for index in pending.indices.reversed() {
            var position = 0
            while memoryBytes > limits.maximumMemoryBytes, position < pending[index].count {
                let id = pending[index][position]
                position += 1
                countDropForDisk(OutboxRecord.recordClass(of: id), .memoryFull)
                settle(id, now: 0, isDelivered: false)
            }
            pending[index].removeFirst(position)
        }
    }

    // MARK: What is on the disk

    /// Starts learning what is on the disk, at the start or after a salvage.
    mutating func beginScan() {
        rows = 0
        for hash in topics.keys {
            topics[hash]?.rows = 0
            topics[hash]?.backlog = 0
            topics[hash]?.latestSuperseding = -1
            topics[hash]?.newestSuperseding = -1
        }
        beginReading()
        for (id, entry) in entries where entry.isDurable {
            entries[id]?.isDurable = false
            fresh.append(id)
        }
        settledBeforeScan.merge(deletable) { old, _ in old }
        deletable.removeAll()
        refusedStates = Set(
            refusals.lazy.filter { $0.record.header.supersedes }.map(\.record.topicHash))
    }

    /// A row that is on the disk.
    mutating func scanned(_ record: OutboxRecord) {
        let hash = record.topicHash
        var topic = topics[hash] ?? Topic(recordClass: record.recordClass)
        topic.rows += 1
        rows += 1
        if record.header.supersedes {
            topic.latestSuperseding = max(topic.latestSuperseding, record.id)
            topic.newestSuperseding = max(topic.newestSuperseding, record.id)
            outdate(hash, Array(record.bytes.prefix(record.topicCount)), by: record.id)
        }
        if entries[record.id] != nil {
            entries[record.id]?.isDurable = true
        } else if let settled = settledBeforeScan[record.id] {
            deletable[record.id] = settled
        } else if record.header.supersedes, deliveredStates[hash] ?? -1 > record.id {
            counters.superseded += 1
            deletable[record.id] = hash
        } else {
            topic.backlog += 1
            backlogByClass[Int(record.recordClass.rawValue)] += 1
        }
        topics[hash] = topic
        nextCounter = max(nextCounter, (record.id & OutboxRecord.counterMask) + 1)
    }

    /// The scan is complete.
    mutating func endScan() {
        isScanned = true
        isBacklogForgotten = false
        deliveredStates.removeAll()
        for entry in entries.values where entry.record.header.supersedes {
            let (record, hash) = (entry.record, entry.record.topicHash)
            let newest = max(topics[hash]?.newestSuperseding ?? -1, record.id)
            topics[hash]?.newestSuperseding = newest
            outdate(hash, Array(record.bytes.prefix(record.topicCount)), by: record.id)
        }
        settledBeforeScan.removeAll()
        inDoubt.removeAll()
        for hash in Array(topics.keys) { forgetTopicIfIdle(hash) }
        spill()
    }

    /// Moves all identifiers in memory behind those of a database that could only be opened now. Nothing of
    /// them is on the disk.
    mutating func renumber(after highest: Int64) {
        let delta = highest
        func moved(_ id: Int64) -> Int64 { id < 0 ? id : id + delta }
        var renumbered: [Int64: Entry] = [:]
        for (id, entry) in entries {
            var entry = entry
            entry.record.id = moved(id)
            renumbered[moved(id)] = entry
        }
        entries = renumbered
        for index in pending.indices { pending[index] = pending[index].map(moved) }
        for index in inFlight.indices { inFlight[index].id = moved(inFlight[index].id) }
        for index in lanes.indices {
            lanes[index].awaiting.mapInPlace { ($0.sequence, moved($0.id)) }
            lanes[index].live = lanes[index].live.map { ($0.sequence, moved($0.id)) }
        }
        fresh.mapInPlace(moved)
        for index in refusals.indices {
            refusals[index].record.id = moved(refusals[index].record.id)
        }
        for hash in topics.keys {
            let newest = topics[hash]?.newestSuperseding ?? -1
            topics[hash]?.newestSuperseding = moved(newest)
        }
        for hash in outdated.keys { outdated[hash]?.counter += delta }
        deliveredStates = deliveredStates.mapValues(moved)
        nextCounter += delta
    }

    // MARK: Time

    /// When something is due even though nothing happens; commits aside.
    func nextDeadline(now: UInt64) -> UInt64? {
        var next: UInt64?
        for topic in blocked { next = min(next ?? .max, topic.until) }
        if isConnected, let rate = limits.drainRecordsPerSecond, drainTokens < 1,
            backlogByClass.contains(where: { $0 > 0 })
        {
            next = min(next ?? .max, drainTokensAt &+ UInt64(1e9 / Double(rate)))
        }
        if readRetryAt > now, isConnected, backlogByClass.contains(where: { $0 > 0 }) {
            next = min(next ?? .max, readRetryAt)
        }
        return next
    }
}
