/// Counts rejections by cause and topic, and says at a bounded rate which of them to show.
///
/// Sized when it is made; topics beyond its bound are counted together. Allocates nothing
/// afterwards.
/// - Thread: one at a time.
@safe  // The buffers are allocated in init, indexed below their counts, and freed in deinit.
package final class RejectionLedger {
    /// A rejection that is worth a line in the log: the first of its cause and topic, and then now
    /// and again.
    package struct Notice: Sendable, Equatable {
        package var cause: RejectionCause
        /// For `topic(at:)`; `otherTopics` for topics beyond the bound.
        package var topicIndex: Int
        /// Rejections of this cause and topic so far.
        package var count: UInt64
        /// How many of them have not been shown since the last notice of this cause and topic.
        package var suppressed: UInt64

        /// Puts a notice together.
        package init(
            cause: RejectionCause, topicIndex: Int, count: UInt64, suppressed: UInt64
        ) {
            self.cause = cause
            self.topicIndex = topicIndex
            self.count = count
            self.suppressed = suppressed
        }
    }

    /// How often notices are given, all topics together and for one cause of one topic.
    package struct Rate: Sendable, Equatable {
        /// Notices that may follow each other at once.
        /// - Range: 1...
        package var burst: Int
        /// After a burst, one notice in this time.
        package var refillNanoseconds: UInt64
        /// Between two notices of the same cause and topic.
        package var repeatNanoseconds: UInt64

        /// Ten at once, then one in ten seconds; the same again after a minute.
        package init(
            burst: Int = 10, refillNanoseconds: UInt64 = 10_000_000_000,
            repeatNanoseconds: UInt64 = 60_000_000_000
        ) {
            self.burst = burst
            self.refillNanoseconds = refillNanoseconds
            self.repeatNanoseconds = repeatNanoseconds
        }
    }

    private struct Entry {
        var count: UInt64 = 0
        var shown: UInt64 = 0
        var nextNotice: UInt64 = 0
    }

    /// The index under which topics beyond the bound are counted.
    package let otherTopics: Int
    /// Topics longer than this are counted with the others.
    package static let maximumTopicBytes = 512

    private static let causes = RejectionCause.allCases.count
    private let rate: Rate
    private var topics: ByteKeyTable
    private let entries: UnsafeMutableBufferPointer<Entry>
    private var tokens: Int
    private var refilled: UInt64?

    /// Makes room for that many topics.
    ///
    /// - Parameter maximumTopics: 1...65 536.
    package init(maximumTopics: Int = 256, rate: Rate = Rate()) {
        precondition((1...65_536).contains(maximumTopics), "between 1 and 65 536 topics")
        precondition(rate.burst >= 1, "at least one notice at once")
        self.rate = rate
        tokens = rate.burst
        otherTopics = maximumTopics
        topics = ByteKeyTable(
            capacity: maximumTopics, maximumKeyBytes: Self.maximumTopicBytes)
        unsafe entries = .allocate(capacity: (maximumTopics + 1) * Self.causes)
        unsafe entries.initialize(repeating: Entry())
    }

    deinit {
        unsafe entries.deallocate()
    }

    /// Counts one rejection.
    ///
    /// - Returns: What to show of it, or `nil` if it is only counted.
    package func record(
        _ cause: RejectionCause, topic: UnsafeRawBufferPointer, nowNanoseconds: UInt64
    ) -> Notice? {
        let index = unsafe topics.find(topic) ?? topics.insert(topic) ?? otherTopics
        let position = index * Self.causes + Int(cause.rawValue)
        var entry = unsafe entries[position]
        entry.count &+= 1
        var notice: Notice?
        if nowNanoseconds >= entry.nextNotice && takeToken(nowNanoseconds) {
            notice = Notice(
                cause: cause, topicIndex: index, count: entry.count,
                suppressed: entry.count &- entry.shown &- 1)
            entry.shown = entry.count
            entry.nextNotice = nowNanoseconds &+ rate.repeatNanoseconds
        }
        unsafe entries[position] = entry
        return notice
    }

    /// The number of topics that have an index of their own: 0 up to this.
    package var topicCount: Int { topics.count }

    /// The bytes of a topic, empty for `otherTopics`. Valid as long as the ledger.
    package func topic(at index: Int) -> UnsafeRawBufferPointer {
        unsafe topics.key(of: index)
    }

    /// Rejections of a cause from one topic, or from `otherTopics`.
    package func count(of cause: RejectionCause, topicIndex: Int) -> UInt64 {
        precondition(topicIndex >= 0 && topicIndex <= otherTopics, "no such topic")
        return unsafe entries[topicIndex * Self.causes + Int(cause.rawValue)].count
    }

    /// Rejections of a cause from all topics.
    ///
    /// - Complexity: O(topics)
    package func count(of cause: RejectionCause) -> UInt64 {
        var sum = count(of: cause, topicIndex: otherTopics)
        for index in 0..<topics.count { sum &+= count(of: cause, topicIndex: index) }
        return sum
    }

    /// Takes one of the notices that the rate allows; their number grows with time up to the burst.
    private func takeToken(_ now: UInt64) -> Bool {
        let last = refilled ?? now
        let elapsed = now > last ? now - last : 0
        if rate.refillNanoseconds == 0 {
            tokens = rate.burst
        } else if elapsed >= rate.refillNanoseconds {
            let earned = elapsed / rate.refillNanoseconds
            tokens = min(rate.burst, tokens + Int(clamping: min(earned, UInt64(rate.burst))))
            refilled = last &+ earned &* rate.refillNanoseconds
        }
        // Time counts from the first notice; a full bucket earns nothing.
        if refilled == nil || tokens == rate.burst { refilled = now }
        guard tokens > 0 else { return false }
        tokens -= 1
        return true
    }
}
