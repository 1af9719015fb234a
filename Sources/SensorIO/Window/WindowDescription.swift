/// Which samples a model sees at once, and how often.
package struct WindowDescription: Sendable, Equatable {
    /// Rows of a window.
    /// - Range: 1...`Self.maximumSamples`
    package var samples: Int
    /// Rows from one window's end to the next one's.
    /// - Range: 1...`samples`
    package var hop: Int
    package var alignment: WindowAlignment
    /// Rows further apart than this do not belong to one window: it starts anew. `nil`: no bound.
    /// Only for `.perMessage`; at a fixed rate the maximum age says it.
    /// - Range: 1...
    package var maximumGapNanoseconds: Int64?

    package static let maximumSamples = 1 << 20

    /// Describes a window; `hop` of `samples` gives windows that do not overlap.
    package init(
        samples: Int, hop: Int, alignment: WindowAlignment = .perMessage,
        maximumGapNanoseconds: Int64? = nil
    ) {
        self.samples = samples
        self.hop = hop
        self.alignment = alignment
        self.maximumGapNanoseconds = maximumGapNanoseconds
    }
}

/// How readings of several channels become rows.
package enum WindowAlignment: Sendable, Equatable {
    /// Each message is a row and has all channels.
    case perMessage
    /// A row every interval, at multiples of it; each channel has its last observation, which may
    /// be at most `maximumAgeNanoseconds` old.
    /// - Range: both at least 1; the age at most 100 000 intervals
    case fixedRate(intervalNanoseconds: Int64, maximumAgeNanoseconds: Int64)
}
