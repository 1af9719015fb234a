internal import Glibc
internal import SensorIO

/// The file in which a pipeline's `UpdateState` survives: replaced as a whole, with the one before kept beside it.
///
/// - Thread: one at a time.
package struct UpdateStateFile: Sendable {
    static let maximumBytes = 1 << 20
    package let path: String

    package init(path: String) { self.path = path }

    private var backup: String { "\(path).previous" }
    private var temporary: String { "\(path).new" }

    /// What was found.
    package enum Found: Sendable {
        case state(UpdateState)
        /// There was none: the first start.
        case none
        /// The newest is damaged; this is the one before it.
        case recovered(UpdateState, damage: String)
        /// Both are damaged and were moved aside. What to run is the configured bundle.
        case lost(damage: String)
    }

    /// Reads the state. Blocks on the disk. A damaged file is moved aside, never overwritten.
    package func read() -> Found {
        switch (Self.readOne(path), Self.readOne(backup)) {
        case (.state(let state), _): return .state(state)
        case (.absent, .absent): return .none
        // Somebody removed the newest.
        case (.absent, .state(let state)): return .state(state)
        case (.absent, .damaged(let damage)):
            moveAside(backup)
            return .lost(damage: damage)
        case (.damaged(let damage), .state(let state)):
            moveAside(path)
            return .recovered(state, damage: damage)
        case (.damaged(let damage), let older):
            moveAside(path)
            if case .damaged = older { moveAside(backup) }
            return .lost(damage: damage)
        }
    }

    /// Reads the state without mending anything: for those who only look. nil where there is none.
    package func peek() -> UpdateState? {
        if case .state(let state) = Self.readOne(path) { return state }
        if case .state(let state) = Self.readOne(backup) { return state }
        return nil
    }

    /// Replaces the state: at every instant either the old or the new one is there, whole. Blocks on the disk.
    ///
    /// - Throws: `.unwritable`.
    package func write(_ state: UpdateState) throws(BundleError) {
        _ = unsafe unlink(temporary)
        try BundleWriter.create(UpdateStateCoding.encode(state), at: temporary)
        _ = unsafe unlink(backup)
        // A link, not a rename: the newest stays where it is until the new one takes its name.
        _ = unsafe link(path, backup)
        guard unsafe rename(temporary, path) == 0 else {
            throw .unwritable(path: path, errorNumber: errno)
        }
        try BundleWriter.sync(FileSystem.parent(of: path))
    }

    private func moveAside(_ path: String) {
        _ = unsafe rename(path, "\(path).damaged")
    }

    private enum One {
        case absent
        case state(UpdateState)
        case damaged(String)
    }

    private static func readOne(_ path: String) -> One {
        if unsafe access(path, F_OK) != 0, errno == ENOENT { return .absent }
        do throws(BundleError) {
            let bytes = try BundleFiles.read(path: path, maximumBytes: maximumBytes)
            do throws(JSONError) {
                return .state(try UpdateStateCoding.decode(bytes))
            } catch {
                return .damaged("\(path): \(error)")
            }
        } catch {
            return .damaged("\(error)")
        }
    }
}
