internal import Synchronization

// What can wait: write-back, space, ages, metrics.
extension OutboxWorker {
    /// How long nothing must have happened before the database is tidied up.
    private static let idleNanoseconds: UInt64 = 2_000_000_000
    /// How old a snapshot of the metrics may be.
    private static let metricsNanoseconds: UInt64 = 50_000_000
    private static let ageCheckNanoseconds: UInt64 = 60_000_000_000
    /// A log of this size is written back when there is time.
    private static let idleLogBytes = 1 << 20

    /// When ``upkeep()`` wants to be called though nothing happens.
    var upkeepDue: UInt64? {
        var due: UInt64?
        if needsUpkeep { due = lastActivity &+ Self.idleNanoseconds }
        if core.rows > 0 { due = min(due ?? .max, ageCheckedAt &+ Self.ageCheckNanoseconds) }
        if areMetricsStale { due = min(due ?? .max, metricsAt &+ Self.metricsNanoseconds) }
        return due
    }

    /// Whether something happened since the last snapshot.
    private var areMetricsStale: Bool { lastActivity >= metricsAt }

    func upkeep() {
        if core.rows > 0, now &- ageCheckedAt >= Self.ageCheckNanoseconds {
            ageCheckedAt = now
            expireOldest()
        }
        if needsUpkeep, now &- lastActivity >= Self.idleNanoseconds { tidy() }
        if areMetricsStale, now &- metricsAt >= Self.metricsNanoseconds { refreshMetrics() }
    }

    private func tidy() {
        guard let store, !core.isDiskFailed else {
            needsUpkeep = false
            return
        }
        do throws(SQLiteError) {
            let isMore = try store.reclaim()
            // Space is given back when the log is in the database and cut.
            if !isMore {
                if store.logBytes > Self.idleLogBytes || core.rows == 0 {
                    try store.checkpoint(truncate: true)
                }
                needsUpkeep = false
            }
        } catch {
            needsUpkeep = false
            // A reader beside us holds the log: another time.
            if error.kind != .busy { diskFailed(error) }
        }
    }

    /// Gives up rows for their age even while nothing is drained.
    private func expireOldest() {
        guard let store else { return }
        do throws(SQLiteError) {
            for recordClass in OutboxRecordClass.allCases {
                for row in try store.oldestRows(recordClass, limit: 1_024) {
                    let age = elapsed &- row.elapsedNanoseconds
                    let own = Int64(row.expirySeconds) * 1_000_000_000
                    guard age > core.limits.maximumAge || (own > 0 && age > own) else { continue }
                    core.expire(row.id, row.topicHash, now: now)
                }
            }
        } catch {
            diskFailed(error)
        }
    }

    func refreshMetrics() {
        var metrics = OutboxMetrics()
        for recordClass in OutboxRecordClass.allCases {
            let index = Int(recordClass.rawValue)
            metrics.depthByClass[index] = core.backlogByClass[index]
        }
        for id in core.entries.keys {
            metrics.depthByClass[Int(OutboxRecord.recordClass(of: id).rawValue)] += 1
        }
        metrics.depth = metrics.depthByClass.reduce(0, +)
        metrics.memoryRecords = core.entries.values.count { !$0.isDurable }
        metrics.memoryBytes = core.memoryBytes
        metrics.accepted = core.counters.accepted
        metrics.delivered = core.counters.delivered
        metrics.deliveredLive = core.counters.deliveredLive
        metrics.sparedTheDisk = core.counters.sparedTheDisk
        metrics.superseded = core.counters.superseded
        metrics.commits = core.counters.commits
        metrics.drops = core.counters.drops
        metrics.quarantined = quarantined
        metrics.isUplinkConnected = core.isConnected
        metrics.isDiskWritable = !core.isDiskFailed
        metrics.bytesWritten = bytesWritten
        if let event = writeBudget.update(bytesWritten: bytesWritten, now: now) { report(event) }
        if let store {
            metrics.databaseBytes = (try? store.usedBytes()) ?? 0
            metrics.oldestAgeSeconds = oldestAge(store)
        }
        if now &- drainedAt >= 1_000_000_000 {
            let drained = core.counters.drained &- drainedBefore
            drainRate = drainedAt == 0 ? 0 : Double(drained) * 1e9 / Double(now &- drainedAt)
            drainedAt = now
            drainedBefore = core.counters.drained
        }
        metrics.drainRecordsPerSecond = drainRate
        metricsAt = now
        shared.state.withLock { $0.metrics = metrics }
    }

    private func oldestAge(_ store: OutboxStore) -> Double? {
        guard core.rows > 0 else { return nil }
        var oldest: Int64?
        for recordClass in OutboxRecordClass.allCases {
            guard let rows = try? store.oldestRows(recordClass, limit: 1), let row = rows.first
            else { continue }
            oldest = min(oldest ?? .max, row.elapsedNanoseconds)
        }
        return oldest.map { Double(max(0, elapsed &- $0)) / 1e9 }
    }
}
