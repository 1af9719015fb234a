/// One measured quantity of an asset, as the model expects it.
///
/// The order of the descriptions is the order of a row: channel `i` is the `i`th value of each row.
package struct ChannelDescription: Sendable, Equatable {
    /// What happens to a reading outside `validRange`. Both are counted.
    package enum OutOfRangePolicy: String, Sendable, Equatable, CaseIterable {
        /// The sample is not used: a sensor outside its range is broken or misread.
        case reject
        /// The value is moved to the nearer bound: a sensor that saturates says "at least this".
        case clamp
    }

    /// Unique among the channels of a pipeline.
    package var name: String
    /// For people, as in `mm/s`; nothing is converted.
    package var unit: String
    /// The values that the sensor can mean, bounds included. `nil`: any finite value.
    package var validRange: ClosedRange<Double>?
    package var outOfRange: OutOfRangePolicy

    /// Describes one channel.
    package init(
        name: String, unit: String = "", validRange: ClosedRange<Double>? = nil,
        outOfRange: OutOfRangePolicy = .reject
    ) {
        self.name = name
        self.unit = unit
        self.validRange = validRange
        self.outOfRange = outOfRange
    }
}
