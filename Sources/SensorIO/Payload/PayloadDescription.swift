/// How a message becomes readings: its format, where the channels and the time stand, and its
/// limits.
package struct PayloadDescription: Sendable, Equatable {
    package var format: PayloadFormat
    package var channels: PayloadChannels
    package var timestamp: PayloadTimestamp
    /// - Units: bytes
    /// - Range: 1...`Self.maximumBytesLimit`
    package var maximumBytes: Int
    /// How many samples one message may carry, as a JSON array of objects. 1: no arrays.
    /// - Range: 1...`Self.maximumSamplesLimit`
    package var maximumSamples: Int
    /// Whether an object may lack channels (or say `null`); needs fixed-rate alignment, which
    /// holds each channel's last observation. Ignored for scalars, which are always one channel.
    package var acceptsPartialRows: Bool
    package var clockRange: AcceptableClockRange

    package static let maximumBytesLimit = 16 << 20
    package static let maximumSamplesLimit = 4096

    /// Describes payloads; the defaults are one object a message, with the time of arrival.
    package init(
        format: PayloadFormat = .jsonObject, channels: PayloadChannels = .byName,
        timestamp: PayloadTimestamp = .arrival, maximumBytes: Int = 64 << 10,
        maximumSamples: Int = 1, acceptsPartialRows: Bool = false,
        clockRange: AcceptableClockRange = AcceptableClockRange()
    ) {
        self.format = format
        self.channels = channels
        self.timestamp = timestamp
        self.maximumBytes = maximumBytes
        self.maximumSamples = maximumSamples
        self.acceptsPartialRows = acceptsPartialRows
        self.clockRange = clockRange
    }
}

/// What a payload looks like.
package enum PayloadFormat: String, Sendable, Equatable, CaseIterable {
    /// `{"vibration": 1.2, "ts": 1732180000}`
    case jsonObject
    /// `1.2`, as JSON spells numbers.
    case jsonScalar
    /// `1.2`, with white space around it, a plus sign or a bare point (`+.5`, `3.`) allowed.
    case textScalar
}

/// Which channel a value of the payload belongs to.
package enum PayloadChannels: Sendable, Equatable {
    /// Objects: each channel is the key of its own name at the top of the object.
    case byName
    /// Objects: each channel has a path. Fields of channels that the model does not use are
    /// ignored.
    case fields([PayloadField])
    /// The topic's capture of this name says which channel the one value belongs to. `value` is the
    /// path to it in an object; `nil` for scalars.
    case topicCapture(String, value: PayloadPath?)
    /// Scalars: always this channel.
    case fixed(String)
}

/// Where an object keeps one channel.
package struct PayloadField: Sendable, Equatable {
    package var channel: String
    package var path: PayloadPath

    /// Says that `channel` stands at `path`.
    package init(channel: String, path: PayloadPath) {
        self.channel = channel
        self.path = path
    }
}

/// Where the time of a sample comes from.
package enum PayloadTimestamp: Sendable, Equatable {
    /// The moment the message was read, on the monotonic clock: steps of the wall clock do no harm.
    case arrival
    case field(PayloadPath, unit: TimestampUnit)
}

/// How a timestamp is written.
package enum TimestampUnit: String, Sendable, Equatable, CaseIterable {
    case seconds = "s"
    case milliseconds = "ms"
    case microseconds = "us"
    case nanoseconds = "ns"
    /// `2026-11-21T09:30:00.25+01:00`
    case rfc3339
}

/// How far a payload's timestamp may be from the wall clock of the box.
package struct AcceptableClockRange: Sendable, Equatable {
    /// - Range: 0...
    package var maximumAgeNanoseconds: Int64
    /// - Range: 0...
    package var maximumFutureNanoseconds: Int64

    /// A day back (sensors buffer) and five minutes ahead (clocks drift), unless said otherwise.
    package init(
        maximumAgeNanoseconds: Int64 = 86_400_000_000_000,
        maximumFutureNanoseconds: Int64 = 300_000_000_000
    ) {
        self.maximumAgeNanoseconds = maximumAgeNanoseconds
        self.maximumFutureNanoseconds = maximumFutureNanoseconds
    }
}
