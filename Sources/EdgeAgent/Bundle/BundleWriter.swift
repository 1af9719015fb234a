internal import Glibc
internal import SensorIO

/// Writes a bundle's files.
package enum BundleWriter {
    /// Writes all files into a directory that does not exist yet or is empty, and syncs them.
    ///
    /// - Throws: `.exists`, `.unwritable`.
    package static func write(
        _ files: [String: [UInt8]], into directory: String
    ) throws(BundleError) {
        if unsafe mkdir(directory, 0o755) != 0 {
            guard errno == EEXIST else { throw .unwritable(path: directory, errorNumber: errno) }
            let isEmpty = unsafe rmdir(directory) == 0 && mkdir(directory, 0o755) == 0
            guard isEmpty else { throw .exists(path: directory) }
        }
        for (name, bytes) in files.sorted(by: { $0.key < $1.key }) {
            try write(bytes, to: "\(directory)/\(name)")
        }
        try sync(directory)
    }

    /// Writes one file, also over another.
    static func overwrite(_ bytes: [UInt8], at path: String) throws(BundleError) {
        try write(bytes, to: path, flags: O_TRUNC)
    }

    /// Writes one new file and syncs it.
    static func create(_ bytes: [UInt8], at path: String) throws(BundleError) {
        try write(bytes, to: path)
    }

    private static func write(
        _ bytes: [UInt8], to path: String, flags: Int32 = O_EXCL
    ) throws(BundleError) {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | flags | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .unwritable(path: path, errorNumber: errno) }
        defer { close(descriptor) }
        let number = FileSystem.write(bytes, to: descriptor)
        guard number == 0 else { throw .unwritable(path: path, errorNumber: number) }
        guard fsync(descriptor) == 0 else { throw .unwritable(path: path, errorNumber: errno) }
    }

    /// Makes names of files last: those that came, went or changed in this directory; or with other `flags` than that of
    /// a directory, a file's content.
    static func sync(_ path: String, flags: Int32 = O_DIRECTORY) throws(BundleError) {
        let number = FileSystem.synchronise(path, flags: flags)
        guard number == 0 else { throw .unwritable(path: path, errorNumber: number) }
    }
}
