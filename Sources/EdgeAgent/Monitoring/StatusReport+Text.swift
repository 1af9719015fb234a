internal import SensorIO

// The same for people: one screen of 100 columns.
extension StatusReport {
    private static let shownAlarms = 8
    private static let shownProblems = 5

    static func text(_ snapshot: AgentSnapshot) -> String {
        var lines = [headline(snapshot), ""]
        lines += table(
            [
                [
                    "PIPELINE", "MODEL", "STATE", "MSG/S", "EVAL/S", "P99/BUDGET ms", "MISSES",
                    "ASSETS", "ALARMS",
                ]
            ]
                + snapshot.pipelines.map { row($0, snapshot) })
        lines.append("")
        let raised = snapshot.pipelines.reduce(0) { $0 &+ $1.metrics[.alarmsRaised] }
        lines.append(raised == 0 ? "No alarm is raised." : "Alarms raised: \(raised)")
        if raised > 0 {
            lines += table(
                snapshot.alarms.prefix(shownAlarms).map { alarm in
                    [
                        "  \(alarm.severity.name)", alarm.pipeline, printable(alarm.asset),
                        alarm.score.map { "score \(decimal(Double($0)))" } ?? "",
                        "for \(age(snapshot.timeNanoseconds &- alarm.sinceNanoseconds))",
                    ]
                })
        }
        lines += ["", outboxLine(snapshot)]
        if !snapshot.problems.isEmpty {
            lines += ["", "Last problems, the newest first:"]
            for problem in snapshot.problems.reversed().prefix(shownProblems) {
                let times = problem.count > 1 ? " (\(problem.count) times)" : ""
                let pipeline = problem.pipeline.map { " \($0):" } ?? ""
                lines.append(
                    "  \(age(snapshot.timeNanoseconds &- problem.lastNanoseconds)) ago,"
                        + " \(problem.isError ? "error" : "warning"):\(pipeline)"
                        + " \(printable(problem.message))\(times)")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func headline(_ snapshot: AgentSnapshot) -> String {
        let state =
            !snapshot.stalled.isEmpty
            ? "STALLED (\(snapshot.stalled.joined(separator: ", ")))"
            : snapshot.isReady ? "ready" : "waiting for a broker"
        return "edge-agent \(snapshot.status.version)  \(snapshot.status.agent)  \(state)"
            + "  up \(age(Int64(snapshot.uptimeSeconds * 1e9)))  start \(snapshot.status.boot)"
            + "  clock \(snapshot.status.clock.name)"
    }

    private static func row(
        _ pipeline: AgentSnapshot.Pipeline, _ snapshot: AgentSnapshot
    ) -> [String] {
        let state: String
        if snapshot.stalled.contains(pipeline.status.name) {
            state = "stalled"
        } else if pipeline.metrics[.sensorsConnected] == 0 {
            state = "no sensors"
        } else if pipeline.publishesLive, pipeline.metrics[.alertsConnected] == 0 {
            state = "no uplink"
        } else if pipeline.budget.phase != .holding {
            state = "budget \(pipeline.budget.phase.name)"
        } else if let phase = pipeline.update?.candidate?.phase {
            state = "update \(phase.rawValue)"
        } else {
            state = pipeline.update?.isHeld == true ? "held" : "ok"
        }
        return [
            pipeline.status.name, "\(pipeline.status.bundle) \(pipeline.status.version)", state,
            decimal(pipeline.recent.messagesPerSecond),
            decimal(pipeline.recent.evaluationsPerSecond),
            "\(milliseconds(pipeline.recent.latency.percentile(0.99)))/\(milliseconds(pipeline.budget.budgetNanoseconds))",
            "\(pipeline.recent.misses)", "\(pipeline.metrics[.assets])",
            "\(pipeline.metrics[.alarmsRaised])",
        ]
    }

    private static func outboxLine(_ snapshot: AgentSnapshot) -> String {
        let outbox = snapshot.outbox
        let dropped = outbox.drops.joined().reduce(0, &+)
        var parts = [
            outbox.isUplinkConnected ? "uplink connected" : "NO UPLINK",
            "\(outbox.depth) records wait"
                + (outbox.oldestAgeSeconds.map { ", the oldest for \(age(Int64($0 * 1e9)))" } ?? ""),
            "\(SizeText.format(outbox.databaseBytes)) on disk",
        ]
        if dropped > 0 { parts.append("\(dropped) DROPPED") }
        if outbox.quarantined > 0 {
            parts.append(
                "\(outbox.quarantined) refused by the broker: edge-agent outbox quarantine")
        }
        if !outbox.isDiskWritable { parts.append("DISK CANNOT BE WRITTEN") }
        return "Outbox: " + parts.joined(separator: "; ")
    }

    // MARK: Pieces

    private static func table(_ rows: [[String]]) -> [String] {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                guard column < row.count - 1 else { break }
                line += String(repeating: " ", count: widths[column] - cell.count + 2)
            }
            return line
        }
    }

    /// What came from outside must not steer a terminal.
    private static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
    }

    private static func milliseconds(_ nanoseconds: UInt64) -> String {
        decimal(Double(nanoseconds) / 1e6)
    }

    /// Three digits that count.
    static func decimal(_ value: Double) -> String {
        guard value.isFinite else { return "-" }
        let places = abs(value) >= 100 ? 1.0 : abs(value) >= 10 ? 10.0 : 100.0
        let rounded = (value * places).rounded() / places
        return Int64(exactly: rounded).map { "\($0)" } ?? "\(rounded)"
    }

    /// `42 s`, `3 min`, `5 h 12 min`, `3 d 4 h`.
    static func age(_ nanoseconds: Int64) -> String {
        let seconds = max(0, nanoseconds) / 1_000_000_000
        switch seconds {
        case ..<120: return "\(seconds) s"
        case ..<7200: return "\(seconds / 60) min"
        case ..<172_800: return "\(seconds / 3600) h \(seconds % 3600 / 60) min"
        default: return "\(seconds / 86_400) d \(seconds % 86_400 / 3600) h"
        }
    }
}
