/// What the captures of a filter stand for in one topic: byte ranges, in storage of fixed size.
package struct TopicCaptures: Sendable {
    /// How many captures a filter may have.
    package static let maximumCount = 8

    private var ranges = InlineArray<8, TopicRange>(repeating: TopicRange(start: 0, count: 0))
    package private(set) var count = 0

    package init() {}

    /// The bytes of the capture at `index`, in the order in which the filter names them.
    package subscript(index: Int) -> TopicRange {
        precondition(index >= 0 && index < count, "a capture of the filter that matched")
        return ranges[index]
    }

    mutating func append(_ range: TopicRange) {
        guard count < Self.maximumCount else { return }
        ranges[count] = range
        count += 1
    }

    mutating func removeAll() { count = 0 }
}

/// A range of bytes in a topic.
package struct TopicRange: Sendable, Equatable {
    package let start: UInt16
    package let count: UInt16

    package init(start: UInt16, count: UInt16) {
        self.start = start
        self.count = count
    }
}
