/// The database of the outbox. Knows rows, not sessions.
///
/// After an error of ``write(_:)`` nothing of the batch is in the database, or, when the disk failed to
/// confirm, that is in doubt: writing the same batch again is right in both cases.
///
/// - Thread: one at a time.
final class OutboxStore {
    static let schemaVersion: Int64 = 1
    /// "EdOb", so that `file` and we can tell whose it is.
    static let applicationIdentifier: Int64 = 0x4564_4F62

    let path: String
    let connection: SQLiteConnection
    let mark: OutboxLogMark
    var maximumBytes: Int
    let maximumLogBytes: Int
    var maximumQuarantined: Int
    let pageBytes: Int
    /// What was written before the last transactions, for ``logBytes``.
    var pagesAtCheckpoint = 0
    /// Bytes that checkpoints wrote.
    var writtenBack: UInt64 = 0

    private let begin: SQLiteStatement
    private let commit: SQLiteStatement
    private let insert: SQLiteStatement
    private let delete: SQLiteStatement
    let load: SQLiteStatement
    private let oldest: SQLiteStatement
    private let pageCount: SQLiteStatement
    let freeCount: SQLiteStatement

    static let columns =
        "id, boot, sequence, flags, created, elapsed, expiry, historical, attempts, checksum, topic, payload"

    /// Opens or makes the database, brings its schema up to date and checks that commits are durable.
    init(configuration: OutboxConfiguration) throws(SQLiteError) {
        path = configuration.path
        maximumBytes = configuration.maximumBytes
        maximumLogBytes = configuration.maximumLogBytes
        maximumQuarantined = configuration.maximumQuarantined
        let connection = try SQLiteConnection(path: configuration.path, mode: .readWrite)
        self.connection = connection
        try Self.setUp(connection, maximumLogBytes: configuration.maximumLogBytes)
        mark = OutboxLogMark(path: configuration.path)
        connection.watchLog()
        pageBytes = Int(try connection.integer("PRAGMA page_size") ?? 4096)
        begin = try connection.prepare("BEGIN IMMEDIATE")
        commit = try connection.prepare("COMMIT")
        insert = try connection.prepare(
            "INSERT OR REPLACE INTO record(\(Self.columns)) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)")
        delete = try connection.prepare("DELETE FROM record WHERE id BETWEEN ? AND ?")
        load = try connection.prepare(
            "SELECT \(Self.columns) FROM record WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?")
        oldest = try connection.prepare(
            "SELECT id, length(payload), elapsed, expiry, topic FROM record"
                + " WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?")
        pageCount = try connection.prepare("PRAGMA page_count")
        freeCount = try connection.prepare("PRAGMA freelist_count")
    }

    deinit {
        // SQLite writes the log back and deletes it when the last connection closes.
        mark.cleared(synchronises: true)
    }

    private static func setUp(_ connection: SQLiteConnection, maximumLogBytes: Int)
        throws(SQLiteError)
    {
        let isNew = try connection.integer("PRAGMA page_count") == 0
        let version = try connection.integer("PRAGMA user_version") ?? 0
        let identifier = try connection.integer("PRAGMA application_id") ?? 0
        guard version <= schemaVersion, isNew || identifier == applicationIdentifier else {
            // Not ours, or of a newer agent: left alone. SQLITE_MISMATCH, which nothing else here gives.
            throw SQLiteError(
                operation: "open", code: 20,
                text: "the database has schema version \(version) and application id \(identifier)")
        }
        if isNew {
            // Both only work before the first page is written.
            try connection.execute("PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL")
        }
        guard try connection.text("PRAGMA journal_mode = WAL") == "wal" else {
            throw SQLiteError(
                operation: "journal_mode", code: 14,
                text: "the file system does not allow a write-ahead log")
        }
        try connection.execute(
            """
            PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;
            PRAGMA journal_size_limit = \(maximumLogBytes); PRAGMA cache_size = -1024;
            PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF;
            """)
        guard try connection.integer("PRAGMA synchronous") == 2 else {
            throw SQLiteError(
                operation: "synchronous", code: 14, text: "commits cannot be made durable")
        }
        if version < schemaVersion { try migrate(connection) }
        try connection.execute(keptTable)
        try connection.execute(runningTable)
    }

