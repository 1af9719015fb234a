internal import Glibc
internal import SensorIO

/// Files of the configuration, read with bounds. Blocks on the disk.
enum ConfigurationFiles {
    static let maximumFragments = 256
    static let maximumSecretBytes = 64 << 10

    /// A file's name for errors, and its bytes.
    struct File: Sendable, Equatable {
        var name: String
        var bytes: [UInt8]
    }

    /// Why a file cannot be read: the sentence that follows its name.
    struct Problem: Error { var message: String }

    /// Reads a regular file of at most `maximumBytes`, and says who may read it.
    static func read(
        _ path: String, maximumBytes: Int
    ) throws(Problem) -> (bytes: [UInt8], mode: UInt32) {
        // NONBLOCK: a FIFO in place of a file must not hang the agent.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw systemProblem(errno) }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw systemProblem(errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw Problem(message: "is no regular file")
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            // The chunk is not empty, so that it has a base address.
            let count = unsafe chunk.withUnsafeMutableBytes {
                unsafe Glibc.read(descriptor, $0.baseAddress.unsafelyUnwrapped, $0.count)
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw systemProblem(errno)
            }
            if count == 0 { return (bytes, status.st_mode) }
            bytes += chunk[..<count]
            guard bytes.count <= maximumBytes else {
                throw Problem(message: "has more than the \(maximumBytes) bytes that are read")
            }
        }
    }

    /// The names of a directory's entries in byte order; nil if there is no such directory.
    static func entries(of directory: String) throws(Problem) -> [String]? {
        guard let stream = unsafe opendir(directory) else {
            if errno == ENOENT { return nil }
            throw systemProblem(errno)
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let name = unsafe FileSystem.nextName(stream) {
            if !name.hasPrefix(".") { names.append(name) }
            guard names.count <= 4096 else { throw Problem(message: "has more than 4096 entries") }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// The absolute path of the directory in which a file stands.
    static func directory(of path: String) -> String {
        let name = FileSystem.parent(of: path)
        guard let resolved = unsafe realpath(name, nil) else { return name }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    /// This machine's name; empty if it has none.
    static func hostName() -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&buffer, buffer.count) == 0 else { return "" }
        let name = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: name, as: UTF8.self)
    }

    private static func systemProblem(_ code: Int32) -> Problem {
        guard let text = unsafe strerror(code) else { return Problem(message: "error \(code)") }
        return Problem(message: "cannot be read: \(unsafe String(cString: text))")
    }
}
