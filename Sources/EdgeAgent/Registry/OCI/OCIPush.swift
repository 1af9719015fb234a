internal import SensorIO

/// Pushes a bundle's files to an OCI registry, as `oras push` would.
package struct OCIPush: Sendable {
    /// What was pushed.
    package struct Report: Sendable, Equatable {
        /// With its registry.
        package var repository: String
        package var manifestDigest: SHA256Digest
        package var tags: [String]
        package var totalBytes: Int
        /// Blobs that the registry had already.
        package var skippedBlobs: Int
    }

    private let configuration: RegistryConfiguration

    package init(_ configuration: RegistryConfiguration) { self.configuration = configuration }

    /// Pushes the files of a bundle's directory. Blocks on the disk and the network.
    ///
    /// - Parameter tags: at least one; each then names what was pushed.
    /// - Throws: `RegistryError`, or `BundleError` for a directory that is no bundle.
    package func push(
        bundle path: String, repository: String, tags: [String], control: DownloadControl
    ) throws -> Report {
        let bundle = try ModelBundle(directory: path, agentVersion: AgentVersion.current)
        let files = try BundleFiles(directory: path)
        return try push(files, of: bundle.manifest, repository, tags, control)
    }

    /// Pushes to a reference with its registry in it, as in `registry.example:5000/models/vibration:1.4.0`. Blocks.
    ///
    /// - Parameter registry: all but the URL.
    /// - Throws: as `push(bundle:repository:tags:control:)`.
    package static func push(
        bundle path: String, to reference: String, isPlain: Bool, alsoTags: [String],
        _ registry: RegistryConfiguration
    ) throws -> Report {
        guard let slash = reference.firstIndex(of: "/"), slash != reference.startIndex,
            let name = ModelReference(String(reference[reference.index(after: slash)...])),
            alsoTags.allSatisfy(ModelReference.isTag)
        else {
            throw RegistryError(
                .configuration,
                "\(reference): expected as in registry.example:5000/models/vibration:1.4.0")
        }
        var tags: [String]
        switch name.selector {
        case .tag(let tag): tags = [tag]
        case .digest:
            throw RegistryError(.configuration, "\(reference): push to a tag, not to a digest")
        case .newest:
            let bundle = try ModelBundle(directory: path, agentVersion: AgentVersion.current)
            tags = [bundle.manifest.version.description.replacingEach("+", with: "_")]
        }
        tags += alsoTags.filter { !tags.contains($0) }
        var registry = registry
        registry.url = "\(isPlain ? "http" : "https")://\(reference[..<slash])"
        return try OCIPush(registry).push(
            bundle: path, repository: name.name, tags: tags, control: DownloadControl())
    }

    private func push(
        _ files: BundleFiles, of manifest: BundleManifest, _ repository: String, _ tags: [String],
        _ control: DownloadControl
    ) throws(RegistryError) -> Report {
        try OCIRegistry.checkName(repository)
        let servers = try RegistryServers(configuration, control: control)
        let authorizer = try OCIAuthorizer(
            credentials: servers.credentials, home: servers.home, tokenServer: servers.tokenServer,
            repository: repository, actions: "pull,push", settings: servers.settings,
            control: control)
        // Mirrors are asked, never told.
        guard let server = try servers.all(authorizer: authorizer).last else {
            throw RegistryError(.configuration, "no registry to push to")
        }
        var layers: [OCIDescriptor] = []
        var total = 0
        var skipped = 0
        for name in files.names {
            let bytes = files[name] ?? []
            let layer = OCIDescriptor(
                mediaType: OCIMediaType.layer(name), digest: SHA256Digest(of: bytes),
                size: UInt64(bytes.count), title: name)
            skipped += try upload(bytes, layer.digest, repository, server) ? 0 : 1
            layers.append(layer)
            total += bytes.count
        }
        let config = Self.config(manifest, layers)
        let configDescriptor = OCIDescriptor(
            mediaType: OCIMediaType.modelConfig, digest: SHA256Digest(of: config),
            size: UInt64(config.count))
        skipped += try upload(config, configDescriptor.digest, repository, server) ? 0 : 1
        let bytes = Self.manifest(config: configDescriptor, layers: layers)
        let digest = SHA256Digest(of: bytes)
        for tag in tags {
            let url = try server.url("v2/\(repository)/manifests/\(tag)")
            let answer = try server.http.send(
                HTTPRequest(
                    method: .put, url: url, headers: [("Content-Type", OCIMediaType.manifest)],
                    body: bytes, timeout: HTTPSettings.documentTimeout),
                to: DocumentReceiver("\(url)"))
            guard answer.head.isSuccess else { throw RegistryHTTP.error(answer) }
            if let said = answer.head["docker-content-digest"], said != digest.description {
                throw RegistryError(
                    .corrupt, "\(url): the registry stored \(said) instead of \(digest)")
            }
        }
        return Report(
            repository: "\(servers.home.host):\(servers.home.port)/\(repository)",
            manifestDigest: digest, tags: tags, totalBytes: total, skippedBlobs: skipped)
    }

    /// Uploads a blob in one piece.
    ///
    /// - Returns: false if the registry had it already.
    private func upload(
        _ bytes: [UInt8], _ digest: SHA256Digest, _ repository: String,
        _ server: RegistryServers.Server
    ) throws(RegistryError) -> Bool {
        let blob = try server.url("v2/\(repository)/blobs/\(digest)")
        let discard = DocumentReceiver("\(blob)")
        let existing = try server.http.send(
            HTTPRequest(method: .head, url: blob, timeout: HTTPSettings.documentTimeout),
            to: discard)
        if existing.head.isSuccess { return false }
        let start = try server.url("v2/\(repository)/blobs/uploads/")
        let begun = try server.http.send(
            HTTPRequest(method: .post, url: start, timeout: HTTPSettings.documentTimeout),
            to: discard)
        guard begun.head.isSuccess else { throw RegistryHTTP.error(begun) }
        guard let location = begun.head["location"],
            let target = start.resolving(location),
            let url = HTTPURL(
                "\(target.text)\(target.text.utf8.contains(0x3F) ? "&" : "?")digest=\(digest)")
        else {
            throw RegistryError(.protocolViolation, "\(start): does not say where to upload")
        }
        let answer = try server.http.send(
            HTTPRequest(
                method: .put, url: url, headers: [("Content-Type", "application/octet-stream")],
                body: bytes),
            to: discard)
        guard answer.head.isSuccess else { throw RegistryHTTP.error(answer) }
        return true
    }

    /// The configuration of ModelPack; of its keys those that a bundle knows, none of which is a time: the same
    /// bundle always makes the same artifact.
    /// - Source: CNCF ModelPack specification 0.0.7, "Config".
    static func config(_ manifest: BundleManifest, _ layers: [OCIDescriptor]) -> [UInt8] {
        var json = JSONWriter(growingTo: 1 << 20)
        json.beginObject()
        json.beginObject("descriptor")
        json.member("name", manifest.name)
        json.member("version", manifest.version.description)
        json.endObject()
        json.beginObject("modelfs")
        json.member("type", "layers")
        json.member("diffIds", layers.map(\.digest.description))
        json.endObject()
        json.beginObject("config")
        json.member("format", manifest.runtime.rawValue)
        json.endObject()
        json.endObject()
        _ = json.finish()
        return json.copyBytes()
    }

    /// The manifest, byte for byte as oras writes it, but for the time.
    static func manifest(config: OCIDescriptor, layers: [OCIDescriptor]) -> [UInt8] {
        var json = JSONWriter(growingTo: 1 << 20)
        json.beginObject()
        json.member("schemaVersion", 2)
        json.member("mediaType", OCIMediaType.manifest)
        json.member("artifactType", OCIMediaType.modelManifest)
        json.key("config")
        write(config, to: &json)
        json.beginArray("layers")
        for layer in layers { write(layer, to: &json) }
        json.endArray()
        json.endObject()
        _ = json.finish()
        return json.copyBytes()
    }

    private static func write(_ descriptor: OCIDescriptor, to json: inout JSONWriter) {
        json.beginObject()
        json.member("mediaType", descriptor.mediaType)
        json.member("digest", descriptor.digest.description)
        json.member("size", descriptor.size)
        if let title = descriptor.annotations[OCIMediaType.titleAnnotation] {
            json.beginObject("annotations")
            json.member("org.opencontainers.image.title", title)
            json.endObject()
        }
        json.endObject()
    }
}
