/// Why a registry could not be asked, or what it said cannot be used. Never holds a secret.
package struct RegistryError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
        /// No connection, a connection that broke, or too slow.
        case unreachable
        /// The registry said that it cannot now (429, 5xx).
        case unavailable
        case unauthorized
        case notFound
        /// More bytes than are allowed or were announced.
        case tooLarge
        /// Not the bytes that were named.
        case corrupt
        /// An answer that the protocol does not have.
        case protocolViolation
        /// Something that this agent does not read, said by name.
        case unsupported
        case noSpace
        /// The partial download cannot be written.
        case storage
        /// A setting, a secret's file, or libcurl is missing or wrong.
        case configuration
        case cancelled
    }

    package let kind: Kind
    /// What, where, and what to do.
    package let message: String
    /// The earliest next attempt, if the registry said one.
    package let retryAfter: Duration?

    package init(_ kind: Kind, _ message: String, retryAfter: Duration? = nil) {
        self.kind = kind
        self.message = message
        self.retryAfter = retryAfter
    }

    /// Whether the same attempt may succeed later without anybody doing something.
    package var isTransient: Bool {
        switch kind {
        case .unreachable, .unavailable, .noSpace, .storage: true
        case .unauthorized, .notFound, .tooLarge, .corrupt, .protocolViolation, .unsupported,
            .configuration, .cancelled:
            false
        }
    }

    package var description: String { message }
}
