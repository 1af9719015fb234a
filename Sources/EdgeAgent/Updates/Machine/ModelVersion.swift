/// A bundle that was verified here: what it is called, and the digest that tells it from every other.
package struct ModelVersion: Sendable, Hashable {
    package var name: String
    /// SemVer, for people.
    package var version: String
    package var release: Int
    package var digest: SHA256Digest
    /// Where it came from; for people.
    package var origin: String

    package init(
        name: String, version: String, release: Int, digest: SHA256Digest, origin: String
    ) {
        self.name = name
        self.version = version
        self.release = release
        self.digest = digest
        self.origin = origin
    }

    /// A bundle as it stands in its directory.
    init(_ bundle: ModelBundle) {
        self.init(
            name: bundle.manifest.name, version: bundle.manifest.version.description,
            release: bundle.manifest.release, digest: bundle.digest, origin: bundle.path)
    }
}

/// One of the models that a pipeline can run.
package enum ModelChoice: Sendable, Hashable {
    /// The bundle that the configuration names: always there, and the last resort.
    case configured
    /// A bundle of the store.
    case stored(ModelVersion)

    /// nil for the configured bundle.
    package var stored: ModelVersion? {
        guard case .stored(let version) = self else { return nil }
        return version
    }
}

extension ModelVersion {
    /// Writes the version as an object.
    ///
    /// - Parameter digest: its digest as the reader wants it, with or without the algorithm's name.
    func write(_ json: inout JSONWriter, digest: String) {
        json.beginObject()
        json.member("name", name)
        json.member("version", version)
        json.member("release", release)
        json.member("digest", digest)
        json.member("origin", origin)
        json.endObject()
    }
}
