internal import Glibc
internal import SensorIO

/// The files of a bundle's directory, read once: what is checked later is what was read here.
package struct BundleFiles: Sendable {
    /// The files a bundle may have, with the most bytes each may have.
    static let known: [(name: String, maximumBytes: Int)] = [
        ("LICENSE", 1 << 20), ("README.md", 1 << 20), ("baseline.json", 4 << 20),
        ("bundle.json", 1 << 20), ("golden.jsonl", 64 << 20), ("model.onnx", 256 << 20),
        ("model.sig", 1 << 20), ("model.tflite", 256 << 20),
    ]
    /// Not covered by the digest: it signs the others.
    static let signatureName = "model.sig"

    package let path: String
    private var contents: [String: [UInt8]] = [:]

    /// Reads a directory. Blocks on the disk.
    ///
    /// - Throws: `BundleError` for anything that is not one of the known regular files.
    package init(directory path: String) throws(BundleError) {
        self.path = path
        let directory = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw .unreadable(path: path, errorNumber: errno) }
        defer { close(directory) }
        for name in try Self.names(directory, path) {
            let file = "\(path)/\(name)"
            guard let known = Self.known.first(where: { $0.name == name }) else {
                throw .unexpectedEntry(
                    path: file,
                    reason: "no file of a bundle has this name; there are "
                        + Self.known.map(\.name).joined(separator: ", "))
            }
            contents[name] = try Self.read(name, known.maximumBytes, at: directory, file)
        }
    }

    /// The names of the files, in ascending order.
    package var names: [String] { contents.keys.sorted() }

    package subscript(name: String) -> [UInt8]? { contents[name] }

    /// The bytes of a file that a bundle must have.
    package func required(_ name: String) throws(BundleError) -> [UInt8] {
        guard let bytes = contents[name] else { throw .missingFile(path: "\(path)/\(name)") }
        return bytes
    }

    /// SHA-256 over the concatenated SHA-256 of each file in ascending order of names, the signature left out.
    ///
    /// - Source: the subject digest of OpenSSF Model Signing 1.0, serialisation "files".
    package var digest: SHA256Digest {
        var joined: [UInt8] = []
        for name in contents.keys.filter({ $0 != Self.signatureName }).sorted() {
            joined += SHA256Digest(of: contents[name] ?? []).bytes
        }
        return SHA256Digest(of: joined)
    }

    /// Reads one file outside a bundle. Blocks on the disk.
    static func read(path: String, maximumBytes: Int) throws(BundleError) -> [UInt8] {
        try read(path, maximumBytes, at: AT_FDCWD, path)
    }

    /// The names in an open directory, sorted.
    static func names(
        _ directory: Int32, _ path: String, maximum: Int = 64
    ) throws(BundleError) -> [String] {
        // closedir closes the descriptor that it was given, so it gets a copy.
        guard let stream = unsafe fdopendir(dup(directory)) else {
            throw .unreadable(path: path, errorNumber: errno)
        }
        defer { unsafe closedir(stream) }
        // The copy shares its position with the original.
        unsafe rewinddir(stream)
        var names: [String] = []
        while let name = unsafe FileSystem.nextName(stream) {
            names.append(name)
            guard names.count <= maximum else {
                throw .unexpectedEntry(path: path, reason: "has more than \(maximum) entries")
            }
        }
        return names.sorted()
    }

    private static func read(
        _ name: String, _ maximumBytes: Int, at directory: Int32, _ path: String
    ) throws(BundleError) -> [UInt8] {
        // NONBLOCK: a FIFO of that name must not hang the agent.
        let descriptor = unsafe openat(
            directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ELOOP {
                throw .unexpectedEntry(path: path, reason: "is a symbolic link; a bundle has none")
            }
            throw .unreadable(path: path, errorNumber: errno)
        }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw .unreadable(path: path, errorNumber: errno)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .unexpectedEntry(path: path, reason: "is no regular file")
        }
        guard status.st_size <= maximumBytes else {
            throw .tooLarge(path: path, bytes: Int(status.st_size), maximum: maximumBytes)
        }
        // One byte more than the size tells a file that grew meanwhile.
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size) + 1)
        var count = 0
        while count < bytes.count {
            let read = unsafe bytes.withUnsafeMutableBytes {
                unsafe Glibc.read(
                    descriptor, $0.baseAddress.unsafelyUnwrapped + count, $0.count - count)
            }
            if read < 0 {
                if errno == EINTR { continue }
                throw .unreadable(path: path, errorNumber: errno)
            }
            if read == 0 { break }
            count += read
        }
        guard count < bytes.count else {
            throw .unexpectedEntry(path: path, reason: "grew while it was read")
        }
        bytes.removeLast(bytes.count - count)
        return bytes
    }
}
