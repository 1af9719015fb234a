// The one file that talks to libsqlite3. Checked with 3.40.1 (Debian 12).
internal import CSQLite

/// A connection to one SQLite database. Closed when the last reference to it, or to a statement of it, goes.
///
/// - Thread: one thread at a time; SQLite's own mutexes are off.
@safe final class SQLiteConnection {
    // Proof of @safe: the handle is private, open from init to deinit, and every statement keeps its connection
    // alive.
    private let handle: OpaquePointer
    // Proof of @safe: written by SQLite during calls through the handle, which end before it is freed.
    private let frames: UnsafeMutablePointer<Int32>

    enum Mode { case readWrite, readOnly }

    enum CheckpointMode { case passive, truncate }

    /// Opens, and with `.readWrite` creates, the file at `path`.
    init(path: String, mode: Mode) throws(SQLiteError) {
        var opened: OpaquePointer?
        let flags: Int32 =
            switch mode {
            case .readWrite: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
            case .readOnly: SQLITE_OPEN_READONLY
            }
        let code = unsafe sqlite3_open_v2(path, &opened, flags | SQLITE_OPEN_NOMUTEX, nil)
        guard code == SQLITE_OK, let opened = unsafe opened else {
            // The code that open returns is a primary one; the handle knows the extended one.
            let extended = unsafe sqlite3_extended_errcode(opened)
            let error = unsafe Self.error("open", extended == SQLITE_OK ? code : extended, opened)
            _ = unsafe sqlite3_close_v2(opened)
            throw error
        }
        unsafe handle = opened
        unsafe frames = .allocate(capacity: 1)
        unsafe frames.initialize(to: 0)
        _ = unsafe sqlite3_extended_result_codes(opened, 1)
        // Only `outbox status` and the like hold it beside us, and those for moments.
        _ = unsafe sqlite3_busy_timeout(opened, 2_000)
    }

    deinit {
        _ = unsafe sqlite3_close_v2(handle)
        unsafe frames.deallocate()
    }

    /// Has ``takeLogFrames()`` know what is committed from now on. After `PRAGMA wal_autocheckpoint`, which would undo it.
    func watchLog() {
        _ = unsafe sqlite3_wal_hook(
            handle,
            { context, _, _, frames in
                unsafe context?.assumingMemoryBound(to: Int32.self).pointee = frames
                return SQLITE_OK
            }, frames)
    }

    /// How many frames the log had after the last commit that wrote something; 0 if there was none since the
    /// last call.
    func takeLogFrames() -> Int {
        defer { unsafe frames.pointee = 0 }
        return Int(unsafe frames.pointee)
    }

    /// Runs statements without parameters and results.
    func execute(_ sql: String) throws(SQLiteError) {
        let code = unsafe sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw error(sql) }
    }

    /// Compiles one statement.
    func prepare(_ sql: String) throws(SQLiteError) -> SQLiteStatement {
        var statement: OpaquePointer?
        let code = unsafe sqlite3_prepare_v3(
            handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard code == SQLITE_OK, let statement = unsafe statement else { throw error(sql) }
        return unsafe SQLiteStatement(connection: self, handle: statement, sql: sql)
    }

    /// The first column of the first row, or nil if there is no row.
    func integer(_ sql: String) throws(SQLiteError) -> Int64? {
        let statement = try prepare(sql)
        return try statement.step() ? statement.integer(0) : nil
    }

    /// The first column of the first row as text, or nil if there is no row.
    func text(_ sql: String) throws(SQLiteError) -> String? {
        let statement = try prepare(sql)
        return try statement.step() ? String(decoding: statement.bytes(0), as: UTF8.self) : nil
    }

    /// Whether a transaction is open; some errors end it by themselves.
    var isInTransaction: Bool { unsafe sqlite3_get_autocommit(handle) == 0 }

    /// How many rows the last statement changed.
    var changes: Int { Int(unsafe sqlite3_changes64(handle)) }

    /// How many pages were ever written to the log through this connection.
    var pagesWritten: Int {
        var current: Int32 = 0
        var highest: Int32 = 0
        let code = unsafe sqlite3_db_status(
            handle, SQLITE_DBSTATUS_CACHE_WRITE, &current, &highest, 0)
        return code == SQLITE_OK ? Int(current) : 0
    }

    /// Copies pages from the log into the database.
    ///
    /// - Returns: how many pages the log had, and how many of these are in the database now.
    func checkpoint(_ mode: CheckpointMode) throws(SQLiteError) -> (log: Int, done: Int) {
        var log: Int32 = 0
        var done: Int32 = 0
        let code = unsafe sqlite3_wal_checkpoint_v2(
            handle, nil, mode == .passive ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_TRUNCATE,
            &log, &done)
        guard code == SQLITE_OK else { throw error("checkpoint") }
        return (Int(max(log, 0)), Int(max(done, 0)))
    }

    fileprivate func error(_ operation: String) -> SQLiteError {
        unsafe Self.error(operation, sqlite3_extended_errcode(handle), handle)
    }

    private static func error(_ operation: String, _ code: Int32, _ handle: OpaquePointer?)
        -> SQLiteError
    {
        let text =
            unsafe handle != nil
            ? unsafe String(cString: sqlite3_errmsg(handle))
            : unsafe String(cString: sqlite3_errstr(code))
        return SQLiteError(operation: operation, code: code, text: text)
    }
}

