// What keeps the database small and says how it is.
extension OutboxStore {
    // MARK: Upkeep

    /// Moves rows that are damaged to the quarantine, as they are and with reason 0, and counts them.
    func quarantineDamaged(_ ids: [Int64]) throws(SQLiteError) {
        try transaction { () throws(SQLiteError) in
            for id in ids {
                try self.connection.execute(
                    "INSERT INTO quarantine SELECT NULL, boot, sequence, flags, created, elapsed, expiry,"
                        + " historical, attempts, checksum, topic, payload, id, 0 FROM record"
                        + " WHERE id = \(id)")
            }
            try self.deleteRuns(ids.sorted())
            for recordClass in OutboxRecordClass.allCases {
                let count = ids.count { OutboxRecord.recordClass(of: $0) == recordClass }
                guard count > 0 else { continue }
                try self.count(
                    OutboxDropCount(recordClass: recordClass, cause: .damaged, count: count))
            }
        }
    }

    /// Writes something that changes nothing, to see whether the disk can be written again.
    func probe() throws(SQLiteError) {
        try connection.execute("PRAGMA user_version = \(Self.schemaVersion)")
    }

    /// Bytes in the log that are not in the database yet, roughly.
    var logBytes: Int { (connection.pagesWritten - pagesAtCheckpoint) * (pageBytes + 24) }

    /// Everything ever written through this store: log and write-back. - Units: bytes.
    var bytesWritten: UInt64 {
        UInt64(connection.pagesWritten) * UInt64(pageBytes + 24) + writtenBack
    }

    /// Whether the log has grown so much that it is to be written back even under load.
    var isLogLarge: Bool { logBytes > maximumLogBytes }

    /// Copies the log into the database, as far as no reader needs it.
    func checkpoint(truncate: Bool = false) throws(SQLiteError) {
        if truncate { mark.cleared(synchronises: true) }
        let (log, done) = try connection.checkpoint(truncate ? .truncate : .passive)
        writtenBack += UInt64(done * pageBytes)
        guard done >= log else { return }
        pagesAtCheckpoint = connection.pagesWritten
        mark.cleared(synchronises: false)
    }

    /// Gives pages that nothing uses back to the file system, a few at a time.
    ///
    /// - Returns: whether there is more to give back.
    func reclaim(pages: Int = 256) throws(SQLiteError) -> Bool {
        let free = Int(try Self.scalar(freeCount))
        // A few free pages are left: the next records need them.
        guard free > 64 else { return false }
        let statement = try connection.prepare(
            "PRAGMA incremental_vacuum(\(min(pages, free - 64)))")
        try statement.run()
        return free - 64 > pages
    }

    // MARK: Counters

    /// Drops since the database was made.
    func drops() throws(SQLiteError) -> [OutboxDropCount] { try Self.drops(connection) }

    static func drops(_ connection: SQLiteConnection) throws(SQLiteError) -> [OutboxDropCount] {
        let statement = try connection.prepare("SELECT class, cause, count FROM dropped")
        var drops: [OutboxDropCount] = []
        while try statement.step() {
            guard
                let recordClass = OutboxRecordClass(
                    rawValue: UInt8(truncatingIfNeeded: statement.integer(0))),
                let cause = OutboxDropCause(rawValue: Int(statement.integer(1)))
            else { continue }
            drops.append(
                OutboxDropCount(
                    recordClass: recordClass, cause: cause, count: Int(statement.integer(2))))
        }
        return drops
    }

    /// The highest counter in the identifier of any row, or of any refused state; 0 if there are none.
    func highestCounter() throws(SQLiteError) -> Int64 {
        var highest = try refusedStates().highestCounter
        for recordClass in OutboxRecordClass.allCases {
            let base = OutboxRecord.base(of: recordClass)
            let id = try connection.integer(
                "SELECT max(id) FROM record WHERE id BETWEEN \(base) AND \(base | OutboxRecord.counterMask)"
            )
            highest = max(highest, (id ?? 0) & OutboxRecord.counterMask)
        }
        return highest
    }

    func quarantinedCount() throws(SQLiteError) -> Int {
        Int(try connection.integer("SELECT count(*) FROM quarantine") ?? 0)
    }
}
