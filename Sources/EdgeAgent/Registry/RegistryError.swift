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

    /// What becomes of an update that fails with it, and what to do.
    var advice: String {
        switch kind {
        case .unreachable, .unavailable: "it is tried again by itself"
        case .noSpace, .storage: "it is tried again by itself; look at the disk"
        case .unauthorized: "look at the registry's credentials, then 'edge-agent model pull'"
        case .notFound: "publish it, or name another version"
        case .corrupt: "nothing of it is used: push it again, or look at what stands in between"
        case .tooLarge: "nothing of it is used: publish a smaller one"
        case .protocolViolation, .unsupported:
            "nothing of it is used: look at what is published there, and at the registry's address"
        case .configuration: "mend the configuration"
        case .cancelled: "'edge-agent model pull' begins again"
        }
    }
}
