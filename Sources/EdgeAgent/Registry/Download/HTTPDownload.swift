internal import Glibc

/// Brings a model's files over HTTP, each from the first server that has it right.
struct HTTPDownload {
    /// One place where a file may be.
    struct Source {
        var http: RegistryHTTP
        var url: HTTPURL
    }

    let control: DownloadControl

    /// Brings all files; see `ModelRegistry.download`.
    ///
    /// - Parameter sources: where a file is, the place to ask first first; never empty.
    func run(
        _ files: [RegistryFile], into partial: PartialDownload,
        sources: (RegistryFile) throws(RegistryError) -> [Source]
    ) throws(RegistryError) {
        guard files.count <= control.limits.maximumFiles else {
            throw RegistryError(
                .tooLarge,
                "\(files.count) files; a model has at most \(control.limits.maximumFiles)")
        }
        let directory = try DownloadDirectory(partial, control: control)
        try directory.prepare(for: files, control: control)
        var left = control.limits.maximumBytes
        // A mirror that is away is waited for once, not for each file.
        var away: Set<String> = []
        for file in files {
            let all = try sources(file)
            let rest = all.enumerated().filter { index, source in
                index == all.count - 1 || !away.contains(source.url.origin)
            }.map(\.element)
            let count = try bring(
                file, into: directory, maximumBytes: left, sources: rest, away: &away)
            left -= min(count, left)
        }
        try directory.sync()
    }

    /// - Returns: how many bytes the file has.
    private func bring(
        _ file: RegistryFile, into directory: DownloadDirectory, maximumBytes: UInt64,
        sources: [Source], away: inout Set<String>
    ) throws(RegistryError) -> UInt64 {
        if let count = try existing(file, in: directory) { return count }
        let part = try PartialFile(
            file, in: directory, maximumBytes: maximumBytes, control: control)
        var failure: RegistryError?
        for source in sources {
            // A part that another attempt left may be wrong itself: then the same server is asked for the whole.
            for _ in 0..<2 {
                let resumes = part.byteCount > 0
                do throws(RegistryError) {
                    try fetch(part, from: source, in: directory)
                    return part.byteCount
                } catch {
                    failure = error
                    switch error.kind {
                    case .cancelled, .noSpace, .storage, .configuration: throw error
                    case .unreachable: away.insert(source.url.origin)
                    default: break
                    }
                    guard error.kind == .corrupt, resumes else { break }
                    try part.restart()
                }
            }
        }
        throw failure ?? RegistryError(.notFound, "\(file.name): nowhere to be had")
    }

    private func fetch(
        _ part: PartialFile, from source: Source, in directory: DownloadDirectory
    ) throws(RegistryError) {
        // A range at or past the end is answered wrongly by some registries, so it is never asked for.
        guard !part.isWhole || part.file.sha256 == nil else { return try part.finish() }
        let tagPath = directory.partial.entityTag(of: part.file.name)
        var headers: [(name: String, value: String)] = []
        if part.byteCount > 0 {
            if part.file.sha256 != nil {
                headers.append(("Range", "bytes=\(part.byteCount)-"))
            } else if !part.isWhole, let tag = Self.readTag(tagPath) {
                headers.append(("Range", "bytes=\(part.byteCount)-"))
                headers.append(("If-Range", tag))
            } else {
                try part.restart()
            }
        }
        let receiver: any HTTPReceiver =
            part.file.sha256 == nil ? TagKeeper(part, path: tagPath) : part
        let request = HTTPRequest(url: source.url, headers: headers)
        let answer = try source.http.send(request, to: receiver)
        switch answer.head.status {
        case 200, 206: try part.finish()
        case 416:
            // The file there has become shorter than what is here.
            try part.restart()
            throw RegistryError(
                .corrupt, "\(part.file.name): shorter at \(answer.url) than what is here already")
        case 404:
            throw RegistryError(
                .notFound,
                "\(answer.url): \(part.file.name) is not there (404); the registry has lost it, or it"
                    + " was replaced meanwhile")
        default:
            throw RegistryError(
                .protocolViolation, "\(answer.url): status \(answer.head.status) to a GET")
        }
    }

    /// The size of a file that an earlier attempt has finished; nil if it has to be brought.
    private func existing(
        _ file: RegistryFile, in directory: DownloadDirectory
    ) throws(RegistryError) -> UInt64? {
        let path = directory.partial.file(file.name)
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return nil }
        let count = UInt64(clamping: status.st_size)
        if file.sizeBytes == nil || count == file.sizeBytes {
            guard let expected = file.sha256 else { return count }
            let digest = try unsafe FileDigest.compute(path, control: control).digest
            if digest == expected { return count }
        }
        directory.remove(path)
        control.notePresent(0 &- count)
        return nil
    }

    private static func readTag(_ path: String) -> String? {
        guard let bytes = try? BundleFiles.read(path: path, maximumBytes: 256),
            isStrongTag(String(decoding: bytes, as: UTF8.self))
        else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Quoted and not weak: a weak one does not promise the same bytes.
    static func isStrongTag(_ tag: String) -> Bool {
        (3...256).contains(tag.utf8.count) && tag.hasPrefix("\"") && tag.hasSuffix("\"")
            && tag.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }
}

/// Notes the ETag under which a file without a digest comes.
private final class TagKeeper: HTTPReceiver {
    private let part: PartialFile
    private let path: String

    init(_ part: PartialFile, path: String) {
        self.part = part
        self.path = path
    }

    func begin(_ head: HTTPHead) throws(RegistryError) {
        try part.begin(head)
        guard head.status != 206 else { return }
        let tag = head["etag"].flatMap { HTTPDownload.isStrongTag($0) ? $0 : nil } ?? ""
        do throws(BundleError) {
            try BundleWriter.overwrite(Array(tag.utf8), at: path)
        } catch {
            throw RegistryError(.storage, "\(error)")
        }
    }

    func receive(_ bytes: UnsafeRawBufferPointer) throws(RegistryError) {
        try unsafe part.receive(bytes)
    }
}
