internal import Glibc

/// Says who owns the model store: the running agent, or a command while none runs. The kernel gives it up when the
/// process ends, however it ends.
package struct UpdateLock: ~Copyable {
    private let descriptor: Int32

    /// Takes the lock; nil while another process has it.
    ///
    /// - Throws: `.unwritable`.
    package static func take(_ path: String) throws(BundleError) -> UpdateLock? {
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o640)
        guard descriptor >= 0 else { throw .unwritable(path: path, errorNumber: errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            return nil
        }
        return UpdateLock(descriptor: descriptor)
    }

    private init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// True: it is held as long as this lives.
    var isHeld: Bool { descriptor >= 0 }
}

/// Where updates keep what they keep, below the state directory.
package struct UpdatePaths: Sendable {
    package let directory: String

    package init(stateDirectory: String) { directory = stateDirectory }

    package var models: String { "\(directory)/models" }
    package var updates: String { "\(directory)/updates" }
    package var lock: String { "\(updates)/lock" }
    package var socket: String { "\(updates)/control" }
    package var audit: String { "\(updates)/audit.jsonl" }
    package func state(of pipeline: String) -> String { "\(updates)/\(pipeline).json" }

    /// Makes the directory. The store makes its own.
    package func make() throws(BundleError) {
        guard unsafe mkdir(updates, 0o750) == 0 || errno == EEXIST else {
            throw .unwritable(path: updates, errorNumber: errno)
        }
    }
}
