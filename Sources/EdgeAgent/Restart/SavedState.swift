internal import Glibc
internal import SensorIO

/// A file of saved windows that has been read and checked, entry by entry.
struct SavedState {
    /// One asset: how its alarm stood, and its window as `WindowBank` wrote it.
    struct Entry {
        var alarm: AlarmState
        var window: Range<Int>
        var silenceNanoseconds: UInt64
    }

    /// Length UInt32, then the alarm, then the window.
    static let entryHeaderBytes = 4 + AlarmState.byteCount

    let header: StateHeader
    /// The asset that had been silent for longest first.
    let entries: [Entry]
    private let bytes: [UInt8]

    /// The most bytes that a bank's windows take.
    static func maximumBytes(_ bank: WindowBank) -> Int {
        StateHeader.byteCount + StateFileWriter.trailerBytes
            + bank.limits.maximumAssets * (entryHeaderBytes + bank.maximumEntryBytes)
    }

    /// Reads and checks the file. Blocks on the disk.
    init(path: String, maximumBytes: Int) throws(StateFileError) {
        try self.init(try Self.read(path, maximumBytes: maximumBytes))
    }

    /// Checks the bytes of a file.
    init(_ bytes: [UInt8]) throws(StateFileError) {
        self.bytes = bytes
        (header, entries) = try unsafe bytes.span.bytes.withUnsafeBytes {
            (raw: UnsafeRawBufferPointer) throws(StateFileError) in unsafe try Self.parse(raw)
        }
    }

    /// Lends the bytes of an entry's window.
    func withWindow<Result, Failure: Error>(
        _ entry: Entry, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe bytes.span.bytes.withUnsafeBytes {
            (raw: UnsafeRawBufferPointer) throws(Failure) -> Result in
            unsafe try body(UnsafeRawBufferPointer(rebasing: raw[entry.window]))
        }
    }

    private static func parse(
        _ raw: UnsafeRawBufferPointer
    ) throws(StateFileError) -> (StateHeader, [Entry]) {
        let header = unsafe try StateHeader(raw)
        let end = raw.count - 8
        guard end >= StateHeader.byteCount + 8 else { throw .truncated }
        func word(_ offset: Int) -> UInt32 {
            // The callers have checked that it lies before `end`.
            unsafe UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
        var checksum = StateChecksum()
        unsafe checksum.add(UnsafeRawBufferPointer(rebasing: raw[..<end]))
        let stated = unsafe UInt64(
            littleEndian: raw.loadUnaligned(fromByteOffset: end, as: UInt64.self))
        guard checksum.value == stated else { throw .wrongChecksum }
        var entries: [Entry] = []
        var offset = StateHeader.byteCount
        while true {
            guard offset + 8 <= end else { throw .truncated }
            let length = word(offset)
            if length == StateFileWriter.endMark { break }
            guard Int(length) >= AlarmState.byteCount, Int(length) <= end - offset - 4 else {
                throw .invalidEntry(offset: offset)
            }
            let windowAt = offset + entryHeaderBytes
            let alarm = unsafe AlarmState(
                bytes: UnsafeRawBufferPointer(rebasing: raw[offset + 4..<windowAt]))
            guard let alarm else { throw .invalidEntry(offset: offset) }
            let window = windowAt..<offset + 4 + Int(length)
            entries.append(
                Entry(
                    alarm: alarm, window: window,
                    silenceNanoseconds: unsafe WindowBank.silenceNanoseconds(
                        ofEntry: UnsafeRawBufferPointer(rebasing: raw[window]))))
            offset = window.upperBound
        }
        guard offset + 8 == end, Int(word(offset + 4)) == entries.count else {
            throw .invalidEntry(offset: offset)
        }
        entries.sort { $0.silenceNanoseconds > $1.silenceNanoseconds }
        return (header, entries)
    }

    private static func read(
        _ path: String, maximumBytes: Int
    ) throws(StateFileError) -> [UInt8] {
        // Not blocking: what stands there may be a pipe.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .system(operation: "open", errorNumber: errno) }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw .system(operation: "stat", errorNumber: errno)
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile }
        let size = Int(status.st_size)
        guard size <= maximumBytes else { throw .tooLarge(bytes: size, maximum: maximumBytes) }
        var failure: Int32 = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
            // Proof: each call reads at most what is left of the buffer.
            while filled < size {
                let count = unsafe Glibc.read(
                    descriptor, buffer.baseAddress?.advanced(by: filled), size - filled)
                if count < 0, errno == EINTR { continue }
                if count < 0 { failure = errno }
                guard count > 0 else { return }
                filled += count
            }
        }
        guard failure == 0 else { throw .system(operation: "read", errorNumber: failure) }
        return bytes
    }
}
