/// Why a description of payloads cannot work, found when a pipeline is prepared.
package enum PayloadDescriptionError: Error, Sendable, Equatable, CustomStringConvertible {
    case noChannels
    case tooManyChannels(actual: Int, maximum: Int)
    case duplicateChannel(String)
    case invalidValidRange(channel: String)
    /// A channel of the model that no field gives.
    case channelWithoutField(String)
    /// A scalar is said to be a channel that the model does not have.
    case unknownChannel(String)
    /// One path leads through another, or two lead to one value.
    case conflictingPaths(String, String)
    /// Paths need objects, and objects need paths.
    case channelsDoNotFitFormat(PayloadFormat)
    /// A scalar has no field for a timestamp.
    case timestampNeedsObject
    case limitOutOfRange(String, actual: Int, allowed: ClosedRange<Int>)
    case outOfMemory

    package var description: String {
        switch self {
        case .noChannels: "there are no channels"
        case .tooManyChannels(let actual, let maximum): "\(actual) channels, at most \(maximum)"
        case .duplicateChannel(let name): "channel '\(name)' is there twice"
        case .invalidValidRange(let channel): "valid range of channel '\(channel)' is not finite"
        case .channelWithoutField(let name): "no field for channel '\(name)'"
        case .unknownChannel(let name): "the model has no channel '\(name)'"
        case .conflictingPaths(let one, let other): "paths '\(one)' and '\(other)' overlap"
        case .channelsDoNotFitFormat(let format):
            "format '\(format.rawValue)' does not fit the way channels are named"
        case .timestampNeedsObject: "a timestamp field needs payloads that are objects"
        case .limitOutOfRange(let name, let actual, let allowed):
            "\(name) is \(actual), allowed are \(allowed.lowerBound)...\(allowed.upperBound)"
        case .outOfMemory: "out of memory"
        }
    }
}
