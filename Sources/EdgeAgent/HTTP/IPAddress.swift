internal import Glibc

/// An address of IPv4 or IPv6.
package struct IPAddress: Sendable, Equatable, CustomStringConvertible {
    /// 4 or 16, in the network's order.
    package let bytes: [UInt8]
    package let description: String

    package static let loopback = IPAddress(bytes: [127, 0, 0, 1], description: "127.0.0.1")

    private init(bytes: [UInt8], description: String) {
        self.bytes = bytes
        self.description = description
    }

    /// Reads `192.0.2.1`, `::1`; nil: no address.
    package init?(_ text: String) {
        var buffer = [UInt8](repeating: 0, count: 16)
        // The buffer has the 4 or 16 bytes that inet_pton writes.
        if unsafe inet_pton(AF_INET, text, &buffer) == 1 {
            bytes = Array(buffer[..<4])
        } else if unsafe inet_pton(AF_INET6, text, &buffer) == 1 {
            bytes = buffer
        } else {
            return nil
        }
        description = text
    }

    package var isLoopback: Bool {
        if bytes.count == 4 { return bytes[0] == 127 }
        return bytes == [UInt8](repeating: 0, count: 15) + [1]
            || (Array(bytes[..<12]) == Self.mapped && bytes[12] == 127)
    }

    private static let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]

    /// Binds a socket to the address and listens.
    ///
    /// - Returns: the descriptor, non-blocking and closed on exec, and the port, which the kernel chose for 0; or errno.
    package func listen(port: UInt16) -> Result<(descriptor: Int32, port: UInt16), SocketError> {
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        let descriptor = socket(
            family,
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
                | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { return .failure(SocketError(errorNumber: errno)) }
        var one: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, size)
        if family == AF_INET6 {
            _ = unsafe setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &one, size)
        }
        var storage = sockaddr_storage()
        let length = fill(&storage, port)
        // The storage lives through the calls and is as long as said.
        let code = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard unsafe bind(descriptor, address, length) == 0,
                    Glibc.listen(descriptor, 64) == 0
                else { return errno }
                var filled = length
                return unsafe getsockname(descriptor, address, &filled) == 0 ? 0 : errno
            }
        }
        guard code == 0 else {
            close(descriptor)
            return .failure(SocketError(errorNumber: code))
        }
        return .success((descriptor, Self.port(of: storage)))
    }

    private func fill(_ storage: inout sockaddr_storage, _ port: UInt16) -> socklen_t {
        unsafe withUnsafeMutableBytes(of: &storage) { buffer in
            let family = UInt16(bytes.count == 4 ? AF_INET : AF_INET6)
            unsafe buffer.storeBytes(of: family, as: UInt16.self)
            unsafe buffer.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
            // sin_addr follows the port, sin6_addr the flow information.
            let offset = bytes.count == 4 ? 4 : 8
            for (index, byte) in bytes.enumerated() { unsafe buffer[offset + index] = byte }
        }
        return socklen_t(
            bytes.count == 4 ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size)
    }

    private static func port(of storage: sockaddr_storage) -> UInt16 {
        unsafe withUnsafeBytes(of: storage) {
            UInt16(bigEndian: unsafe $0.load(fromByteOffset: 2, as: UInt16.self))
        }
    }
}
