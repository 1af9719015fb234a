internal import Synchronization

/// Gives out the sequence numbers of a boot: every lane of an outbox draws from the same one, so that
/// `<agent>/<boot>/<sequence>` is unique for ever.
package final class OutboxSequencer: Sendable {
    private let last = Atomic<UInt64>(0)

    package init() {}

    /// Returns the next number, starting with 1.
    ///
    /// - Thread: any.
    package func next() -> UInt64 {
        // Proof: relaxed is enough, uniqueness needs atomicity only; order between threads is not promised.
        last.wrappingAdd(1, ordering: .relaxed).newValue
    }
}
