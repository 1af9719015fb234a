/// The records a pipeline published itself whose PUBACK has not come, by message identifier.
///
/// Fixed in size and scanned from the oldest: a broker acknowledges in the order of publishing, so
/// the first look nearly always finds.
struct InflightTable {
    static let capacity = 128

    private struct Entry {
        var messageIdentifier: Int32 = 0
        var sequence: UInt64 = 0
    }

    private var entries = InlineArray<128, Entry>(repeating: Entry())
    private var head = 0
    private(set) var count = 0

    var isFull: Bool { count == Self.capacity }
    var isEmpty: Bool { count == 0 }

    func hasRoom(for records: Int) -> Bool { count + records <= Self.capacity }

    /// Notes a record as published. Only while it is not full.
    mutating func insert(messageIdentifier: Int32, sequence: UInt64) {
        precondition(!isFull, "A pipeline publishes no more than it can keep track of.")
        entries[(head &+ count) % Self.capacity] = Entry(
            messageIdentifier: messageIdentifier, sequence: sequence)
        count += 1
    }

    /// Takes the record of a PUBACK out; nil for one that is not known (of an earlier connection).
    mutating func remove(messageIdentifier: Int32) -> UInt64? {
        for offset in 0..<count {
            let index = (head &+ offset) % Self.capacity
            guard entries[index].messageIdentifier == messageIdentifier else { continue }
            let sequence = entries[index].sequence
            // Those before it move up by one; nearly always there are none.
            var position = offset
            while position > 0 {
                entries[(head &+ position) % Self.capacity] =
                    entries[(head &+ position &- 1) % Self.capacity]
                position -= 1
            }
            head = (head &+ 1) % Self.capacity
            count -= 1
            return sequence
        }
        return nil
    }

    mutating func removeAll() { count = 0 }
}
