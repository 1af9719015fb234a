/// The status page, metrics and health over HTTP.
package struct HTTPConfiguration: Sendable, Equatable {
    package var isEnabled = false
    package var address = IPAddress.loopback
    package var port = 9847
    /// An absolute path.
    package var tokenFile: String?
    package var tls: HTTPTLSConfiguration?
    package var maximumConnections = 64
    package var maximumConnectionsPerAddress = 16
    package var requestsPerSecond = 20

    package init() {}

    var limits: HTTPServer.Limits {
        var limits = HTTPServer.Limits()
        limits.connections = maximumConnections
        limits.connectionsPerAddress = maximumConnectionsPerAddress
        limits.requestsPerSecond = requestsPerSecond
        return limits
    }
}

/// TLS of the HTTP server: PEM files by absolute path.
package struct HTTPTLSConfiguration: Sendable, Equatable {
    package var certificate = ""
    package var key = ""
    package var clientAuthorities: String?

    package init() {}
}
