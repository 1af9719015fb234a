/// Works out since when the bytes that a turn reads have been readable, at the earliest.
///
/// The kernel does not keep that for a stream. What is known: bytes that were not there when the socket was
/// last found empty have come since; in a backlog, bytes beyond what had been received at the end of a turn have
/// come after it; and after a wait that blocked the kernel knows how long ago the last segment came, so that
/// a thread that got no processor for a while sees it.
struct ReadableClock {
    /// How many turns of one backlog are told apart; longer ones are joined in pairs.
    static let capacity = 32
    /// A wait that was shorter did not block.
    private static let shortestWaitNanoseconds: UInt64 = 10_000

    /// At `time`, so many bytes had been received since the connection was made.
    private struct Mark {
        var time: UInt64 = 0
        var received: UInt64 = 0
    }

    private var drainedAt: UInt64
    private var marks = InlineArray<32, Mark>(repeating: Mark())
    private var count = 0

    init(now: UInt64) { drainedAt = now }

    /// Whether the last turn left bytes unread: the next needs their position.
    var hasBacklog: Bool { count > 0 }

    /// The socket was found empty.
    mutating func drained(at time: UInt64) {
        drainedAt = time
        count = 0
    }

    /// A turn ended with bytes unread.
    ///
    /// - Parameter received: bytes of the connection so far, the unread ones among them.
    mutating func leftUnread(at time: UInt64, received: UInt64) {
        if count == Self.capacity {
            // Every second one goes: a byte then counts as older than it is, never as younger.
            for index in 0..<Self.capacity / 2 { marks[index] = marks[2 &* index] }
            count = Self.capacity / 2
        }
        marks[count] = Mark(time: time, received: received)
        count += 1
    }

    /// Since when the first byte that is read now has been readable, at the earliest.
    ///
    /// - Parameters:
    ///   - position: in a backlog, the bytes of the connection that have been read; nil if unknown.
    ///   - age: how long ago the kernel received the first unread segment; nil if it is not known.
    mutating func readableAt(
        waitBegan: UInt64, waitEnded: UInt64, position: UInt64?, age: UInt64?
    ) -> UInt64 {
        if hasBacklog {
            guard let position else { return min(drainedAt, waitEnded) }
            var passed = 0
            while passed < count, marks[passed].received <= position { passed += 1 }
            guard passed > 0 else { return min(drainedAt, waitEnded) }
            // Those before are of no use any more.
            drainedAt = marks[passed - 1].time
            for index in passed..<count { marks[index - passed] = marks[index] }
            count -= passed
            // The last mark passed means that the rest came since; there may be no backlog left.
            return min(drainedAt, waitEnded)
        }
        guard waitEnded &- waitBegan >= Self.shortestWaitNanoseconds, waitEnded > waitBegan else {
            return min(drainedAt, waitEnded)
        }
        // It blocked, so nothing was there when it began: a wall clock that jumped cannot make it older.
        guard let age else { return waitEnded }
        return age < waitEnded &- waitBegan ? waitEnded &- age : waitBegan
    }
}
