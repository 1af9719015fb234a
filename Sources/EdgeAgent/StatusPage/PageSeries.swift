internal import SensorIO
internal import Synchronization

/// How the outbox and the rates went in the last quarter of an hour.
///
/// - Thread: `sample` one at a time, about once a second; the rest any.
final class PageSeries: Sendable {
    /// A point every so often is kept. - Units: seconds
    static let stepSeconds = 5
    private static let maximumPoints = 180

    /// What a picture is drawn from; oldest first.
    struct Values: Sendable {
        var outboxDepth: [Int] = []
        /// Of each pipeline, in their order. - Units: evaluations a second
        var rates: [[Double]]
    }

    private struct State {
        var values: Values
        /// The last few moments with each pipeline's evaluations until then.
        var counts: [(nanoseconds: UInt64, evaluations: [UInt64])] = []
        var keptAt: UInt64?
    }

    private let state: Mutex<State>

    init(pipelines: Int) {
        state = Mutex(State(values: Values(rates: .init(repeating: [], count: pipelines))))
    }

    /// - Parameter evaluations: of each pipeline since the start.
    func sample(evaluations: [UInt64], outboxDepth: Int, nowNanoseconds: UInt64) {
        state.withLock { state in
            state.counts.append((nowNanoseconds, evaluations))
            if state.counts.count > 6 { state.counts.removeFirst() }
            let isDue = state.keptAt.map {
                nowNanoseconds &- $0 >= UInt64(Self.stepSeconds) * 1_000_000_000 - 100_000_000
            }
            guard isDue ?? true else { return }
            state.keptAt = nowNanoseconds
            Self.append(outboxDepth, to: &state.values.outboxDepth)
            let rates = Self.rates(state.counts)
            for index in state.values.rates.indices {
                Self.append(
                    rates.indices.contains(index) ? rates[index] : 0,
                    to: &state.values.rates[index])
            }
        }
    }

    var values: Values { state.withLock { $0.values } }

    /// Of each pipeline over the last few seconds. - Units: evaluations a second
    var currentRates: [Double] { state.withLock { Self.rates($0.counts) } }

    private static func append<Value>(_ value: Value, to values: inout [Value]) {
        values.append(value)
        if values.count > maximumPoints { values.removeFirst() }
    }

    private static func rates(
        _ counts: [(nanoseconds: UInt64, evaluations: [UInt64])]
    ) -> [Double] {
        guard let first = counts.first, let last = counts.last else { return [] }
        let seconds = Double(last.nanoseconds &- first.nanoseconds) / 1e9
        return zip(first.evaluations, last.evaluations).map { first, last in
            seconds > 0.1 && last >= first ? Double(last - first) / seconds : 0
        }
    }
}
