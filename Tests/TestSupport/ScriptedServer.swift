import Foundation

/// A server on loopback that says byte for byte what a test wants it to, right or wrong; each connection
/// runs the script on a thread of its own.
public final class ScriptedServer: Sendable {
    /// One accepted connection.
    public struct Connection: Sendable {
        public let descriptor: Int32
        /// 0 for the first connection.
        public let index: Int

        /// Reads one MQTT packet; nil at the end of the stream, and where the bytes are no packet.
        public func readPacket() -> [UInt8]? {
            var packet: [UInt8] = []
            var length = 0
            var shift = 0
            guard let first = readBytes(1) else { return nil }
            packet += first
            while true {
                guard let byte = readBytes(1)?[0] else { return nil }
                packet.append(byte)
                length |= Int(byte & 0x7F) << shift
                shift += 7
                if byte & 0x80 == 0 { break }
                // MQTT has four bytes of length at most; a TLS handshake may look like more.
                guard shift < 28 else { return nil }
            }
            guard let rest = readBytes(length) else { return nil }
            return packet + rest
        }

        /// Reads packets until one of the kind comes: the first byte's upper half, 0x80 for SUBSCRIBE.
        public func readPacket(kind: UInt8) -> [UInt8]? {
            while let packet = readPacket() {
                if packet[0] & 0xF0 == kind { return packet }
            }
            return nil
        }

        func readBytes(_ count: Int) -> [UInt8]? {
            var bytes = [UInt8](repeating: 0, count: count)
            var done = 0
            while done < count {
                let part = bytes.withUnsafeMutableBytes {
                    recv(descriptor, $0.baseAddress! + done, count - done, 0)
                }
                if part < 0, errno == EINTR { continue }
                guard part > 0 else { return nil }
                done += part
            }
            return bytes
        }

        public func write(_ bytes: [UInt8]) {
            _ = bytes.withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
        }

        /// Waits until the other side has closed, whatever it says before.
        public func waitForEnd() {
            while readBytes(1) != nil {}
        }

        /// Reads to the end of the stream, whatever comes; returns whether that was a reset.
        public func readToReset() -> Bool {
            var bytes = [UInt8](repeating: 0, count: 1 << 16)
            while true {
                let count = recv(descriptor, &bytes, bytes.count, 0)
                if count < 0, errno == EINTR { continue }
                guard count <= 0 else { continue }
                return count < 0 && errno == ECONNRESET
            }
        }

        /// Makes the close to come a reset.
        public func resetOnClose() {
            var option = linger(l_onoff: 1, l_linger: 0)
            setsockopt(
                descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        }
    }

    public let port: UInt16
    private let listener: Int32

    /// Listens, and runs `script` for each connection; the connection is closed when it returns.
    public init(_ script: @escaping @Sendable (Connection) -> Void) throws {
        port = try FreePort.find()
        let listener = try Self.listen(port, backlog: 16)
        self.listener = listener
        Thread.detachNewThread {
            var index = 0
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else {
                    // Only `deinit` ends it: the number must be ours until then.
                    if errno == EINVAL { break }
                    usleep(1000)
                    continue
                }
                // A child that another test starts must not keep the connection open.
                _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
                let connection = Connection(descriptor: descriptor, index: index)
                index += 1
                Thread.detachNewThread {
                    script(connection)
                    close(descriptor)
                }
            }
            close(listener)
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
    }

    fileprivate static func listen(_ port: UInt16, backlog: Int32) throws -> Int32 {
        let descriptor = socket(
            AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0, FreePort.bindLoopback(descriptor, port) == 0,
            Glibc.listen(descriptor, backlog) == 0
        else { throw TestFailure("cannot listen: \(String(cString: strerror(errno)))") }
        return descriptor
    }
}

/// A port on loopback that swallows every attempt to connect, as a firewall that drops packets does.
public final class BlackHole: Sendable {
    public let port: UInt16
    private let descriptors: [Int32]

    public init() throws {
        port = try FreePort.find()
        let listener = try ScriptedServer.listen(port, backlog: 0)
        var all = [listener]
        // Nobody accepts: as soon as the queue is full the kernel drops what comes.
        for _ in 0..<4 {
            let filler = socket(
                AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
            _ = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(filler, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            all.append(filler)
        }
        descriptors = all
    }

    deinit {
        for descriptor in descriptors { close(descriptor) }
    }
}
