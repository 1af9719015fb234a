internal import SensorIO

/// The servers of one registry, and who asks them.
struct RegistryServers {
    /// One of them, with its connections.
    struct Server {
        let base: HTTPURL
        let http: RegistryHTTP

        /// A URL below the base.
        func url(_ path: String) throws(RegistryError) -> HTTPURL {
            guard let url = base.appending(path) else {
                throw RegistryError(.configuration, "\(base): no URL with '\(path)' can be made")
            }
            return url
        }
    }

    let home: HTTPURL
    let tokenServer: HTTPURL?
    let settings: HTTPSettings
    let credentials: RegistryCredentials
    private let mirrors: [HTTPURL]
    private let control: DownloadControl

    /// Reads the files that hold secrets. Blocks on the disk.
    ///
    /// - Throws: `.configuration`.
    init(
        _ configuration: RegistryConfiguration, control: DownloadControl
    ) throws(RegistryError) {
        let name = configuration.name
        if let reason = CurlURL.unavailableReason { throw RegistryError(.configuration, reason) }
        func url(_ key: String, _ text: String) throws(RegistryError) -> HTTPURL {
            guard let url = HTTPURL(text) else {
                throw RegistryError(
                    .configuration, "registries.\(name).\(key): '\(text)' is no URL")
            }
            return url
        }
        guard let text = configuration.url else {
            throw RegistryError(.configuration, "registries.\(name).url: missing")
        }
        home = try url("url", text)
        var mirrors: [HTTPURL] = []
        for mirror in configuration.mirrors { mirrors.append(try url("mirrors", mirror)) }
        self.mirrors = mirrors
        if let server = configuration.tokenServer {
            tokenServer = try url("tokenServer", server)
        } else {
            tokenServer = nil
        }
        credentials = RegistryCredentials(
            username: configuration.username,
            password: try Self.secret(configuration.passwordFile, "\(name).passwordFile"),
            token: try Self.token(configuration.tokenFile, "\(name).tokenFile"))
        var settings = HTTPSettings(
            proxyCredentials: try Self.secret(
                configuration.proxyCredentialsFile, "\(name).proxyCredentialsFile"),
            connectTimeout: configuration.connectTimeout, stallTimeout: configuration.stallTimeout)
        if let tls = configuration.tls {
            settings.certificateAuthorityFile = tls.ca
            settings.usesSystemAuthorities = tls.transportSecurity.usesSystemAuthorities
            settings.clientCertificateFile = tls.certificate
            settings.clientKeyFile = tls.key
            settings.requiresTLS13 = tls.minimumVersion == .v13
        }
        switch configuration.proxy {
        case nil: settings.proxy = .environment
        case "none": settings.proxy = .none
        case .some(let url): settings.proxy = .url(url)
        }
        self.settings = settings
        self.control = control
    }

    /// Asks one server after the other until one knows; the last error is that of the registry itself.
    func first<Answer>(
        authorizer: (any HTTPAuthorizer)?, _ ask: (Server) throws(RegistryError) -> Answer
    ) throws(RegistryError) -> Answer {
        for base in mirrors {
            do throws(RegistryError) {
                return try ask(try server(base, authorizer: nil))
            } catch {
                if error.kind == .cancelled { throw error }
            }
        }
        return try ask(try server(home, authorizer: authorizer))
    }

    /// All servers, the one to ask first first.
    func all(authorizer: (any HTTPAuthorizer)?) throws(RegistryError) -> [Server] {
        var servers: [Server] = []
        for base in mirrors { servers.append(try server(base, authorizer: nil)) }
        servers.append(try server(home, authorizer: authorizer))
        return servers
    }

    private func server(
        _ base: HTTPURL, authorizer: (any HTTPAuthorizer)?
    ) throws(RegistryError) -> Server {
        let http = try RegistryHTTP(home: base, settings: settings, control: control)
        http.authorizer = authorizer
        return Server(base: base, http: http)
    }

    private static func secret(_ path: String?, _ key: String) throws(RegistryError) -> [UInt8]? {
        guard let path else { return nil }
        do throws(SecretFileError) {
            return try SecretFile(path: path).bytes
        } catch {
            throw RegistryError(.configuration, "registries.\(key): '\(path)' \(error.message)")
        }
    }

    /// A token becomes part of a header's line.
    private static func token(_ path: String?, _ key: String) throws(RegistryError) -> [UInt8]? {
        guard let token = try secret(path, key) else { return nil }
        guard token.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw RegistryError(
                .configuration, "registries.\(key): a token is one line of visible ASCII")
        }
        return token
    }
}
