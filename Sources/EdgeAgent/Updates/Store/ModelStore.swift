internal import CLinuxShims
internal import Glibc
internal import SensorIO

/// The bundles that were verified here: `models/<name>/<digest>/`, never changed once they are there.
///
/// - Thread: one at a time; who holds the `UpdateLock`.
package struct ModelStore: Sendable {
    /// `<stateDirectory>/models`.
    package let path: String
    /// - Units: bytes
    package let quotaBytes: UInt64

    /// Makes the directories. Blocks on the disk.
    package init(path: String, quotaBytes: UInt64) throws(BundleError) {
        self.path = path
        self.quotaBytes = quotaBytes
        try Self.make(path)
        try Self.make(partial)
    }

    /// Where downloads grow. A leading dot: no bundle is called so.
    private var partial: String { "\(path)/.partial" }

    /// The directory of one bundle, there or not.
    package func directory(of version: ModelVersion) -> String {
        directory(name: version.name, digest: version.digest)
    }

    package func directory(name: String, digest: SHA256Digest) -> String {
        "\(path)/\(name)/\(digest.hexadecimal)"
    }

    /// Where a registry puts what it downloads for this pipeline. An interrupted download goes on in it.
    package func partialDownload(of pipeline: String) -> PartialDownload {
        PartialDownload(path: "\(partial)/\(pipeline)")
    }

    /// Takes a verified download over: a rename, then it is there for good. Blocks on the disk.
    ///
    /// A bundle of that digest that is there already is kept if it is whole, and replaced if it is not.
    package func adopt(_ download: PartialDownload, as version: ModelVersion) throws(BundleError) {
        let target = directory(of: version)
        try Self.make("\(path)/\(version.name)")
        if unsafe access(target, F_OK) == 0 {
            if let files = try? BundleFiles(directory: target), files.digest == version.digest {
                discard(download)
                return
            }
            remove(target)
        }
        // Its content is on the disk before its name is.
        for name in Self.entries(of: download.path) {
            try BundleWriter.sync("\(download.path)/\(name)", flags: O_NOFOLLOW)
        }
        try BundleWriter.sync(download.path)
        guard unsafe rename(download.path, target) == 0 else {
            throw .unwritable(path: target, errorNumber: errno)
        }
        try BundleWriter.sync("\(path)/\(version.name)")
        try BundleWriter.sync(partial)
    }

    /// Removes what was downloaded.
    package func discard(_ download: PartialDownload) { remove(download.path) }

    /// Reads a bundle of the store and makes sure that it is the one that was verified. Blocks on the disk.
    package func load(
        _ version: ModelVersion, agentVersion: SemanticVersion
    ) throws(UpdateRefusal) -> ModelBundle {
        let bundle: ModelBundle
        do throws(BundleError) {
            bundle = try ModelBundle(
                directory: directory(of: version), agentVersion: agentVersion)
        } catch {
            throw .malformed("\(error)")
        }
        guard bundle.digest == version.digest else {
            throw .unexpectedDigest(expected: version.digest, actual: bundle.digest)
        }
        return bundle
    }

    /// What is there, in ascending order of names and digests.
    package func bundles() -> [(name: String, digest: SHA256Digest)] {
        Self.entries(of: path).filter(BundleManifest.isIdentifier).flatMap { name in
            Self.entries(of: "\(path)/\(name)").compactMap { text in
                SHA256Digest(hexadecimal: text).map { (name, $0) }
            }
        }
    }

    /// Removes the bundles that have gone unused longest until the rest fits the quota. Blocks on the disk.
    ///
    /// - Parameter kept: what is never removed, whatever the quota says: active, previous, staged, pinned, of
    ///   every pipeline.
    /// - Returns: what was removed.
    @discardableResult
    package func collectGarbage(keeping kept: Set<SHA256Digest>) -> [SHA256Digest] {
        var all = bundles().map { bundle in
            let directory = directory(name: bundle.name, digest: bundle.digest)
            return (
                directory: directory, digest: bundle.digest, bytes: Self.bytes(of: directory),
                time: Self.modificationTime(of: directory)
            )
        }
        var total = all.reduce(UInt64(0)) { $0 &+ $1.bytes }
        all.sort { ($0.time, $0.directory) < ($1.time, $1.directory) }
        var removed: [SHA256Digest] = []
        for bundle in all where total > quotaBytes && !kept.contains(bundle.digest) {
            remove(bundle.directory)
            total -= min(total, bundle.bytes)
            removed.append(bundle.digest)
        }
        return removed
    }

    // MARK: Files

    private static func make(_ directory: String) throws(BundleError) {
        guard unsafe mkdir(directory, 0o750) == 0 || errno == EEXIST else {
            throw .unwritable(path: directory, errorNumber: errno)
        }
    }

    static func entries(of directory: String) -> [String] {
        guard let stream = unsafe opendir(directory) else { return [] }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while names.count < 4096, let name = unsafe FileSystem.nextName(stream) {
            names.append(name)
        }
        return names.sorted()
    }

    /// A bundle's directory has files only; what else somebody put there is left to him.
    private func remove(_ directory: String) {
        for name in Self.entries(of: directory) {
            _ = unsafe unlink("\(directory)/\(name)")
        }
        _ = unsafe rmdir(directory)
    }

    private static func bytes(of directory: String) -> UInt64 {
        entries(of: directory).reduce(UInt64(0)) { sum, name in
            var status = stat()
            guard unsafe lstat("\(directory)/\(name)", &status) == 0 else { return sum }
            return sum &+ UInt64(clamping: status.st_size)
        }
    }

    private static func modificationTime(of path: String) -> Int {
        var status = stat()
        return unsafe lstat(path, &status) == 0 ? status.st_mtim.tv_sec : 0
    }
}
