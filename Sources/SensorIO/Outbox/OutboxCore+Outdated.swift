// Refused states that a newer one of their topic has made worthless. Were such a one sent again after the newer one, it
// would be the retained state of its topic for ever. So it leaves the quarantine in a transaction that is on the disk
// before the newer one counts as safe.
extension OutboxCore {
    /// In place of an identifier among what a lane waits for: that the quarantine's rows are deleted.
    static let outdatingMark: Int64 = -4

    /// Has refused states of a topic deleted that are older than a record. Returns whether there may be any.
    @discardableResult
    mutating func outdate(_ hash: UInt64, _ topic: @autoclosure () -> [UInt8], by id: Int64) -> Bool
    {
        guard refusedStates.contains(hash) else { return false }
        let counter = id & OutboxRecord.counterMask
        if let before = outdated[hash] {
            outdated[hash]?.counter = max(before.counter, counter)
        } else {
            outdated[hash] = OutboxOutdated(topic: topic(), counter: counter)
        }
        return true
    }

    /// The same for a record that has come and gone without an identifier.
    mutating func outdatesRefused(
        _ header: OutboxRecordHeader, _ topic: UnsafeRawBufferPointer
    ) -> Bool {
        guard header.supersedes, !refusedStates.isEmpty else { return false }
        let counter = nextCounter
        nextCounter += 1
        return outdate(unsafe OutboxHash.hash(topic), unsafe Array(topic), by: counter)
    }

    /// What the quarantine has, before the rows are scanned.
    mutating func scannedQuarantine(_ states: OutboxStore.RefusedStates) {
        refusedStates.formUnion(states.topics)
        // What is decided from now on is newer than all of them.
        nextCounter = max(nextCounter, states.highestCounter + 1)
    }
}
