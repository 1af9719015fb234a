internal import CLinuxShims
internal import Glibc

/// The socket on which the running agent takes commands, in its state directory: who may write there may command.
///
/// - Thread: one; nothing of it waits longer than a second for a peer.
struct UpdateSocket: ~Copyable {
    let descriptor: Int32
    private let path: String

    /// Listens. A socket that a dead agent left is replaced; the caller holds the `UpdateLock`.
    ///
    /// - Throws: `.unwritable`.
    static func listen(_ path: String) throws(BundleError) -> UpdateSocket {
        _ = unsafe unlink(path)
        guard let made = unsafe make(path, { unsafe bind($0, $1, $2) }) else {
            throw .unwritable(path: path, errorNumber: errno)
        }
        guard unsafe chmod(path, 0o660) == 0, Glibc.listen(made, 8) == 0 else {
            let number = errno
            close(made)
            throw .unwritable(path: path, errorNumber: number)
        }
        return UpdateSocket(descriptor: made, path: path)
    }

    private init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit {
        close(descriptor)
        _ = unsafe unlink(path)
    }

    /// Takes one request that waits, and answers it.
    func serve(_ obey: (UpdateRequest, _ actor: String) -> UpdateAnswer) {
        let peer = accept(descriptor, nil, nil)
        guard peer >= 0 else { return }
        defer { close(peer) }
        Self.setTimeout(peer)
        guard let line = Self.readLine(peer) else { return }
        let answer: UpdateAnswer
        if let request = try? UpdateRequest(parsing: line) {
            answer = obey(request, Self.actor(peer))
        } else {
            answer = UpdateAnswer(isAccepted: false, text: "this is no command")
        }
        Self.write(answer.encoded + [0x0A], to: peer)
    }

    /// Sends a request to the agent that listens there.
    ///
    /// - Returns: nil when none answers.
    static func ask(_ path: String, _ request: UpdateRequest) -> UpdateAnswer? {
        guard let peer = unsafe make(path, { unsafe connect($0, $1, $2) }) else { return nil }
        defer { close(peer) }
        setTimeout(peer, seconds: 60)
        write(request.encoded + [0x0A], to: peer)
        guard let line = readLine(peer) else { return nil }
        return try? UpdateAnswer(parsing: line)
    }

    static func make(
        _ path: String,
        _ use: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32? {
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
            guard directory >= 0 else { return nil }
            bytes = Array("/proc/self/fd/\(directory)".utf8) + bytes[slash...]
        }
        guard bytes.count < capacity else {
            errno = ENAMETOOLONG
            return nil
        }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { buffer in
            unsafe buffer.copyBytes(from: bytes)
        }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | 0o2000000, 0)
        guard descriptor >= 0 else { return nil }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        // The address lives through the call, and is as long as said.
        let code = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe use(descriptor, $0, length)
            }
        }
        guard code == 0 else {
            let number = errno
            close(descriptor)
            errno = number
            return nil
        }
        return descriptor
    }

    static func setTimeout(_ descriptor: Int32, seconds: Int = 1) {
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        let length = socklen_t(MemoryLayout<timeval>.size)
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, length)
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, length)
    }

    private static func readLine(_ descriptor: Int32) -> [UInt8]? {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while line.count < UpdateRequest.maximumBytes * 2 {
            let count = unsafe recv(descriptor, &byte, 1, 0)
            if count < 0, errno == EINTR { continue }
            guard count == 1 else { return nil }
            if byte == 0x0A { return line }
            line.append(byte)
        }
        return nil
    }

    static func write(_ bytes: [UInt8], to descriptor: Int32) {
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

    /// Who asks, as the kernel says it.
    private static func actor(_ peer: Int32) -> String {
        var credentials: (pid: Int32, uid: UInt32, gid: UInt32) = (0, 0, 0)
        var length = socklen_t(12)
        // struct ucred: three words of 32 bits. SO_PEERCRED is 17 on every Linux that this builds for.
        guard unsafe getsockopt(peer, SOL_SOCKET, 17, &credentials, &length) == 0, length == 12
        else { return "unknown" }
        return "uid \(credentials.uid)"
    }
}
