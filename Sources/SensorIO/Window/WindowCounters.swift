/// What happened to samples and windows since the start, all assets together.
package struct WindowCounters: Sendable, Equatable {
    /// Rows that went into windows.
    package var rows: UInt64 = 0
    /// Windows that became complete.
    package var completedWindows: UInt64 = 0
    /// Complete windows that a newer one of the same asset replaced before they were evaluated.
    package var coalescedEvaluations: UInt64 = 0
    /// Complete windows that were lost without a newer one: overwritten after a reset, or their
    /// asset evicted.
    package var abandonedEvaluations: UInt64 = 0
    /// Samples older than the newest one, dropped.
    package var outOfOrder: UInt64 = 0
    /// Samples with the time of the newest one, dropped.
    package var duplicates: UInt64 = 0
    /// Windows that began anew because of a gap: between rows, or a channel too old at a fixed
    /// rate.
    package var gapResets: UInt64 = 0
    /// Fixed rate: slots without a row because a channel was missing or too old.
    package var incompleteSlots: UInt64 = 0
    /// Times that a sensor's clock was found to have been set back; its window began anew.
    package var clockRestarts: UInt64 = 0
    /// Assets that made room for others.
    package var evictedAssets: UInt64 = 0
    /// Samples of assets for which there was no room.
    package var refusedAssets: UInt64 = 0

    /// All zero.
    package init() {}
}

/// How many assets a pipeline serves.
package struct AssetLimits: Sendable, Equatable {
    /// - Range: 1...1 000 000
    package var maximumAssets: Int
    /// An asset makes room for a new one after it has been silent for this long. While all are
    /// busy, a new one is refused: if it displaced one of them, one asset too many would leave no
    /// window of any asset complete.
    package var minimumIdleNanoseconds: UInt64
    /// - Units: bytes
    /// - Range: 1...4096
    package var maximumKeyBytes: Int

    /// A hundred assets, unless said otherwise; a place is free after a minute of silence.
    package init(
        maximumAssets: Int = 100, minimumIdleNanoseconds: UInt64 = 60_000_000_000,
        maximumKeyBytes: Int = 256
    ) {
        self.maximumAssets = maximumAssets
        self.minimumIdleNanoseconds = minimumIdleNanoseconds
        self.maximumKeyBytes = maximumKeyBytes
    }
}
