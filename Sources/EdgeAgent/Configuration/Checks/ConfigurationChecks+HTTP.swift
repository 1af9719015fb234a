// HTTP: what would show the plant to everybody.
extension ConfigurationChecks {
    mutating func checkHTTP() {
        let http = configuration.http
        if http.maximumConnectionsPerAddress > http.maximumConnections,
            isGiven("http.maximumConnectionsPerAddress") || isGiven("http.maximumConnections")
        {
            error(
                "http.maximumConnectionsPerAddress",
                "must be at most maximumConnections, which is \(http.maximumConnections)")
        }
        guard http.isEnabled, !http.address.isLoopback else { return }
        if http.tokenFile == nil, http.tls?.clientAuthorities == nil {
            error(
                "http.address",
                "whoever reaches \(http.address) could read everything: give tokenFile or tls.clientAuthorities, or"
                    + " listen on 127.0.0.1")
        }
        if http.tokenFile != nil, http.tls == nil {
            warning("http.tokenFile", "the token goes over the network in clear text: use tls")
        }
    }
}
