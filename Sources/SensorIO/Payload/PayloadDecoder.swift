/// Turns payloads into rows of readings with their time.
///
/// Prepared once, then allocation-free. A message is decoded with `decode`, its samples are read
/// with `sample(_:)`; a document that is not sound as a whole gives no samples at all.
/// - Thread: one at a time.
// Safe: the row is allocated in init with channelCount entries, indexed below that, and freed in
// deinit.
@safe
package final class PayloadDecoder {
    /// What a message holds.
    package enum PayloadOutcome: Equatable {
        /// This many samples, to be read with `sample(_:)`.
        case samples(Int)
        case rejected(RejectionCause)
    }

    /// What one sample of a message is.
    package enum SampleOutcome: Equatable {
        /// Its values are in `row`; the time is on `timeAxis`.
        case sample(timeNanoseconds: Int64)
        case rejected(RejectionCause)
    }

    package let channelCount: Int
    package let timeAxis: SampleTimeAxis
    /// The values of the sample read last, in the channels' order; NaN where the message had no
    /// such channel.
    package let row: UnsafeMutableBufferPointer<Float>
    /// The channel at fault in the last rejection of a sample, if it was one channel's fault.
    package private(set) var rejectedChannel: Int?
    /// Values moved to a bound of their channel's valid range so far.
    package private(set) var clampedValues: UInt64 = 0

    static let maximumChannels = 1024
    static let maximumDepth = 32

    private enum Source {
        case objectFields
        case objectValue
        case jsonScalar
        case textScalar
    }

    private let source: Source
    private let reader: PayloadReader
    private let channels: ChannelTable
    private let fixedChannel: Int
    private let timestampSlot: Int
    private let timestampUnit: TimestampUnit
    private let maximumBytes: Int
    private let acceptsPartialRows: Bool
    private let clockRange: AcceptableClockRange
    private var clock = ArrivalClock(monotonicNanoseconds: 0, wallNanoseconds: 0)
    private var channel = -1
    private var samples = 0
    private var text = 0.0

    /// Prepares for payloads of this kind and the channels of a model.
    ///
    /// - Throws: `PayloadDescriptionError`, if the two do not fit each other or a limit is out of
    ///   range.
    package init(
        _ description: PayloadDescription, channels: [ChannelDescription]
    ) throws(PayloadDescriptionError) {
        let layout = try PayloadLayout(description, channels: channels)
        reader = try PayloadReader(
            paths: layout.paths, maximumBytes: description.maximumBytes,
            maximumDepth: Self.maximumDepth,
            maximumSamples: description.format == .jsonObject ? description.maximumSamples : 1)
        self.channels = ChannelTable(channels)
        source =
            switch description.format {
            case .jsonObject: layout.isOneValue ? .objectValue : .objectFields
            case .jsonScalar: .jsonScalar
            case .textScalar: .textScalar
            }
        fixedChannel = layout.fixedChannel ?? -1
        timestampSlot = layout.timestampSlot ?? -1
        timestampUnit = layout.timestampUnit
        timeAxis = layout.timestampSlot == nil ? .monotonic : .epoch
        maximumBytes = description.maximumBytes
        acceptsPartialRows = description.acceptsPartialRows
        clockRange = description.clockRange
        channelCount = channels.count
        unsafe row = .allocate(capacity: channels.count)
        unsafe row.initialize(repeating: .nan)
    }

    deinit {
        unsafe row.deallocate()
    }

    /// Takes a message in; its samples can be read until the next one.
    ///
    /// - Parameters:
    ///   - channelName: What the topic captured as the channel's name; only looked at if the
    ///     description says so.
    ///   - clock: What the clocks said when the message was read.
    package func decode(
        _ payload: UnsafeRawBufferPointer, channelName: UnsafeRawBufferPointer? = nil,
        clock: ArrivalClock
    ) -> PayloadOutcome {
        samples = 0
        rejectedChannel = nil
        guard payload.count <= maximumBytes else { return .rejected(.tooLarge) }
        self.clock = clock
        channel = fixedChannel
        if source != .objectFields && channel < 0 {
            guard let name = unsafe channelName,
                let index = unsafe channels.index(named: name)
            else { return .rejected(.unknownChannel) }
            channel = index
        }
        guard source != .textScalar else { return unsafe decodeText(payload) }
        switch unsafe reader.read(payload) {
        case .samples(let count):
            samples = count
            return .samples(count)
        case .rejected(let cause):
            return .rejected(cause)
        }
    }

    /// Reads one sample of the message into `row`.
    ///
    /// - Parameter index: Below the number that `decode` returned.
    package func sample(_ index: Int) -> SampleOutcome {
        precondition(index >= 0 && index < samples, "the message has no such sample")
        rejectedChannel = nil
        if let cause = fillRow(sample: index) { return .rejected(cause) }
        guard timestampSlot >= 0 else {
            return .sample(timeNanoseconds: Int64(clamping: clock.monotonicNanoseconds))
        }
        return timestamp(sample: index)
    }

    private func fillRow(sample: Int) -> RejectionCause? {
        if source == .objectFields {
            var present = 0
            for slot in 0..<channelCount {
                if let cause = unsafe fill(
                    channel: slot, from: reader.value(sample: sample, slot: slot))
                {
                    guard cause == .missingChannel && acceptsPartialRows else {
                        rejectedChannel = slot
                        return cause
                    }
                } else {
                    present += 1
                }
            }
            return present > 0 ? nil : .missingChannel
        }
        unsafe row.update(repeating: .nan)
        let cause =
            source == .textScalar
            ? store(text, channel: channel)
            : unsafe fill(channel: channel, from: reader.value(sample: sample, slot: 0))
        if cause != nil { rejectedChannel = channel }
        return cause
    }

    @inline(__always)
    private func fill(channel: Int, from value: PayloadReader.Value) -> RejectionCause? {
        switch unsafe value {
        case .number(let number, _): return store(number, channel: channel)
        case .absent, .null:
            unsafe row[channel] = .nan
            return .missingChannel
        case .hugeNumber: return .notFinite
        case .string, .other: return .wrongType
        }
    }

    @inline(__always)
    private func store(_ number: Double, channel: Int) -> RejectionCause? {
        var number = number
        if let bounds = channels.bounds(of: channel), !bounds.range.contains(number) {
            guard bounds.policy == .clamp else { return .outOfValidRange }
            number = min(max(number, bounds.range.lowerBound), bounds.range.upperBound)
            clampedValues &+= 1
        }
        let value = Float(number)
        guard value.isFinite else { return .notFinite }
        unsafe row[channel] = value
        return nil
    }

    private func timestamp(sample: Int) -> SampleOutcome {
        let parsed: Int64?
        switch unsafe reader.value(sample: sample, slot: timestampSlot) {
        case .absent, .null: return .rejected(.timestampMissing)
        case .number(_, let text), .hugeNumber(let text):
            guard timestampUnit != .rfc3339 else { return .rejected(.timestampInvalid) }
            parsed = unsafe EpochTimestamp.nanoseconds(text, unitDigits: timestampUnit.digits)
        case .string(let text):
            // Numbers in quotes too: what JavaScript sends when a number would lose its
            // nanoseconds.
            parsed =
                timestampUnit == .rfc3339
                ? unsafe RFC3339Timestamp.nanoseconds(text)
                : unsafe EpochTimestamp.nanoseconds(text, unitDigits: timestampUnit.digits)
        case .other: return .rejected(.timestampInvalid)
        }
        guard let time = parsed else { return .rejected(.timestampInvalid) }
        let plausible = ArrivalClock.plausibleWallNanoseconds
        guard time >= plausible.lowerBound else { return .rejected(.timestampTooOld) }
        guard time <= plausible.upperBound else { return .rejected(.timestampInFuture) }
        if clock.isWallSynchronised {
            let (age, overflow) = clock.wallNanoseconds.subtractingReportingOverflow(time)
            // A wall clock centuries off cannot judge.
            guard !overflow else { return .sample(timeNanoseconds: time) }
            if age > clockRange.maximumAgeNanoseconds { return .rejected(.timestampTooOld) }
            if age < 0 && age.magnitude > clockRange.maximumFutureNanoseconds.magnitude {
                return .rejected(.timestampInFuture)
            }
        }
        return .sample(timeNanoseconds: time)
    }

    private func decodeText(_ payload: UnsafeRawBufferPointer) -> PayloadOutcome {
        var start = 0
        var end = payload.count
        while start < end, unsafe isWhiteSpace(payload[start]) { start += 1 }
        while end > start, unsafe isWhiteSpace(payload[end - 1]) { end -= 1 }
        guard start < end else { return .rejected(.empty) }
        switch unsafe PayloadReader.decimal(UnsafeRawBufferPointer(rebasing: payload[start..<end]))
        {
        case .number(let number):
            text = number
            samples = 1
            return .samples(1)
        case .notFinite: return .rejected(.notFinite)
        case .notANumber: return .rejected(.wrongType)
        }
    }

    private func isWhiteSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || (byte >= 9 && byte <= 13)
    }
}

extension TimestampUnit {
    /// Decimal places of the unit below the second; 0 for text, which has its own.
    fileprivate var digits: Int {
        switch self {
        case .seconds, .rfc3339: 0
        case .milliseconds: 3
        case .microseconds: 6
        case .nanoseconds: 9
        }
    }
}
