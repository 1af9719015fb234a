internal import Glibc

/// Saves what can be saved from a damaged database into a new one, and puts the damaged one aside.
///
/// Every step can be cut off at any point and is then done again, or completed, at the next start:
/// the new database is filled under `.salvage`, renamed `.ready` when it is whole and on the disk, and only
/// then do the two change places.
struct OutboxSalvage {
    private let configuration: OutboxConfiguration
    private let path: String

    init(configuration: OutboxConfiguration) {
        self.configuration = configuration
        path = configuration.path
    }

    /// Completes, or takes back, a salvage that was cut off.
    func finishInterrupted() throws(SQLiteError) {
        removeDatabase(path + ".salvage")
        guard Self.exists(path + ".ready") else { return }
        if Self.exists(path) { _ = try moveAside(now: .now()) }
        try rename(path + ".ready", path)
    }

    /// Damage that SQLite would repair in silence, by forgetting what was committed.
    ///
    /// Four cases: an empty file beside a log (SQLite deletes the log), a log whose header is damaged (SQLite takes it for
    /// empty), one that is shorter than what was noted of it, and one that is damaged before its last transaction (SQLite
    /// cuts it there). A damaged last transaction that was not noted is what a power cut leaves behind, and was never
    /// confirmed; but a header is on the disk before the first frame is written.
    func damageUnseenBySQLite() -> SQLiteError? {
        let log = Self.size(path + "-wal") ?? 0
        if Self.size(path) == 0, log > 32 {
            return damage("the database file is empty")
        }
        let reader = log > 32 ? OutboxLogReader(path: path + "-wal") : nil
        let mark = OutboxLogMark.read(path: path)
        if let reader, reader.salts == nil,
            reader.commitsAfterDamage > 0 || mark?.frames ?? 0 > 0
        {
            return damage("the header of the write-ahead log is damaged")
        }
        if let mark, mark.frames > 0 {
            guard let reader else {
                return damage("the write-ahead log is gone, which had \(mark.frames) frames")
            }
            // Other salts: a newer generation, begun after all of the noted one was in the database.
            if reader.salts == mark.salts, reader.intactFrames < mark.frames {
                return damage(
                    "the write-ahead log ends at frame \(reader.intactFrames) of \(mark.frames)")
            }
        }
        guard let reader, reader.commitsAfterDamage > 1 else { return nil }
        return damage("the write-ahead log is damaged at frame \(reader.intactFrames)")
    }

    private func damage(_ text: String) -> SQLiteError {
        SQLiteError(operation: "open", code: 11, text: text)
    }

    /// Does it.
    ///
    /// - Returns: ``OutboxEvent/salvaged(path:records:quarantined:reason:)``.
    func run(reason: SQLiteError, now: OutboxClockReading) throws(SQLiteError) -> OutboxEvent {
        let fresh = path + ".salvage"
        removeDatabase(fresh)
        var configuration = configuration
        configuration.path = fresh
        var records = 0
        var quarantined = 0
        do {
            let store = try OutboxStore(configuration: configuration)
            if let pages = OutboxPageReader(path: path) {
                (records, quarantined) = try copy(pages, into: store)
            }
            try store.checkpoint(truncate: true)
        }
        unsafe unlink(fresh + OutboxLogMark.suffix)
        _ = FileSystem.synchronise(fresh)
        try rename(fresh, path + ".ready")
        let aside = try moveAside(now: now)
        try rename(path + ".ready", path)
        return .salvaged(path: aside, records: records, quarantined: quarantined, reason: reason)
    }

    private func copy(_ pages: OutboxPageReader, into store: OutboxStore) throws(SQLiteError)
        -> (records: Int, quarantined: Int)
    {
        var batch: [OutboxPageReader.Row] = []
        var records = 0
        var quarantined = 0
        func flush() throws(SQLiteError) {
            let rows = batch
            batch.removeAll(keepingCapacity: true)
            try store.transaction { () throws(SQLiteError) in
                for row in rows {
                    let isNew = try store.restore(row)
                    switch row {
                    case .record where isNew: records += 1
                    case .quarantined where isNew: quarantined += 1
                    default: break
                    }
                }
            }
        }
        for page in pages.tablePages {
            for row in pages.rows(ofPage: page) { batch.append(row) }
            if batch.count >= 256 { try flush() }
        }
        try flush()
        return (records, quarantined)
    }

