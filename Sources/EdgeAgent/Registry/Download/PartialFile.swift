internal import Glibc

/// One file on its way: appended to, counted and hashed while its bytes come.
///
/// - Thread: any one at a time.
final class PartialFile: HTTPReceiver {
    /// After so many bytes they are pushed to the disk, so that no sync has much to do at once.
    private static let syncStepBytes: UInt64 = 4 << 20

    let file: RegistryFile
    private let directory: DownloadDirectory
    private let control: DownloadControl
    /// The most bytes it may have.
    private let maximumBytes: UInt64
    private let path: String
    private let descriptor: Int32
    private var hasher = SHA256Hasher()
    /// Bytes in the file, all of them hashed.
    private(set) var byteCount: UInt64 = 0
    private var syncedBytes: UInt64 = 0

    /// Opens what an earlier attempt has left, or a new file.
    ///
    /// - Parameter maximumBytes: what the model's other files leave of its bound.
    /// - Throws: `.tooLarge` if the announced size is above it; `.storage`.
    init(
        _ file: RegistryFile, in directory: DownloadDirectory, maximumBytes: UInt64,
        control: DownloadControl
    ) throws(RegistryError) {
        if let size = file.sizeBytes, size > maximumBytes {
            throw RegistryError(
                .tooLarge,
                "\(file.name): \(size) bytes; \(maximumBytes) of what a model may have are left")
        }
        self.file = file
        self.directory = directory
        self.control = control
        self.maximumBytes = file.sizeBytes ?? maximumBytes
        path = directory.partial.part(of: file.name)
        descriptor = unsafe open(
            path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else {
            throw DownloadDirectory.error(path, "cannot be opened", errno)
        }
        try readExisting()
    }

    deinit { close(descriptor) }

    /// Whether every byte is there that was announced.
    var isWhole: Bool { byteCount == file.sizeBytes }

    /// Begins anew.
    func restart() throws(RegistryError) {
        guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, Int32(SEEK_SET)) == 0 else {
            throw DownloadDirectory.error(path, "cannot be emptied", errno)
        }
        control.notePresent(0 &- byteCount)
        hasher.reset()
        byteCount = 0
        syncedBytes = 0
    }

    // MARK: HTTPReceiver

    func begin(_ head: HTTPHead) throws(RegistryError) {
        if head.status == 206 {
            guard byteCount > 0, let range = ContentRange(head["content-range"] ?? ""),
                range.first == byteCount, range.total == nil || accepts(range.total ?? 0)
            else {
                throw RegistryError(
                    .protocolViolation,
                    "\(file.name): another part than asked for: '\(head["content-range"] ?? "")'")
            }
        } else {
            // The server gives the whole again.
            if byteCount > 0 { try restart() }
            if let length = head.contentLength, !accepts(length) {
                throw RegistryError(
                    file.sizeBytes == nil ? .tooLarge : .corrupt,
                    "\(file.name): \(length) bytes, \(maximumBytes) were announced or are allowed")
            }
        }
        let announced = file.sizeBytes ?? head.contentLength.map { byteCount &+ $0 } ?? byteCount
        try directory.requireSpace(
            announced > byteCount ? announced - byteCount : 0, control: control)
    }

    func receive(_ bytes: UnsafeRawBufferPointer) throws(RegistryError) {
        guard UInt64(bytes.count) <= maximumBytes - byteCount else {
            throw RegistryError(
                file.sizeBytes == nil ? .tooLarge : .corrupt,
                "\(file.name): more than the \(maximumBytes) bytes that were announced or are allowed"
            )
        }
        var done = 0
        while done < bytes.count {
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = unsafe write(descriptor, rest.baseAddress, rest.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw DownloadDirectory.error(path, "cannot be written", errno)
            }
            unsafe hasher.update(UnsafeRawBufferPointer(rebasing: rest[..<count]))
            byteCount += UInt64(count)
            done += count
        }
        control.noteTransferred(UInt64(bytes.count))
        if byteCount - syncedBytes >= Self.syncStepBytes {
            if file.sizeBytes == nil { try directory.requireSpace(0, control: control) }
            try sync()
        }
    }

    // MARK: The end

    /// Checks the whole, makes it lasting, and gives it its name.
    ///
    /// - Throws: `.unreachable` if bytes are missing; `.corrupt` if the digest is another, and then the part is emptied.
    func finish() throws(RegistryError) {
        if let size = file.sizeBytes, byteCount < size {
            throw RegistryError(
                .unreachable,
                "\(file.name): the connection ended at \(byteCount) of \(size) bytes; they are kept"
            )
        }
        let digest = hasher.finish()
        if let expected = file.sha256, digest != expected {
            try restart()
            throw RegistryError(
                .corrupt, "\(file.name): its digest is \(digest), not \(expected): thrown away")
        }
        try sync()
        let name = directory.partial.file(file.name)
        guard unsafe rename(path, name) == 0 else {
            throw DownloadDirectory.error(name, "cannot be named", errno)
        }
        directory.remove(directory.partial.entityTag(of: file.name))
    }

    private func accepts(_ total: UInt64) -> Bool {
        if let size = file.sizeBytes { total == size } else { total <= maximumBytes }
    }

    private func sync() throws(RegistryError) {
        guard fsync(descriptor) == 0 else {
            throw DownloadDirectory.error(path, "cannot be synced", errno)
        }
        syncedBytes = byteCount
    }

    /// Hashes what is there; what is longer than the file can be is thrown away.
    private func readExisting() throws(RegistryError) {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw RegistryError(.storage, "\(path): is no regular file")
        }
        guard UInt64(clamping: status.st_size) <= maximumBytes else {
            byteCount = UInt64(clamping: status.st_size)
            return try restart()
        }
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            // The chunk is not empty, so that it has a base address.
            let count = unsafe chunk.withUnsafeMutableBytes {
                unsafe read(descriptor, $0.baseAddress.unsafelyUnwrapped, $0.count)
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw DownloadDirectory.error(path, "cannot be read", errno)
            }
            guard count > 0 else { break }
            try control.checkCancelled()
            unsafe chunk.withUnsafeBytes {
                unsafe hasher.update(UnsafeRawBufferPointer(rebasing: $0[..<count]))
            }
            byteCount += UInt64(count)
        }
        syncedBytes = byteCount
    }
}

/// `bytes 100-199/200`; the total may be unknown.
struct ContentRange: Equatable {
    var first: UInt64
    var last: UInt64
    var total: UInt64?

    init?(_ text: String) {
        guard text.hasPrefix("bytes ") else { return nil }
        let parts = text.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let bounds = parts[0].split(separator: "-", omittingEmptySubsequences: false)
        guard bounds.count == 2, let first = UInt64(bounds[0]), let last = UInt64(bounds[1]),
            first <= last
        else { return nil }
        self.first = first
        self.last = last
        if parts[1] != "*" {
            guard let total = UInt64(parts[1]), last < total else { return nil }
            self.total = total
        }
    }
}
