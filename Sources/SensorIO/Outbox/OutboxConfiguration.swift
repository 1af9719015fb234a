/// How the outbox keeps and sends records.
package struct OutboxConfiguration: Sendable, Equatable {
    /// The database file; its directory must exist. `-wal`, `-shm` and `.lock` files stand beside it.
    package var path: String
    /// How much of the disk the database may take, without its write-ahead log.
    ///
    /// - Range: at least 256 KiB. - Units: bytes.
    package var maximumBytes: Int
    /// How much the write-ahead log may take before it is written back even under load.
    package var maximumLogBytes: Int
    /// How old a record may become before it is dropped; by a clock that counts the time that passed, so
    /// that a wall clock that is wrong expires nothing.
    ///
    /// - Units: seconds.
    package var maximumAgeSeconds: UInt32
    /// How much memory records may take that are not, or cannot be, on the disk.
    package var maximumMemoryBytes: Int
    /// How long a record that is on its way to the broker may wait for its PUBACK before it is written to
    /// the disk: a PUBACK in this time spares the disk.
    package var commitDelayNanoseconds: UInt64
    /// How many records may wait for their PUBACK. - Range: 1...100
    package var window: Int
    /// The most records a second that a backlog is sent with; nil: as fast as the broker takes them.
    package var drainRecordsPerSecond: Int?
    /// How often a record is sent again that the broker refused for a reason that may pass.
    package var maximumAttempts: Int
    /// How long to wait before such a record is sent again; doubles with each attempt.
    package var retryNanoseconds: UInt64
    /// How many refused records are kept for inspection; the oldest goes first.
    package var maximumQuarantined: Int
    /// How much may be written to the disk in a day, database and log together, before it is reported; nil: any.
    ///
    /// - Units: bytes.
    package var writeBudgetBytes: Int?
    /// How long to wait after the disk failed before it is tried again.
    package var diskRetryNanoseconds: UInt64

    package init(
        path: String, maximumBytes: Int = 64 << 20, maximumLogBytes: Int = 8 << 20,
        maximumAgeSeconds: UInt32 = 30 * 86_400, maximumMemoryBytes: Int = 4 << 20,
        commitDelayNanoseconds: UInt64 = 50_000_000, window: Int = 100,
        drainRecordsPerSecond: Int? = nil, maximumAttempts: Int = 5,
        retryNanoseconds: UInt64 = 1_000_000_000, maximumQuarantined: Int = 1_000,
        writeBudgetBytes: Int? = nil, diskRetryNanoseconds: UInt64 = 2_000_000_000
    ) {
        self.path = path
        self.maximumBytes = max(maximumBytes, 256 << 10)
        self.maximumLogBytes = max(maximumLogBytes, 64 << 10)
        self.maximumAgeSeconds = maximumAgeSeconds
        self.maximumMemoryBytes = max(maximumMemoryBytes, 64 << 10)
        self.commitDelayNanoseconds = commitDelayNanoseconds
        self.window = min(max(window, 1), 100)
        self.drainRecordsPerSecond = drainRecordsPerSecond.map { max($0, 1) }
        self.maximumAttempts = max(maximumAttempts, 1)
        self.retryNanoseconds = max(retryNanoseconds, 10_000_000)
        self.maximumQuarantined = max(maximumQuarantined, 0)
        self.writeBudgetBytes = writeBudgetBytes
        self.diskRetryNanoseconds = max(diskRetryNanoseconds, 10_000_000)
    }
}
