/// Where the outbox stands, at one moment.
package struct OutboxMetrics: Sendable, Equatable {
    /// Records that wait, on the disk and in memory.
    package var depth = 0
    /// Records of each class that wait (index: the class's raw value).
    package var depthByClass = [Int](repeating: 0, count: OutboxRecordClass.allCases.count)
    /// Of these, records that are in memory only.
    package var memoryRecords = 0
    package var memoryBytes = 0
    /// Pages in use of the database file. - Units: bytes.
    package var databaseBytes = 0
    /// The age of the oldest record that waits, by the clock that counts the time that passed; nil: none.
    package var oldestAgeSeconds: Double?
    package var accepted: UInt64 = 0
    /// Records that the broker has, and of these the ones that the producers published themselves.
    package var delivered: UInt64 = 0
    package var deliveredLive: UInt64 = 0
    /// Records whose PUBACK came before they were written to the disk.
    package var sparedTheDisk: UInt64 = 0
    /// Records that a later state of the same topic made worthless.
    package var superseded: UInt64 = 0
    package var commits: UInt64 = 0
    /// Bytes handed to the file system: log and write-back.
    package var bytesWritten: UInt64 = 0
    /// Records by class and cause: `drops[class][cause]`.
    package var drops = [[UInt64]](
        repeating: [UInt64](repeating: 0, count: OutboxDropCause.allCases.count),
        count: OutboxRecordClass.allCases.count)
    package var quarantined = 0
    /// Records of the backlog sent in the last second or so.
    package var drainRecordsPerSecond = 0.0
    package var isUplinkConnected = false
    package var isDiskWritable = true

    package init() {}
}

/// The number of this start of the agent.
package struct OutboxBoot: Sendable, Equatable {
    package var number: UInt64
    /// False if the number could not be stored: then it is random, from 2^52 up.
    package var isPersisted: Bool

    package init(number: UInt64, isPersisted: Bool) {
        self.number = number
        self.isPersisted = isPersisted
    }
}

/// A message about the agent itself on a retained topic: birth, or offline.
package struct OutboxStatusMessage: Sendable, Equatable {
    package var topic: String
    package var payload: [UInt8]
    package var contentType: MQTTContentType

    package init(topic: String, payload: [UInt8], contentType: MQTTContentType = .json) {
        self.topic = topic
        self.payload = payload
        self.contentType = contentType
    }
}

/// Where records go, and what is said there about the agent itself.
package struct OutboxUplink: Sendable, Equatable {
    /// Its will is what the broker publishes when the agent vanishes. Room for a few status messages is
    /// added to its send maximum.
    package var endpoint: MQTTEndpoint
    /// Published, retained, first thing after each connect.
    package var birth: OutboxStatusMessage?
    /// Published, retained, last thing before an orderly end.
    package var offline: OutboxStatusMessage?

    package init(
        endpoint: MQTTEndpoint, birth: OutboxStatusMessage? = nil,
        offline: OutboxStatusMessage? = nil
    ) {
        self.endpoint = endpoint
        self.birth = birth
        self.offline = offline
    }
}

/// How the outbox ended.
package struct OutboxStopReport: Sendable, Equatable {
    /// Records that stay on the disk for the next start.
    package var stored = 0
    /// Records that are lost because the disk could not be written.
    package var lost = 0
    /// Whether the offline status was acknowledged and the session ended in order.
    package var isDisconnectedCleanly = false

    package init() {}
}
