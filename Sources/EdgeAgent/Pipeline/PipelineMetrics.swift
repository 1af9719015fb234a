package import SensorIO
internal import Synchronization

/// What a pipeline has counted, written by its thread and readable from any other.
///
/// One writer: a load and a store need no locked instruction. Relaxed: each counter stands for
/// itself.
package final class PipelineMetrics: Sendable {
    /// The counters; the names are those of the metrics.
    package enum Counter: Int, CaseIterable, Sendable {
        /// MQTT messages that arrived.
        case messages
        /// Bytes of their payloads.
        case payloadBytes
        /// Messages on topics that no filter of the pipeline matches.
        case unroutedMessages
        /// Retained messages without a time of their own: they may be of any age.
        case retainedIgnored
        /// Samples that became part of a window.
        case samples
        case outOfOrderSamples
        case duplicateSamples
        case incompleteRows
        /// Evaluations whose score was not a number.
        case failedEvaluations
        case alertsRaised
        case alertsCleared
        /// Records that the pipeline published itself.
        case publishedLive
        /// Records that went to the outbox to be published there.
        case publishedByOutbox
        case predictions
        /// Predictions of QoS 0 for which there was no connection.
        case unsentPredictions
        /// Events that could not be written or submitted.
        case undeliverableEvents
        /// Connections of the session with the sensors' broker: the first, and reconnects.
        case sensorConnections
        /// Connections of the session that live alerts go out on.
        case alertConnections
    }

    /// What stands at a level rather than being counted.
    package enum Gauge: Int, CaseIterable, Sendable {
        case assets
        case alarmsRaised
        /// 1 while the sensors' broker has granted every subscription.
        case sensorsConnected
        case alertsConnected
        /// Turns of the thread's loop: the proof that it is alive.
        case turns
    }

    private let counters = InlineArray<18, Atomic<UInt64>> { _ in Atomic(0) }
    private let gauges = InlineArray<5, Atomic<UInt64>> { _ in Atomic(0) }
    private let rejections = InlineArray<32, Atomic<UInt64>> { _ in Atomic(0) }

    package init() {
        precondition(
            Counter.allCases.count == 18 && Gauge.allCases.count == 5
                && RejectionCause.allCases.count <= 32,
            "The storage has a place for each case.")
    }

    @inline(__always)
    func count(_ counter: Counter, by amount: UInt64 = 1) {
        let value = counters[counter.rawValue].load(ordering: .relaxed)
        counters[counter.rawValue].store(value &+ amount, ordering: .relaxed)
    }

    func count(_ cause: RejectionCause) {
        let index = Int(cause.rawValue)
        let value = rejections[index].load(ordering: .relaxed)
        rejections[index].store(value &+ 1, ordering: .relaxed)
    }

    @inline(__always)
    func set(_ gauge: Gauge, _ value: UInt64) {
        gauges[gauge.rawValue].store(value, ordering: .relaxed)
    }

    package subscript(counter: Counter) -> UInt64 {
        counters[counter.rawValue].load(ordering: .relaxed)
    }

    package subscript(gauge: Gauge) -> UInt64 {
        gauges[gauge.rawValue].load(ordering: .relaxed)
    }

    package subscript(cause: RejectionCause) -> UInt64 {
        rejections[Int(cause.rawValue)].load(ordering: .relaxed)
    }
}
