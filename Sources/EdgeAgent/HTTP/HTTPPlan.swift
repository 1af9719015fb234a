/// What the HTTP server needs, read before anything is started.
package struct HTTPPlan: Sendable {
    let configuration: HTTPConfiguration
    let token: [UInt8]?
    let tls: HTTPServer.TLS?
    let warnings: [ConfigurationDiagnostic]

    /// The token may not be guessed in the time that a plant stands.
    private static let minimumTokenBytes = 16

    /// Reads token, certificate and key. Blocks on the disk.
    ///
    /// - Returns: nil where HTTP is off.
    /// - Throws: every file that cannot be used.
    package init?(_ loaded: LoadedConfiguration) throws(ConfigurationError) {
        let http = loaded.configuration.http
        guard http.isEnabled else { return nil }
        configuration = http
        var diagnostics = ConfigurationDiagnostics()
        func read(_ key: String, _ path: String, isSecret: Bool) -> [UInt8]? {
            let location = loaded.location(of: key)
            do throws(SecretFileError) {
                let file = try SecretFile(path: path)
                if isSecret, file.isExposed {
                    diagnostics.warning(
                        location, key, "'\(path)' can be read or changed by others: chmod 600")
                }
                return file.bytes
            } catch {
                diagnostics.error(location, key, "'\(path)' \(error.message)")
                return nil
            }
        }
        token = http.tokenFile.flatMap { read("http.tokenFile", $0, isSecret: true) }
        if let token, token.count < Self.minimumTokenBytes {
            diagnostics.error(
                loaded.location(of: "http.tokenFile"), "http.tokenFile",
                "the token has \(token.count) characters, at least \(Self.minimumTokenBytes) are needed:"
                    + " openssl rand -hex 32 makes one")
        }
        if let token, !token.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
            diagnostics.error(
                loaded.location(of: "http.tokenFile"), "http.tokenFile",
                "the token is not one line of plain ASCII without spaces")
        }
        if let files = http.tls {
            let certificate = read("http.tls.certificate", files.certificate, isSecret: false)
            let key = read("http.tls.key", files.key, isSecret: true)
            let authorities = files.clientAuthorities.flatMap {
                read("http.tls.clientAuthorities", $0, isSecret: false)
            }
            tls = HTTPServer.TLS(
                certificate: certificate ?? [], key: key ?? [], clientAuthorities: authorities)
        } else {
            tls = nil
        }
        guard !diagnostics.hasErrors else { throw ConfigurationError(diagnostics: diagnostics) }
        warnings = diagnostics.warnings
    }

    var access: HTTPAccess {
        HTTPAccess(
            isLoopback: configuration.address.isLoopback, token: token,
            acceptsCertificates: tls?.clientAuthorities != nil)
    }
}
