extension HTTPConfiguration: ConfigurationSection {
    static let keys = KeyTable<HTTPConfiguration>([
        .scalar(
            "enabled", \.isEnabled, .boolean,
            "Whether the agent listens at all. Without it nothing of HTTP is loaded; `edge-agent status` works all the"
                + " same"),
        .scalar(
            "address", \.address, .ipAddress,
            "Where to listen; another than a loopback address needs tokenFile or tls.clientAuthorities"
        ),
        .scalar("port", \.port, .integer(1...65_535), "TCP port"),
        .optional(
            "tokenFile", \.tokenFile, .path("a file"),
            "File with the token that `Authorization: Bearer` has to show, of 16 characters or more, readable by the"
                + " agent alone; ${CREDENTIALS_DIRECTORY}/name with systemd's LoadCredential",
            defaultText: "none"),
        .optionalSection("tls", \.tls, "TLS, by libmicrohttpd and GnuTLS", defaultText: "no TLS"),
        .scalar(
            "maximumConnections", \.maximumConnections, .integer(4...1024, unit: "connections"),
            "How many connections may be open at once"),
        .scalar(
            "maximumConnectionsPerAddress", \.maximumConnectionsPerAddress,
            .integer(1...1024, unit: "connections"), "How many of them may come from one address"),
        .scalar(
            "requestsPerSecond", \.requestsPerSecond, .integer(1...10_000, unit: "requests"),
            "How many requests a second an address may make for long; three seconds' worth may come at once. A wrong"
                + " token counts for ten"),
    ])
}

extension HTTPTLSConfiguration: ConfigurationSection {
    static let keys = KeyTable<HTTPTLSConfiguration>([
        .scalar(
            "certificate", \.certificate, .path("a PEM file"),
            "The server's certificate with its chain", isRequired: true),
        .scalar(
            "key", \.key, .path("a PEM file"),
            "Key of the certificate, without a passphrase, readable by the agent alone",
            isRequired: true),
        .optional(
            "clientAuthorities", \.clientAuthorities, .path("a PEM file"),
            "Authorities that may sign the certificates of clients; a client with such a certificate needs no token",
            defaultText: "no client certificates"),
    ])
}

extension ScalarKind where Value == IPAddress {
    /// An address by its digits: a name could mean another tomorrow.
    static var ipAddress: ScalarKind {
        parsed(
            "address", "an IP address such as 127.0.0.1, 0.0.0.0 or ::1",
            parse: { IPAddress($0) }, format: \.description)
    }
}