    // MARK: Files

    /// Renames the database and its log. The index of the log is of no use any more.
    private func moveAside(now: OutboxClockReading) throws(SQLiteError) -> String {
        let name = path + ".corrupt-" + Self.timestamp(now.wallNanoseconds)
        var aside = name
        var count = 1
        while Self.exists(aside) {
            count += 1
            aside = "\(name)-\(count)"
        }
        // The log first: cut off here, a database without its log is salvaged again, never mixed up.
        if Self.exists(path + "-wal") { try rename(path + "-wal", aside + "-wal") }
        if Self.exists(path) { try rename(path, aside) }
        unsafe unlink(path + "-shm")
        OutboxLogMark(path: path).cleared(synchronises: true)
        removeOldest()
        return aside
    }

    /// A card that damages what is written to it must not be filled by what was put aside.
    private static let keptAside = 3

    private func removeOldest() {
        var found = unsafe glob_t()
        defer { unsafe globfree(&found) }
        guard unsafe glob(path + ".corrupt-*", 0, nil, &found) == 0 else { return }
        // In the order of their names, which are times.
        let names = unsafe (0..<Int(found.gl_pathc)).compactMap { index in
            unsafe found.gl_pathv[index].map { unsafe String(cString: $0) }
        }.filter { !$0.hasSuffix("-wal") }
        for name in names.dropLast(Self.keptAside) {
            unsafe unlink(name)
            unsafe unlink(name + "-wal")
        }
    }

    private func rename(_ from: String, _ to: String) throws(SQLiteError) {
        guard unsafe Glibc.rename(from, to) == 0 else {
            throw SQLiteError(
                operation: "rename \(from)", code: 10, text: unsafe String(cString: strerror(errno))
            )
        }
        _ = FileSystem.synchronise(FileSystem.parent(of: path))
    }

    private func removeDatabase(_ path: String) {
        for suffix in ["", "-wal", "-shm", OutboxLogMark.suffix] { unsafe unlink(path + suffix) }
    }

    static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    static func size(_ path: String) -> Int? {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? Int(status.st_size) : nil
    }

    /// As `20261121T094704Z`.
    private static func timestamp(_ nanoseconds: Int64) -> String {
        var seconds = time_t(nanoseconds / 1_000_000_000)
        var parts = unsafe tm()
        unsafe gmtime_r(&seconds, &parts)
        func digits(_ value: Int32, _ count: Int) -> String {
            let text = String(max(0, value))
            return String(repeating: "0", count: max(0, count - text.utf8.count)) + text
        }
        let date = unsafe [parts.tm_mon &+ 1, parts.tm_mday].map { digits($0, 2) }.joined()
        let time = unsafe [parts.tm_hour, parts.tm_min, parts.tm_sec].map { digits($0, 2) }.joined()
        return unsafe digits(parts.tm_year &+ 1900, 4) + date + "T" + time + "Z"
    }
}

extension OutboxStore {
    /// Writes a row that was read from a damaged database. Returns whether it was not there yet.
    fileprivate func restore(_ row: OutboxPageReader.Row) throws(SQLiteError) -> Bool {
        switch row {
        case .record(let record):
            let statement = try connection.prepare(
                "INSERT INTO record VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING")
            try Self.bind(statement, record) { () throws(SQLiteError) in try statement.run() }
        case .quarantined(let record, let reason):
            let statement = try connection.prepare(
                "INSERT INTO quarantine SELECT NULL,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?1,?13"
                    + " WHERE NOT EXISTS (SELECT 1 FROM quarantine WHERE record = ?1 AND boot = ?2)"
            )
            statement.bind(13, Int64(reason))
            try Self.bind(statement, record) { () throws(SQLiteError) in try statement.run() }
        case .boot(let number, let values):
            let statement = try connection.prepare(
                "INSERT INTO boot VALUES (?,?,?,?,?,?) ON CONFLICT DO NOTHING")
            statement.bind(1, number)
            for (index, value) in values.enumerated() { statement.bind(Int32(index) + 2, value) }
            try statement.run()
        case .kept(let kept): try insert(kept, replaces: false)
        }
        return connection.changes > 0
    }
}
