// States in the quarantine, and how they leave it.
extension OutboxStore {
    /// The states that the broker has refused.
    struct RefusedStates {
        /// Hashes of their topics.
        var topics: Set<UInt64> = []
        /// Among their identifiers; 0 if there are none.
        var highestCounter: Int64 = 0
    }

    /// The states in the quarantine; without damaged ones, which nobody sends again.
    ///
    /// - Complexity: reads the quarantine once.
    func refusedStates() throws(SQLiteError) -> RefusedStates {
        var states = RefusedStates()
        let rows = try connection.prepare(
            "SELECT record, boot, sequence, flags, created, elapsed, expiry, historical, attempts,"
                + " checksum, topic, payload FROM quarantine WHERE flags & 2")
        while try rows.step() {
            guard let record = Self.record(rows) else { continue }
            states.topics.insert(record.topicHash)
            states.highestCounter = max(
                states.highestCounter, record.id & OutboxRecord.counterMask)
        }
        return states
    }

    /// Deletes refused states of a topic that are older than the one that says so; within a transaction.
    ///
    /// - Returns: how many there were.
    func delete(_ outdated: OutboxOutdated) throws(SQLiteError) -> Int {
        // Reason 0 is damage: what such a row says of itself is not to be trusted.
        let statement = try connection.prepare(
            "DELETE FROM quarantine WHERE topic = ?1 AND flags & 2 AND reason <> 0"
                + " AND record & \(OutboxRecord.counterMask) < ?2")
        statement.bind(2, outdated.counter)
        try unsafe outdated.topic.span.bytes.withUnsafeBytes {
            (topic: UnsafeRawBufferPointer) throws(SQLiteError) in
            // Proof: `topic` outlives `run`, which steps and resets the statement.
            unsafe statement.bindText(1, topic)
            try statement.run()
        }
        return connection.changes
    }
}
