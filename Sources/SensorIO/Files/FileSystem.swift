internal import Glibc

/// What several parts do with paths, files and directories.
///
/// - Thread: any; `synchronise` and `write` block on the disk.
package enum FileSystem {
    /// The directory in which a path's last part stands, as the path says it: `.` where it names none.
    package static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Brings a file's content, or a directory's names, to the disk.
    ///
    /// - Parameter flags: of `open(2)`, besides those for reading: `O_DIRECTORY`, `O_NOFOLLOW`.
    /// - Returns: 0 or errno.
    package static func synchronise(_ path: String, flags: Int32 = 0) -> Int32 {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | flags)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        return fsync(descriptor) == 0 ? 0 : errno
    }

    /// Writes all of the bytes, however few of them one call takes.
    ///
    /// - Returns: 0 or errno.
    package static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
        unsafe bytes.withUnsafeBytes { unsafe write($0, to: descriptor) }
    }

    /// Writes all of the bytes, however few of them one call takes.
    ///
    /// - Returns: 0 or errno.
    package static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int32 {
        var done = 0
        while done < bytes.count {
            // Within the buffer, which the caller keeps through the call.
            let count = unsafe Glibc.write(
                descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return count < 0 ? errno : EIO }
            done += count
        }
        return 0
    }

    /// The next name of an open directory, `.` and `..` left out; nil: that were all.
    @unsafe
    package static func nextName(_ stream: OpaquePointer) -> String? {
        while let entry = unsafe readdir(stream) {
            // d_name ends with a NUL inside the entry, which lives until the next readdir.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) {
                    unsafe String(cString: $0)
                }
            }
            if name != "." && name != ".." { return name }
        }
        return nil
    }
}
