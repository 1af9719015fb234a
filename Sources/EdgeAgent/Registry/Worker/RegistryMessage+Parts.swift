internal import SensorIO

extension RegistryConfiguration {
    /// Paths of secrets go over, secrets do not.
    var json: JSONValue {
        var members = JSONValue.members([
            "name": .string(name), "type": .string(kind.rawValue), "url": .text(url),
            "path": .text(path), "mirrors": .array(mirrors.map { .string($0) }),
            "username": .text(username), "passwordFile": .text(passwordFile),
            "tokenFile": .text(tokenFile), "tokenServer": .text(tokenServer),
            "proxy": .text(proxy), "proxyCredentialsFile": .text(proxyCredentialsFile),
            "connectTimeout": .integer(connectTimeout.components.seconds),
            "stallTimeout": .integer(stallTimeout.components.seconds),
        ])
        if let tls {
            members += JSONValue.members([
                "tls": .object(
                    JSONValue.members([
                        "ca": .text(tls.ca), "certificate": .text(tls.certificate),
                        "systemAuthorities": tls.systemAuthorities.map { .bool($0) } ?? .null,
                        "key": .text(tls.key), "isTLS13": .bool(tls.minimumVersion == .v13),
                    ]))
            ])
        }
        return .object(members)
    }

    init(json node: JSONNode) throws(JSONError) {
        self.init()
        name = try node.required("name").string()
        let kindNode = try node.required("type")
        guard let kind = Kind(rawValue: try kindNode.string()) else {
            throw kindNode.invalid("be a known type")
        }
        self.kind = kind
        url = try node.optional("url")?.string()
        path = try node.optional("path")?.string()
        mirrors = try node.required("mirrors").strings()
        username = try node.optional("username")?.string()
        passwordFile = try node.optional("passwordFile")?.string()
        tokenFile = try node.optional("tokenFile")?.string()
        tokenServer = try node.optional("tokenServer")?.string()
        proxy = try node.optional("proxy")?.string()
        proxyCredentialsFile = try node.optional("proxyCredentialsFile")?.string()
        connectTimeout = .seconds(try node.required("connectTimeout").integer(in: 1...3600))
        stallTimeout = .seconds(try node.required("stallTimeout").integer(in: 1...3600))
        if let node = try node.optional("tls") {
            var tls = TLSConfiguration()
            tls.ca = try node.optional("ca")?.string()
            tls.systemAuthorities = try node.optional("systemAuthorities")?.bool()
            tls.certificate = try node.optional("certificate")?.string()
            tls.key = try node.optional("key")?.string()
            tls.minimumVersion = try node.required("isTLS13").bool() ? .v13 : .v12
            self.tls = tls
        }
    }
}

extension DownloadControl.Limits {
    var json: JSONValue {
        .object(
            JSONValue.members([
                "maximumBytes": .integer(Int64(clamping: maximumBytes)),
                "maximumFiles": .integer(Int64(maximumFiles)),
                "reservedBytes": .integer(Int64(clamping: reservedBytes)),
                "bytesPerSecond": bytesPerSecond.map { .integer(Int64(clamping: $0)) } ?? .null,
            ]))
    }

    init(json node: JSONNode) throws(JSONError) {
        let rate = try node.optional("bytesPerSecond")?.integer(in: 0...Int.max)
        self.init(
            maximumBytes: UInt64(try node.required("maximumBytes").integer(in: 0...Int.max)),
            maximumFiles: try node.required("maximumFiles").integer(in: 0...Int(Int32.max)),
            reservedBytes: UInt64(try node.required("reservedBytes").integer(in: 0...Int.max)),
            bytesPerSecond: rate.map { UInt64($0) })
    }
}

extension ResolvedModel {
    var json: JSONValue {
        .object(
            JSONValue.members([
                "origin": .string(origin), "validator": .string(validator.text),
                "files": .array(files.map(\.json)),
            ]))
    }

    init(json node: JSONNode) throws(JSONError) {
        let elements = try node.required("files").elements()
        var files: [RegistryFile] = []
        for element in elements { files.append(try RegistryFile(json: element)) }
        self.init(
            origin: try node.required("origin").string(),
            validator: RegistryValidator(text: try node.required("validator").string()),
            files: files)
    }
}

extension RegistryFile {
    fileprivate var json: JSONValue {
        .object(
            JSONValue.members([
                "name": .string(name),
                "size": sizeBytes.map { .integer(Int64(clamping: $0)) } ?? .null,
                "sha256": .text(sha256?.hexadecimal), "location": .string(location),
            ]))
    }

    fileprivate init(json node: JSONNode) throws(JSONError) {
        let name = try node.required("name")
        var sha256: SHA256Digest?
        if let node = try node.optional("sha256") {
            sha256 = SHA256Digest(hexadecimal: try node.string())
            guard sha256 != nil else { throw node.invalid("be 64 hexadecimal digits") }
        }
        let size = try node.optional("size")?.integer(in: 0...Int.max)
        let file = RegistryFile(
            name: try name.string(), sizeBytes: size.map { UInt64($0) }, sha256: sha256,
            location: try node.required("location").string())
        guard let file else { throw name.invalid("be a plain file name") }
        self = file
    }
}
