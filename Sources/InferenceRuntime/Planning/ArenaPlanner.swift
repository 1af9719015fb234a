/// A piece of the arena and the steps between which its contents matter.
package struct ArenaRequest: Equatable {
    /// Bytes; rounded up to 64 when placed.
    package var byteCount: Int
    /// First step that writes it, or −1 when it is filled before the first run.
    package var first: Int
    /// Last step that reads it; `Int.max` when it is read after the last step.
    package var last: Int

    package init(byteCount: Int, first: Int, last: Int) {
        (self.byteCount, self.first, self.last) = (byteCount, first, last)
    }
}

/// Places pieces of memory so that two that are alive at the same step never overlap.
package enum ArenaPlanner {
    /// - Returns: the offset of each request, multiples of 64, and the arena's size.
    /// - Throws: `arenaTooLarge`.
    /// - Complexity: O(n²) in the number of requests, which `ModelLimits` bounds.
    /// - Source: greedy by size, Pisarchyk and Lee, "Efficient Memory Management for Deep Neural
    ///   Net Inference" (2020), section 5.2.
    package static func place(
        _ requests: [ArenaRequest], limit: Int
    ) throws(ModelError) -> (offsets: [Int], byteCount: Int) {
        var offsets = [Int](repeating: 0, count: requests.count)
        var placed: [Int] = []  // by offset
        var total = 0
        let order = requests.indices.sorted {
            requests[$0].byteCount != requests[$1].byteCount
                ? requests[$0].byteCount > requests[$1].byteCount : $0 < $1
        }
        for index in order {
            let request = requests[index]
            guard request.byteCount <= limit else {
                throw .arenaTooLarge(bytes: request.byteCount, limit: limit)
            }
            var offset = 0
            for other in placed {
                let neighbour = requests[other]
                if neighbour.first > request.last || request.first > neighbour.last { continue }
                if offsets[other] - offset >= rounded(request.byteCount) { break }
                offset = max(offset, offsets[other] + rounded(neighbour.byteCount))
            }
            let end = offset + rounded(request.byteCount)
            guard end <= limit else { throw .arenaTooLarge(bytes: end, limit: limit) }
            offsets[index] = offset
            total = max(total, end)
            let place = placed.firstIndex { offsets[$0] > offset } ?? placed.endIndex
            placed.insert(index, at: place)
        }
        return (offsets, total)
    }

    private static func rounded(_ bytes: Int) -> Int { (bytes + 63) & ~63 }
}
