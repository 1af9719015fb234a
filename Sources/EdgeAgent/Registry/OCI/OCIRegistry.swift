internal import SensorIO

/// A registry as the OCI distribution specification 1.1 has it.
package struct OCIRegistry: ModelRegistry {
    /// What was seen: the manifest's digest, and how it is signed.
    struct Validator: Equatable {
        var manifest: SHA256Digest
        /// The digest of the referrer's manifest, `bundled`, or `none`.
        var signature: String

        /// An unsigned model may be signed later, under the same digest.
        var isSigned: Bool { signature != Self.none }

        static let bundled = "bundled"
        static let none = "none"

        var text: RegistryValidator { RegistryValidator(text: "\(manifest) \(signature)") }

        init(manifest: SHA256Digest, signature: String) {
            self.manifest = manifest
            self.signature = signature
        }

        init?(_ known: RegistryValidator?) {
            guard let parts = known?.text.split(separator: " "), parts.count == 2,
                parts[0].hasPrefix("sha256:"),
                let manifest = SHA256Digest(hexadecimal: parts[0].dropFirst(7))
            else { return nil }
            self.manifest = manifest
            signature = String(parts[1])
        }
    }

    private static let signatureName = BundleFiles.signatureName
    private static let maximumTagPages = 20

    let configuration: RegistryConfiguration

    package init(_ configuration: RegistryConfiguration) { self.configuration = configuration }

    package func resolve(
        _ reference: ModelReference, known: RegistryValidator?, control: DownloadControl
    ) throws(RegistryError) -> ResolvedModel? {
        try Self.checkName(reference.name)
        let servers = try RegistryServers(configuration, control: control)
        let authorizer = try self.authorizer(reference.name, servers, control)
        return try servers.first(authorizer: authorizer) {
            server throws(RegistryError) -> ResolvedModel? in
            try resolve(reference, known: Validator(known), on: server)
        }
    }

    package func download(
        _ model: ResolvedModel, into directory: PartialDownload, control: DownloadControl
    ) throws(RegistryError) {
        guard let repository = model.files.first?.location.repository else {
            throw RegistryError(.protocolViolation, "\(model.origin): has no files of a registry")
        }
        let servers = try RegistryServers(configuration, control: control)
        let all = try servers.all(authorizer: try authorizer(repository, servers, control))
        try HTTPDownload(control: control).run(model.files, into: directory) {
            file throws(RegistryError) -> [HTTPDownload.Source] in
            var sources: [HTTPDownload.Source] = []
            for server in all {
                sources.append(
                    HTTPDownload.Source(
                        http: server.http, url: try server.url("v2/\(file.location)")))
            }
            return sources
        }
    }

    private func authorizer(
        _ repository: String, _ servers: RegistryServers, _ control: DownloadControl
    ) throws(RegistryError) -> OCIAuthorizer {
        try OCIAuthorizer(
            credentials: servers.credentials, home: servers.home, tokenServer: servers.tokenServer,
            repository: repository, actions: "pull", settings: servers.settings, control: control)
    }

    // MARK: Resolve

    private func resolve(
        _ reference: ModelReference, known: Validator?, on server: RegistryServers.Server
    ) throws(RegistryError) -> ResolvedModel? {
        let name = reference.name
        let tag: String
        switch reference.selector {
        case .digest(let digest): tag = digest.description
        case .tag(let text): tag = text
        case .newest: tag = try newestTag(of: name, on: server)
        }
        var headers = [("Accept", "\(OCIMediaType.manifest), \(OCIMediaType.index)")]
        // One strong tag, exactly as registries write it: a list or a weak one is not understood by all.
        if let known, known.isSigned { headers.append(("If-None-Match", "\"\(known.manifest)\"")) }
        let url = try server.url("v2/\(name)/manifests/\(tag)")
        let (answer, bytes) = try server.http.document(url, headers: headers, what: "the manifest")
        switch answer.head.status {
        case 304 where known?.isSigned == true: return nil
        case 404:
            throw RegistryError(
                .notFound, "\(url): not there: no such repository, or no such tag")
        case 200: break
        default: throw RegistryError(.protocolViolation, "\(url): status \(answer.head.status)")
        }
        let digest = SHA256Digest(of: bytes)
        if case .digest(let asked) = reference.selector, asked != digest {
            throw RegistryError(.corrupt, "\(url): the manifest's digest is \(digest)")
        }
        if let said = answer.head["docker-content-digest"], said.hasPrefix("sha256:"),
            said != digest.description
        {
            throw RegistryError(
                .corrupt, "\(url): the manifest's digest is \(digest), the registry says \(said)")
        }
        if let known, known.isSigned, known.manifest == digest { return nil }
        let source = "\(server.base.host):\(server.base.port)/\(name)@\(digest)"
        let manifest = try OCIManifest(parsing: bytes, from: source)
        var files = try manifest.files(in: name, from: source)
        var validator = Validator(manifest: digest, signature: Validator.bundled)
        if !files.contains(where: { $0.name == Self.signatureName }) {
            validator.signature = Validator.none
            if let (referrer, file) = try signature(of: digest, in: name, on: server) {
                validator.signature = referrer.description
                files = try (files + [file]).checkedNames(source)
            }
        }
        return validator == known
            ? nil : ResolvedModel(origin: source, validator: validator.text, files: files)
    }

    /// The highest version among the tags; channels, signatures and pre-releases are none.
    private func newestTag(
        of name: String, on server: RegistryServers.Server
    ) throws(RegistryError) -> String {
        var versions: [String] = []
        var url = try server.url("v2/\(name)/tags/list")
        for _ in 0..<Self.maximumTagPages {
            let (answer, bytes) = try server.http.document(url, what: "the tags")
            guard answer.head.status == 200 else {
                throw RegistryError(.notFound, "\(url): there is no such repository")
            }
            let tags: [String]
            do throws(JSONError) {
                let root = JSONNode(try JSONValue(parsing: bytes))
                tags = try root.optional("tags")?.strings() ?? []
            } catch {
                throw RegistryError(.protocolViolation, "\(url): the tags: \(error)")
            }
            versions += tags.filter { ModelReference.isTag($0) && SemanticVersion($0) != nil }
            guard let next = answer.head["link"].flatMap(Self.nextPage) else {
                guard let newest = SemanticVersion.newest(of: versions) else {
                    throw RegistryError(
                        .notFound, "\(url): no tag is a version such as 1.4.0; name a tag")
                }
                return newest
            }
            guard let nextURL = url.resolving(next), nextURL.origin == url.origin else {
                throw RegistryError(.protocolViolation, "\(url): the list goes on elsewhere")
            }
            url = nextURL
        }
        throw RegistryError(.tooLarge, "\(url): the list of tags does not end")
    }

    /// The target of `<…>; rel="next"`.
    static func nextPage(_ link: String) -> String? {
        guard link.hasPrefix("<"), let end = link.firstIndex(of: ">"),
            link[end...].contains("rel=\"next\"") || link[end...].contains("rel=next")
        else { return nil }
        return String(link[link.index(after: link.startIndex)..<end])
    }

    // MARK: Signature

    /// The newest signature that refers to a manifest, as the file `model.sig`.
    private func signature(
        of digest: SHA256Digest, in name: String, on server: RegistryServers.Server
    ) throws(RegistryError) -> (referrer: SHA256Digest, file: RegistryFile)? {
        let type = HTTPURL.escaped(OCIMediaType.sigstoreBundle)
        let accept = [("Accept", OCIMediaType.index)]
        var url = try server.url("v2/\(name)/referrers/\(digest)?artifactType=\(type)")
        var (answer, bytes) = try server.http.document(
            url, headers: accept, what: "the referrers", maximumBytes: 4 << 20)
        if answer.head.status == 404 {
            // Registries before 1.1 of the specification: the referrers are an index under a tag.
            url = try server.url("v2/\(name)/manifests/sha256-\(digest.hexadecimal)")
            (answer, bytes) = try server.http.document(
                url, headers: accept, what: "the referrers", maximumBytes: 4 << 20)
        }
        guard answer.head.status == 200 else { return nil }
        var newest: (created: String, descriptor: OCIDescriptor)?
        do throws(JSONError) {
            let root = JSONNode(try JSONValue(parsing: bytes))
            for element in try root.optional("manifests")?.elements() ?? [] {
                let descriptor = try OCIDescriptor(element)
                guard descriptor.artifactType == OCIMediaType.sigstoreBundle else { continue }
                let created = descriptor.annotations[OCIMediaType.createdAnnotation] ?? ""
                if newest.map({ $0.created <= created }) ?? true { newest = (created, descriptor) }
            }
        } catch {
            throw RegistryError(.protocolViolation, "\(url): the referrers: \(error)")
        }
        guard let referrer = newest?.descriptor.digest else { return nil }
        let manifestURL = try server.url("v2/\(name)/manifests/\(referrer)")
        (answer, bytes) = try server.http.document(
            manifestURL, headers: [("Accept", OCIMediaType.manifest)],
            what: "the signature's manifest")
        guard answer.head.status == 200, SHA256Digest(of: bytes) == referrer else {
            throw RegistryError(.corrupt, "\(manifestURL): is not what the referrers name")
        }
        let manifest = try OCIManifest(parsing: bytes, from: "\(manifestURL)")
        guard manifest.subject?.digest == digest, manifest.layers.count == 1,
            let layer = manifest.layers.first,
            let file = RegistryFile(
                name: Self.signatureName, sizeBytes: layer.size, sha256: layer.digest,
                location: OCIManifest.location(of: layer.digest, in: name))
        else {
            throw RegistryError(
                .protocolViolation, "\(manifestURL): is no signature of \(digest) in one layer")
        }
        return (referrer, file)
    }

    /// - Source: OCI distribution specification 1.1, "Pulling manifests"; capitals are not allowed.
    static func checkName(_ name: String) throws(RegistryError) {
        let isValid = name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
            part in
            guard let first = part.utf8.first, let last = part.utf8.last else { return false }
            func isAlphanumeric(_ byte: UInt8) -> Bool {
                (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte)
            }
            return isAlphanumeric(first) && isAlphanumeric(last)
                && part.utf8.allSatisfy { isAlphanumeric($0) || [0x2D, 0x2E, 0x5F].contains($0) }
        }
        guard isValid else {
            throw RegistryError(
                .configuration,
                "'\(name)': a repository's name has small letters, digits, and '.', '_', '-' between"
                    + " them")
        }
    }
}

extension String {
    /// The repository of a blob's location.
    fileprivate var repository: String? {
        utf8.count < 80 ? nil : String(dropLast("/blobs/sha256:".count + 64))
    }
}
