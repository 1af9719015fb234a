internal import Glibc
internal import SensorIO

/// `index.json`: what versions of which models a directory holds, on a web server or a medium without links.
///
/// ```json
/// {"schemaVersion": 1, "models": [{"name": "vibration", "channels": {"stable": "1.4.0"}, "versions": [
///   {"version": "1.4.0", "path": "vibration/1.4.0", "files": [{"name": "bundle.json", "size": 1, "sha256": "…"}]}]}]}
/// ```
package struct ModelIndex: Sendable, Equatable {
    struct Version: Sendable, Equatable {
        var version: String
        /// Below the index's directory, with `/` between parts.
        var path: String
        /// Their locations are below the index's directory, too.
        var files: [RegistryFile]
    }

    struct Model: Sendable, Equatable {
        var name: String
        var channels: [(name: String, version: String)] = []
        var versions: [Version] = []

        static func == (one: Model, other: Model) -> Bool {
            one.name == other.name && one.versions == other.versions
                && one.channels.elementsEqual(other.channels, by: ==)
        }
    }

    static let fileName = "index.json"
    static let maximumBytes = 4 << 20

    var models: [Model] = []

    /// Reads an index. Keys that are not known are let be.
    ///
    /// - Parameter source: names it in an error.
    init(parsing bytes: [UInt8], from source: String) throws(RegistryError) {
        do throws(JSONError) {
            let root = JSONNode(try JSONValue(parsing: bytes))
            _ = try root.required("schemaVersion").integer(in: 1...1)
            for node in try root.required("models").elements() {
                models.append(try Self.model(node))
            }
        } catch {
            throw RegistryError(.protocolViolation, "\(source): \(error)")
        }
    }

    private static func model(_ node: JSONNode) throws(JSONError) -> Model {
        var model = Model(name: try node.required("name").string())
        for member in try node.optional("channels")?.members() ?? [] {
            model.channels.append((member.key, try member.node.string()))
        }
        for node in try node.required("versions").elements() {
            let pathNode = try node.required("path")
            let path = try pathNode.string()
            guard isRelative(path) else {
                throw pathNode.invalid("be a path below the index, without '..'")
            }
            var version = Version(
                version: try node.required("version").string(), path: path, files: [])
            for file in try node.required("files").elements() {
                let name = try file.required("name")
                let digest = try file.required("sha256")
                guard let sha256 = SHA256Digest(hexadecimal: try digest.string()) else {
                    throw digest.invalid("be 64 hexadecimal digits")
                }
                let size = try file.required("size").integer(in: 0...(1 << 50))
                guard
                    let entry = RegistryFile(
                        name: try name.string(), sizeBytes: UInt64(size), sha256: sha256,
                        location: "\(path)/\(try name.string())")
                else { throw name.invalid("be a plain file name") }
                version.files.append(entry)
            }
            model.versions.append(version)
        }
        return model
    }

    /// The version that a reference names.
    ///
    /// - Throws: `.notFound` with what there is.
    func version(of reference: ModelReference, in source: String) throws(RegistryError) -> Version {
        guard let model = models.first(where: { $0.name == reference.name }) else {
            let names = models.prefix(10).map(\.name).joined(separator: ", ")
            throw RegistryError(
                .notFound, "\(source): has no model '\(reference.name)'; there are: \(names)")
        }
        var found: Version?
        switch reference.selector {
        case .digest:
            throw RegistryError(
                .unsupported, "\(source): an index knows versions and channels, no digests")
        case .tag(let tag):
            let version = model.channels.first { $0.name == tag }?.version ?? tag
            found = model.versions.first { $0.version == version }
        case .newest:
            found = SemanticVersion.newest(of: model.versions.map(\.version))
                .flatMap { newest in model.versions.first { $0.version == newest } }
        }
        guard let found else {
            let names =
                (model.channels.map(\.name) + model.versions.map(\.version)).prefix(20)
                .joined(separator: ", ")
            throw RegistryError(
                .notFound, "\(source): \(reference) is not there; there are: \(names)")
        }
        return found
    }

    /// Parts of letters, digits, `.`, `_`, `-` and space, none of which starts with a dot.
    static func isRelative(_ path: String) -> Bool {
        guard (1...512).contains(path.utf8.count) else { return false }
        return path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
            RegistryFile.isFileName(String($0))
        }
    }
}

extension SemanticVersion {
    /// The highest of some texts that are versions and no pre-releases.
    static func newest(of texts: some Sequence<String>) -> String? {
        var newest: (text: String, version: SemanticVersion)?
        for text in texts {
            guard let version = SemanticVersion(text), version.prerelease.isEmpty else { continue }
            if newest.map({ $0.version < version }) ?? true { newest = (text, version) }
        }
        return newest?.text
    }
}

extension ModelIndex.Version {
    /// What tells this content from another.
    var contentDigest: SHA256Digest {
        let text = files.map { "\($0.name) \($0.sha256?.hexadecimal ?? "")\n" }.sorted().joined()
        return SHA256Digest(of: Array(text.utf8))
    }
}
