extension RegistryConfiguration: NamedConfigurationSection {
    static let keys = KeyTable<RegistryConfiguration>([
        .scalar(
            "type", \.kind,
            .choice(["oci": .oci, "mlflow": .mlflow, "https": .https, "directory": .directory]),
            "OCI distribution, MLflow, files with an index on a web server, or a directory such as a"
                + " mounted USB stick", isRequired: true),
        .optional(
            "url", \.url, .registryURL,
            "Where it is, as in https://registry.example:5000; for https, where index.json stands",
            defaultText: "none; required but for directory"),
        .optional(
            "path", \.path, .directoryURL, "The directory, or its file: URL",
            defaultText: "none; required for directory"),
        .list(
            "mirrors", \.mirrors, .registryURL,
            "Caches of the site, asked before url, in this order and without credentials",
            defaultText: "none", maximumCount: 8),
        .optional(
            "username", \.username, .text("a user name"), "User name", defaultText: "none"),
        .optional(
            "passwordFile", \.passwordFile, .path("a file"),
            "File with the password, readable by the agent alone; ${CREDENTIALS_DIRECTORY}/name"
                + " with systemd's LoadCredential",
            defaultText: "none"),
        .optional(
            "tokenFile", \.tokenFile, .path("a file"),
            "File with a bearer token, instead of a user name and password", defaultText: "none"),
        .optional(
            "tokenServer", \.tokenServer, .registryURL,
            "OCI: the token server that may see the password, if it is on another host",
            defaultText: "none but the registry's own host"),
        .optionalSection(
            "tls", \.tls, "TLS of https URLs",
            defaultText: "the system's authorities, no certificate of the agent's own"),
        .optional(
            "proxy", \.proxy, .text("a proxy's URL, or none", typeName: "URL or none"),
            "Proxy, as in http://proxy.example:3128; none: no proxy",
            defaultText: "https_proxy, http_proxy and no_proxy of the environment"),
        .optional(
            "proxyCredentialsFile", \.proxyCredentialsFile, .path("a file"),
            "File with the proxy's `name:password`, readable by the agent alone",
            defaultText: "none"),
        .scalar(
            "connectTimeout", \.connectTimeout, .duration(.seconds(1)...(.seconds(300))),
            "How long name resolution, TCP and TLS together may take"),
        .scalar(
            "stallTimeout", \.stallTimeout, .duration(.seconds(1)...(.seconds(3600))),
            "A transfer below \(HTTPSettings.minimumBytesPerSecond) bytes a second for so long has"
                + " failed, in whole seconds"),
    ])
}

extension ScalarKind where Value == String {
    /// An `http:` or `https:` URL without a user in it: a password in the configuration is no secret.
    static var registryURL: ScalarKind {
        parsed(
            "URL", "a URL such as https://registry.example:5000",
            parse: { text throws(ScalarProblem) in
                let rest: Substring
                if text.hasPrefix("https://") {
                    rest = text.dropFirst(8)
                } else if text.hasPrefix("http://") {
                    rest = text.dropFirst(7)
                } else {
                    throw ScalarProblem(
                        message: "expected a URL that starts with https:// or http://,"
                            + " found '\(YAMLNode.excerpt(text))'")
                }
                let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
                guard !authority.contains("@") else {
                    throw ScalarProblem(
                        message: "must not hold a user or a password: use username and passwordFile"
                    )
                }
                guard !authority.isEmpty, rest.count == rest.prefix(while: { $0 != "?" }).count,
                    !rest.contains("#"), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
                    text.utf8.count <= 2048
                else {
                    throw ScalarProblem(
                        message: "expected a URL without query and fragment,"
                            + " found '\(YAMLNode.excerpt(text))'")
                }
                return text
            },
            format: { $0 })
    }

    /// A path, or a `file:` URL of this machine.
    static var directoryURL: ScalarKind {
        let path = ScalarKind.path("a directory")
        return ScalarKind(
            description: path.description,
            parse: { (text, isPlain, context) throws(ScalarProblem) in
                guard text.hasPrefix("file:") else { return try path.parse(text, isPlain, context) }
                for prefix in ["file:///", "file://localhost/", "file:/"]
                where text.hasPrefix(prefix) {
                    let rest = text.dropFirst(prefix.utf8.count)
                    guard !rest.contains("%"), !rest.hasPrefix("/") else { break }
                    return "/\(rest)"
                }
                throw ScalarProblem(
                    message: "expected a path, or a URL such as file:///media/usb without escapes,"
                        + " found '\(YAMLNode.excerpt(text))'")
            },
            format: { $0 })
    }
}
