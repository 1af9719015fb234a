internal import Glibc

/// A note beside the database of how far its write-ahead log goes, and of the last number of a start.
///
/// SQLite takes a log that is missing, empty or cut off for one that never was longer: what was committed in it
/// would be gone in silence. After each commit the note is written, and not synchronised: the log was, so
/// the note is never ahead of what a power cut leaves of the log. It tells damage from a clean end,
/// and costs no synchronisation of its own.
///
/// - Thread: the owner of the store's.
final class OutboxLogMark {
    /// What the note says.
    struct Content: Equatable {
        /// The salt values of the log's header, which name its generation.
        var salts: [UInt8]
        /// Frames with committed transactions that are in the log, and perhaps not in the database.
        var frames: UInt32
        /// The number of the last start; 0: none is known.
        var boot: UInt64
    }

    static let suffix = "-mark"
    private static let magic: [UInt8] = Array("EALogMk2".utf8)
    private static let count = 36

    private let path: String
    private let descriptor: Int32
    private var content = Content(salts: [], frames: 0, boot: 0)

    /// - Parameter path: of the database. A note that cannot be written is done without.
    init(path: String) {
        self.path = path
        descriptor = unsafe open(path + Self.suffix, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        content = Self.read(descriptor) ?? content
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// What an earlier process noted; nil: nothing that is whole.
    static func read(path: String) -> Content? {
        let descriptor = unsafe open(path + suffix, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return read(descriptor)
    }

    private static func read(_ descriptor: Int32) -> Content? {
        guard descriptor >= 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: count)
        guard unsafe pread(descriptor, &bytes, count, 0) == count else { return nil }
        guard bytes[..<8].elementsEqual(magic), bytes[28...].elementsEqual(checksum(bytes[..<28]))
        else { return nil }
        return Content(
            salts: Array(bytes[8..<16]), frames: bytes[16..<20].reduce(0) { $0 << 8 | UInt32($1) },
            // A larger one than any start has must not make the next one overflow.
            boot: min(bytes[20..<28].reduce(0) { $0 << 8 | UInt64($1) }, 1 << 52))
    }

    /// The number of the last start that was noted; 0: none.
    var boot: UInt64 { content.boot }

    /// A start has this number: no later one gets it, whatever becomes of the database.
    func note(boot: UInt64) {
        content.boot = boot
        write()
        if descriptor >= 0 { fdatasync(descriptor) }
    }

    /// A transaction is on the disk, in the log.
    ///
    /// - Parameter frames: how many the log has now.
    func committed(frames: Int) {
        let frames = UInt32(clamping: frames)
        // Fewer than before: the log began anew, with other salts.
        if content.frames == 0 || frames <= content.frames { content.salts = readSalts() }
        content.frames = content.salts.isEmpty ? 0 : frames
        write()
    }

    /// All of the log is in the database, and its file may be emptied or begin anew.
    ///
    /// - Parameter synchronises: before its file is really cut.
    func cleared(synchronises: Bool) {
        guard content.frames > 0 else { return }
        content.frames = 0
        content.salts = []
        write()
        if synchronises, descriptor >= 0 { fdatasync(descriptor) }
    }

    private func readSalts() -> [UInt8] {
        // Closing it harms no lock of SQLite's: those of a log are on its index.
        let log = unsafe open(path + "-wal", O_RDONLY | O_CLOEXEC)
        guard log >= 0 else { return [] }
        defer { close(log) }
        var salts = [UInt8](repeating: 0, count: 8)
        return unsafe pread(log, &salts, 8, 16) == 8 ? salts : []
    }

    private func write() {
        guard descriptor >= 0 else { return }
        let salts = content.salts.isEmpty ? [UInt8](repeating: 0, count: 8) : content.salts
        var bytes = Self.magic + salts
        bytes += (0..<4).reversed().map {
            UInt8(truncatingIfNeeded: content.frames >> UInt32(8 * $0))
        }
        bytes += (0..<8).reversed().map {
            UInt8(truncatingIfNeeded: content.boot >> UInt64(8 * $0))
        }
        bytes += Self.checksum(bytes[...])
        // A note that fails stays behind the log, which is right as well.
        _ = unsafe pwrite(descriptor, bytes, bytes.count, 0)
    }

    private static func checksum(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        let hash = unsafe Array(bytes).withUnsafeBytes { unsafe OutboxHash.hash($0) }
        return (0..<8).map { UInt8(truncatingIfNeeded: hash >> UInt64(8 * $0)) }
    }
}
