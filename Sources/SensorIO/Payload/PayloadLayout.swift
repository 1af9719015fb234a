/// Which path becomes which slot of the reader; everything about a description that can be wrong is
/// found here.
struct PayloadLayout {
    /// Objects: the channels in their order (or the one value), then the timestamp. Scalars: none.
    private(set) var paths: [PayloadPath] = []
    private(set) var timestampSlot: Int?
    private(set) var timestampUnit = TimestampUnit.seconds
    /// The channel of a message with one value, if the topic does not say it.
    private(set) var fixedChannel: Int?
    /// Whether a message has the value of one channel only.
    private(set) var isOneValue = false

    init(
        _ description: PayloadDescription, channels: [ChannelDescription]
    ) throws(PayloadDescriptionError) {
        try Self.check(channels)
        try Self.check(
            "maximumBytes", description.maximumBytes, 1...PayloadDescription.maximumBytesLimit)
        try Self.check(
            "maximumSamples", description.maximumSamples,
            1...PayloadDescription.maximumSamplesLimit)
        try setChannels(description, channels)
        if case .field(let path, let unit) = description.timestamp {
            guard description.format == .jsonObject else { throw .timestampNeedsObject }
            timestampSlot = paths.count
            timestampUnit = unit
            paths.append(path)
        }
        for (index, path) in paths.enumerated() {
            for other in paths[..<index] where other.isPrefix(of: path) || path.isPrefix(of: other)
            {
                throw .conflictingPaths(other.description, path.description)
            }
        }
    }

    private mutating func setChannels(
        _ description: PayloadDescription, _ channels: [ChannelDescription]
    ) throws(PayloadDescriptionError) {
        let isObject = description.format == .jsonObject
        switch description.channels {
        case .byName:
            guard isObject else { throw .channelsDoNotFitFormat(description.format) }
            for channel in channels {
                guard let path = try? PayloadPath(key: channel.name) else {
                    throw .channelWithoutField(channel.name)
                }
                paths.append(path)
            }
        case .fields(let fields):
            guard isObject else { throw .channelsDoNotFitFormat(description.format) }
            var names = Set<String>()
            for field in fields where !names.insert(field.channel).inserted {
                throw .duplicateChannel(field.channel)
            }
            for channel in channels {
                guard let field = fields.first(where: { $0.channel == channel.name }) else {
                    throw .channelWithoutField(channel.name)
                }
                paths.append(field.path)
            }
        case .topicCapture(_, let value):
            guard isObject == (value != nil) else {
                throw .channelsDoNotFitFormat(description.format)
            }
            isOneValue = true
            if let value { paths.append(value) }
        case .fixed(let name):
            guard !isObject else { throw .channelsDoNotFitFormat(description.format) }
            guard let index = channels.firstIndex(where: { $0.name == name }) else {
                throw .unknownChannel(name)
            }
            isOneValue = true
            fixedChannel = index
        }
    }

    private static func check(
        _ channels: [ChannelDescription]
    ) throws(PayloadDescriptionError) {
        guard !channels.isEmpty else { throw .noChannels }
        guard channels.count <= PayloadDecoder.maximumChannels else {
            throw .tooManyChannels(
                actual: channels.count, maximum: PayloadDecoder.maximumChannels)
        }
        var names = Set<String>()
        for channel in channels {
            guard names.insert(channel.name).inserted else {
                throw .duplicateChannel(channel.name)
            }
            if let range = channel.validRange,
                !(range.lowerBound.isFinite && range.upperBound.isFinite)
            {
                throw .invalidValidRange(channel: channel.name)
            }
        }
    }

    private static func check(
        _ name: String, _ actual: Int, _ allowed: ClosedRange<Int>
    ) throws(PayloadDescriptionError) {
        guard allowed.contains(actual) else {
            throw .limitOutOfRange(name, actual: actual, allowed: allowed)
        }
    }
}
