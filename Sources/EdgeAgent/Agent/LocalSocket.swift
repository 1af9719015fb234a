internal import Glibc

/// What the system said of a socket.
package struct SocketError: Error, Sendable, CustomStringConvertible {
    package let errorNumber: Int32
    package var description: String { unsafe String(cString: strerror(errorNumber)) }
}

/// A stream socket of this machine that has a path: one that listens there, or a connection.
///
/// - Thread: one at a time.
struct LocalSocket: ~Copyable {
    let descriptor: Int32
    /// Of a socket that listens; gone with it.
    private let path: String?

    private init(_ descriptor: Int32, path: String? = nil) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit {
        close(descriptor)
        if let path { _ = unsafe unlink(path) }
    }

    /// Listens, for this user and its group. A socket that a dead process left is replaced: the caller knows that
    /// nobody else listens there.
    static func listen(_ path: String) throws(SocketError) -> LocalSocket {
        _ = unsafe unlink(path)
        let made = LocalSocket(
            try unsafe make(path, SOCK_NONBLOCK) { unsafe bind($0, $1, $2) }, path: path)
        guard unsafe chmod(path, 0o660) == 0, Glibc.listen(made.descriptor, 8) == 0 else {
            throw SocketError(errorNumber: errno)
        }
        return made
    }

    /// Connects to who listens there.
    ///
    /// - Parameter seconds: the longest that each reading and writing may wait.
    static func connect(_ path: String, seconds: Int) throws(SocketError) -> LocalSocket {
        let made = LocalSocket(try unsafe make(path) { unsafe Glibc.connect($0, $1, $2) })
        made.limit(seconds)
        return made
    }

    /// Takes a connection that waits, which will wait a second at the longest for its peer; nil where there is none.
    borrowing func accept() -> LocalSocket? {
        let peer = Glibc.accept(descriptor, nil, nil)
        guard peer >= 0 else { return nil }
        // A child process has no business with it.
        _ = fcntl(peer, F_SETFD, FD_CLOEXEC)
        let made = LocalSocket(peer)
        made.limit(1)
        return made
    }

    /// Reads what has come, at most as much as the buffer holds.
    ///
    /// - Returns: how many bytes; 0 at the end, -1 with errno.
    borrowing func read(into buffer: inout [UInt8]) -> Int {
        while true {
            let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
            if count >= 0 || errno != EINTR { return count }
        }
    }

    /// Writes all, unless the peer goes or does not read.
    borrowing func write(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe send(
                    descriptor, $0.baseAddress.unsafelyUnwrapped + sent, $0.count - sent,
                    Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    private borrowing func limit(_ seconds: Int) {
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        let length = socklen_t(MemoryLayout<timeval>.size)
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, length)
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, length)
    }

    /// Makes a socket and binds or connects it. The address lives for the call of `use` only.
    private static func make(
        _ path: String, _ flags: __socket_type = __socket_type(rawValue: 0),
        _ use: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws(SocketError) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        var directory: Int32 = -1
        defer { if directory >= 0 { close(directory) } }
        var bytes = Array(path.utf8)
        if bytes.count >= capacity, let slash = bytes.lastIndex(of: 0x2F) {
            // An address has room for 107 bytes, a path may have 4095: it goes by way of its directory.
            // 0o10000000 is O_PATH.
            let parent = String(decoding: bytes[..<slash], as: UTF8.self)
            directory = unsafe open(parent, 0o10000000 | O_DIRECTORY | O_CLOEXEC)
            guard directory >= 0 else { throw SocketError(errorNumber: errno) }
            bytes = Array("/proc/self/fd/\(directory)".utf8) + bytes[slash...]
        }
        guard bytes.count < capacity else { throw SocketError(errorNumber: ENAMETOOLONG) }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { buffer in
            unsafe buffer.copyBytes(from: bytes)
        }
        let kind = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | flags.rawValue
        let descriptor = socket(AF_UNIX, Int32(kind), 0)
        guard descriptor >= 0 else { throw SocketError(errorNumber: errno) }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        // The address lives through the call, and is as long as said.
        let code = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe use(descriptor, $0, length)
            }
        }
        guard code == 0 else {
            let error = SocketError(errorNumber: errno)
            close(descriptor)
            throw error
        }
        return descriptor
    }
}
