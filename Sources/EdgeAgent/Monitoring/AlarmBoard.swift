internal import SensorIO
internal import Synchronization

/// Which alarms are raised now, for people who ask: the worst and newest of them.
///
/// Fed by the pipelines' notices, of which some may be missing after a storm: the count is the pipelines' own.
/// - Thread: any but the hot ones.
package final class AlarmBoard: Sendable {
    package struct Alarm: Sendable, Equatable {
        package var pipeline: String
        package var asset: String
        package var severity: Severity
        /// nil: raised before this start.
        package var score: Float?
        /// - Units: nanoseconds since 1970.
        package var sinceNanoseconds: Int64

        package init(
            pipeline: String, asset: String, severity: Severity, score: Float?,
            sinceNanoseconds: Int64
        ) {
            self.pipeline = pipeline
            self.asset = asset
            self.severity = severity
            self.score = score
            self.sinceNanoseconds = sinceNanoseconds
        }
    }

    /// A kilobyte or less each; more than people read.
    static let capacity = 256

    private let alarms = Mutex<[Alarm]>([])

    package init() {}

    /// Takes note of a transition.
    package func note(_ transition: AlertTransition, _ alarm: Alarm) {
        alarms.withLock { alarms in
            let known = alarms.firstIndex {
                $0.asset == alarm.asset && $0.pipeline == alarm.pipeline
            }
            var alarm = alarm
            if let known { alarm.sinceNanoseconds = alarms.remove(at: known).sinceNanoseconds }
            guard transition != .cleared else { return }
            if alarms.count >= Self.capacity {
                let least = alarms.indices.min {
                    (alarms[$0].severity, alarms[$0].sinceNanoseconds)
                        < (alarms[$1].severity, alarms[$1].sinceNanoseconds)
                }
                if let least { alarms.remove(at: least) }
            }
            alarms.append(alarm)
        }
    }

    /// The worst first, of these the newest.
    package var all: [Alarm] {
        alarms.withLock { $0 }.sorted {
            ($1.severity, $1.sinceNanoseconds) < ($0.severity, $0.sinceNanoseconds)
        }
    }

    /// What the start before has left raised.
    func restore(_ kept: [OutboxKept]) {
        for one in kept {
            guard let saved = SavedAlarm(one.bytes), let severity = saved.state.severity else {
                continue
            }
            note(
                .raised,
                Alarm(
                    pipeline: one.scope, asset: String(decoding: one.key, as: UTF8.self),
                    severity: severity, score: nil,
                    sinceNanoseconds: saved.state.raisedAtNanoseconds))
        }
    }
}
