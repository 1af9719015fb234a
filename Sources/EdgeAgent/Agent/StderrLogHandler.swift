internal import CLinuxShims
internal import Glibc
public import Logging
internal import SensorIO
internal import Synchronization

/// Writes one line an event to standard error, which systemd hands to the journal.
///
/// Under systemd each line starts with the journal's own priority (`<4>`) and carries no time, since
/// the journal stamps it; elsewhere it starts with the time of day and the level. A cause has 20 lines at once and
/// one in ten seconds after that; `12 more of this: …` says how many were left out.
/// - Source: sd-daemon(3) for the priorities; systemd.exec(5) for `JOURNAL_STREAM`.
/// - Thread: any; one `write(2)` a line.
public struct StderrLogHandler: LogHandler {
    /// How the metadata of an event is written.
    public enum Format: String, Sendable, CaseIterable {
        /// `message key=value key="a value"`.
        case text
        /// One JSON object.
        case json
    }

    /// Of this copy; without one of its own that of all copies.
    public var logLevel: Logger.Level {
        get { ownLevel ?? shared.level.withLock { $0 } }
        set { ownLevel = newValue }
    }
    private var ownLevel: Logger.Level?
    public var metadata: Logger.Metadata = [:]
    let format: Format
    let isJournal: Bool
    /// What copies of this handler have in common.
    private let shared: Shared

    private final class Shared: Sendable {
        let limiter = Mutex(LogLimiter())
        let level: Mutex<Logger.Level>

        init(_ level: Logger.Level) { self.level = Mutex(level) }
    }

    /// - Parameter environment: the process's, for `JOURNAL_STREAM`.
    public init(level: Logger.Level, format: Format, environment: [String: String]) {
        self.init(level: level, format: format, isJournal: Self.isJournal(environment))
    }

    init(level: Logger.Level, format: Format, isJournal: Bool) {
        shared = Shared(level)
        self.format = format
        self.isJournal = isJournal
    }

    /// Changes the level of all copies that have none of their own.
    package func setLevel(_ level: Logger.Level) { shared.level.withLock { $0 = level } }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var all = metadata
        if let extra = event.metadata { all.merge(extra) { _, new in new } }
        for line in lines(
            level: event.level, message: "\(event.message)", all, now: MonotonicClock.nanoseconds)
        {
            Self.write(line)
        }
    }

    /// Says how many lines were left out, where it is time to.
    /// - Parameter all: at the end, whether it is time or not.
    package func writeSummaries(all: Bool = false) {
        for line in summaries(now: MonotonicClock.nanoseconds, all: all) { Self.write(line) }
    }

    /// Says why the command ends, a line of the journal each.
    package static func writeFailure(_ text: String, environment: [String: String]) {
        let prefix = isJournal(environment) ? "<\(priority(.error))>" : ""
        for line in text.split(separator: "\n") { write("\(prefix)\(visible(line))\n") }
    }

    /// The lines that an event leads to: none if its cause has had too many.
    func lines(
        level: Logger.Level, message: String, _ metadata: Logger.Metadata, now: UInt64
    ) -> [String] {
        let cause = LogLimiter.Cause(
            level: level, head: Self.head(of: message),
            pipeline: metadata["pipeline"].map { "\($0)" } ?? "")
        guard shared.limiter.withLock({ $0.admits(cause, now: now) }) else { return [] }
        return [render(level: level, message: message, metadata)]
    }

    /// The lines about what was left out.
    func summaries(now: UInt64, all: Bool = false) -> [String] {
        shared.limiter.withLock { $0.takeSummaries(now: now, all: all) }.map { summary in
            let pipeline = summary.cause.pipeline
            return render(
                level: summary.cause.level,
                message: "\(summary.count) more of this: \(summary.cause.head)",
                pipeline.isEmpty ? [:] : ["pipeline": "\(pipeline)"])
        }
    }

    /// What stays the same while the details change: the message up to its first `": "`.
    private static func head(of message: String) -> String {
        var previousIsColon = false
        for index in message.utf8.indices {
            let byte = message.utf8[index]
            if previousIsColon, byte == 0x20 {
                return String(message[..<message.utf8.index(before: index)])
            }
            previousIsColon = byte == 0x3A
        }
        return message
    }

    /// Whether standard error is the very stream that systemd connected to the journal.
    private static func isJournal(_ environment: [String: String]) -> Bool {
        guard let stream = environment["JOURNAL_STREAM"] else { return false }
        var status = stat()
        guard unsafe fstat(STDERR_FILENO, &status) == 0 else { return false }
        return stream == "\(status.st_dev):\(status.st_ino)"
    }

    private static func write(_ line: String) {
        let bytes = Array(line.utf8)
        // A log that cannot be written has nowhere to be reported.
        _ = unsafe bytes.withUnsafeBytes {
            unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count)
        }
    }
}
