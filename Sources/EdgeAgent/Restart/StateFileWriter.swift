internal import Glibc
internal import SensorIO

/// Writes a file of saved windows beside the old one, and puts it in its place when it is whole and on the disk.
///
/// - Thread: one at a time; blocks on the disk.
struct StateFileWriter: ~Copyable {
    static let endMark: UInt32 = .max
    /// End mark, count of entries, checksum.
    static let trailerBytes = 16

    private let path: String
    private let temporary: String
    private var descriptor: Int32
    private var checksum = StateChecksum()
    private(set) var byteCount = 0

    init(path: String, header: StateHeader) throws(StateFileError) {
        self.path = path
        temporary = path + ".new"
        descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw .system(operation: "create", errorNumber: errno) }
        let bytes = header.bytes
        try unsafe bytes.span.bytes.withUnsafeBytes {
            (bytes: UnsafeRawBufferPointer) throws(StateFileError) in unsafe try append(bytes)
        }
    }

    deinit {
        // Not finished: the old file stays.
        if descriptor >= 0 {
            close(descriptor)
            unsafe unlink(temporary)
        }
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) throws(StateFileError) {
        unsafe checksum.add(bytes)
        unsafe try write(bytes)
    }

    private mutating func write(_ bytes: UnsafeRawBufferPointer) throws(StateFileError) {
        let number = unsafe FileSystem.write(bytes, to: descriptor)
        guard number == 0 else { throw .system(operation: "write", errorNumber: number) }
        byteCount += bytes.count
    }

    /// Completes the file, and replaces the old one by it.
    ///
    /// - Returns: how many bytes it has.
    consuming func finish(entries: UInt32) throws(StateFileError) -> Int {
        var trailer: [UInt8] = []
        StateHeader.put(Self.endMark, to: &trailer)
        StateHeader.put(entries, to: &trailer)
        try unsafe trailer.span.bytes.withUnsafeBytes {
            (bytes: UnsafeRawBufferPointer) throws(StateFileError) in unsafe try append(bytes)
        }
        trailer.removeAll()
        StateHeader.put(checksum.value, to: &trailer)
        try unsafe trailer.span.bytes.withUnsafeBytes {
            (bytes: UnsafeRawBufferPointer) throws(StateFileError) in unsafe try write(bytes)
        }
        guard fsync(descriptor) == 0 else { throw .system(operation: "fsync", errorNumber: errno) }
        guard unsafe rename(temporary, path) == 0 else {
            throw .system(operation: "rename", errorNumber: errno)
        }
        close(descriptor)
        descriptor = -1
        // The file is whole under either name.
        _ = FileSystem.synchronise(FileSystem.parent(of: path))
        return byteCount
    }
}

/// FNV-1a, 64 bits: against damage, not against malice.
struct StateChecksum {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        for index in 0..<bytes.count {
            value = unsafe (value ^ UInt64(bytes[index])) &* 0x100_0000_01B3
        }
    }
}
