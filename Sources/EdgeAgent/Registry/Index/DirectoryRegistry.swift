internal import CLinuxShims  // timespec is taken to be its: it includes the same header.
internal import Glibc

/// A directory such as a mounted USB stick: `index.json`, or `<model>/<version>/` without one.
package struct DirectoryRegistry: ModelRegistry {
    let configuration: RegistryConfiguration

    package init(_ configuration: RegistryConfiguration) { self.configuration = configuration }

    package func resolve(
        _ reference: ModelReference, known: RegistryValidator?, control: DownloadControl
    ) throws(RegistryError) -> ResolvedModel? {
        let base = try basePath()
        let source = try place(of: reference, below: base)
        let names = try entries(of: source)
        // A file that was changed has another time or size: the contents are read only then.
        var states = ""
        var left = control.limits.maximumBytes
        for name in names {
            var status = stat()
            guard RegistryFile.isFileName(name),
                unsafe lstat("\(source)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG
            else {
                throw RegistryError(
                    .protocolViolation,
                    "\(source)/\(name): is no plain file; a bundle has only such")
            }
            // Before it is read: a sparse file can be larger than any disk.
            let size = UInt64(clamping: status.st_size)
            guard size <= left else {
                throw RegistryError(
                    .tooLarge,
                    "\(source)/\(name): \(size) bytes; a model has at most"
                        + " \(control.limits.maximumBytes) in all its files")
            }
            left -= size
            states +=
                "\(name) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)\n"
        }
        let validator = RegistryValidator(text: SHA256Digest(of: Array(states.utf8)).description)
        if validator == known { return nil }
        var files: [RegistryFile] = []
        for name in names {
            let path = "\(source)/\(name)"
            let (digest, count) = try unsafe FileDigest.compute(path, control: control)
            let file = RegistryFile(name: name, sizeBytes: count, sha256: digest, location: path)
            if let file { files.append(file) }
        }
        return ResolvedModel(
            origin: source, validator: validator, files: try files.checkedNames(source))
    }

    package func download(
        _ model: ResolvedModel, into directory: PartialDownload, control: DownloadControl
    ) throws(RegistryError) {
        guard model.files.count <= control.limits.maximumFiles else {
            throw RegistryError(
                .tooLarge,
                "\(model.origin): \(model.files.count) files; a model has at most"
                    + " \(control.limits.maximumFiles)")
        }
        let target = try DownloadDirectory(directory, control: control)
        try target.prepare(for: [], control: control)
        var left = control.limits.maximumBytes
        for file in model.files {
            let part = try PartialFile(file, in: target, maximumBytes: left, control: control)
            try target.requireSpace(file.sizeBytes ?? 0, control: control)
            _ = try unsafe FileDigest.compute(file.location, control: control) {
                bytes throws(RegistryError) in try unsafe part.receive(bytes)
            }
            try part.finish()
            left -= min(part.byteCount, left)
        }
        try target.sync()
    }

    private func basePath() throws(RegistryError) -> String {
        guard let path = configuration.path else {
            throw RegistryError(.configuration, "registries.\(configuration.name).path: missing")
        }
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            // What is not plugged in now may be later.
            throw RegistryError(
                .unreachable, "\(path): there is no such directory; is the medium mounted?")
        }
        return path
    }

    /// The directory of the version that is meant.
    private func place(
        of reference: ModelReference, below base: String
    ) throws(RegistryError) -> String {
        let indexPath = "\(base)/\(ModelIndex.fileName)"
        var status = stat()
        if unsafe stat(indexPath, &status) == 0 {
            let bytes: [UInt8]
            do throws(BundleError) {
                bytes = try BundleFiles.read(path: indexPath, maximumBytes: ModelIndex.maximumBytes)
            } catch {
                throw RegistryError(.storage, "\(error)")
            }
            let index = try ModelIndex(parsing: bytes, from: indexPath)
            return "\(base)/\(try index.version(of: reference, in: indexPath).path)"
        }
        let model = "\(base)/\(reference.name)"
        switch reference.selector {
        case .digest:
            throw RegistryError(
                .unsupported, "\(model): a directory knows versions and channels, no digests")
        case .tag(let tag): return "\(model)/\(tag)"
        case .newest:
            guard unsafe stat("\(model)/bundle.json", &status) != 0 else { return model }
            guard let newest = SemanticVersion.newest(of: try entries(of: model)) else {
                throw RegistryError(
                    .notFound, "\(model): holds no version such as \(model)/1.4.0/bundle.json")
            }
            return "\(model)/\(newest)"
        }
    }

    private func entries(of path: String) throws(RegistryError) -> [String] {
        let directory = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else {
            if errno == ENOENT || errno == ENOTDIR {
                throw RegistryError(.notFound, "\(path): there is no such directory")
            }
            throw DownloadDirectory.error(path, "cannot be opened", errno)
        }
        defer { close(directory) }
        do throws(BundleError) {
            return try BundleFiles.names(directory, path, maximum: 4096)
        } catch {
            throw RegistryError(.storage, "\(error)")
        }
    }
}
