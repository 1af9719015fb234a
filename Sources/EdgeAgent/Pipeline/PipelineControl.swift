internal import Synchronization

/// What the control plane asks of a pipeline's thread.
///
/// - Thread: any asks; the pipeline's looks once a turn.
package final class PipelineControl: Sendable {
    private let stopRequested = Atomic<Bool>(false)
    /// The way of new models to the thread.
    package let models = ModelExchange()

    package init() {}

    var isStopRequested: Bool { stopRequested.load(ordering: .acquiring) }

    /// Asks the thread to end after its turn; wake it afterwards.
    package func requestStop() { stopRequested.store(true, ordering: .releasing) }
}
