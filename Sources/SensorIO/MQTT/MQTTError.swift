/// What can go wrong between the agent and a broker. Carries no secret: no password, no payload.
package enum MQTTError: Error, Sendable, Equatable {
    /// Something in the endpoint cannot work: which field, and why. Found before anything is sent.
    case invalidEndpoint(field: String, problem: String)
    /// A certificate or key file cannot be read.
    case unreadableFile(path: String, errorNumber: Int32)
    /// The host's name has no address.
    case nameNotResolved(host: String, text: String)
    /// No TCP connection to any of the host's addresses.
    case connectFailed(errorNumber: Int32)
    /// No TCP connection or TLS handshake in time, or no CONNACK or SUBACK.
    case timedOut(waitingFor: Step, afterSeconds: Double)
    /// The TLS handshake failed, or a certificate could not be loaded: the library's own text.
    case tls(text: String)
    /// The broker refused the connection in its CONNACK.
    case connectionRefused(MQTTReasonCode, reasonString: String?)
    /// The broker ended the connection with a DISCONNECT.
    case disconnectedByServer(MQTTReasonCode)
    /// The connection broke; text of TLS, if there was any.
    case connectionLost(errorNumber: Int32, text: String?)
    /// The broker answered no ping within the keep alive interval.
    case keepAliveTimedOut
    /// The broker refused a subscription in its SUBACK.
    case subscriptionRefused(filter: String, MQTTReasonCode)
    /// The other side sent what MQTT does not allow, or is no MQTT broker.
    case protocolViolation(text: String)
    /// A system call failed.
    case system(operation: String, errorNumber: Int32)
    /// Any other return code of libmosquitto, with its own text.
    case library(code: Int32, text: String)

    /// What was being waited for.
    package enum Step: String, Sendable, Equatable {
        case connection
        case acknowledgedConnection = "CONNACK"
        case acknowledgedSubscription = "SUBACK"
    }

    /// Whether waiting alone may help; otherwise someone must change something first.
    package var isTransient: Bool {
        switch self {
        case .nameNotResolved, .connectFailed, .timedOut, .connectionLost, .keepAliveTimedOut,
            .system:
            true
        case .connectionRefused(let reason, _), .disconnectedByServer(let reason),
            .subscriptionRefused(_, let reason):
            reason.isTransient
        case .invalidEndpoint, .unreadableFile, .tls, .protocolViolation, .library:
            false
        }
    }
}
