internal import Logging

extension StderrLogHandler {
    /// One line with its end.
    func render(level: Logger.Level, message: String, _ metadata: Logger.Metadata) -> String {
        let prefix =
            isJournal ? "<\(Self.priority(level))>" : "\(Self.timeOfDay()) \(Self.name(level)) "
        let pairs = metadata.sorted { $0.key < $1.key }
        switch format {
        case .text:
            let rest = pairs.map { " \($0.key)=\(Self.quoted("\($0.value)"))" }.joined()
            return prefix + Self.visible(message) + rest + "\n"
        case .json:
            var json = JSONWriter(growingTo: .max)
            json.beginObject()
            if !isJournal {
                json.member("time", nanosecondsSince1970: WallClock.nanoseconds)
            }
            json.member("level", "\(level)")
            json.member("message", Self.visible(message))
            for (key, value) in pairs {
                json.key(key)
                json.string(Self.visible("\(value)"))
            }
            json.endObject()
            _ = json.finish()
            let text = String(decoding: json.copyBytes(), as: UTF8.self)
            return (isJournal ? prefix : "") + text + "\n"
        }
    }

    /// Syslog's numbers: 7 debug to 2 critical.
    static func priority(_ level: Logger.Level) -> Int {
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

    /// What came from outside may hold line feeds and terminal escapes, and be long; a line of the log may not.
    static func visible(_ text: some StringProtocol) -> String {
        guard text.utf8.count > maximumBytes || text.unicodeScalars.contains(where: isHidden) else {
            return String(text)
        }
        var safe = ""
        for scalar in text.unicodeScalars {
            guard safe.utf8.count < maximumBytes else { return safe + "…" }
            if isHidden(scalar) {
                safe += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                safe.unicodeScalars.append(scalar)
            }
        }
        return safe
    }

    /// Of one message or one value; the journal takes 48 KiB a line.
    private static let maximumBytes = 2048

    /// C0 and C1 controls, and what ends a line or turns its direction for some readers.
    private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<32, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    private static func quoted(_ value: String) -> String {
        let isPlain =
            !value.isEmpty && value.utf8.count <= maximumBytes
            && value.unicodeScalars.allSatisfy {
                $0.value > 32 && !isHidden($0) && $0 != "\"" && $0 != "=" && $0 != "\\"
            }
        guard !isPlain else { return value }
        var escaped = ""
        for character in value.unicodeScalars {
            if character == "\"" || character == "\\" { escaped += "\\" }
            escaped.unicodeScalars.append(character)
        }
        return "\"\(visible(escaped))\""
    }
}
