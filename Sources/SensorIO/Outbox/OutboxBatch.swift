/// What one transaction does.
struct OutboxBatch {
    var inserts: [OutboxRecord] = []
    /// Ascending.
    var deletes: [Int64] = []
    var quarantines: [OutboxRefusal] = []
    /// Rows that were refused and are tried again.
    var attempts: [(id: Int64, attempts: Int)] = []
    /// Drops to add to the counters that outlive the process.
    var drops: [OutboxDropCount] = []
    var kept: [OutboxKept] = []
    /// Refused states to delete; those of this batch among them.
    var outdated: [OutboxOutdated] = []
    /// Whether those are all there are, and not only what was closed before.
    var isAllKept = false

    var isEmpty: Bool {
        inserts.isEmpty && deletes.isEmpty && quarantines.isEmpty && attempts.isEmpty
            && drops.isEmpty && kept.isEmpty && outdated.isEmpty
    }
}

/// A record that the broker does not take, and why.
struct OutboxRefusal: Equatable {
    var record: OutboxRecord
    var reasonCode: UInt8
}

/// The refused states of a topic that a newer one has made worthless.
struct OutboxOutdated: Equatable {
    var topic: [UInt8]
    /// Of the newer one's identifier: those below it go.
    var counter: Int64
}

/// How many records of a class were given up, and why.
struct OutboxDropCount: Equatable {
    var recordClass: OutboxRecordClass
    var cause: OutboxDropCause
    var count: Int
}

/// What a transaction did beside what it was asked to.
struct OutboxWriteReport {
    /// Rows that had to go for the bound in bytes.
    var evicted: [OutboxStore.Outline] = []
    /// Refused records that had to go for the quarantine's bound.
    var quarantineDropped: [OutboxDropCount] = []
    /// How many refused states were deleted for a newer one of their topic.
    var outdated = 0
}
