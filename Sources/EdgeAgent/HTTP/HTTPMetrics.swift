internal import Synchronization

/// What the HTTP server has counted.
///
/// - Thread: `http` writes; any reads. Relaxed: each counter stands for itself.
package final class HTTPMetrics: Sendable {
    private let answeredCount = Atomic<UInt64>(0)
    private let refusedCounts = InlineArray<8, Atomic<UInt64>> { _ in Atomic(0) }
    private let connectionCount = Atomic<Int>(0)
    private let streamCount = Atomic<Int>(0)

    package init() {
        precondition(HTTPAccess.Refusal.allCases.count == 8, "The storage has a place for each.")
    }

    /// Requests that a route answered.
    package var answered: UInt64 { answeredCount.load(ordering: .relaxed) }
    /// Connections at the moment.
    package var connections: Int { connectionCount.load(ordering: .relaxed) }
    /// Of these, those that receive events.
    package var streams: Int { streamCount.load(ordering: .relaxed) }

    /// Requests that were refused.
    package func refused(_ refusal: HTTPAccess.Refusal) -> UInt64 {
        refusedCounts[refusal.rawValue].load(ordering: .relaxed)
    }

    func countAnswer() { answeredCount.wrappingAdd(1, ordering: .relaxed) }

    func count(_ refusal: HTTPAccess.Refusal) {
        refusedCounts[refusal.rawValue].wrappingAdd(1, ordering: .relaxed)
    }

    func show(connections: Int, streams: Int) {
        connectionCount.store(connections, ordering: .relaxed)
        streamCount.store(streams, ordering: .relaxed)
    }
}
