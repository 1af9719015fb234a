internal import Glibc

/// Tells systemd how the agent is: readiness, a status line, the watchdog.
///
/// One datagram a call to the socket that `NOTIFY_SOCKET` names; without the variable (the agent
/// was started by hand) every call does nothing.
/// - Source: sd_notify(3), systemd 252.
/// - Thread: any.
package struct SystemdNotifier: Sendable {
    /// What can be said. `rawValue` is the datagram's text.
    package enum Message {
        case ready
        /// The configuration is being read again, until `.ready`; what `Type=notify-reload` of systemd 253 wants.
        /// - Parameter now: of the monotonic clock, in nanoseconds.
        case reloading(now: UInt64)
        case stopping
        case status(String)
        case watchdog
        /// More time to become ready.
        case extendTimeout(microseconds: UInt64)

        var text: String {
            switch self {
            case .ready: "READY=1"
            case .reloading(let now): "RELOADING=1\nMONOTONIC_USEC=\(now / 1000)"
            case .stopping: "STOPPING=1"
            case .status(let line): "STATUS=\(line)"
            case .watchdog: "WATCHDOG=1"
            case .extendTimeout(let microseconds): "EXTEND_TIMEOUT_USEC=\(microseconds)"
            }
        }
    }

    private let socketPath: [UInt8]?

    /// How often systemd wants to hear `.watchdog`, or nil when it does not watch.
    /// - Units: nanoseconds; half of what `WATCHDOG_USEC` allows.
    package let watchdogIntervalNanoseconds: UInt64?

    package init(environment: [String: String]) {
        socketPath = environment["NOTIFY_SOCKET"].map { Array($0.utf8) }
        let isForThisProcess =
            environment["WATCHDOG_PID"].map { $0 == String(getpid()) } ?? true
        watchdogIntervalNanoseconds =
            isForThisProcess
            ? environment["WATCHDOG_USEC"].flatMap(UInt64.init).flatMap {
                $0.multipliedReportingOverflow(by: 500).overflow ? nil : $0 * 500
            } : nil
    }

    /// Sends one message. A failure is not reported: systemd's own time-outs catch it.
    package func send(_ messages: Message...) {
        guard let socketPath, !socketPath.isEmpty else { return }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard socketPath.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        // The bytes fit (checked above); the rest of sun_path stays zero.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { path in
            unsafe path.copyBytes(from: socketPath)
            // '@' marks an abstract name, whose first byte is NUL.
            if socketPath[0] == UInt8(ascii: "@") { unsafe path[0] = 0 }
        }
        let length = socklen_t(
            MemoryLayout<sa_family_t>.size + socketPath.count + (socketPath[0] == 0x40 ? 0 : 1))
        let descriptor = socket(
            AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let bytes = Array(messages.map(\.text).joined(separator: "\n").utf8)
        // Both pointers live for the call only, and sendto keeps neither.
        _ = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe sendto(
                    descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), generic, length)
            }
        }
    }
}
