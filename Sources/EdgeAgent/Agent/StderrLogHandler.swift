internal import Glibc
public import Logging

/// Writes one line an event to standard error, which systemd hands to the journal.
///
/// Under systemd each line starts with the journal's own priority (`<4>`) and carries no time, since
/// the journal stamps it; elsewhere it starts with the time of day and the level.
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

    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    private let format: Format
    private let isJournal: Bool

    /// - Parameter environment: the process's, for `JOURNAL_STREAM`.
    public init(level: Logger.Level, format: Format, environment: [String: String]) {
        logLevel = level
        self.format = format
        isJournal = environment["JOURNAL_STREAM"] != nil
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var all = metadata
        if let extra = event.metadata { all.merge(extra) { _, new in new } }
        let line = render(level: event.level, message: "\(event.message)", all)
        let bytes = Array(line.utf8)
        // A log that cannot be written has nowhere to be reported.
        _ = unsafe bytes.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    func render(level: Logger.Level, message: String, _ metadata: Logger.Metadata) -> String {
        let prefix =
            isJournal ? "<\(Self.priority(level))>" : "\(Self.timeOfDay()) \(Self.name(level)) "
        let pairs = metadata.sorted { $0.key < $1.key }
        switch format {
        case .text:
            let rest = pairs.map { " \($0.key)=\(Self.quoted("\($0.value)"))" }.joined()
            return prefix + Self.oneLine(message) + rest + "\n"
        case .json:
            var json = JSONWriter(growingTo: .max)
            json.beginObject()
            json.key("level")
            json.string("\(level)")
            json.key("message")
            json.string(message)
            for (key, value) in pairs {
                json.key(key)
                json.string("\(value)")
            }
            json.endObject()
            _ = json.finish()
            let text = String(decoding: json.copyBytes(), as: UTF8.self)
            return (isJournal ? prefix : "") + text + "\n"
        }
    }

    /// Syslog's numbers: 7 debug to 2 critical.
    private static func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }

    private static func name(_ level: Logger.Level) -> String {
        switch level {
        case .trace: "TRACE"
        case .debug: "DEBUG"
        case .info: "INFO "
        case .notice: "NOTE "
        case .warning: "WARN "
        case .error: "ERROR"
        case .critical: "CRIT "
        }
    }

    /// UTC, `HH:MM:SS.mmm`.
    private static func timeOfDay() -> String {
        let milliseconds = WallClock.nanoseconds / 1_000_000
        let seconds = milliseconds / 1000
        func padded(_ value: Int64, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return padded(seconds / 3600 % 24, 2) + ":" + padded(seconds / 60 % 60, 2) + ":"
            + padded(seconds % 60, 2) + "." + padded(milliseconds % 1000, 3)
    }

    /// What came from outside may hold line feeds and terminal escapes; a line of the log may not.
    private static func oneLine(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0.value < 32 || $0.value == 127 }) else {
            return text
        }
        var safe = ""
        for scalar in text.unicodeScalars {
            if scalar.value < 32 || scalar.value == 127 {
                safe += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                safe.unicodeScalars.append(scalar)
            }
        }
        return safe
    }

    private static func quoted(_ value: String) -> String {
        let isPlain =
            !value.isEmpty
            && value.utf8.allSatisfy { $0 > 32 && $0 != 127 && $0 != 0x22 && $0 != 0x3D }
        guard !isPlain else { return value }
        let escaped = value.split(separator: "\"", omittingEmptySubsequences: false)
            .joined(separator: "\\\"")
        return "\"\(oneLine(escaped))\""
    }
}
