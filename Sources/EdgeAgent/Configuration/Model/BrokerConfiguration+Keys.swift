internal import SensorIO

extension BrokerConfiguration: NamedConfigurationSection {
    static let keys = KeyTable<BrokerConfiguration>([
        .scalar(
            "host", \.host, .text("a host name or address", maximumBytes: 253, typeName: "host"),
            "Name or address; with TLS, the name in the broker's certificate", isRequired: true),
        .optional(
            "port", \.port, .integer(1...65_535), "TCP port",
            defaultText: "8883 with tls, else 1883"),
        .scalar(
            "protocol", \.protocolVersion, .choice(["5": .v5, "3.1.1": .v311]),
            "Version of MQTT"),
        .optional(
            "clientId", \.clientIdentifier, .identifier("the start of a client identifier"),
            "Start of the client identifiers; each session adds its role",
            defaultText: "that of agent.id"),
        .optional(
            "username", \.username, .text("a user name"), "User name", defaultText: "none"),
        .optional(
            "passwordFile", \.passwordFile, .path("a file"),
            "File with the password, readable by the agent alone; ${CREDENTIALS_DIRECTORY}/name"
                + " with systemd's LoadCredential",
            defaultText: "none"),
        .optionalSection(
            "tls", \.tls, "TLS; `{}` trusts the system's authorities", defaultText: "no TLS"),
        .scalar(
            "keepAlive", \.keepAlive, .duration(.seconds(5)...(.seconds(65_535))),
            "How soon a dead connection is noticed, in whole seconds"),
        .scalar(
            "sessionExpiry", \.sessionExpiry, .duration(.zero ... .seconds(4_294_967_294)),
            "How long the broker keeps messages while the agent is away, in whole seconds (MQTT 5)"),
        .scalar(
            "cleanStart", \.cleanStart, .boolean,
            "Forget, at each connect, what the broker has kept"),
        .scalar(
            "receiveMaximum", \.receiveMaximum, .integer(1...65_535, unit: "messages"),
            "How many QoS 1 messages the broker may send ahead (MQTT 5)"),
        .scalar(
            "sendMaximum", \.sendMaximum, .integer(1...65_535, unit: "messages"),
            "How many QoS 1 messages may wait for the broker's PUBACK"),
        .scalar(
            "maximumPacketBytes", \.maximumPacketBytes, .size(1024...(256 << 20)),
            "The largest packet that the broker may send (MQTT 5)"),
        .scalar(
            "connectTimeout", \.connectTimeout, .duration(.seconds(1)...(.seconds(300))),
            "How long name resolution, TCP and TLS together may take"),
        .section("reconnect", \.reconnect, "Waits between attempts to connect, with jitter"),
    ])
}

extension TLSConfiguration: ConfigurationSection {
    static let keys = KeyTable<TLSConfiguration>([
        .optional(
            "ca", \.ca, .path("a PEM file"), "Authorities that may sign the server's certificate",
            defaultText: "the system's"),
        .optional(
            "systemAuthorities", \.systemAuthorities, .boolean,
            "Whether the system's authorities may sign it, too", defaultText: "true without ca"),
        .optional(
            "certificate", \.certificate, .path("a PEM file"),
            "The agent's own certificate with its chain", defaultText: "none"),
        .optional(
            "key", \.key, .path("a PEM file"),
            "Key of the certificate, without a passphrase, readable by the agent alone",
            defaultText: "none"),
        .scalar(
            "minimumVersion", \.minimumVersion, .choice(["1.2": .v12, "1.3": .v13]),
            "The oldest version of TLS that is accepted"),
    ])
}

extension ReconnectConfiguration: ConfigurationSection {
    static let keys = KeyTable<ReconnectConfiguration>([
        .scalar(
            "initial", \.initial, .duration(.milliseconds(20)...(.seconds(3600))),
            "The longest first wait; it doubles with each failure"),
        .scalar(
            "maximum", \.maximum, .duration(.milliseconds(20)...(.seconds(86_400))),
            "The longest wait"),
    ])
}
