internal import Synchronization

/// Carries notices from a thread to the control plane, which polls it.
///
/// The sender never waits: while the reader holds the lock, or the box is full, a notice is counted
/// and dropped. What must not be lost goes through the outbox, not through here.
package final class NoticeBox<Notice: Sendable>: Sendable {
    private static var capacity: Int { 256 }

    private let notices: Mutex<[Notice]>
    private let dropped = Atomic<UInt64>(0)

    package init() {
        notices = Mutex(Self.makeEmpty())
    }

    /// The sender never grows it.
    private static func makeEmpty() -> [Notice] {
        var notices: [Notice] = []
        notices.reserveCapacity(capacity)
        return notices
    }

    /// Waits for the reader, which holds the lock for a moment only: for threads that may.
    func postWaiting(_ notice: Notice) {
        let isKept = notices.withLock { notices in
            guard notices.count < Self.capacity else { return false }
            notices.append(notice)
            return true
        }
        if !isKept { dropped.add(1, ordering: .relaxed) }
    }

    /// - Thread: the sender's, one of the hot ones.
    func post(_ notice: Notice) {
        let kept = notices.withLockIfAvailable { notices in
            guard notices.count < Self.capacity else { return false }
            notices.append(notice)
            return true
        }
        if kept != true { dropped.add(1, ordering: .relaxed) }
    }

    /// Takes what has come, and how many notices were dropped so far.
    /// - Thread: the control plane's.
    package func take() -> (notices: [Notice], dropped: UInt64) {
        guard !notices.withLock({ $0.isEmpty }) else {
            return ([], dropped.load(ordering: .relaxed))
        }
        // Made outside of the lock, by the reader.
        let empty = Self.makeEmpty()
        let taken = notices.withLock { notices in
            let taken = notices
            notices = empty
            return taken
        }
        return (taken, dropped.load(ordering: .relaxed))
    }
}
