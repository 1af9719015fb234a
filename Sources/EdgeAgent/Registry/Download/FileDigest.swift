internal import Glibc

/// The SHA-256 of a file that is read once, in pieces. Blocks on the disk.
enum FileDigest {
    /// - Parameter consume: is given each piece as well.
    static func compute(
        _ path: String, control: DownloadControl,
        consume: (UnsafeRawBufferPointer) throws(RegistryError) -> Void = { _ in }
    ) throws(RegistryError) -> (digest: SHA256Digest, byteCount: UInt64) {
        // NONBLOCK: a FIFO of that name must not hang the agent.
        let descriptor = unsafe open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw DownloadDirectory.error(path, "cannot be opened", errno)
        }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw RegistryError(.storage, "\(path): is no regular file")
        }
        var hasher = SHA256Hasher()
        var total: UInt64 = 0
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
        defer { unsafe chunk.deallocate() }
        while true {
            try control.checkCancelled()
            let count = unsafe read(descriptor, chunk.baseAddress.unsafelyUnwrapped, chunk.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw DownloadDirectory.error(path, "cannot be read", errno)
            }
            guard count > 0 else { return (hasher.finish(), total) }
            let bytes = unsafe UnsafeRawBufferPointer(rebasing: chunk[..<count])
            unsafe hasher.update(bytes)
            try unsafe consume(bytes)
            total += UInt64(count)
        }
    }
}
