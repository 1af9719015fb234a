internal import Glibc

extension MQTTError: CustomStringConvertible {
    /// What was wrong, for people; without secrets.
    package var description: String {
        switch self {
        case .invalidEndpoint(let field, let problem): "\(field): \(problem)"
        case .unreadableFile(let path, let number): "\(path): cannot be read: \(Self.text(number))"
        case .nameNotResolved(let host, let text): "no address for host '\(host)': \(text)"
        case .connectFailed(let number): "cannot connect: \(Self.text(number))"
        case .timedOut(let step, let seconds):
            "no \(step.rawValue) within \(Int(seconds.rounded())) s"
        case .tls(let text): "TLS failed: \(text)"
        case .connectionRefused(let reason, let text?):
            "the broker refuses the connection: \(reason) (\(text))"
        case .connectionRefused(let reason, nil): "the broker refuses the connection: \(reason)"
        case .disconnectedByServer(let reason): "the broker ended the connection: \(reason)"
        case .connectionLost(let number, let text):
            "the connection was lost" + (text.map { ": \($0)" } ?? Self.suffix(number))
        case .keepAliveTimedOut: "the broker does not answer pings"
        case .subscriptionRefused(let filter, let reason):
            "the broker refuses the subscription to '\(filter)': \(reason)"
        case .protocolViolation(let text): "this is no MQTT, or broken: \(text)"
        case .system(let operation, let number): "\(operation): \(Self.text(number))"
        case .library(let code, let text): "\(text) (libmosquitto \(code))"
        }
    }

    private static func text(_ errorNumber: Int32) -> String {
        unsafe String(cString: strerror(errorNumber))
    }

    private static func suffix(_ errorNumber: Int32) -> String {
        errorNumber == 0 ? "" : ": \(text(errorNumber))"
    }
}
