internal import SensorIO

/// What a manifest says of one blob.
struct OCIDescriptor: Sendable, Equatable {
    var mediaType: String
    var digest: SHA256Digest
    var size: UInt64
    var annotations: [String: String] = [:]
    var artifactType: String?

    /// - Throws: `JSONError` with the path of what is wrong.
    init(_ node: JSONNode) throws(JSONError) {
        mediaType = try node.required("mediaType").string()
        let digestNode = try node.required("digest")
        let text = try digestNode.string()
        guard text.hasPrefix("sha256:"),
            let digest = SHA256Digest(hexadecimal: text.dropFirst(7))
        else { throw digestNode.invalid("be sha256: and 64 hexadecimal digits") }
        self.digest = digest
        size = UInt64(try node.required("size").integer(in: 0...(1 << 50)))
        for member in try node.optional("annotations")?.members() ?? [] {
            annotations[member.key] = try member.node.string()
        }
        artifactType = try node.optional("artifactType")?.string()
    }

    init(mediaType: String, digest: SHA256Digest, size: UInt64, title: String? = nil) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        if let title { annotations[OCIMediaType.titleAnnotation] = title }
    }
}

/// An image manifest that holds a model, or a signature.
/// - Source: OCI image specification 1.1, "Image Manifest"; other keys than those read here are let be.
struct OCIManifest: Sendable {
    var artifactType: String?
    var config: OCIDescriptor
    var layers: [OCIDescriptor]
    var subject: OCIDescriptor?

    static let maximumLayers = 256

    /// - Throws: `.unsupported` for an index, `.protocolViolation` for what is no manifest.
    init(parsing bytes: [UInt8], from source: String) throws(RegistryError) {
        do throws(JSONError) {
            let root = JSONNode(try JSONValue(parsing: bytes))
            let version = try root.required("schemaVersion").integer()
            let type = try root.optional("mediaType")?.string()
            let children = try root.optional("manifests")
            guard type != OCIMediaType.index, children == nil else {
                throw root.invalid("be a manifest, not an index of several")
            }
            guard version == 2, type == nil || type == OCIMediaType.manifest else {
                throw root.invalid("be an OCI image manifest, not \(type ?? "version \(version)")")
            }
            artifactType = try root.optional("artifactType")?.string()
            config = try OCIDescriptor(try root.required("config"))
            let node = try root.required("layers")
            let elements = try node.elements()
            guard elements.count <= Self.maximumLayers else {
                throw node.invalid("be at most \(Self.maximumLayers)")
            }
            layers = []
            for element in elements { layers.append(try OCIDescriptor(element)) }
            subject = nil
            if let node = try root.optional("subject") { subject = try OCIDescriptor(node) }
        } catch {
            throw RegistryError(.protocolViolation, "\(source): the manifest: \(error)")
        }
    }

    /// The files of a model.
    ///
    /// - Throws: `.unsupported` for other artifacts and packed layers; `.protocolViolation` for names that no bundle
    ///   has.
    func files(in repository: String, from source: String) throws(RegistryError) -> [RegistryFile] {
        let type = artifactType ?? config.mediaType
        for (start, what) in Self.foreign where type.hasPrefix(start) {
            throw RegistryError(
                .unsupported,
                "\(source): is \(what) (\(type)), not a model bundle: push the bundle's files with"
                    + " 'edge-agent model push' or oras")
        }
        var files: [RegistryFile] = []
        for (index, layer) in layers.enumerated() {
            let type = layer.mediaType
            let isPacked =
                type.hasSuffix("+gzip") || type.hasSuffix("+zstd")
                || (type.hasPrefix("application/vnd.cncf.model.") && type.hasSuffix(".tar"))
                || layer.annotations[OCIMediaType.unpackAnnotation] == "true"
            guard !isPacked else {
                throw RegistryError(
                    .unsupported,
                    "\(source): layer \(index) is packed (\(type)): push the bundle's files one by"
                        + " one, from within its directory")
            }
            guard
                let name = layer.annotations[OCIMediaType.pathAnnotation]
                    ?? layer.annotations[OCIMediaType.titleAnnotation]
            else {
                throw RegistryError(
                    .protocolViolation,
                    "\(source): layer \(index) (\(layer.digest)) has no name: it wants the annotation"
                        + " \(OCIMediaType.titleAnnotation)")
            }
            guard
                let file = RegistryFile(
                    name: name, sizeBytes: layer.size, sha256: layer.digest,
                    location: Self.location(of: layer.digest, in: repository))
            else {
                throw RegistryError(
                    .protocolViolation,
                    "\(source): layer \(index) is called '\(YAMLNode.excerpt(name))', and files of a"
                        + " bundle have no directories: push from within its directory")
            }
            files.append(file)
        }
        return try files.checkedNames(source)
    }

    /// Where a blob is, below `/v2/`.
    static func location(of digest: SHA256Digest, in repository: String) -> String {
        "\(repository)/blobs/\(digest)"
    }

    private static let foreign = [
        ("application/vnd.kitops.", "a KitOps ModelKit"),
        ("application/vnd.oci.image.config.", "a container image"),
        ("application/vnd.docker.container.", "a container image"),
        ("application/vnd.cncf.helm.", "a Helm chart"),
        ("application/vnd.dev.sigstore.", "a signature"),
        ("application/vnd.cncf.notary.", "a signature"),
    ]
}

extension [RegistryFile] {
    /// The files by name, each once, at least one.
    func checkedNames(_ source: String) throws(RegistryError) -> [RegistryFile] {
        guard !isEmpty else { throw RegistryError(.notFound, "\(source): has no files") }
        let sorted = sorted { $0.name < $1.name }
        for (file, next) in zip(sorted, sorted.dropFirst()) where file.name == next.name {
            throw RegistryError(
                .protocolViolation, "\(source): has two files called '\(file.name)'")
        }
        return sorted
    }
}
