internal import Glibc

/// Keeps a second agent from the same outbox: a lock on a file beside the database, which the kernel gives
/// up when the process ends, however it ends.
final class OutboxLock: Sendable {
    private let descriptor: Int32

    /// - Throws: ``OutboxError/inUse(path:)``, or ``OutboxError/directory(path:errorNumber:)`` when the directory is
    ///   missing. On a file system that may not be written there is no lock, and none is needed.
    init(path: String) throws(OutboxError) {
        let file = path + ".lock"
        var opened = unsafe open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        if opened < 0, errno == EROFS || errno == EACCES || errno == ENOSPC {
            opened = unsafe open(file, O_RDONLY | O_CLOEXEC)
            if opened < 0 {
                descriptor = -1
                return
            }
        }
        guard opened >= 0 else { throw .directory(path: path, errorNumber: errno) }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            close(opened)
            throw .inUse(path: path)
        }
        descriptor = opened
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }
}
