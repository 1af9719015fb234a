import Foundation
import TestSupport
import Testing

@testable import EdgeAgent
@testable import SensorIO

@Suite("Metrics")
struct MetricFamilyTests {
    private static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static func file(_ path: String) throws -> String {
        try String(contentsOf: repository.appendingPathComponent(path), encoding: .utf8)
    }

    /// A snapshot with names as hostile as a bundle may be called.
    private func snapshot() -> AgentSnapshot {
        let budget = BudgetMetrics()
        var times = StageTimes()
        times[.inference] = 3_000_000
        times[.wait] = 40_000
        budget.record(times)
        budget.count(.evaluations)
        let metrics = PipelineMetrics()
        metrics.count(.messages, by: 7)
        metrics.set(.alarmsRaised, 1)
        metrics.count(RejectionCause.notJSON)
        let status = AgentStatus.Pipeline(
            name: "pumps", bundle: "a\"b\\c\nd", version: "1.0.0", digest: "sha256:00",
            origin: .model,
            budgetNanoseconds: 20_000_000)
        return AgentSnapshot(
            status: AgentStatus(
                agent: "box", version: "0.1.0", boot: 3,
                startedAtNanoseconds: 1_800_000_000_000_000_000, clock: .synchronised,
                pipelines: [status]),
            timeNanoseconds: 1_800_000_100_000_000_000, stalled: [],
            pipelines: [
                AgentSnapshot.Pipeline(
                    status: status, metrics: metrics,
                    budget: budget.snapshot(budgetNanoseconds: 20_000_000), publishesLive: true,
                    recent: AgentSnapshot.Recent(), update: nil, silentNanoseconds: 0)
            ], outbox: OutboxMetrics(), uplinkConnections: 1, stateBytesWritten: 0,
            alarms: [
                AlarmBoard.Alarm(
                    pipeline: "pumps", asset: "p1\u{1B}[2J", severity: .major, score: 3.25,
                    sinceNanoseconds: 1_800_000_040_000_000_000)
            ], problems: [], warnings: 2, errors: 1, http: HTTPMetrics(),
            process: ProcessUsage.now())
    }

    @Test("are written in the format that is asked for")
    func formats() {
        #expect(MetricsWriter.Format(accept: nil) == .prometheus)
        #expect(MetricsWriter.Format(accept: "text/plain") == .prometheus)
        #expect(
            MetricsWriter.Format(
                accept:
                    "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
            )
                == .openMetrics)
    }

    @Test("have each sample once, with its labels escaped")
    func prometheus() throws {
        let text = MetricFamily.text(snapshot(), .prometheus)
        let lines = text.split(separator: "\n").map(String.init)
        #expect(lines.contains("# TYPE edge_agent_messages_total counter"))
        #expect(lines.contains("edge_agent_messages_total{pipeline=\"pumps\"} 7"))
        #expect(lines.contains("edge_agent_rejected_total{pipeline=\"pumps\",cause=\"notJSON\"} 1"))
        #expect(
            lines.contains(
                "edge_agent_model_info{pipeline=\"pumps\",model=\"a\\\"b\\\\c\\nd\",version=\"1.0.0\",digest=\"sha256:00\"} 1"
            ))
        #expect(
            lines.contains("edge_agent_latency_seconds_bucket{pipeline=\"pumps\",le=\"0.0025\"} 0"))
        #expect(
            lines.contains("edge_agent_latency_seconds_bucket{pipeline=\"pumps\",le=\"0.005\"} 1"))
        #expect(
            lines.contains("edge_agent_latency_seconds_bucket{pipeline=\"pumps\",le=\"+Inf\"} 1"))
        #expect(lines.contains("edge_agent_latency_seconds_count{pipeline=\"pumps\"} 1"))
        #expect(lines.contains("edge_agent_latency_seconds_sum{pipeline=\"pumps\"} 0.00304"))
        #expect(!text.contains("p1"), "no asset is a label")
        let samples = lines.filter { !$0.hasPrefix("#") }.map {
            $0.split(separator: " ").dropLast().joined()
        }
        #expect(Set(samples).count == samples.count)
    }

    @Test("in OpenMetrics name families without their suffix, and end")
    func openMetrics() {
        let text = MetricFamily.text(snapshot(), .openMetrics)
        #expect(text.contains("# TYPE edge_agent_messages counter\n"))
        #expect(
            text.contains(
                "# TYPE edge_agent_build info\nedge_agent_build_info{version=\"0.1.0\"} 1\n"))
        #expect(text.contains("# UNIT edge_agent_latency_seconds seconds\n"))
        #expect(text.hasSuffix("\n# EOF\n"))
    }

    @Test(
        "have names of base units, and a type that the name agrees with",
        arguments: MetricFamily.all)
    func names(family: MetricFamily) {
        #expect((family.kind == .counter) == family.name.hasSuffix("_total"))
        #expect((family.kind == .info) == family.name.hasSuffix("_info"))
        if let unit = family.unit {
            #expect(family.name.hasSuffix("_\(unit)") || family.name.hasSuffix("_\(unit)_total"))
        }
        #expect(family.help.hasSuffix("."))
        #expect(!family.labels.contains("asset"))
    }

    @Test(
        "pass Prometheus' own check",
        .enabled(if: Promtool.path != nil, "promtool is not there: make test fetches it"))
    func promtool() throws {
        let checked = try Promtool.run(
            ["check", "metrics"], input: MetricFamily.text(snapshot(), .prometheus))
        #expect(checked.status == 0, "\(checked.text)")
        #expect(checked.text.isEmpty)
    }

    @Test(
        "that the alert rules name exist, and the rules do what their tests say",
        .enabled(if: Promtool.path != nil, "promtool is not there: make test fetches it"))
    func rules() throws {
        let directory = Self.repository.appendingPathComponent("config/prometheus").path
        let checked = try Promtool.run(["check", "rules", "\(directory)/edge-agent.rules.yaml"])
        #expect(checked.status == 0, "\(checked.text)")
        let tested = try Promtool.run(["test", "rules", "\(directory)/edge-agent.rules.test.yaml"])
        #expect(tested.status == 0, "\(tested.text)")
    }

    @Test(
        "that rules, dashboard and documentation name exist",
        arguments: [
            "config/prometheus/edge-agent.rules.yaml",
            "config/prometheus/edge-agent.rules.test.yaml",
            "config/grafana/edge-agent.json", "docs/monitoring.md",
        ])
    func named(path: String) throws {
        let text = try Self.file(path)
        var known: Set<String> = []
        for family in MetricFamily.all {
            known.insert(family.name)
            guard family.kind == .histogram else { continue }
            known.formUnion(["_bucket", "_sum", "_count"].map { family.name + $0 })
        }
        let found = text.matches(of: /\b(?:edge_agent|process)_[a-z_0-9]+\b/).map {
            String($0.output)
        }
        #expect(found.count > 10)
        #expect(Set(found).subtracting(known).isEmpty)
    }

    @Test("are documented as the table says")
    func documentation() throws {
        let table = MetricFamily.markdown
        let url = Self.repository.appendingPathComponent("docs/monitoring.md")
        let text = try String(contentsOf: url, encoding: .utf8)
        let begin = "<!-- The table of metrics is written by a test; see CONTRIBUTING. -->\n"
        let end = "<!-- End of the table. -->"
        let start = try #require(text.range(of: begin)).upperBound
        let stop = try #require(text.range(of: end)).lowerBound
        if ProcessInfo.processInfo.environment["EDGE_AGENT_UPDATE_DOCS"] != nil {
            try (text[..<start] + table + text[stop...]).write(
                to: url, atomically: true, encoding: .utf8)
        } else {
            #expect(
                text[start..<stop] == table,
                "EDGE_AGENT_UPDATE_DOCS=1 swift test --filter documentation writes it anew")
        }
    }

    @Test("and the status text show no byte that would steer a terminal")
    func statusText() throws {
        let text = StatusReport.text(snapshot())
        #expect(text.contains("edge-agent 0.1.0  box"))
        #expect(text.contains("p1?[2J"))
        #expect(!text.contains("\u{1B}"))
        #expect(text.contains("score 3.25"))
        #expect(text.contains("for 60 s"))
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(StatusReport.json(snapshot())))
                as? [String: Any])
        #expect((json["alarms"] as? [[String: Any]])?.first?["severity"] as? String == "major")
    }
}

