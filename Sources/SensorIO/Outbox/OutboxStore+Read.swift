// Rows back into records.
extension OutboxStore {
    /// Loads rows of a class in their order, starting after `id`. Damaged ones are listed, not returned.
    func rows(_ recordClass: OutboxRecordClass, after id: Int64, limit: Int)
        throws(SQLiteError) -> (records: [OutboxRecord], damaged: [Int64])
    {
        let base = OutboxRecord.base(of: recordClass)
        load.bind(1, max(base, id + 1))
        load.bind(2, base | OutboxRecord.counterMask)
        load.bind(3, Int64(limit))
        defer { load.reset() }
        var records: [OutboxRecord] = []
        var damaged: [Int64] = []
        while try load.step() {
            if let record = Self.record(load) {
                records.append(record)
            } else {
                damaged.append(load.integer(0))
            }
        }
        return (records, damaged)
    }

    /// Gives every row to `body` in order: its identifier, and the record unless it is damaged.
    ///
    /// - Throws: code 11 (corrupt) also where SQLite would read past the damage without a word.
    func scan(_ body: (Int64, OutboxRecord?) -> Void) throws(SQLiteError) {
        try Self.checkStructure(connection)
        let all = try connection.prepare("SELECT \(Self.columns) FROM record ORDER BY id")
        while try all.step() { body(all.integer(0), Self.record(all)) }
    }

    /// Looks whether tables and pages hang together.
    ///
    /// One flipped bit in the head of a page makes SQLite pass over rows, or whole pages of them, as if they were not
    /// there; a row's own checksum cannot tell.
    ///
    /// - Parameter table: nil: all of them, and the free pages.
    /// - Complexity: reads the pages, once: 0.15 s for 64 MiB of records.
    static func checkStructure(
        _ connection: SQLiteConnection, table: String? = nil
    ) throws(SQLiteError) {
        let pragma = table.map { "PRAGMA quick_check('\($0)')" } ?? "PRAGMA quick_check(1)"
        guard let finding = try connection.text(pragma), finding != "ok" else { return }
        throw SQLiteError(operation: "quick_check", code: 11, text: finding)
    }

    /// The record in a statement's row; nil if it is not what was written.
    static func record(_ statement: SQLiteStatement) -> OutboxRecord? {
        let numbers = (Int32(1)...9).map { statement.integer($0) }
        return unsafe statement.withBytes(10) { topic in
            unsafe statement.withBytes(11) { payload in
                unsafe record(
                    id: statement.integer(0), numbers: numbers, topic: topic, payload: payload)
            }
        }
    }

    /// The record that a row's columns make; nil if it is not what was written.
    ///
    /// - Parameter numbers: the columns from `boot` to `checksum`.
    static func record(
        id: Int64, numbers: [Int64], topic: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer
    ) -> OutboxRecord? {
        guard id >= 0, numbers.count == 9,
            let recordClass = OutboxRecordClass(rawValue: UInt8(truncatingIfNeeded: id >> 56)),
            let contentType = MQTTContentType(rawValue: Int(numbers[2] >> 8)),
            let historical = Int(exactly: numbers[6]), historical >= 0,
            let expiry = UInt32(exactly: numbers[5])
        else { return nil }
        let header = OutboxRecordHeader(
            sequence: UInt64(bitPattern: numbers[1]), recordClass: recordClass,
            flags: UInt8(truncatingIfNeeded: numbers[2]), contentType: contentType,
            historicalOffset: historical, expirySeconds: expiry, createdNanoseconds: numbers[3])
        let record = unsafe OutboxRecord(
            id: id, boot: UInt64(bitPattern: numbers[0]), header: header,
            elapsedNanoseconds: numbers[4],
            attempts: Int(truncatingIfNeeded: max(0, numbers[7])), topic: topic, payload: payload)
        return record.checksum() == UInt64(bitPattern: numbers[8]) ? record : nil
    }
}
