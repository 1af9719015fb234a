internal import Glibc

extension ModelIndex {
    /// Makes the index of a directory that holds `<model>/<version>/` with the files of a bundle each, and writes it
    /// there as `index.json`. Channels of the index that is there stay, as far as their version does.
    ///
    /// - Parameter channels: set or moved, each for one model.
    /// - Returns: a line for each version and channel.
    /// - Throws: `RegistryError` or `BundleError`, with the path.
    package static func write(
        directory: String, channels: [(model: String, channel: String, version: String)]
    ) throws -> [String] {
        var index = ModelIndex()
        let path = "\(directory)/\(fileName)"
        var old = ModelIndex()
        var status = stat()
        if unsafe stat(path, &status) == 0 {
            let bytes = try BundleFiles.read(path: path, maximumBytes: maximumBytes)
            old = try ModelIndex(parsing: bytes, from: path)
        }
        for name in try subdirectories(of: directory) {
            var model = Model(name: name)
            for version in try subdirectories(of: "\(directory)/\(name)") {
                let place = "\(name)/\(version)"
                // Reads each file and refuses what no bundle has.
                let files = try BundleFiles(directory: "\(directory)/\(place)")
                guard files["bundle.json"] != nil else { continue }
                var entry = Version(version: version, path: place, files: [])
                for file in files.names {
                    let bytes = files[file] ?? []
                    let described = RegistryFile(
                        name: file, sizeBytes: UInt64(bytes.count), sha256: SHA256Digest(of: bytes),
                        location: "\(place)/\(file)")
                    if let described { entry.files.append(described) }
                }
                model.versions.append(entry)
            }
            guard !model.versions.isEmpty else { continue }
            let known = Set(model.versions.map(\.version))
            for channel in old.models.first(where: { $0.name == name })?.channels ?? []
            where known.contains(channel.version) {
                model.channels.append(channel)
            }
            for change in channels where change.model == name {
                guard known.contains(change.version) else {
                    throw RegistryError(
                        .notFound,
                        "\(directory)/\(name)/\(change.version): not there, so \(change.channel) cannot"
                            + " name it")
                }
                model.channels.removeAll { $0.name == change.channel }
                model.channels.append((change.channel, change.version))
            }
            index.models.append(model)
        }
        for change in channels where !index.models.contains(where: { $0.name == change.model }) {
            throw RegistryError(.notFound, "\(directory)/\(change.model): holds no version")
        }
        try replace(path, with: index.encoded())
        return index.models.flatMap { model in
            model.versions.map { "\(model.name):\($0.version)  \($0.files.count) files" }
                + model.channels.map { "\(model.name):\($0.name) -> \($0.version)" }
        }
    }

    private init() {}

    /// A reader of the directory sees the old index or the new one.
    private static func replace(_ path: String, with bytes: [UInt8]) throws(BundleError) {
        let new = "\(path).new"
        try BundleWriter.overwrite(bytes, at: new)
        guard unsafe rename(new, path) == 0 else {
            throw .unwritable(path: path, errorNumber: errno)
        }
    }

    private static func subdirectories(of path: String) throws(RegistryError) -> [String] {
        let directory = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else {
            throw DownloadDirectory.error(path, "cannot be opened", errno)
        }
        defer { close(directory) }
        let names: [String]
        do throws(BundleError) {
            names = try BundleFiles.names(directory, path, maximum: 4096)
        } catch {
            throw RegistryError(.storage, "\(error)")
        }
        return names.filter { name in
            var status = stat()
            guard RegistryFile.isFileName(name) else { return false }
            let code = unsafe fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW)
            return code == 0 && status.st_mode & S_IFMT == S_IFDIR
        }
    }

    func encoded() -> [UInt8] {
        var json = JSONWriter(growingTo: Self.maximumBytes, layout: .indented)
        json.beginObject()
        json.member("schemaVersion", 1)
        json.beginArray("models")
        for model in models {
            json.beginObject()
            json.member("name", model.name)
            json.beginObject("channels")
            for channel in model.channels {
                json.key(channel.name)
                json.string(channel.version)
            }
            json.endObject()
            json.beginArray("versions")
            for version in model.versions {
                json.beginObject()
                json.member("version", version.version)
                json.member("path", version.path)
                json.beginArray("files")
                for file in version.files {
                    json.beginObject()
                    json.member("name", file.name)
                    json.member("size", file.sizeBytes ?? 0)
                    json.member("sha256", file.sha256?.hexadecimal ?? "")
                    json.endObject()
                }
                json.endArray()
                json.endObject()
            }
            json.endArray()
            json.endObject()
        }
        json.endArray()
        json.endObject()
        _ = json.finish()
        return json.copyBytes() + [0x0A]
    }
}
