internal import SensorIO
internal import Synchronization

/// What the control plane asks of a pipeline's thread.
///
/// - Thread: any asks; the pipeline's looks once a turn.
package final class PipelineControl: Sendable {
    private let stopRequested = Atomic<Bool>(false)
    /// The way of new models to the thread.
    package let models = PipelineExchange<ModelDelivery>()
    /// The way of a reload's changes to the thread.
    package let changes = PipelineExchange<PipelineChange>()

    /// How much longer each invocation of the model takes; for tests, which need a model that becomes slow.
    /// - Units: nanoseconds.
    private let invocationDelay = Atomic<UInt64>(0)

    package init() {}

    /// Makes each invocation take longer by so much, from now on.
    package func setInvocationDelay(nanoseconds: UInt64) {
        invocationDelay.store(nanoseconds, ordering: .relaxed)
    }

    @inline(__always)
    func delayInvocation() {
        guard invocationDelay.load(ordering: .relaxed) > 0 else { return }
        // A slow model uses the processor, it does not sleep. The delay may be taken back meanwhile.
        let start = MonotonicClock.nanoseconds
        while MonotonicClock.nanoseconds &- start < invocationDelay.load(ordering: .relaxed) {}
    }

    var isStopRequested: Bool { stopRequested.load(ordering: .acquiring) }

    /// Asks the thread to end after its turn; wake it afterwards.
    package func requestStop() { stopRequested.store(true, ordering: .releasing) }
}
