/// Looks into an outbox from outside, also while an agent uses it: for `edge-agent outbox`.
///
/// What changes something needs the outbox for itself, and throws ``OutboxError/inUse(path:)`` while an agent has it.
///
/// - Thread: one at a time.
package final class OutboxInspector {
    /// What is in an outbox.
    package struct Summary: Sendable, Equatable {
        /// Records that wait, by class.
        package var records: [OutboxRecordClass: Int] = [:]
        package var quarantined = 0
        /// The last boot number that was given out; nil: none.
        package var boot: UInt64?
        /// Pages of the file that are used, and the file's and the log's size. - Units: bytes.
        package var usedBytes = 0
        package var fileBytes = 0
        package var logBytes = 0
        /// Creation times of the oldest and newest record that waits, by the clock of then.
        package var oldestNanoseconds: Int64?
        package var newestNanoseconds: Int64?
        /// Records given up since the database was made: class, cause, count.
        package var drops: [(OutboxRecordClass, OutboxDropCause, Int)] = []

        package static func == (left: Summary, right: Summary) -> Bool {
            left.records == right.records && left.quarantined == right.quarantined
                && left.boot == right.boot && left.usedBytes == right.usedBytes
                && left.drops.elementsEqual(right.drops, by: ==)
        }
    }

    /// A record as people and scripts see it.
    package struct Record: Sendable, Equatable {
        /// The key for ``OutboxInspector/retryQuarantined(_:)`` and the like.
        package var key: Int64
        package var boot: UInt64
        package var header: OutboxRecordHeader
        package var attempts: Int
        package var topic: String
        package var payload: [UInt8]
        /// Why the broker refused it; nil for one that waits; 0 for one that was damaged on the disk.
        package var reasonCode: UInt8?
    }

    private let path: String
    private let connection: SQLiteConnection

    /// Opens an existing outbox for reading.
    package init(path: String) throws(SQLiteError) {
        self.path = path
        connection = try SQLiteConnection(path: path, mode: .readOnly)
        let identifier = try connection.integer("PRAGMA application_id")
        guard identifier == OutboxStore.applicationIdentifier else {
            throw SQLiteError(operation: "open", code: 26, text: "this is not an outbox")
        }
    }

    package func summary() throws(SQLiteError) -> Summary {
        var summary = Summary()
        for recordClass in OutboxRecordClass.allCases {
            let base = OutboxRecord.base(of: recordClass)
            let count = try connection.integer(
                "SELECT count(*) FROM record WHERE id BETWEEN \(base)"
                    + " AND \(base | OutboxRecord.counterMask)")
            summary.records[recordClass] = Int(count ?? 0)
        }
        summary.quarantined = Int(try connection.integer("SELECT count(*) FROM quarantine") ?? 0)
        summary.boot = try connection.integer("SELECT max(number) FROM boot").map {
            UInt64(bitPattern: $0)
        }
        let pages = try connection.integer("PRAGMA page_count") ?? 0
        let free = try connection.integer("PRAGMA freelist_count") ?? 0
        let pageBytes = try connection.integer("PRAGMA page_size") ?? 0
        summary.usedBytes = Int((pages - free) * pageBytes)
        summary.fileBytes = OutboxSalvage.size(path) ?? 0
        summary.logBytes = OutboxSalvage.size(path + "-wal") ?? 0
        if summary.records.values.reduce(0, +) > 0 {
            summary.oldestNanoseconds = try connection.integer("SELECT min(created) FROM record")
            summary.newestNanoseconds = try connection.integer("SELECT max(created) FROM record")
        }
        summary.drops = try OutboxStore.drops(connection).map {
            ($0.recordClass, $0.cause, $0.count)
        }
        return summary
    }

    /// Gives the records that wait to `body`, in the order in which they are sent; false from it ends.
    ///
    /// It is read in pieces, so that `body` may take its time: whoever writes meanwhile is not hindered, and what they
    /// write may be among it or not.
    package func forEachRecord(_ body: (Record) -> Bool) throws(SQLiteError) {
        try forEach("\(OutboxStore.columns), id, NULL FROM record", body)
    }

    /// Gives the quarantined records to `body`, the oldest refusal first; false from it ends. Else as
    /// ``forEachRecord(_:)``.
    package func forEachQuarantined(_ body: (Record) -> Bool) throws(SQLiteError) {
        try forEach(
            "record, boot, sequence, flags, created, elapsed, expiry, historical, attempts, checksum,"
                + " topic, payload, id, reason FROM quarantine", body)
    }

    /// A piece has at most so many records, and no further one after so many bytes.
    private static let pieceRecords = 256
    private static let pieceBytes = 1 << 20

    private func forEach(_ query: String, _ body: (Record) -> Bool) throws(SQLiteError) {
        let statement = try connection.prepare(
            "SELECT \(query) WHERE id > ? ORDER BY id LIMIT \(Self.pieceRecords)")
        var last = Int64.min
        while true {
            let piece = try piece(statement, after: last)
            guard let newest = piece.last?.key else { return }
            last = newest
            for record in piece { guard body(record) else { return } }
        }
    }

    /// Reads a few records, and ends the transaction: an open one keeps the log from being written back, and it grows.
    private func piece(_ statement: SQLiteStatement, after key: Int64) throws(SQLiteError)
        -> [Record]
    {
        statement.bind(1, key)
        defer { statement.reset() }
        var piece: [Record] = []
        var bytes = 0
        while bytes < Self.pieceBytes, try statement.step() {
            let record = Self.record(statement)
            bytes += record.payload.count + record.topic.utf8.count
            piece.append(record)
        }
        return piece
    }

    private static func record(_ statement: SQLiteStatement) -> Record {
        let flags = statement.integer(3)
        let header = OutboxRecordHeader(
            sequence: UInt64(bitPattern: statement.integer(2)),
            recordClass: OutboxRecord.recordClass(of: statement.integer(0)),
            flags: UInt8(truncatingIfNeeded: flags),
            contentType: MQTTContentType(rawValue: Int(flags >> 8)) ?? .none,
            historicalOffset: Int(clamping: statement.integer(7)),
            expirySeconds: UInt32(clamping: statement.integer(6)),
            createdNanoseconds: statement.integer(4))
        return Record(
            key: statement.integer(12), boot: UInt64(bitPattern: statement.integer(1)),
            header: header, attempts: Int(clamping: statement.integer(8)),
            topic: String(decoding: statement.bytes(10), as: UTF8.self),
            payload: statement.bytes(11),
            reasonCode: statement.isNull(13) ? nil : UInt8(clamping: statement.integer(13)))
    }

    /// Looks for damage: SQLite's own check, and the checksum of every record.
    ///
    /// - Returns: what is wrong, a line each; empty if nothing is.
    package func verify() throws(SQLiteError) -> [String] {
        var problems: [String] = []
        let check = try connection.prepare("PRAGMA integrity_check(100)")
        while try check.step() {
            let line = String(decoding: check.bytes(0), as: UTF8.self)
            if line != "ok" { problems.append(line) }
        }
        let rows = try connection.prepare("SELECT \(OutboxStore.columns) FROM record ORDER BY id")
        while try rows.step() {
            if OutboxStore.record(rows) == nil {
                problems.append("record \(rows.integer(0)): its checksum does not agree")
            }
        }
        // A database of an earlier agent has no such table.
        let hasKept = try connection.integer(
            "SELECT count(*) FROM sqlite_master WHERE name = 'kept'")
        guard hasKept == 1 else { return problems }
        let kept = try connection.prepare("SELECT id, scope, key, bytes, checksum FROM kept")
        while try kept.step() {
            let row = OutboxStore.kept(
                number: kept.integer(0), scope: kept.bytes(1), key: kept.bytes(2),
                bytes: kept.bytes(3), checksum: kept.integer(4))
            if row == nil {
                problems.append("saved alarm \(kept.integer(0)): its checksum does not agree")
            }
        }
        return problems
    }

    // MARK: Changes

    /// Deletes the records that wait, of one class or of all. Returns how many.
    package static func purge(path: String, recordClass: OutboxRecordClass? = nil)
        throws -> Int
    {
        let base = recordClass.map { OutboxRecord.base(of: $0) } ?? 0
        let end = recordClass.map { OutboxRecord.base(of: $0) | OutboxRecord.counterMask } ?? .max
        return try change(path) { store throws(SQLiteError) in
            try store.connection.execute("DELETE FROM record WHERE id BETWEEN \(base) AND \(end)")
            return store.connection.changes
        }
    }

    /// What became of quarantined records that were to be sent again.
    package struct RetryReport: Sendable, Equatable {
        package var restored = 0
        /// Retained states that a newer one of their topic makes worthless: deleted.
        package var superseded = 0
        /// They stay where they are: what they say is not what was written.
        package var damaged = 0

        package init(restored: Int = 0, superseded: Int = 0, damaged: Int = 0) {
            self.restored = restored
            self.superseded = superseded
            self.damaged = damaged
        }
    }

    /// Puts quarantined records back among those that wait, behind all others.
    ///
    /// Of retained states only the newest of a topic counts, and only if none waits that is newer. Those of which a
    /// newer one was decided are not there any more: the outbox has deleted them.
    ///
    /// - Parameter keys: nil: all of them.
    package static func retryQuarantined(path: String, keys: [Int64]? = nil) throws -> RetryReport {
        try change(path) { store throws(SQLiteError) in
            let rows = try store.connection.prepare(
                "SELECT record, boot, sequence, flags, created, elapsed, expiry, historical, 0, checksum,"
                    + " topic, payload, id FROM quarantine"
                    + " ORDER BY record & \(OutboxRecord.counterMask), id")
            var report = RetryReport()
            var refused: [(key: Int64, record: OutboxRecord)] = []
            func isChosen(_ key: Int64) -> Bool { keys?.contains(key) ?? true }
            while try rows.step() {
                let key = rows.integer(12)
                if let record = OutboxStore.record(rows) {
                    refused.append((key, record))
                } else if isChosen(key) {
                    report.damaged += 1
                }
            }
            var newer: Set<UInt64> = []
            try store.scan { _, record in
                if let record, record.header.supersedes { newer.insert(record.topicHash) }
            }
            var counter = try store.highestCounter()
            // The newest first, to find the older states of its topic; written in their order.
            var restored: [OutboxRecord] = []
            for (key, record) in refused.reversed() {
                guard isChosen(key) else {
                    if record.header.supersedes { newer.insert(record.topicHash) }
                    continue
                }
                if !record.header.supersedes || newer.insert(record.topicHash).inserted {
                    restored.append(record)
                } else {
                    report.superseded += 1
                }
                try store.connection.execute("DELETE FROM quarantine WHERE id = \(key)")
            }
            for record in restored.reversed() {
                counter += 1
                var record = record
                record.id = OutboxRecord.base(of: record.recordClass) | counter
                try store.insert(record)
            }
            report.restored = restored.count
            return report
        }
    }

    /// Deletes quarantined records. Returns how many.
    ///
    /// - Parameter keys: nil: all of them.
    package static func dropQuarantined(path: String, keys: [Int64]? = nil) throws -> Int {
        try change(path) { store throws(SQLiteError) in
            let choice = keys.map { " WHERE id IN (\($0.map(String.init).joined(separator: ",")))" }
            try store.connection.execute("DELETE FROM quarantine" + (choice ?? ""))
            return store.connection.changes
        }
    }

    private static func change<Result>(
        _ path: String, _ body: (OutboxStore) throws(SQLiteError) -> Result
    ) throws -> Result {
        // Throws OutboxError while an agent has it; SQLiteError otherwise.
        let lock = try OutboxLock(path: path)
        defer { withExtendedLifetime(lock) {} }
        guard OutboxSalvage.exists(path) else {
            throw SQLiteError(operation: "open", code: 14, text: "there is no outbox at \(path)")
        }
        let store = try OutboxStore(configuration: OutboxConfiguration(path: path))
        let result = try store.transaction { () throws(SQLiteError) in try body(store) }
        while try store.reclaim() {}
        try store.checkpoint(truncate: true)
        return result
    }
}
