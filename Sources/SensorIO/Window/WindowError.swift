/// Why windows cannot be prepared.
package enum WindowError: Error, Sendable, Equatable, CustomStringConvertible {
    case outOfRange(String, actual: Int64, allowed: ClosedRange<Int64>)
    /// A gap bound is for rows per message; at a fixed rate the maximum age says it.
    case gapAtFixedRate
    /// A row per message needs messages that have all channels.
    case partialRowsPerMessage
    /// - Units: bytes
    case tooLarge(needed: Int, maximum: Int)
    /// A saved state that is damaged, of another version, or of other windows.
    case unusableState(String)

    package var description: String {
        switch self {
        case .outOfRange(let name, let actual, let allowed):
            "\(name) is \(actual), allowed are \(allowed.lowerBound)...\(allowed.upperBound)"
        case .gapAtFixedRate: "a maximum gap does not go with a fixed rate"
        case .partialRowsPerMessage:
            "messages that lack channels need alignment at a fixed rate"
        case .tooLarge(let needed, let maximum):
            "the windows need \(needed) bytes, allowed are \(maximum)"
        case .unusableState(let reason): "the saved state cannot be used: \(reason)"
        }
    }
}

extension WindowDescription {
    /// Checks the description by itself and against the payloads that feed it.
    ///
    /// - Throws: `WindowError`.
    package func check(
        payload: PayloadDescription? = nil, channelCount: Int
    ) throws(WindowError) {
        try Self.check("samples", samples, 1...Self.maximumSamples)
        try Self.check("hop", hop, 1...samples)
        switch alignment {
        case .perMessage:
            if let gap = maximumGapNanoseconds, gap < 1 {
                throw .outOfRange("maximumGap", actual: gap, allowed: 1...Int64.max)
            }
            if let payload, payload.isPartial(channelCount: channelCount) {
                throw .partialRowsPerMessage
            }
        case .fixedRate(let interval, let age):
            guard maximumGapNanoseconds == nil else { throw .gapAtFixedRate }
            let day: Int64 = 86_400_000_000_000
            guard (1...day).contains(interval) else {
                throw .outOfRange("interval", actual: interval, allowed: 1...day)
            }
            // Bounds how many rows one message can complete.
            let longest = interval.multipliedReportingOverflow(by: 100_000)
            let allowed = 1...(longest.overflow ? Int64.max / 4 : longest.partialValue)
            guard allowed.contains(age) else {
                throw .outOfRange("maximumAge", actual: age, allowed: allowed)
            }
        }
    }

    private static func check(
        _ name: String, _ actual: Int, _ allowed: ClosedRange<Int>
    ) throws(WindowError) {
        guard allowed.contains(actual) else {
            throw .outOfRange(
                name, actual: Int64(actual),
                allowed: Int64(allowed.lowerBound)...Int64(allowed.upperBound))
        }
    }
}

extension PayloadDescription {
    /// Whether a message may have fewer channels than the model.
    package func isPartial(channelCount: Int) -> Bool {
        switch channels {
        case .byName, .fields: acceptsPartialRows
        case .topicCapture, .fixed: channelCount > 1
        }
    }
}
