/// A complete window that waits for its evaluation: what the evaluation and an alert need to know
/// of it.
///
/// A plain value: `WindowBank.withRows(of:_:)` gives the samples as long as they are there.
package struct DueWindow: Sendable, Equatable {
    /// The asset's slot, below `AssetLimits.maximumAssets`; for `WindowBank.key(of:)` and the
    /// alarm's state.
    package let asset: Int
    /// Changes when the slot is given to another asset: state kept beside the slot is then another
    /// asset's.
    package let generation: UInt32
    /// On the bank's time axis.
    package let firstSampleNanoseconds: Int64
    package let lastSampleNanoseconds: Int64
    /// The monotonic clock when the message that completed the window was read.
    package let arrivalNanoseconds: UInt64
    /// Windows of this asset that were due and replaced by newer ones since its last evaluation.
    package let coalesced: UInt32
    /// Of these, how many were older than the bank's `lateAfterNanoseconds` when they were replaced.
    package let coalescedLate: UInt32
    /// The monotonic clock when the oldest of the replaced ones was read, or this one if there is none.
    package let waitingSinceNanoseconds: UInt64
    /// Rows that the asset had written when the window was complete: tells whether the rows are
    /// still there.
    let rowsWritten: UInt64
}

/// What became of a sample.
package enum AppendOutcome: Sendable, Equatable {
    case accepted
    /// Older than the newest sample of its asset (at a fixed rate: of each of its channels);
    /// dropped.
    case outOfOrder
    /// As old as the newest sample of its asset; dropped. Only with times from payloads.
    case duplicate
    /// A row per message needs all channels; dropped.
    case incompleteRow
}