/// A compiled statement. Indices of parameters start with 1, those of columns with 0, as in SQLite.
@safe final class SQLiteStatement {
    // Proof of @safe: the handle is private, alive from init to deinit, and `connection` outlives it.
    private let connection: SQLiteConnection
    private let handle: OpaquePointer
    private let sql: String

    fileprivate init(connection: SQLiteConnection, handle: OpaquePointer, sql: String) {
        self.connection = connection
        unsafe self.handle = handle
        self.sql = sql
    }

    deinit {
        _ = unsafe sqlite3_finalize(handle)
    }

    func bind(_ index: Int32, _ value: Int64) {
        _ = unsafe sqlite3_bind_int64(handle, index, value)
    }

    /// Binds bytes as text, without a copy: they must stay where they are until ``reset()``.
    func bindText(_ index: Int32, _ bytes: UnsafeRawBufferPointer) {
        // A nil pointer would bind NULL; a nil destructor is SQLITE_STATIC.
        let base = unsafe bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1)
        _ = unsafe sqlite3_bind_text64(
            handle, index, base?.assumingMemoryBound(to: CChar.self), UInt64(bytes.count), nil,
            UInt8(SQLITE_UTF8))
    }

    /// Binds bytes, without a copy: they must stay where they are until ``reset()``.
    func bindBlob(_ index: Int32, _ bytes: UnsafeRawBufferPointer) {
        let base = unsafe bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1)
        _ = unsafe sqlite3_bind_blob64(handle, index, base, UInt64(bytes.count), nil)
    }

    /// Goes to the next row; false at the end. After an error the statement is reset.
    func step() throws(SQLiteError) -> Bool {
        switch unsafe sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default:
            let error = connection.error(sql)
            _ = unsafe sqlite3_reset(handle)
            throw error
        }
    }

    /// Steps to the end and resets, for a statement without results.
    func run() throws(SQLiteError) {
        while try step() {}
        reset()
    }

    /// Makes the statement ready for its next run, and forgets the bound pointers.
    func reset() {
        // The code repeats the error of the last step, which has been thrown.
        _ = unsafe sqlite3_reset(handle)
    }

    func isNull(_ column: Int32) -> Bool {
        unsafe sqlite3_column_type(handle, column) == SQLITE_NULL
    }

    func integer(_ column: Int32) -> Int64 { unsafe sqlite3_column_int64(handle, column) }

    /// Gives the column's bytes, text or blob, to `body`; valid during the call only.
    func withBytes<Result>(_ column: Int32, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        // In this order: the pointer first, then its length (sqlite3.h, "column_blob").
        let base = unsafe sqlite3_column_blob(handle, column)
        let count = Int(unsafe sqlite3_column_bytes(handle, column))
        return unsafe body(UnsafeRawBufferPointer(start: base, count: base == nil ? 0 : count))
    }

    /// A copy of the column's bytes, text or blob.
    func bytes(_ column: Int32) -> [UInt8] {
        unsafe withBytes(column) { unsafe [UInt8]($0) }
    }
}
