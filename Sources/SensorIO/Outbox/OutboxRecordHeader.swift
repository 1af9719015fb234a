/// What a record is worth: a lower class is sent first and evicted last.
///
/// All records of one topic belong to one class; a record that comes with another class than what
/// waits on its topic is stored with theirs, so that order per topic holds.
package enum OutboxRecordClass: UInt8, Sendable, Equatable, CaseIterable, Comparable {
    /// What a model or a rule decided: alerts, and the retained states of alarms.
    case alert = 0
    /// What the agent says about itself: drops, swaps, its own conditions.
    case notice = 1
    /// Scores, whether or not something is wrong.
    case prediction = 2

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// Everything about a record but its topic and payload.
package struct OutboxRecordHeader: Sendable, Equatable {
    /// The number from ``OutboxLane/makeSequence()``: grows within a lane, is unique within a boot.
    package var sequence: UInt64
    package var recordClass: OutboxRecordClass
    package var isRetained: Bool
    /// Whether this record makes all earlier ones of its topic worthless that also have this mark: true
    /// for a retained state. Earlier ones that have not been sent are then not sent any more.
    package var supersedes: Bool
    /// The content type that MQTT 5 announces.
    package var contentType: MQTTContentType
    /// Where the five bytes of the token `false` of `"historical":false` start in the payload, which a
    /// late sending makes `true ` (still JSON, of the same length). 0 or less: there is none.
    package var historicalOffset: Int
    /// How long the record is worth sending; 0: as long as the configuration says.
    package var expirySeconds: UInt32
    /// When it was made, by the wall clock; never used for order or expiry, only shown to people.
    ///
    /// - Units: nanoseconds since 1970-01-01 UTC.
    package var createdNanoseconds: Int64
    /// Whether the wall clock was synchronised when the record was made.
    package var isClockSynchronised: Bool

    package init(
        sequence: UInt64, recordClass: OutboxRecordClass, isRetained: Bool = false,
        supersedes: Bool = false, contentType: MQTTContentType = .none, historicalOffset: Int = 0,
        expirySeconds: UInt32 = 0, createdNanoseconds: Int64 = 0, isClockSynchronised: Bool = false
    ) {
        self.sequence = sequence
        self.recordClass = recordClass
        self.isRetained = isRetained
        self.supersedes = supersedes
        self.contentType = contentType
        self.historicalOffset = historicalOffset
        self.expirySeconds = expirySeconds
        self.createdNanoseconds = createdNanoseconds
        self.isClockSynchronised = isClockSynchronised
    }

    /// The header's booleans and small enums as one byte each, for the ring and the database.
    var flags: UInt8 {
        (isRetained ? 1 : 0) | (supersedes ? 2 : 0) | (isClockSynchronised ? 4 : 0)
    }

    init(
        sequence: UInt64, recordClass: OutboxRecordClass, flags: UInt8,
        contentType: MQTTContentType,
        historicalOffset: Int, expirySeconds: UInt32, createdNanoseconds: Int64
    ) {
        self.init(
            sequence: sequence, recordClass: recordClass, isRetained: flags & 1 != 0,
            supersedes: flags & 2 != 0, contentType: contentType,
            historicalOffset: historicalOffset, expirySeconds: expirySeconds,
            createdNanoseconds: createdNanoseconds, isClockSynchronised: flags & 4 != 0)
    }
}
