internal import CLinuxShims
internal import Glibc

/// The open directory of a partial download: one process at a time works on it.
final class DownloadDirectory {
    let partial: PartialDownload
    private let descriptor: Int32

    /// Makes the directory if it is not there, and waits a while for another process to leave it, such as the rest of
    /// one that was killed.
    ///
    /// - Throws: `.storage`, `.cancelled`.
    init(_ partial: PartialDownload, control: DownloadControl) throws(RegistryError) {
        self.partial = partial
        if unsafe mkdir(partial.path, 0o700) != 0, errno != EEXIST {
            throw Self.error(partial.path, "cannot be made", errno)
        }
        descriptor = unsafe open(
            partial.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.error(partial.path, "cannot be opened", errno) }
        var attempts = 0
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR, attempts < 100, !control.isCancelled
            else {
                // All is set, so that deinit closes.
                try control.checkCancelled()
                throw RegistryError(
                    .storage, "\(partial.path): another process is downloading into it")
            }
            attempts += 1
            els_poll(nil, 0, 100_000_000)
        }
    }

    // Closing gives the lock back.
    deinit { close(descriptor) }

    /// Removes what belongs to none of the files, and adds up what is there of them.
    func prepare(
        for files: [RegistryFile], control: DownloadControl
    ) throws(RegistryError) {
        let whole = Set(files.map(\.name))
        let parts = Set(files.map { ".\($0.name).part" })
        let kept = whole.union(parts).union(files.map { ".\($0.name).etag" })
        var present: UInt64 = 0
        for name in try names() where name != "." && name != ".." {
            var status = stat()
            guard unsafe fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
                continue
            }
            if !kept.contains(name) || status.st_mode & S_IFMT != S_IFREG {
                let flags = status.st_mode & S_IFMT == S_IFDIR ? AT_REMOVEDIR : 0
                guard unsafe unlinkat(descriptor, name, flags) == 0 else {
                    throw Self.error("\(partial.path)/\(name)", "cannot be removed", errno)
                }
            } else if whole.contains(name) || parts.contains(name) {
                present += UInt64(clamping: status.st_size)
            }
        }
        control.setProgress(present: present, transferred: 0)
    }

    /// Makes the names of the files lasting.
    func sync() throws(RegistryError) {
        guard fsync(descriptor) == 0 else {
            throw Self.error(partial.path, "cannot be synced", errno)
        }
    }

    /// Removes a file if it is there.
    func remove(_ path: String) { _ = unsafe unlink(path) }

    /// Whether `bytes` more still leave the reserve free.
    ///
    /// - Throws: `.noSpace` with all the numbers.
    func requireSpace(_ bytes: UInt64, control: DownloadControl) throws(RegistryError) {
        var status = statvfs()
        guard unsafe fstatvfs(descriptor, &status) == 0 else {
            throw Self.error(partial.path, "its free space cannot be had", errno)
        }
        let (free, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(
            by: UInt64(status.f_frsize))
        let reserve = control.limits.reservedBytes
        let (needed, isHuge) = bytes.addingReportingOverflow(reserve)
        guard overflow || (!isHuge && needed <= free) else {
            throw RegistryError(
                .noSpace,
                "\(partial.path): \(bytes) bytes are to come, \(free) are free, \(reserve) of which"
                    + " stay free: make room or lower the reserve")
        }
    }

    private func names() throws(RegistryError) -> [String] {
        do throws(BundleError) {
            return try BundleFiles.names(descriptor, partial.path, maximum: 1024)
        } catch {
            throw RegistryError(.storage, "\(error)")
        }
    }

    static func error(_ path: String, _ what: String, _ number: Int32) -> RegistryError {
        let text = unsafe String(cString: strerror(number))
        let kind: RegistryError.Kind =
            number == ENOSPC || number == EDQUOT ? .noSpace : .storage
        return RegistryError(kind, "\(path): \(what): \(text)")
    }
}
