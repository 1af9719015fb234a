// Bytes that producers want back after a restart.
extension OutboxStore {
    /// Present from the start or added to a database of an earlier agent, which does not mind it.
    static let keptTable =
        "CREATE TABLE IF NOT EXISTS kept(id INTEGER PRIMARY KEY, scope TEXT NOT NULL,"
        + " key BLOB NOT NULL, bytes BLOB NOT NULL, checksum INTEGER NOT NULL)"

    /// What its rows take, about.
    static let keptBytes =
        "SELECT sum(length(scope) + length(key) + length(bytes) + 64) FROM kept"

    /// Writes what is new of each key; within a transaction.
    func keep(_ changes: [OutboxKept]) throws(SQLiteError) {
        for change in changes {
            guard !change.bytes.isEmpty else {
                try connection.execute("DELETE FROM kept WHERE id = \(change.rowNumber)")
                continue
            }
            try insert(change, replaces: true)
        }
    }

    /// Writes one row.
    func insert(_ kept: OutboxKept, replaces: Bool) throws(SQLiteError) {
        let statement = try connection.prepare(
            "INSERT OR \(replaces ? "REPLACE" : "IGNORE") INTO kept VALUES (?,?,?,?,?)")
        statement.bind(1, kept.rowNumber)
        statement.bind(5, kept.checksum)
        let scope = Array(kept.scope.utf8)
        let parts = scope + kept.key + kept.bytes
        let (keyAt, bytesAt) = (scope.count, scope.count + kept.key.count)
        try unsafe parts.span.bytes.withUnsafeBytes {
            (bytes: UnsafeRawBufferPointer) throws(SQLiteError) in
            // Proof: `bytes` outlives `run`, which steps and resets the statement.
            unsafe statement.bindText(2, UnsafeRawBufferPointer(rebasing: bytes[..<keyAt]))
            unsafe statement.bindBlob(3, UnsafeRawBufferPointer(rebasing: bytes[keyAt..<bytesAt]))
            unsafe statement.bindBlob(4, UnsafeRawBufferPointer(rebasing: bytes[bytesAt...]))
            try statement.run()
        }
    }

    /// What is kept, and how many rows were damaged; those are removed.
    func takeKeptRows() throws(SQLiteError) -> (rows: [OutboxKept], damaged: Int) {
        try Self.checkStructure(connection, table: "kept")
        let statement = try connection.prepare("SELECT id, scope, key, bytes, checksum FROM kept")
        var rows: [OutboxKept] = []
        var damaged: [Int64] = []
        while try statement.step() {
            let row = Self.kept(
                number: statement.integer(0), scope: statement.bytes(1), key: statement.bytes(2),
                bytes: statement.bytes(3), checksum: statement.integer(4))
            if let row { rows.append(row) } else { damaged.append(statement.integer(0)) }
        }
        for number in damaged { try connection.execute("DELETE FROM kept WHERE id = \(number)") }
        return (rows, damaged.count)
    }

    /// The row that columns make; nil if it is not what was written.
    static func kept(
        number: Int64, scope: [UInt8], key: [UInt8], bytes: [UInt8], checksum: Int64
    ) -> OutboxKept? {
        guard key.count <= OutboxKept.maximumKeyBytes, bytes.count <= OutboxKept.maximumBytes
        else { return nil }
        let kept = OutboxKept(
            scope: String(decoding: scope, as: UTF8.self), key: key, bytes: bytes)
        return kept.rowNumber == number && kept.checksum == checksum ? kept : nil
    }
}
