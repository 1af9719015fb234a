import Foundation

/// A connection to a web server on loopback over which a test sends whatever it likes.
public final class RawHTTPClient: @unchecked Sendable {
    private let descriptor: Int32
    private var received: [UInt8] = []

    /// Connects.
    public init(port: UInt16) throws {
        guard let descriptor = FreePort.connect(port) else {
            throw TestFailure("nobody listens on port \(port): \(String(cString: strerror(errno)))")
        }
        self.descriptor = descriptor
        var time = timeval(tv_sec: 20, tv_usec: 0)
        let length = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, length)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, length)
    }

    deinit { close(descriptor) }

    /// Sends bytes; false when the peer has closed.
    @discardableResult
    public func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// Sends bytes; false when the peer has closed.
    @discardableResult
    public func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    /// Reads until a text stands in what came (true), or the peer has closed (false).
    public func receive(until text: String) throws -> Bool {
        while String(decoding: received, as: UTF8.self).range(of: text) == nil {
            guard try receive() else { return false }
        }
        return true
    }

    /// All that comes until the peer closes.
    public func receiveAll() throws -> String {
        while try receive() {}
        return text
    }

    /// What has come so far.
    public var text: String { String(decoding: received, as: UTF8.self) }

    private func receive() throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0, errno == EAGAIN {
            throw TestFailure("the server said nothing for 20 s: \(text)")
        }
        guard count > 0 else { return false }
        received += buffer[..<count]
        return true
    }

    /// One request on a connection of its own, and the whole answer.
    public static func get(
        _ target: String, port: UInt16, method: String = "GET", host: String = "localhost",
        headers: [String] = []
    ) throws -> Answer {
        let client = try RawHTTPClient(port: port)
        let lines =
            ["\(method) \(target) HTTP/1.1", "Host: \(host)", "Connection: close"] + headers
        client.send(lines.joined(separator: "\r\n") + "\r\n\r\n")
        return Answer(try client.receiveAll())
    }

    /// An answer taken apart.
    public struct Answer: Sendable, CustomStringConvertible {
        public let status: Int
        public let head: String
        public let body: String

        public init(_ text: String) {
            let parts = text.components(separatedBy: "\r\n\r\n")
            head = parts[0]
            body = parts.dropFirst().joined(separator: "\r\n\r\n")
            status = Int(head.split(separator: " ").dropFirst().first ?? "") ?? 0
        }

        public var description: String { "\(head)\n\n\(body)" }

        /// A field of the head, by its name in the case of the server.
        public func header(_ name: String) -> String? {
            head.components(separatedBy: "\r\n").first { $0.hasPrefix("\(name): ") }.map {
                String($0.dropFirst(name.count + 2))
            }
        }
    }
}
