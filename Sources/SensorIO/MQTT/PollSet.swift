internal import CLinuxShims
internal import Glibc

/// What a descriptor is waited for, and what it turned out to be ready for.
package struct PollReadiness: OptionSet, Sendable {
    package let rawValue: Int16

    package init(rawValue: Int16) {
        self.rawValue = rawValue
    }

    /// There is something to read, or the end of the stream.
    package static let readable = PollReadiness(rawValue: Int16(POLLIN))
    /// There is room to write.
    package static let writable = PollReadiness(rawValue: Int16(POLLOUT))
    /// The descriptor failed; only ever an answer.
    package static let failed = PollReadiness(rawValue: Int16(POLLERR))
    /// The other side hung up; only ever an answer.
    package static let hungUp = PollReadiness(rawValue: Int16(POLLHUP))
    /// The descriptor is not open; only ever an answer.
    package static let invalid = PollReadiness(rawValue: Int16(POLLNVAL))
}

/// The descriptors that one thread waits for in one `poll(2)`, in storage that is allocated once.
///
/// Each turn: ``removeAll()``, then each owner of descriptors adds its own and keeps the indices, then
/// ``wait(deadlineNanoseconds:)``, then each owner looks at its indices.
///
/// - Thread: one thread owns a set.
@safe package struct PollSet: ~Copyable {
    // Proof of @safe: the storage is this set's own for its life, `count <= capacity` of it is
    // initialised by `add`, and every index is checked against `count`.
    private let storage: UnsafeMutablePointer<pollfd>
    /// How many descriptors fit.
    package let capacity: Int
    /// How many descriptors are in the set.
    package private(set) var count = 0

    /// Allocates room for `capacity` descriptors.
    package init(capacity: Int) {
        precondition(capacity > 0, "a poll set has room for at least one descriptor")
        self.capacity = capacity
        unsafe storage = .allocate(capacity: capacity)
    }

    deinit {
        unsafe storage.deallocate()
    }

    /// Empties the set for the next turn.
    package mutating func removeAll() {
        count = 0
    }

    /// Adds a descriptor and returns the index under which its readiness can be asked for.
    ///
    /// A negative descriptor is allowed, and ignored by the kernel.
    @discardableResult
    package mutating func add(_ fileDescriptor: Int32, _ interest: PollReadiness) -> Int {
        precondition(count < capacity, "a poll set is sized for everything its thread waits for")
        unsafe storage[count] = pollfd(fd: fileDescriptor, events: interest.rawValue, revents: 0)
        count += 1
        return count - 1
    }

    /// What the last wait found for the descriptor at `index`; empty for an index out of range.
    package func readiness(at index: Int) -> PollReadiness {
        guard index >= 0, index < count else { return [] }
        return PollReadiness(rawValue: unsafe storage[index].revents)
    }

    /// Waits until a descriptor is ready or the deadline has come, and returns how many are ready.
    ///
    /// A signal ends the wait early with 0, as a deadline does: callers look at the clock anyway.
    ///
    /// - Parameter deadlineNanoseconds: a time of ``MonotonicClock``; nil waits for ever.
    @discardableResult
    package mutating func wait(deadlineNanoseconds: UInt64?) -> Int {
        var timeout: Int64 = -1
        if let deadlineNanoseconds {
            let now = MonotonicClock.nanoseconds
            // An hour is longer than anything here waits, and always fits.
            timeout = Int64(
                min(deadlineNanoseconds > now ? deadlineNanoseconds - now : 0, 3_600_000_000_000))
        }
        let ready = unsafe els_poll(storage, count, timeout)
        if ready < 0 {
            // EINTR or ENOMEM: what stands in revents is of the last turn.
            for index in 0..<count { unsafe storage[index].revents = 0 }
            return 0
        }
        return Int(ready)
    }
}
