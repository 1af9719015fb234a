/// Why a broker accepted, refused or ended something: a reason code of MQTT 5. The codes of 3.1.1 are
/// translated into it.
///
/// - Source: MQTT Version 5.0, section 2.4; names as in its table 2-6.
package struct MQTTReasonCode: RawRepresentable, Sendable, Hashable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package static let success = MQTTReasonCode(rawValue: 0x00)
    package static let noMatchingSubscribers = MQTTReasonCode(rawValue: 0x10)
    package static let unspecifiedError = MQTTReasonCode(rawValue: 0x80)
    package static let unsupportedProtocolVersion = MQTTReasonCode(rawValue: 0x84)
    package static let clientIdentifierNotValid = MQTTReasonCode(rawValue: 0x85)
    package static let badUserNameOrPassword = MQTTReasonCode(rawValue: 0x86)
    package static let notAuthorized = MQTTReasonCode(rawValue: 0x87)
    package static let serverUnavailable = MQTTReasonCode(rawValue: 0x88)
    package static let serverBusy = MQTTReasonCode(rawValue: 0x89)
    package static let banned = MQTTReasonCode(rawValue: 0x8A)
    package static let serverShuttingDown = MQTTReasonCode(rawValue: 0x8B)
    package static let keepAliveTimeout = MQTTReasonCode(rawValue: 0x8D)
    package static let sessionTakenOver = MQTTReasonCode(rawValue: 0x8E)
    package static let packetTooLarge = MQTTReasonCode(rawValue: 0x95)
    package static let quotaExceeded = MQTTReasonCode(rawValue: 0x97)
    package static let administrativeAction = MQTTReasonCode(rawValue: 0x98)

    /// Whether the code says that something was refused or went wrong.
    package var isFailure: Bool { rawValue >= 0x80 }

    /// The code of MQTT 5 that says what a CONNACK of 3.1.1 says.
    ///
    /// - Source: MQTT Version 3.1.1, table 3.1.
    package init(connectReturnCode code: UInt8) {
        switch code {
        case 0: self = .success
        case 1: self = .unsupportedProtocolVersion
        case 2: self = .clientIdentifierNotValid
        case 3: self = .serverUnavailable
        case 4: self = .badUserNameOrPassword
        case 5: self = .notAuthorized
        default: self = MQTTReasonCode(rawValue: code)
        }
    }

    /// Whether waiting alone may make it go away.
    package var isTransient: Bool {
        switch rawValue {
        case 0x81, 0x82, 0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C, 0x8E, 0x8F, 0x90, 0x95, 0x99, 0x9A,
            0x9B, 0x9D, 0x9E, 0xA1, 0xA2:
            return false
        default:
            return true
        }
    }

    /// The name of the code in the specification.
    package var name: String {
        switch rawValue {
        case 0x00: "Success"
        case 0x01: "Granted QoS 1"
        case 0x02: "Granted QoS 2"
        case 0x04: "Disconnect with Will Message"
        case 0x10: "No matching subscribers"
        case 0x11: "No subscription existed"
        case 0x80: "Unspecified error"
        case 0x81: "Malformed Packet"
        case 0x82: "Protocol Error"
        case 0x83: "Implementation specific error"
        case 0x84: "Unsupported Protocol Version"
        case 0x85: "Client Identifier not valid"
        case 0x86: "Bad User Name or Password"
        case 0x87: "Not authorized"
        case 0x88: "Server unavailable"
        case 0x89: "Server busy"
        case 0x8A: "Banned"
        case 0x8B: "Server shutting down"
        case 0x8C: "Bad authentication method"
        case 0x8D: "Keep Alive timeout"
        case 0x8E: "Session taken over"
        case 0x8F: "Topic Filter invalid"
        case 0x90: "Topic Name invalid"
        case 0x91: "Packet Identifier in use"
        case 0x92: "Packet Identifier not found"
        case 0x93: "Receive Maximum exceeded"
        case 0x94: "Topic Alias invalid"
        case 0x95: "Packet too large"
        case 0x96: "Message rate too high"
        case 0x97: "Quota exceeded"
        case 0x98: "Administrative action"
        case 0x99: "Payload format invalid"
        case 0x9A: "Retain not supported"
        case 0x9B: "QoS not supported"
        case 0x9C: "Use another server"
        case 0x9D: "Server moved"
        case 0x9E: "Shared Subscriptions not supported"
        case 0x9F: "Connection rate exceeded"
        case 0xA0: "Maximum connect time"
        case 0xA1: "Subscription Identifiers not supported"
        case 0xA2: "Wildcard Subscriptions not supported"
        default: "Reason code"
        }
    }
}

extension MQTTReasonCode: CustomStringConvertible {
    /// The name and the number, as `Not authorized (0x87)`.
    package var description: String {
        let digits = String(rawValue, radix: 16, uppercase: true)
        return "\(name) (0x\(digits.count < 2 ? "0" : "")\(digits))"
    }
}
