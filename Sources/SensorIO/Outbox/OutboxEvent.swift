/// Why a record was given up. Each is counted by class.
package enum OutboxDropCause: Int, Sendable, Equatable, CaseIterable {
    /// The database reached its bound.
    case databaseFull
    /// The disk could not be written, and memory for what waits reached its bound.
    case memoryFull
    /// The record became older than allowed.
    case expired
    /// The broker refused it, and the quarantine reached its bound.
    case quarantineFull
    /// The row was damaged on the disk.
    case damaged

    package var name: String {
        switch self {
        case .databaseFull: "database-full"
        case .memoryFull: "memory-full"
        case .expired: "expired"
        case .quarantineFull: "quarantine-full"
        case .damaged: "damaged"
        }
    }
}

/// What the outbox has to say; the receiver logs it and publishes it.
package enum OutboxEvent: Sendable, Equatable {
    /// Records were given up: how many, and the sequence numbers of the first and last.
    case dropped(OutboxRecordClass, OutboxDropCause, count: Int)
    /// The broker refused a record for good; it stands in the quarantine.
    ///
    /// - Parameter count: of records that were refused for the same reason, the first of which is named.
    case quarantined(
        topic: String, sequence: UInt64, boot: UInt64, reasonCode: UInt8, count: Int = 1)
    /// The disk cannot be written: records are kept in memory, as far as it goes.
    case diskFailed(SQLiteError)
    /// So many records that are to be sent cannot be read: newer ones go before them.
    case backlogUnreadable(count: Int)
    /// The disk can be written again; everything that waited in memory is on it.
    case diskRecovered
    /// The database was damaged: it stands aside under the path, and this many records were saved from it.
    case salvaged(path: String, records: Int, quarantined: Int, reason: SQLiteError)
    /// More was written to the disk in a day than it is to bear, or a day passed with less.
    case writeBudget(isExceeded: Bool, bytes: UInt64, budget: Int)
    /// Kept bytes of producers were damaged on the disk: so many keys are forgotten.
    case keptDamaged(count: Int)
    /// The boot number could not be stored, so it is a random one.
    case bootNumberIsRandom(SQLiteError)
    /// The uplink came up or went away.
    case uplinkChanged(isConnected: Bool, error: MQTTError?)
}
