// The backlog: rows that are read again when their turn comes.
extension OutboxCore {
    mutating func backlogStep(
        _ recordClass: OutboxRecordClass, now: UInt64, elapsed: Int64
    ) -> Step {
        let index = Int(recordClass.rawValue)
        while backlogByClass[index] > 0, !isExhausted[index] {
            guard loadedIndex < loaded.count, loaded[loadedIndex].recordClass == recordClass else {
                // What is known of rows is written before they are read again.
                guard now >= readRetryAt, attemptChanges.isEmpty || isDiskFailed else {
                    return .nothing
                }
                return .load(recordClass, after: cursor[index], limit: limits.loadBatch)
            }
            let record = loaded[loadedIndex]
            if isSendable(record, now: now, elapsed: elapsed) {
                guard takeDrainToken(now) else { return .nothing }
                loadedIndex += 1
                cursor[index] = record.id
                return .publish(takeFromBacklog(record, now: now))
            }
            loadedIndex += 1
            cursor[index] = record.id
        }
        return .nothing
    }

    /// Decides over a row of the backlog; false: passed over, or settled without being sent.
    private mutating func isSendable(_ record: OutboxRecord, now: UInt64, elapsed: Int64) -> Bool {
        let hash = record.topicHash
        // Of a transaction in doubt there may be rows that are counted nowhere, and settled meanwhile.
        guard entries[record.id] == nil, deletable[record.id] == nil,
            settledBeforeScan[record.id] == nil, let topic = topics[hash]
        else { return false }
        if skipped.contains(hash) || topic.live > 0 || topic.blockedUntil > now {
            let index = Int(record.recordClass.rawValue)
            skipped.insert(hash)
            skippedFloor[index] = min(skippedFloor[index], record.id)
            return false
        }
        if record.header.supersedes, topic.latestSuperseding > record.id {
            counters.superseded += 1
            removeFromBacklog(record.id, hash)
            markDeletable(record.id, hash, now: now)
            return false
        }
        if isExpired(record, elapsed: elapsed) {
            expire(record.id, hash, now: now)
            return false
        }
        return true
    }

    private mutating func takeFromBacklog(_ record: OutboxRecord, now: UInt64) -> OutboxRecord {
        let hash = record.topicHash
        removeFromBacklog(record.id, hash)
        topics[hash]?.inMemory += 1
        memoryBytes += record.memoryBytes
        entries[record.id] = Entry(
            record: record, lane: -1, acceptedAt: now, delivery: .inFlight, isDurable: true,
            isLate: true)
        counters.drained += 1
        var late = record
        late.markHistorical()
        return late
    }

    /// Gives up a row of the backlog for its age; does nothing for one that is on its way.
    mutating func expire(_ id: Int64, _ hash: UInt64, now: UInt64) {
        guard entries[id] == nil, deletable[id] == nil, topics[hash] != nil else { return }
        countDropForDisk(OutboxRecord.recordClass(of: id), .expired)
        removeFromBacklog(id, hash)
        markDeletable(id, hash, now: now)
    }

    private mutating func removeFromBacklog(_ id: Int64, _ hash: UInt64) {
        backlogByClass[Int(OutboxRecord.recordClass(of: id).rawValue)] -= 1
        topics[hash]?.backlog -= 1
    }

    /// Takes over what ``Step/load(_:after:limit:)`` asked for.
    mutating func loaded(_ records: [OutboxRecord], of recordClass: OutboxRecordClass) {
        loaded = records
        loadedIndex = 0
        unreadableSince = nil
        if records.isEmpty { isExhausted[Int(recordClass.rawValue)] = true }
    }

    /// Rows could not be read; they are asked for again later.
    ///
    /// What is new waits for them, or its topic's order would be lost; but not for ever: a disk that stays silent must
    /// not silence the plant. Then rows are forgotten until the next scan, and come after what was sent meanwhile.
    mutating func loadFailed(now: UInt64) {
        dropLoaded()
        readRetryAt = now &+ min(limits.diskRetry, 1_000_000_000)
        let since = unreadableSince ?? now
        unreadableSince = since
        guard now &- since >= limits.unreadablePatience else { return }
        unreadableSince = nil
        events.append(.backlogUnreadable(count: backlogByClass.reduce(0, +)))
        forgetBacklog()
    }

    /// Rows cannot be read: what is new goes before them, and they are sent when the next scan has found them.
    ///
    /// What is in memory, and what of it is on the disk, stays known.
    mutating func forgetBacklog() {
        isBacklogForgotten = true
        rows -= backlogByClass.reduce(0, +)
        for (hash, topic) in topics where topic.backlog > 0 {
            topics[hash]?.rows = topic.rows - topic.backlog
            topics[hash]?.backlog = 0
        }
        beginReading()
        for hash in Array(topics.keys) { forgetTopicIfIdle(hash) }
    }

    /// Reads the backlog from its beginning, none of which is known.
    mutating func beginReading() {
        for index in backlogByClass.indices {
            backlogByClass[index] = 0
            cursor[index] = OutboxRecord.base(of: OutboxRecordClass.allCases[index]) - 1
            isExhausted[index] = false
            skippedFloor[index] = .max
        }
        skipped.removeAll()
        dropLoaded()
    }

    /// Reads the backlog from where something was passed over.
    mutating func rewind() {
        for index in cursor.indices where skippedFloor[index] != .max {
            cursor[index] = min(cursor[index], skippedFloor[index] - 1)
            isExhausted[index] = false
            skippedFloor[index] = .max
        }
        skipped.removeAll(keepingCapacity: true)
        dropLoaded()
    }

    mutating func dropLoaded() {
        loaded.removeAll(keepingCapacity: true)
        loadedIndex = 0
    }

    /// A topic may be sendable again.
    mutating func unblock(_ hash: UInt64) {
        if skipped.contains(hash) { rewind() }
    }

    mutating func unblockDue(_ now: UInt64) {
        guard !blocked.isEmpty, blocked.contains(where: { $0.until <= now }) else { return }
        let due = blocked.filter { $0.until <= now }
        blocked.removeAll { $0.until <= now }
        for topic in due {
            if topics[topic.topicHash]?.blockedUntil ?? .max <= now {
                topics[topic.topicHash]?.blockedUntil = 0
            }
            unblock(topic.topicHash)
            forgetTopicIfIdle(topic.topicHash)
        }
    }

    private mutating func takeDrainToken(_ now: UInt64) -> Bool {
        guard let rate = limits.drainRecordsPerSecond else { return true }
        let passed = Double(now &- drainTokensAt) / 1e9
        // A second's worth at most, and never less than one.
        drainTokens = min(drainTokens + passed * Double(rate), max(1, Double(rate) / 10))
        drainTokensAt = now
        guard drainTokens >= 1 else { return false }
        drainTokens -= 1
        return true
    }
}
