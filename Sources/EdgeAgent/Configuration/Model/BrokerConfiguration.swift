package import SensorIO

/// One MQTT broker, and how the agent introduces itself to it.
package struct BrokerConfiguration: Sendable, Equatable {
    package var name = ""
    package var host = ""
    /// nil: 8883 with TLS, else 1883.
    package var port: Int?
    package var protocolVersion = MQTTProtocolVersion.v5
    /// The start of the client identifiers; nil: the agent's id.
    package var clientIdentifier: String?
    package var username: String?
    package var passwordFile: String?
    package var tls: TLSConfiguration?
    package var keepAlive = Duration.seconds(30)
    package var sessionExpiry = Duration.seconds(86_400)
    package var cleanStart = false
    package var receiveMaximum = 1000
    package var sendMaximum = 100
    /// - Units: bytes
    package var maximumPacketBytes = 1 << 20
    package var connectTimeout = Duration.seconds(15)
    package var reconnect = ReconnectConfiguration()

    package init() {}

    /// The port that is used.
    package var effectivePort: UInt16 {
        port.flatMap { UInt16(exactly: $0) } ?? (tls == nil ? 1883 : 8883)
    }

    /// The endpoint of one session to this broker, without a will.
    ///
    /// - Parameters:
    ///   - agent: the agent's id.
    ///   - role: what tells this session from the agent's others; part of the client identifier.
    ///   - password: the content of `passwordFile`.
    package func endpoint(agent: String, role: String, password: [UInt8]?) -> MQTTEndpoint {
        MQTTEndpoint(
            host: host, port: effectivePort, protocolVersion: protocolVersion,
            clientIdentifier: "\(clientIdentifier ?? agent)-\(role)", username: username,
            password: password, tls: tls?.transportSecurity,
            keepAliveSeconds: UInt16(clamping: keepAlive.components.seconds),
            sessionExpirySeconds: UInt32(clamping: sessionExpiry.components.seconds),
            cleanStart: cleanStart, receiveMaximum: UInt16(clamping: receiveMaximum),
            sendMaximum: UInt16(clamping: sendMaximum),
            maximumPacketBytes: UInt32(clamping: maximumPacketBytes),
            reconnect: BackoffPolicy(
                initialNanoseconds: UInt64(clamping: reconnect.initial.wholeNanoseconds),
                maximumNanoseconds: UInt64(clamping: reconnect.maximum.wholeNanoseconds)),
            connectTimeoutNanoseconds: UInt64(clamping: connectTimeout.wholeNanoseconds))
    }
}

/// TLS to a broker.
package struct TLSConfiguration: Sendable, Equatable {
    /// PEM files by absolute path.
    package var ca: String?
    package var systemAuthorities: Bool?
    package var certificate: String?
    package var key: String?
    package var minimumVersion = MQTTTransportSecurity.MinimumVersion.v12

    package init() {}

    /// What a session is given. Without a CA file the system's authorities are asked.
    package var transportSecurity: MQTTTransportSecurity {
        MQTTTransportSecurity(
            certificateAuthorityFile: ca, usesSystemAuthorities: systemAuthorities ?? (ca == nil),
            clientCertificateFile: certificate, clientKeyFile: key,
            minimumVersion: minimumVersion)
    }
}

/// How long to wait between attempts to connect.
package struct ReconnectConfiguration: Sendable, Equatable {
    package var initial = Duration.seconds(1)
    package var maximum = Duration.seconds(60)

    package init() {}
}