    private static func migrate(_ connection: SQLiteConnection) throws(SQLiteError) {
        let row =
            "boot INTEGER NOT NULL, sequence INTEGER NOT NULL, flags INTEGER NOT NULL,"
            + " created INTEGER NOT NULL, elapsed INTEGER NOT NULL, expiry INTEGER NOT NULL,"
            + " historical INTEGER NOT NULL, attempts INTEGER NOT NULL, checksum INTEGER NOT NULL,"
            + " topic TEXT NOT NULL, payload BLOB NOT NULL"
        do throws(SQLiteError) {
            try connection.execute(
                """
                BEGIN IMMEDIATE;
                CREATE TABLE record(id INTEGER PRIMARY KEY, \(row));
                CREATE TABLE quarantine(id INTEGER PRIMARY KEY, \(row), record INTEGER NOT NULL,
                    reason INTEGER NOT NULL);
                CREATE TABLE boot(number INTEGER PRIMARY KEY, kernel INTEGER NOT NULL,
                    elapsed INTEGER NOT NULL, uptime INTEGER NOT NULL, wall INTEGER NOT NULL,
                    synchronised INTEGER NOT NULL);
                CREATE TABLE dropped(class INTEGER NOT NULL, cause INTEGER NOT NULL,
                    count INTEGER NOT NULL, PRIMARY KEY(class, cause)) WITHOUT ROWID;
                PRAGMA application_id = \(applicationIdentifier);
                PRAGMA user_version = \(schemaVersion);
                COMMIT;
                """)
        } catch {
            rollBack(connection)
            throw error
        }
    }

    // MARK: Transactions

    /// Does everything in the batch in one transaction, on the disk when this returns.
    func write(_ batch: OutboxBatch) throws(SQLiteError) -> OutboxWriteReport {
        try transaction { () throws(SQLiteError) in
            for record in batch.inserts { try self.insert(record) }
            try self.deleteRuns(batch.deletes)
            for change in batch.attempts { try self.setAttempts(change.id, change.attempts) }
            var report = OutboxWriteReport()
            if !batch.quarantines.isEmpty {
                report.quarantineDropped = try self.quarantine(batch.quarantines)
            }
            for outdated in batch.outdated { report.outdated += try self.delete(outdated) }
            try self.keep(batch.kept)
            if !batch.inserts.isEmpty || !batch.quarantines.isEmpty { try self.evict(&report) }
            for drop in batch.drops + report.quarantineDropped { try self.count(drop) }
            for recordClass in OutboxRecordClass.allCases {
                let count = report.evicted.count {
                    OutboxRecord.recordClass(of: $0.id) == recordClass
                }
                guard count > 0 else { continue }
                try self.count(
                    OutboxDropCount(recordClass: recordClass, cause: .databaseFull, count: count))
            }
            return report
        }
    }

    func transaction<Result>(_ body: () throws(SQLiteError) -> Result) throws(SQLiteError)
        -> Result
    {
        do throws(SQLiteError) {
            try begin.run()
            let result = try body()
            try commit.run()
            let frames = connection.takeLogFrames()
            if frames > 0 { mark.committed(frames: frames) }
            return result
        } catch {
            Self.rollBack(connection)
            throw error
        }
    }

    private static func rollBack(_ connection: SQLiteConnection) {
        // Some errors have rolled back by themselves; and if this fails, closing does it.
        if connection.isInTransaction { try? connection.execute("ROLLBACK") }
    }

    func insert(_ record: OutboxRecord) throws(SQLiteError) {
        try Self.bind(insert, record) { () throws(SQLiteError) in try self.insert.run() }
    }

    /// Binds a record's columns, for the time of `body`.
    static func bind(
        _ statement: SQLiteStatement, _ record: OutboxRecord,
        _ body: () throws(SQLiteError) -> Void
    ) throws(SQLiteError) {
        let header = record.header
        statement.bind(1, record.id)
        statement.bind(2, Int64(bitPattern: record.boot))
        statement.bind(3, Int64(bitPattern: header.sequence))
        statement.bind(4, Int64(header.flags) | Int64(header.contentType.rawValue) << 8)
        statement.bind(5, header.createdNanoseconds)
        statement.bind(6, record.elapsedNanoseconds)
        statement.bind(7, Int64(header.expirySeconds))
        statement.bind(8, Int64(header.historicalOffset))
        statement.bind(9, Int64(record.attempts))
        statement.bind(10, Int64(bitPattern: record.checksum()))
        let topicCount = record.topicCount
        try unsafe record.bytes.span.bytes.withUnsafeBytes {
            (bytes: UnsafeRawBufferPointer) throws(SQLiteError) in
            // Proof: `bytes` outlives `body`, which steps and resets the statement.
            unsafe statement.bindText(11, UnsafeRawBufferPointer(rebasing: bytes[..<topicCount]))
            unsafe statement.bindBlob(
                12, UnsafeRawBufferPointer(rebasing: bytes[(topicCount + 1)...]))
            try body()
        }
    }

    /// Deletes rows, a run of neighbours at once.
    func deleteRuns(_ ids: [Int64]) throws(SQLiteError) {
        var index = 0
        while index < ids.count {
            let first = ids[index]
            var last = first
            index += 1
            while index < ids.count, ids[index] == last + 1 {
                last += 1
                index += 1
            }
            delete.bind(1, first)
            delete.bind(2, last)
            try delete.run()
        }
    }

    private func setAttempts(_ id: Int64, _ attempts: Int) throws(SQLiteError) {
        let statement = try connection.prepare("UPDATE record SET attempts = ? WHERE id = ?")
        statement.bind(1, Int64(attempts))
        statement.bind(2, id)
        try statement.run()
    }

