extension ConfigurationChecks {
    /// What a registry's keys say together.
    mutating func check(_ registry: RegistryConfiguration) {
        let path = "registries.\(registry.name)"
        guard registry.kind != .directory else { return checkDirectory(registry, at: path) }
        if registry.url == nil, !isGiven("\(path).url") {
            error("\(path).url", "missing: expected a URL such as https://registry.example:5000")
        }
        if isGiven("\(path).path") {
            error("\(path).path", "is for type directory: say url, or type: directory")
        }
        if isGiven("\(path).passwordFile"), !isGiven("\(path).username") {
            error("\(path).passwordFile", "needs username beside it")
        }
        if isGiven("\(path).tokenFile"), isGiven("\(path).username") {
            error("\(path).tokenFile", "takes the place of username and passwordFile: give one")
        }
        if registry.kind != .oci, isGiven("\(path).tokenServer") {
            error("\(path).tokenServer", "is for type oci")
        }
        if registry.kind == .mlflow, isGiven("\(path).mirrors") {
            error("\(path).mirrors", "is for oci and https: MLflow has no caches")
        }
        if registry.stallTimeout.components.attoseconds != 0 {
            let text = DurationText.format(registry.stallTimeout)
            error("\(path).stallTimeout", "must be whole seconds, is \(text)")
        }
        checkEncryption(registry, at: path)
        checkProxy(registry, at: path)
        if let tls = registry.tls { check(tls, at: "\(path).tls") }
    }

    private mutating func checkEncryption(_ registry: RegistryConfiguration, at path: String) {
        guard let url = registry.url, url.hasPrefix("http://") else { return }
        let host = url.dropFirst("http://".utf8.count).prefix { $0 != "/" && $0 != ":" }
        for (key, isSecret) in [
            ("passwordFile", registry.passwordFile != nil),
            ("tokenFile", registry.tokenFile != nil),
        ] where isSecret && !Self.isLoopback(String(host)) {
            warning("\(path).\(key)", "goes over the network in clear text: use https in url")
        }
        if registry.tls != nil, !registry.mirrors.contains(where: { $0.hasPrefix("https://") }) {
            warning("\(path).tls", "has no effect: url starts with http://")
        }
    }

    private mutating func checkProxy(_ registry: RegistryConfiguration, at path: String) {
        guard let proxy = registry.proxy, proxy != "none" else {
            if isGiven("\(path).proxyCredentialsFile"), registry.proxy == "none" {
                error("\(path).proxyCredentialsFile", "contradicts proxy: none")
            }
            return
        }
        let schemes = ["http://", "https://", "socks5://", "socks5h://"]
        guard schemes.contains(where: proxy.hasPrefix) else {
            return error(
                "\(path).proxy", "must start with \(schemes.joined(separator: ", ")), or be none")
        }
        if proxy.contains("@") {
            error(
                "\(path).proxy",
                "must not hold a user or a password: put name:password into proxyCredentialsFile")
        }
    }

    private mutating func checkDirectory(_ registry: RegistryConfiguration, at path: String) {
        if registry.path == nil, !isGiven("\(path).path") {
            error("\(path).path", "missing: expected a directory such as /media/usb")
        }
        for key in RegistryConfiguration.keys.descriptions.map(\.name)
        where !["type", "path"].contains(key) && isGiven("\(path).\(key)") {
            error("\(path).\(key)", "is not for type directory")
        }
    }
}