@Suite("The watch over the threads")
struct LivenessTests {
    @Test("counts a thread as stalled that has not turned for so long")
    func silence() {
        let liveness = Liveness(threads: 2, now: 100)
        liveness.note([1, 1], now: 200)
        #expect(liveness.allProgressed(since: 100))
        liveness.note([2, 1], now: 300)
        #expect(!liveness.allProgressed(since: 200))
        #expect(liveness.silences(now: 1000) == [700, 800])
        liveness.note([2, 2], now: 400)
        #expect(liveness.silences(now: 400) == [100, 0])
    }
}

@Suite("The last problems")
struct RecentProblemsTests {
    @Test("are counted by kind, bounded, the newest kept")
    func bounded() {
        let problems = RecentProblems()
        for index in 0..<20 {
            problems.note(
                "problem \(index)", isError: index == 19, pipeline: nil, nanoseconds: Int64(index))
        }
        problems.note("problem 10", isError: false, pipeline: nil, nanoseconds: 30)
        problems.note("problem 10", isError: false, pipeline: "pumps", nanoseconds: 31)
        let all = problems.all
        #expect(all.problems.count == RecentProblems.capacity)
        #expect(all.problems.last?.pipeline == "pumps")
        #expect(all.problems.dropLast().last?.count == 2)
        #expect(all.warnings == 21)
        #expect(all.errors == 1)
    }
}

@Suite("The board of alarms")
struct AlarmBoardTests {
    private func alarm(_ asset: String, _ severity: Severity, _ since: Int64) -> AlarmBoard.Alarm {
        AlarmBoard.Alarm(
            pipeline: "p", asset: asset, severity: severity, score: 1, sinceNanoseconds: since)
    }

    @Test("has the worst first, forgets what is cleared, and keeps the time of the raise")
    func order() {
        let board = AlarmBoard()
        board.note(.raised, alarm("a", .warning, 1))
        board.note(.raised, alarm("b", .minor, 2))
        board.note(.escalated, alarm("a", .critical, 3))
        #expect(board.all.map(\.asset) == ["a", "b"])
        #expect(board.all[0].sinceNanoseconds == 1)
        board.note(.cleared, alarm("a", .warning, 4))
        #expect(board.all.map(\.asset) == ["b"])
    }

    @Test("is bounded: the least severe goes")
    func bounded() {
        let board = AlarmBoard()
        board.note(.raised, alarm("least", .warning, 0))
        for index in 0..<AlarmBoard.capacity {
            board.note(.raised, alarm("\(index)", .minor, Int64(index)))
        }
        #expect(board.all.count == AlarmBoard.capacity)
        #expect(!board.all.contains { $0.asset == "least" })
    }
}