    func quarantine(_ refusals: [OutboxRefusal]) throws(SQLiteError) -> [OutboxDropCount] {
        let statement = try connection.prepare(
            "INSERT INTO quarantine(id, boot, sequence, flags, created, elapsed, expiry, historical,"
                + " attempts, checksum, topic, payload, record, reason)"
                + " VALUES (NULL,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?1,?13)")
        for refusal in refusals {
            statement.bind(13, Int64(refusal.reasonCode))
            try Self.bind(statement, refusal.record) { () throws(SQLiteError) in
                try statement.run()
            }
        }
        let held = Int(try connection.integer("SELECT count(*) FROM quarantine") ?? 0)
        guard held > maximumQuarantined else { return [] }
        return try dropOldestQuarantined(held - maximumQuarantined)
    }

    /// Deletes the refused records that have been there for longest, and counts them.
    private func dropOldestQuarantined(_ number: Int) throws(SQLiteError) -> [OutboxDropCount] {
        let surplus = "SELECT id FROM quarantine ORDER BY id LIMIT \(number)"
        var counts = [OutboxRecordClass: Int]()
        let classes = try connection.prepare(
            "SELECT record FROM quarantine WHERE id IN (\(surplus))")
        while try classes.step() {
            counts[OutboxRecord.recordClass(of: classes.integer(0)), default: 0] += 1
        }
        try connection.execute("DELETE FROM quarantine WHERE id IN (\(surplus))")
        return counts.map {
            OutboxDropCount(recordClass: $0.key, cause: .quarantineFull, count: $0.value)
        }
    }

    func count(_ drop: OutboxDropCount) throws(SQLiteError) {
        try connection.execute(
            "INSERT INTO dropped VALUES (\(drop.recordClass.rawValue), \(drop.cause.rawValue),"
                + " \(drop.count)) ON CONFLICT DO UPDATE SET count = count + excluded.count")
    }

    // MARK: Bounds

    /// Pages in use, without those that are free for reuse. - Units: bytes.
    func usedBytes() throws(SQLiteError) -> Int {
        let pages = try Self.scalar(pageCount) - Self.scalar(freeCount)
        return Int(pages) * pageBytes
    }

    static func scalar(_ statement: SQLiteStatement) throws(SQLiteError) -> Int64 {
        let value = try statement.step() ? statement.integer(0) : 0
        statement.reset()
        return value
    }

    /// Makes room: predictions first, then what the broker has refused, then notices, then alerts; of each
    /// the oldest rows first.
    private func evict(_ report: inout OutboxWriteReport) throws(SQLiteError) {
        var used = try usedBytes()
        guard used > maximumBytes else { return }
        // It is bounded by the number of assets; records must not make room for it.
        let kept = Int(try connection.integer(Self.keptBytes) ?? 0)
        used -= kept
        guard used > maximumBytes else { return }
        // A little more than asked, so that not every transaction has to do it.
        let goal = maximumBytes - maximumBytes / 32
        for recordClass in OutboxRecordClass.allCases.reversed() {
            while used > goal {
                let rows = try oldestRows(recordClass, limit: 256)
                guard let last = rows.last else { break }
                // What they take is a guess until the pages are counted again.
                var freed = 0
                var end = last.id
                for row in rows {
                    report.evicted.append(row)
                    freed += row.bytes + 64
                    if freed >= used - goal {
                        end = row.id
                        break
                    }
                }
                delete.bind(1, OutboxRecord.base(of: recordClass))
                delete.bind(2, end)
                try delete.run()
                used = try usedBytes() - kept
            }
            guard recordClass == .prediction else { continue }
            while used > goal {
                let dropped = try dropOldestQuarantined(64)
                guard !dropped.isEmpty else { break }
                report.quarantineDropped += dropped
                used = try usedBytes() - kept
            }
        }
    }

    struct Outline: Equatable {
        var id: Int64
        var topicHash: UInt64
        var bytes: Int
        var elapsedNanoseconds: Int64
        var expirySeconds: UInt32
    }

    /// The oldest rows of a class, without their contents.
    func oldestRows(_ recordClass: OutboxRecordClass, limit: Int) throws(SQLiteError) -> [Outline] {
        var rows: [Outline] = []
        let base = OutboxRecord.base(of: recordClass)
        oldest.bind(1, base)
        oldest.bind(2, base | OutboxRecord.counterMask)
        oldest.bind(3, Int64(limit))
        defer { oldest.reset() }
        while try oldest.step() {
            let (hash, count) = unsafe oldest.withBytes(4) { topic in
                (unsafe OutboxHash.hash(topic), topic.count)
            }
            rows.append(
                Outline(
                    id: oldest.integer(0), topicHash: hash,
                    bytes: Int(oldest.integer(1)) + count,
                    elapsedNanoseconds: oldest.integer(2),
                    expirySeconds: UInt32(clamping: oldest.integer(3))))
        }
        return rows
    }
}
