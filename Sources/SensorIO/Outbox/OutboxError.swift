internal import Glibc

/// Why the outbox cannot be made.
package enum OutboxError: Error, Sendable, Equatable {
    /// Another agent has the same outbox open.
    case inUse(path: String)
    /// The directory of the database does not exist or may not be used.
    case directory(path: String, errorNumber: Int32)
    /// The session of the uplink cannot be made.
    case uplink(MQTTError)
    /// The process has no more threads or descriptors.
    case system(operation: String, errorNumber: Int32)
}

extension OutboxError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .inUse(let path): "\(path): another agent has this outbox open; stop it first"
        case .directory(let path, let number):
            unsafe "\(path): the directory cannot be used: \(String(cString: strerror(number)))"
        case .uplink(let error): "uplink: \(error)"
        case .system(let operation, let number):
            unsafe "\(operation): \(String(cString: strerror(number)))"
        }
    }
}
