import TestSupport

@testable import SensorIO

// The model's disk, which may fail to be written, to be read, or leave open whether it was written; and what is safe.
extension OutboxModel {
    private static let full = SQLiteError(operation: "test", code: 13, text: "full")
    private static let failure = SQLiteError(operation: "test", code: 10, text: "disk I/O error")

    // MARK: Opening

    mutating func restart() {
        boot += 1
        sequence = 0
        core = OutboxCore(limits: limits, boot: boot)
        producers = (0..<2).map { Producer(topics: Self.topics($0)) }
        for _ in producers { _ = core.addLane() }
        uplink = Connection()
        (isClosed, hasReader, hasOpened, lastRefuge) = (false, true, true, now)
        guard diskFails || readFails else { return scan() }
        // A disk that can be read no more may still have been opened.
        hasOpened = !diskFails && Bool.random(using: &chance)
        isClosed = true
        hasReader = hasOpened
        core.commitFailed(Self.failure, now: now)
        core.beginScan()
        core.endScan()
        core.forgetBacklog()
        if hasOpened { core.nextCounter = max(core.nextCounter, highestCounter + 1) }
    }

    private mutating func scan() {
        core.beginScan()
        core.scannedQuarantine(
            OutboxStore.RefusedStates(
                topics: Set(quarantine.lazy.filter(\.header.supersedes).map(\.topicHash)),
                highestCounter: quarantine.map { $0.id & OutboxRecord.counterMask }.max() ?? 0))
        for id in disk.keys.sorted() { core.scanned(disk[id]!) }
        core.endScan()
    }

    private var highestCounter: Int64 {
        disk.keys.map { $0 & OutboxRecord.counterMask }.max() ?? 0
    }

    private mutating func reopen() -> Bool {
        guard !diskFails, !readFails else {
            core.commitFailed(Self.failure, now: now)
            return false
        }
        if !hasOpened { core.renumber(after: highestCounter) }
        (isClosed, hasReader, hasOpened) = (false, true, true)
        scan()
        return true
    }

    private mutating func fail(_ batch: OutboxBatch? = nil) {
        isClosed = true
        core.commitFailed(Self.failure, batch: batch, now: now)
    }

    // MARK: Reading and writing

    mutating func load(_ recordClass: OutboxRecordClass, after: Int64, limit: Int) {
        guard !readFails, !isClosed || hasReader else {
            core.loadFailed(now: now)
            if !isClosed { fail() }
            hasReader = false
            return
        }
        let ids = disk.keys.filter { $0 > after && OutboxRecord.recordClass(of: $0) == recordClass }
        core.loaded(ids.sorted().prefix(limit).map { disk[$0]! }, of: recordClass)
    }

    mutating func commitIfDue() {
        guard let due = core.commitDue(now: now), due <= now else { return }
        guard !isClosed || reopen() else { return }
        if core.areInsertsDue(now: now) {
            for index in producers.indices { producers[index].isOpen = false }
            readLanes()
            for index in producers.indices { producers[index].isOpen = false }
        }
        let batch = core.makeBatch(withInserts: core.areInsertsDue(now: now))
        guard diskFails else {
            lastRefuge = now
            return core.committed(batch, write(batch))
        }
        guard Bool.random(using: &chance) else {
            return core.commitFailed(Self.full, batch: batch, now: now)
        }
        // Nobody can tell whether it is there.
        if batch.quarantines.isEmpty, Bool.random(using: &chance) { _ = write(batch) }
        fail(batch)
    }

    private mutating func write(_ batch: OutboxBatch) -> OutboxWriteReport {
        for record in batch.inserts { disk[record.id] = record }
        for change in batch.attempts { disk[change.id]?.attempts = change.attempts }
        for id in batch.deletes { disk[id] = nil }
        quarantine += batch.quarantines.map(\.record)
        var report = OutboxWriteReport()
        for outdated in batch.outdated {
            let before = quarantine.count
            quarantine.removeAll {
                Array($0.topic.utf8) == outdated.topic
                    && $0.id & OutboxRecord.counterMask < outdated.counter
            }
            report.outdated += before - quarantine.count
        }
        return report
    }

    // MARK: Verdict

    /// The core says that a record is safe: it must be, also should the process die now.
    mutating func judge(_ name: Name) {
        if survivesCrash(name) {
            markSafe(name)
        } else if uplink.isUp || now - lastRefuge < limits.memoryPatience {
            falseWords.append("\(name) was called safe at \(now), and a crash would lose it")
        }
    }

    private func survivesCrash(_ name: Name) -> Bool {
        func isAsGood(_ other: Name) -> Bool {
            // Of states only the last one counts.
            other == name || supersedes && other >= name && topicOf[other] == topicOf[name]
        }
        return arrived.contains(name)
            || (disk.values + quarantine).contains {
                isAsGood(Name(boot: $0.boot, sequence: $0.header.sequence))
            } || supersedes && arrived.contains(where: isAsGood)
    }

    /// Whether the core's books agree with the disk; what is wrong if not.
    func imbalance() -> String? {
        // Nobody knows, before the next scan, what is on a disk that has failed.
        guard !isClosed, !core.isBacklogForgotten else { return nil }
        let durable = core.entries.values.count { $0.isDurable }
        let backlog = core.backlogByClass.reduce(0, +)
        guard core.rows == disk.count else { return "\(core.rows) rows, \(disk.count) on the disk" }
        guard durable + backlog + core.deletable.count == disk.count else {
            return "\(durable) + \(backlog) + \(core.deletable.count) of \(disk.count)"
        }
        let topics = core.topics.values
        guard topics.reduce(0, { $0 + $1.rows }) == disk.count else { return "rows by topic" }
        guard topics.reduce(0, { $0 + $1.backlog }) == backlog else { return "backlog by topic" }
        guard topics.reduce(0, { $0 + $1.inMemory }) == core.entries.count else {
            return "memory by topic"
        }
        let live = core.entries.values.count { $0.delivery == .live }
        guard topics.reduce(0, { $0 + $1.live }) == live else { return "live by topic" }
        return nil
    }
}
