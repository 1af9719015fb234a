internal import SensorIO
internal import Synchronization

/// What alarms did lately, newest first.
///
/// - Thread: any.
final class RecentAlarms: Sendable {
    struct Entry: Sendable {
        /// Counts up from 0.
        var number: UInt64
        var timeNanoseconds: Int64
        var pipeline: String
        /// nil: one of the agent's own alerts about the pipeline.
        var asset: String?
        var label: String
        var transition: AlertTransition
        var severity: String
        var score: Float?
    }

    private static let maximumEntries = 40

    private let state = Mutex((entries: [Entry](), count: UInt64(0)))

    /// How many there were so far.
    var count: UInt64 { state.withLock { $0.count } }
    var entries: [Entry] { state.withLock { $0.entries } }

    /// Keeps what is about an alarm.
    func note(_ notice: PipelineNotice, pipeline: String, timeNanoseconds: Int64) {
        switch notice {
        case .alarm(let transition, let asset, let severity, let score):
            add(timeNanoseconds, pipeline, asset, "", transition, "\(severity.name)", score)
        case .agentAlert(let label, let transition, _, _):
            add(timeNanoseconds, pipeline, nil, "\(label.name)", transition, "agent", nil)
        default: break
        }
    }

    private func add(
        _ time: Int64, _ pipeline: String, _ asset: String?, _ label: String,
        _ transition: AlertTransition, _ severity: String, _ score: Float?
    ) {
        state.withLock { state in
            let entry = Entry(
                number: state.count, timeNanoseconds: time, pipeline: pipeline, asset: asset,
                label: label, transition: transition, severity: severity, score: score)
            state.count += 1
            state.entries.insert(entry, at: 0)
            if state.entries.count > Self.maximumEntries { state.entries.removeLast() }
        }
    }
}
