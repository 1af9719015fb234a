extension OutboxStore {
    /// What ``beginBoot(now:)`` found and wrote.
    struct Start {
        var bootNumber: UInt64
        var clock: OutboxClock
    }

    /// What is not below it is damage: from here up are the numbers of starts without a database.
    private static let numbersEnd: Int64 = 1 << 52

    /// 2026-01-01, as seconds since 1970: where the numbers of first boots start.
    private static let epochSeconds: Int64 = 1_767_225_600

    /// Settles the number of this start and writes it, before it is used.
    ///
    /// The numbers of a new database start with the time of its making, so that an agent whose database
    /// was deleted does not use numbers, and so identifiers, a second time.
    func beginBoot(now: OutboxClockReading) throws(SQLiteError) -> Start {
        let last = try lastBoot()
        // A damaged database may have forgotten numbers, which would be given out a second time.
        var number = max(last?.number ?? 0, self.mark.boot)
        if number == 0 {
            let seconds = now.wallNanoseconds / 1_000_000_000 &- Self.epochSeconds
            let isPlausible = now.isSynchronised && seconds > 0
            number = isPlausible ? UInt64(seconds) : UInt64.random(in: 1 << 32..<1 << 40)
        }
        number += 1
        var mark = last?.mark
        // The newest record knows a later time than the start of its boot.
        if let seen = mark, let newest = try newestRecord(),
            newest.elapsedNanoseconds > seen.elapsedNanoseconds
        {
            let passed = newest.elapsedNanoseconds &- seen.elapsedNanoseconds
            mark?.elapsedNanoseconds = newest.elapsedNanoseconds
            mark?.reading.uptimeNanoseconds &+= passed
            if newest.isSynchronised {
                mark?.reading.wallNanoseconds = newest.wallNanoseconds
                mark?.reading.isSynchronised = true
            } else {
                mark?.reading.wallNanoseconds &+= passed
            }
        }
        let clock = OutboxClock(last: mark, now: now)
        try transaction { () throws(SQLiteError) in
            let statement = try self.connection.prepare("INSERT INTO boot VALUES (?,?,?,?,?,?)")
            statement.bind(1, Int64(bitPattern: number))
            statement.bind(2, now.kernelBoot)
            statement.bind(3, clock.start.elapsedNanoseconds)
            statement.bind(4, now.uptimeNanoseconds)
            statement.bind(5, now.wallNanoseconds)
            statement.bind(6, now.isSynchronised ? 1 : 0)
            try statement.run()
            // A few are kept, for people.
            try self.connection.execute(
                "DELETE FROM boot WHERE number NOT IN (SELECT number FROM boot"
                    + " WHERE number < \(Self.numbersEnd) ORDER BY number DESC LIMIT 16)")
        }
        self.mark.note(boot: number)
        // What an earlier process left in the log may be in the kernel's memory only, for ever, if a
        // synchronisation of it failed; what is appended would be lost with it at a power cut. So it is written anew,
        // into the database. It also keeps the log of a process that is killed again and again from
        // growing. A disk without room for it is no reason to fail.
        try? checkpoint(truncate: true)
        return Start(bootNumber: number, clock: clock)
    }

    private func lastBoot() throws(SQLiteError) -> (number: UInt64, mark: OutboxClockMark)? {
        let statement = try connection.prepare(
            "SELECT number, kernel, elapsed, uptime, wall, synchronised FROM boot"
                + " WHERE number BETWEEN 0 AND \(Self.numbersEnd - 1) ORDER BY number DESC LIMIT 1")
        guard try statement.step() else { return nil }
        let reading = OutboxClockReading(
            uptimeNanoseconds: statement.integer(3), wallNanoseconds: statement.integer(4),
            isSynchronised: statement.integer(5) != 0, kernelBoot: statement.integer(1))
        return (
            UInt64(bitPattern: statement.integer(0)),
            OutboxClockMark(elapsedNanoseconds: statement.integer(2), reading: reading)
        )
    }

    private struct Newest {
        var elapsedNanoseconds: Int64
        var wallNanoseconds: Int64
        var isSynchronised: Bool
    }

    private func newestRecord() throws(SQLiteError) -> Newest? {
        var newest: Newest?
        for recordClass in OutboxRecordClass.allCases {
            let base = OutboxRecord.base(of: recordClass)
            let statement = try connection.prepare(
                "SELECT \(Self.columns) FROM record WHERE id BETWEEN ? AND ?"
                    + " ORDER BY id DESC LIMIT 1")
            statement.bind(1, base)
            statement.bind(2, base | OutboxRecord.counterMask)
            // A time that is damaged would make all that waits too old.
            guard try statement.step(), let record = Self.record(statement) else { continue }
            if record.elapsedNanoseconds > newest?.elapsedNanoseconds ?? -1 {
                newest = Newest(
                    elapsedNanoseconds: record.elapsedNanoseconds,
                    wallNanoseconds: record.header.createdNanoseconds,
                    isSynchronised: record.header.flags & 4 != 0)
            }
        }
        return newest
    }
}
