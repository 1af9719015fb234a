internal import Logging
internal import Synchronization

/// The last warnings and errors of the log, for people who ask how the agent is.
///
/// Bounded: one entry for each kind, with how often it came; of more than `capacity` kinds the one that is silent
/// longest goes.
/// - Thread: any but the hot ones.
package final class RecentProblems: Sendable {
    package struct Problem: Sendable, Equatable {
        package var isError: Bool
        /// As logged: what, and what to do.
        package var message: String
        package var pipeline: String?
        /// How often, and when first and last. - Units: nanoseconds since 1970.
        package var count: UInt64
        package var firstNanoseconds: Int64
        package var lastNanoseconds: Int64
    }

    static let capacity = 16
    private static let maximumMessageBytes = 300

    private struct State {
        var problems: [Problem] = []
        var warnings: UInt64 = 0
        var errors: UInt64 = 0
    }

    private let state = Mutex(State())

    package init() {}

    package func note(_ message: String, isError: Bool, pipeline: String?, nanoseconds: Int64) {
        let text = String(message.prefix(Self.maximumMessageBytes))
        state.withLock { state in
            if isError { state.errors &+= 1 } else { state.warnings &+= 1 }
            var problem = Problem(
                isError: isError, message: text, pipeline: pipeline, count: 0,
                firstNanoseconds: nanoseconds, lastNanoseconds: nanoseconds)
            let same = state.problems.firstIndex { $0.message == text && $0.pipeline == pipeline }
            if let same {
                problem = state.problems.remove(at: same)
            } else if state.problems.count >= Self.capacity {
                state.problems.removeFirst()
            }
            problem.count &+= 1
            problem.lastNanoseconds = nanoseconds
            state.problems.append(problem)
        }
    }

    /// The newest last, and how many warnings and errors there were.
    package var all: (problems: [Problem], warnings: UInt64, errors: UInt64) {
        state.withLock { ($0.problems, $0.warnings, $0.errors) }
    }
}

/// Hands everything on, and keeps warnings and errors.
struct ProblemLogHandler: LogHandler {
    var base: any LogHandler
    let problems: RecentProblems

    var logLevel: Logger.Level {
        get { base.logLevel }
        set { base.logLevel = newValue }
    }

    var metadata: Logger.Metadata {
        get { base.metadata }
        set { base.metadata = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { base[metadataKey: key] }
        set { base[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) {
        base.log(event: event)
        guard event.level >= .warning else { return }
        let pipeline = event.metadata?["pipeline"] ?? base[metadataKey: "pipeline"]
        problems.note(
            "\(event.message)", isError: event.level >= .error, pipeline: pipeline.map { "\($0)" },
            nanoseconds: WallClock.nanoseconds)
    }

    /// A logger that does so.
    static func wrap(_ logger: Logger, _ problems: RecentProblems) -> Logger {
        var logger = logger
        logger.handler = ProblemLogHandler(base: logger.handler, problems: problems)
        return logger
    }
}
