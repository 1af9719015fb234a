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
