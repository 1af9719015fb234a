internal import Synchronization

/// How producers wake the outbox: a system call only when it sleeps, and for what cannot wait.
///
/// A live record can wait: the outbox looks at it when its commit delay is over. So the first
/// one wakes it from a sleep without end, and the ones that follow in the same delay do not.
package final class OutboxDoorbell: Sendable {
    /// How deep the outbox sleeps.
    enum Sleep: UInt8 {
        case awake
        /// Until a time that suits all live records.
        case timed
        /// Until it is woken.
        case endless
    }

    let event: EventDescriptor
    /// Which of the kept bytes are worth waking it for.
    let keptPace = OutboxKeptPace()
    private let sleep = Atomic<UInt8>(Sleep.awake.rawValue)

    init() throws(MQTTError) {
        event = try EventDescriptor()
    }

    /// Wakes the outbox if it sleeps too deep for what was submitted. - Thread: any.
    func ring(isUrgent: Bool) {
        // Proof: the producer stored its ring's tail before this fence, the outbox stores `sleep`, fences,
        // then looks at the rings: one of the two sees the other's store, so no record is slept over.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        let depth = sleep.load(ordering: .relaxed)
        guard depth == Sleep.endless.rawValue || (isUrgent && depth != Sleep.awake.rawValue) else {
            return
        }
        event.signal()
    }

    /// Wakes the outbox whatever it does. - Thread: any.
    func ringAlways() { event.signal() }

    /// Says how deep the outbox is about to sleep; it must look at its rings once more after that.
    func announce(_ depth: Sleep) {
        sleep.store(depth.rawValue, ordering: .relaxed)
        // Proof: see `ring`.
        if depth != .awake { atomicMemoryFence(ordering: .sequentiallyConsistent) }
    }
}
