internal import Glibc
internal import SensorIO

/// A pipeline's saved windows: where they stand, what they are bound to, and how to get them from its thread.
///
/// - Thread: the saver's while the pipeline runs, then the pipeline's own: never both.
final class PipelineState: Sendable {
    let path: String
    let exchange: StateExchange
    /// The clocks in it are not read yet.
    let header: StateHeader
    private let metrics: PipelineMetrics
    private let lane: OutboxLane

    init(
        path: String, header: StateHeader, exchange: StateExchange, metrics: PipelineMetrics,
        lane: OutboxLane
    ) {
        self.path = path
        self.header = header
        self.exchange = exchange
        self.metrics = metrics
        self.lane = lane
    }

    /// What tells whether there is anything to save.
    var samples: UInt64 { metrics[.samples] }
    /// Whether alarms are raised: then it is saved though nothing came, so that the file says when the agent was
    /// last alive.
    var hasAlarms: Bool { metrics[.alarmsRaised] > 0 }

    /// Saves while the pipeline runs. Blocks on the disk, and on the pipeline's turns.
    ///
    /// - Parameter wait: returns when a buffer may be full; false to give up.
    /// - Returns: how many bytes were written.
    /// - Throws: then the earlier file is still there.
    func save(waitingWith wait: () -> Bool) throws(StateFileError) -> Int {
        try save(request: { lane.wakeProducer() }, wait: wait)
    }

    /// Saves at the end. Blocks on the disk.
    ///
    /// - Parameter fill: fills the exchange's buffer.
    func saveFinally(_ fill: () -> Void) throws(StateFileError) {
        _ = try save(
            request: {},
            wait: {
                fill()
                return true
            })
    }

    /// Until a record is confirmed or on the disk, a crash makes the broker send its reading again. Windows that knew
    /// it already would take it for a duplicate, and its event would be lost.
    private func awaitSafety(of sequence: UInt64) throws(StateFileError) {
        let deadline = MonotonicClock.nanoseconds &+ Self.safetyPatienceNanoseconds
        while lane.durableSequence < sequence {
            guard MonotonicClock.nanoseconds < deadline else { throw .eventsNotSafe }
            usleep(10_000)
        }
    }

    private static let safetyPatienceNanoseconds: UInt64 = 2_000_000_000

    private func save(
        request: () -> Void, wait: () -> Bool
    ) throws(StateFileError) -> Int {
        var header = header
        header.clock = .now()
        var writer = try StateFileWriter(path: path, header: header)
        var entries = 0
        exchange.request(goesOn: false)
        request()
        while true {
            guard wait() else { throw .noAnswer }
            let isLast = try unsafe exchange.withFilled {
                (bytes, count, isLast) throws(StateFileError) -> Bool in
                unsafe try writer.append(bytes)
                entries += count
                return isLast
            }
            guard let isLast else { continue }
            if isLast {
                try awaitSafety(of: exchange.decided)
                return try writer.finish(entries: UInt32(clamping: entries))
            }
            exchange.request(goesOn: true)
            request()
        }
    }
}
