/// The version of MQTT that is spoken.
package enum MQTTProtocolVersion: Sendable, Equatable {
    case v311
    case v5
}

/// TLS between the agent and a broker. The broker's certificate and its name are always checked.
package struct MQTTTransportSecurity: Sendable, Equatable {
    /// The oldest version of TLS that is accepted.
    package enum MinimumVersion: Sendable, Equatable {
        case v12
        case v13
    }

    /// PEM file with the certificates of the authorities that may sign the broker's certificate.
    package var certificateAuthorityFile: String?
    /// Whether the authorities that the operating system trusts may sign it, too.
    package var usesSystemAuthorities: Bool
    /// PEM file with the agent's own certificate (and its chain); needs ``clientKeyFile``.
    package var clientCertificateFile: String?
    /// PEM file with the key of the agent's certificate, without a passphrase.
    package var clientKeyFile: String?
    package var minimumVersion: MinimumVersion

    package init(
        certificateAuthorityFile: String? = nil, usesSystemAuthorities: Bool = false,
        clientCertificateFile: String? = nil, clientKeyFile: String? = nil,
        minimumVersion: MinimumVersion = .v12
    ) {
        self.certificateAuthorityFile = certificateAuthorityFile
        self.usesSystemAuthorities = usesSystemAuthorities
        self.clientCertificateFile = clientCertificateFile
        self.clientKeyFile = clientKeyFile
        self.minimumVersion = minimumVersion
    }
}

/// What the broker publishes when the agent vanishes without a word.
package struct MQTTWill: Sendable, Equatable {
    package var topic: String
    package var payload: [UInt8]
    package var qualityOfService: MQTTQualityOfService
    package var isRetained: Bool
    /// The content type of the payload; MQTT 5 only.
    package var contentType: MQTTContentType

    package init(
        topic: String, payload: [UInt8], qualityOfService: MQTTQualityOfService = .atLeastOnce,
        isRetained: Bool = true, contentType: MQTTContentType = .none
    ) {
        self.topic = topic
        self.payload = payload
        self.qualityOfService = qualityOfService
        self.isRetained = isRetained
        self.contentType = contentType
    }
}

/// How often a message arrives. QoS 2 is left out on purpose: libmosquitto 2.0.11 loses such a
/// message when the process dies in its callback; use QoS 1 and receivers that drop duplicates.
package enum MQTTQualityOfService: Int32, Sendable, Equatable {
    case atMostOnce = 0
    case atLeastOnce = 1
}

/// The content type of a payload: what is announced by MQTT 5, left out by 3.1.1.
package enum MQTTContentType: Int, Sendable, Equatable, CaseIterable {
    case none
    case json
    case cloudEventsJSON

    /// The text in the PUBLISH packet; empty for ``none``.
    ///
    /// - Source: CloudEvents MQTT protocol binding 1.0.2, section 3.2.
    package var text: String {
        switch self {
        case .none: ""
        case .json: "application/json"
        case .cloudEventsJSON: "application/cloudevents+json; charset=utf-8"
        }
    }
}

/// A topic filter to subscribe to.
package struct MQTTSubscription: Sendable, Equatable {
    /// What comes on it.
    package enum Content: Sendable, Equatable {
        /// Values: a retained one when the subscription is new.
        case values
        /// Requests: what the broker has retained is not sent, what was published as retained says so, and
        /// nothing of one's own comes back. MQTT 5 only.
        case requests
    }

    /// The filter as MQTT spells it (``TopicFilter/mqttFilter``).
    package var filter: String
    package var qualityOfService: MQTTQualityOfService
    package var content: Content

    package init(
        filter: String, qualityOfService: MQTTQualityOfService = .atLeastOnce,
        content: Content = .values
    ) {
        self.filter = filter
        self.qualityOfService = qualityOfService
        self.content = content
    }

    /// The options of a SUBSCRIBE of MQTT 5.
    ///
    /// - Source: MQTT Version 5.0, section 3.8.3.1.
    var options: Int32 {
        switch content {
        // Retained messages only when the subscription is new, not at each reconnect.
        case .values: 0x10
        // No Local, Retain As Published, Retain Handling 2.
        case .requests: 0x04 | 0x08 | 0x20
        }
    }
}

/// A broker, and how the agent introduces itself to it.
package struct MQTTEndpoint: Sendable, Equatable {
    /// Name or address. With TLS, the name that the broker's certificate must carry.
    package var host: String
    /// - Range: 1...65535
    package var port: UInt16
    package var protocolVersion: MQTTProtocolVersion
    /// Unique at the broker: a second client of the same name ends the first one's session.
    package var clientIdentifier: String
    package var username: String?
    package var password: [UInt8]?
    package var tls: MQTTTransportSecurity?
    /// - Units: seconds. - Range: 5...65535
    package var keepAliveSeconds: UInt16
    /// How long the broker keeps the session while the agent is away (MQTT 5; 3.1.1 has no limit).
    package var sessionExpirySeconds: UInt32
    /// Whether the broker forgets an old session, with what it has kept for it, at each connect.
    package var cleanStart: Bool
    package var will: MQTTWill?
    /// How many QoS 1 messages the broker may send before it has a PUBACK (MQTT 5).
    package var receiveMaximum: UInt16
    /// How many QoS 1 messages may wait for the broker's PUBACK.
    package var sendMaximum: UInt16
    /// The largest packet that the broker may send (MQTT 5; with 3.1.1 the broker's own limit holds).
    package var maximumPacketBytes: UInt32
    package var reconnect: BackoffPolicy
    /// How long DNS, TCP and TLS together may take; and then again the CONNACK, and a SUBACK.
    package var connectTimeoutNanoseconds: UInt64

    package init(
        host: String, port: UInt16 = 1883, protocolVersion: MQTTProtocolVersion = .v5,
        clientIdentifier: String, username: String? = nil, password: [UInt8]? = nil,
        tls: MQTTTransportSecurity? = nil, keepAliveSeconds: UInt16 = 30,
        sessionExpirySeconds: UInt32 = 86_400, cleanStart: Bool = false, will: MQTTWill? = nil,
        receiveMaximum: UInt16 = 1_000, sendMaximum: UInt16 = 100,
        maximumPacketBytes: UInt32 = 1 << 20, reconnect: BackoffPolicy = BackoffPolicy(),
        connectTimeoutNanoseconds: UInt64 = 15_000_000_000
    ) {
        self.host = host
        self.port = port
        self.protocolVersion = protocolVersion
        self.clientIdentifier = clientIdentifier
        self.username = username
        self.password = password
        self.tls = tls
        self.keepAliveSeconds = keepAliveSeconds
        self.sessionExpirySeconds = sessionExpirySeconds
        self.cleanStart = cleanStart
        self.will = will
        self.receiveMaximum = receiveMaximum
        self.sendMaximum = sendMaximum
        self.maximumPacketBytes = maximumPacketBytes
        self.reconnect = reconnect
        self.connectTimeoutNanoseconds = connectTimeoutNanoseconds
    }
}

extension MQTTEndpoint: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Where and who, without the password.
    package var description: String {
        let scheme = tls == nil ? "mqtt" : "mqtts"
        let user = username.map { "\($0)@" } ?? ""
        return "\(scheme)://\(user)\(host):\(port) as \(clientIdentifier)"
    }

    package var debugDescription: String { description }

    /// Nothing but the description: reflection (`dump`, a test's diagnostics) shows no password.
    package var customMirror: Mirror { Mirror(self, children: ["endpoint": description]) }
}
