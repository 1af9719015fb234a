/// A channel and its share of a score.
package struct Contributor: Sendable, Equatable {
    package var channel: Int32
    /// - Range: 0...1, of the whole score.
    package var share: Float

    package init(channel: Int32, share: Float) {
        self.channel = channel
        self.share = share
    }
}

/// The channels that drove a score, the strongest first: a fixed-size list.
package struct Contributors: Sendable, Equatable {
    /// As many are kept at most.
    package static let maximumCount = 8

    package private(set) var count = 0
    private var elements = InlineArray<8, Contributor>(repeating: .init(channel: 0, share: 0))

    /// Makes an empty list.
    package init() {}

    /// The contributor at `index`, 0..<`count`.
    package subscript(index: Int) -> Contributor {
        precondition(index >= 0 && index < count, "A contributor's index is out of range.")
        return elements[index]
    }

    /// Takes a channel in if it is among the `limit` strongest so far.
    package mutating func insert(_ contributor: Contributor, limit: Int) {
        let limit = min(limit, Self.maximumCount)
        var index = count
        while index > 0, elements[index - 1].share < contributor.share { index -= 1 }
        guard index < limit else { return }
        var last = min(count, limit - 1)
        count = min(count + 1, limit)
        while last > index {
            elements[last] = elements[last - 1]
            last -= 1
        }
        elements[index] = contributor
    }

    package static func == (left: Contributors, right: Contributors) -> Bool {
        left.count == right.count && (0..<left.count).allSatisfy { left[$0] == right[$0] }
    }
}
