internal import Glibc

/// The append-only log of what became of models: one JSON object a line, synced line by line.
///
/// Half a line at its end is what a power cut left; the next one starts on a line of its own.
/// - Thread: one at a time; who holds the `UpdateLock`.
package struct UpdateAudit: Sendable {
    /// Beyond it the file is put aside as `.1`, once: two files bound the disk.
    static let maximumBytes = 4 << 20
    package let path: String

    package init(path: String) { self.path = path }

    /// Appends one line. Blocks on the disk.
    ///
    /// - Throws: `.unwritable`.
    package func append(
        _ record: UpdateRecord, pipeline: String, timeNanoseconds: Int64, clock: ClockState
    ) throws(BundleError) {
        var json = JSONWriter(growingTo: 1 << 20)
        json.beginObject()
        json.member("time", nanosecondsSince1970: timeNanoseconds)
        json.member("clock", clock.name)
        Self.write(record, pipeline, &json)
        try append(json.copyBytes() + [0x0A])
    }

    /// Whether one of the last lines says this, at whatever time. Blocks on the disk.
    func has(_ record: UpdateRecord, pipeline: String) -> Bool {
        var json = JSONWriter(growingTo: 1 << 20)
        json.beginObject()
        Self.write(record, pipeline, &json)
        let end = String(decoding: json.copyBytes().dropFirst(), as: UTF8.self)
        return lines(last: 32).contains { $0.hasSuffix(end) }
    }

    private static func write(
        _ record: UpdateRecord, _ pipeline: String, _ json: inout JSONWriter
    ) {
        json.member("pipeline", pipeline)
        json.member("what", record.kind.rawValue)
        json.member("who", record.actor)
        write(record.version, &json)
        json.member("reason", record.code)
        json.member("detail", record.detail)
        json.endObject()
        _ = json.finish()
    }

    static func write(_ version: ModelVersion?, _ json: inout JSONWriter) {
        json.key("model")
        guard let version else { return json.null() }
        version.write(&json, digest: version.digest.description)
    }

    /// The last lines, oldest first; nothing where there is no log. Blocks on the disk.
    package func lines(last count: Int) -> [String] {
        guard
            let bytes = try? BundleFiles.read(
                path: path, maximumBytes: Self.maximumBytes + (1 << 20))
        else { return [] }
        return bytes.split(separator: 0x0A).suffix(count).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    private func append(_ line: [UInt8]) throws(BundleError) {
        var status = stat()
        if unsafe stat(path, &status) == 0, status.st_size > Self.maximumBytes {
            _ = unsafe rename(path, "\(path).1")
        }
        let descriptor = unsafe open(
            path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o640)
        guard descriptor >= 0 else { throw .unwritable(path: path, errorNumber: errno) }
        defer { close(descriptor) }
        var bytes = line
        var last: UInt8 = 0x0A
        let end = lseek(descriptor, 0, SEEK_END)
        if end > 0, unsafe pread(descriptor, &last, 1, end - 1) == 1, last != 0x0A {
            bytes.insert(0x0A, at: 0)
        }
        // One write of one line: O_APPEND keeps it whole.
        guard unsafe Glibc.write(descriptor, bytes, bytes.count) == bytes.count,
            fsync(descriptor) == 0
        else { throw .unwritable(path: path, errorNumber: errno) }
    }
}
