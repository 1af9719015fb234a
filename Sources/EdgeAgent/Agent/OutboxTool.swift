internal import SensorIO

/// What the command's `outbox …` does, as lines of text.
package enum OutboxTool {
    /// How much waits, and what was given up. Blocks on the disk.
    ///
    /// - Throws: `SQLiteError` when there is no outbox, or it cannot be read.
    package static func status(_ path: String) throws -> [String] {
        let summary = try OutboxInspector(path: path).summary()
        var lines = ["outbox        \(path)"]
        for recordClass in OutboxRecordClass.allCases {
            lines.append("\(padded("\(recordClass)s"))\(summary.records[recordClass] ?? 0) waiting")
        }
        lines.append("\(padded("quarantined"))\(summary.quarantined)")
        lines.append(
            "\(padded("bytes"))\(summary.usedBytes) used, file \(summary.fileBytes), "
                + "log \(summary.logBytes)")
        if let oldest = summary.oldestNanoseconds, let newest = summary.newestNanoseconds {
            lines.append("\(padded("oldest"))\(timestamp(oldest))")
            lines.append("\(padded("newest"))\(timestamp(newest))")
        }
        if let boot = summary.boot { lines.append("\(padded("boot"))\(boot)") }
        for (recordClass, cause, count) in summary.drops {
            lines.append("\(padded("given up"))\(count) \(recordClass)s: \(cause.name)")
        }
        return lines
    }

    /// Gives each record as one line of JSON. Blocks on the disk.
    ///
    /// - Throws: `SQLiteError` when there is no outbox, or it cannot be read.
    package static func export(
        _ path: String, quarantined: Bool, _ body: (String) -> Void
    ) throws {
        let inspector = try OutboxInspector(path: path)
        func write(_ record: OutboxInspector.Record) -> Bool {
            body(line(record))
            return true
        }
        if quarantined {
            try inspector.forEachQuarantined(write)
        } else {
            try inspector.forEachRecord(write)
        }
    }

    /// Removes the records that wait, and says how many. Blocks on the disk.
    ///
    /// - Throws: `OutboxError.inUse` while an agent runs, or `SQLiteError`.
    package static func purge(_ path: String) throws -> Int {
        try OutboxInspector.purge(path: path)
    }

    /// Looks for damage. Blocks on the disk.
    ///
    /// - Returns: what is wrong, a line each; empty if nothing is.
    /// - Throws: `SQLiteError` when there is no outbox, or it cannot be read at all.
    package static func verify(_ path: String) throws -> [String] {
        try OutboxInspector(path: path).verify()
    }

    /// One line for each record that the broker has refused, the oldest refusal first: its key, class, identifier,
    /// time, reason, topic. Blocks on the disk.
    package static func listQuarantined(_ path: String, _ body: (String) -> Void) throws {
        try OutboxInspector(path: path).forEachQuarantined { record in
            let code = record.reasonCode ?? 0
            let reason =
                code == 0 ? "damaged on the disk" : "\(MQTTReasonCode(rawValue: code))"
            body(
                "\(record.key)\t\(record.header.recordClass)\t\(record.boot)/\(record.header.sequence)\t"
                    + "\(timestamp(record.header.createdNanoseconds))\t\(reason)\t\(record.topic)")
            return true
        }
    }

    /// Has refused records sent again by the next start, and says what became of them. Blocks on the disk.
    ///
    /// - Parameter keys: nil: all.
    /// - Throws: `OutboxError.inUse` while an agent runs, or `SQLiteError`.
    package static func retryQuarantined(_ path: String, keys: [Int64]?) throws -> [String] {
        let report = try OutboxInspector.retryQuarantined(path: path, keys: keys)
        var lines = ["\(report.restored) records wait again"]
        if report.superseded > 0 {
            lines.append("\(report.superseded) states removed: there is a newer one of their topic")
        }
        if report.damaged > 0 {
            lines.append("\(report.damaged) left as they are: they are damaged")
        }
        return lines
    }

    /// Removes refused records, and says how many. Blocks on the disk.
    ///
    /// - Parameter keys: nil: all.
    /// - Throws: `OutboxError.inUse` while an agent runs, or `SQLiteError`.
    package static func dropQuarantined(_ path: String, keys: [Int64]?) throws -> Int {
        try OutboxInspector.dropQuarantined(path: path, keys: keys)
    }

    /// Whether an agent has the outbox open.
    package static func isInUse(_ error: any Error) -> Bool {
        if case .inUse = error as? OutboxError { true } else { false }
    }

    /// Whether the database could not be read or written.
    package static func isDiskError(_ error: any Error) -> Bool { error is SQLiteError }

    private static func line(_ record: OutboxInspector.Record) -> String {
        var json = JSONWriter(growingTo: .max)
        json.beginObject()
        json.member("boot", record.boot)
        json.member("sequence", record.header.sequence)
        json.member("class", "\(record.header.recordClass)")
        json.member("topic", record.topic)
        json.member("retained", record.header.isRetained)
        json.member("created", nanosecondsSince1970: record.header.createdNanoseconds)
        json.member("attempts", record.attempts)
        if let reason = record.reasonCode {
            json.member("reason", Int(reason))
        }
        json.key("payload")
        json.string(record.payload)
        json.endObject()
        _ = json.finish()
        return String(decoding: json.copyBytes(), as: UTF8.self)
    }

    private static func timestamp(_ nanoseconds: Int64) -> String {
        var json = JSONWriter(growingTo: 64)
        json.timestamp(nanosecondsSince1970: nanoseconds)
        _ = json.finish()
        return String(decoding: json.copyBytes().dropFirst().dropLast(), as: UTF8.self)
    }

    private static func padded(_ label: String) -> String {
        label + String(repeating: " ", count: max(1, 14 - label.count))
    }
}
