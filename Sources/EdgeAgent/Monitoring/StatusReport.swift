internal import SensorIO

/// Writes how the agent stands, as JSON.
///
/// The same for `edge-agent status --json` and `/api/v1/status`; keys are only ever added.
enum StatusReport {
    static func json(_ snapshot: AgentSnapshot) -> [UInt8] {
        var json = JSONWriter(growingTo: 4 << 20)
        json.beginObject()
        json.member("agent", snapshot.status.agent)
        json.member("version", snapshot.status.version)
        json.member("boot", snapshot.status.boot)
        json.member("startedAt", nanosecondsSince1970: snapshot.status.startedAtNanoseconds)
        json.member("time", nanosecondsSince1970: snapshot.timeNanoseconds)
        json.member("clock", snapshot.status.clock.name)
        json.member("ready", snapshot.isReady)
        json.member("stalled", snapshot.stalled)
        json.beginArray("pipelines")
        for pipeline in snapshot.pipelines { write(pipeline, &json) }
        json.endArray()
        json.beginArray("alarms")
        for alarm in snapshot.alarms { write(alarm, &json) }
        json.endArray()
        json.key("outbox")
        write(snapshot.outbox, connections: snapshot.uplinkConnections, &json)
        json.beginArray("problems")
        for problem in snapshot.problems.reversed() { write(problem, &json) }
        json.endArray()
        json.endObject()
        _ = json.finish()
        return json.copyBytes()
    }

    private static func write(_ pipeline: AgentSnapshot.Pipeline, _ json: inout JSONWriter) {
        json.beginObject()
        json.member("name", pipeline.status.name)
        json.member("ready", pipeline.isReady)
        json.beginObject("model")
        json.member("name", pipeline.status.bundle)
        json.member("version", pipeline.status.version)
        json.member("digest", pipeline.status.digest)
        json.endObject()
        json.key("update")
        write(pipeline.update, &json)
        json.member("assets", pipeline.metrics[.assets])
        json.member("alarmsRaised", pipeline.metrics[.alarmsRaised])
        json.member("messagesPerSecond", Self.rounded(pipeline.recent.messagesPerSecond))
        json.member("evaluationsPerSecond", Self.rounded(pipeline.recent.evaluationsPerSecond))
        json.key("latency")
        writeLatency(pipeline, &json)
        json.beginObject("totals")
        for (key, count) in [
            ("messages", pipeline.metrics[.messages]), ("samples", pipeline.metrics[.samples]),
            (
                "rejected",
                RejectionCause.allCases.reduce(0) { $0 &+ pipeline.metrics[$1] }
            ),
            ("evaluations", pipeline.budget.evaluations),
            ("failedEvaluations", pipeline.metrics[.failedEvaluations]),
            ("budgetMisses", pipeline.budget.totalMisses),
            ("alertsRaised", pipeline.metrics[.alertsRaised]),
            ("alertsCleared", pipeline.metrics[.alertsCleared]),
            ("sensorConnections", pipeline.metrics[.sensorConnections]),
        ] as [(String, UInt64)] {
            json.key(key)
            json.integer(count)
        }
        json.endObject()
        json.endObject()
    }

    private static func writeLatency(_ pipeline: AgentSnapshot.Pipeline, _ json: inout JSONWriter) {
        json.beginObject()
        json.member(
            "budgetMilliseconds", millisecondsOfNanoseconds: pipeline.budget.budgetNanoseconds)
        json.member(
            "p50Milliseconds", millisecondsOfNanoseconds: pipeline.recent.latency.percentile(0.5))
        json.member(
            "p99Milliseconds", millisecondsOfNanoseconds: pipeline.recent.latency.percentile(0.99))
        json.member("overSeconds", Self.rounded(pipeline.recent.seconds))
        json.member("misses", pipeline.recent.misses)
        json.member(
            "p99MillisecondsSinceStart",
            millisecondsOfNanoseconds: pipeline.budget.total.percentile(0.99))
        json.member("phase", pipeline.budget.phase.name)
        json.endObject()
    }

    private static func write(_ update: UpdateState?, _ json: inout JSONWriter) {
        guard let update else { return json.null() }
        json.beginObject()
        json.member("phase", update.candidate?.phase.rawValue ?? "idle")
        json.key("candidate")
        if let version = update.candidate?.version {
            version.write(&json, digest: version.digest.description)
        } else {
            json.null()
        }
        json.member("held", update.isHeld)
        json.member("pinned", update.pin != nil)
        json.member("refusedVersions", update.refused.count)
        json.member("lastRefusal", update.refused.last?.code)
        json.endObject()
    }

    private static func write(_ alarm: AlarmBoard.Alarm, _ json: inout JSONWriter) {
        json.beginObject()
        json.member("pipeline", alarm.pipeline)
        json.member("asset", alarm.asset)
        json.member("severity", alarm.severity.name)
        json.member("score", alarm.score)
        json.member("since", nanosecondsSince1970: alarm.sinceNanoseconds)
        json.endObject()
    }

    private static func write(
        _ outbox: OutboxMetrics, connections: UInt64, _ json: inout JSONWriter
    ) {
        json.beginObject()
        json.member("uplinkConnected", outbox.isUplinkConnected)
        json.member("uplinkConnections", connections)
        json.member("records", outbox.depth)
        json.member("oldestAgeSeconds", outbox.oldestAgeSeconds.map(rounded))
        json.member("databaseBytes", outbox.databaseBytes)
        json.member("memoryBytes", outbox.memoryBytes)
        json.member("bytesWritten", outbox.bytesWritten)
        json.member("dropped", outbox.drops.joined().reduce(0, &+))
        json.member("quarantined", outbox.quarantined)
        json.member("diskWritable", outbox.isDiskWritable)
        json.endObject()
    }

    private static func write(_ problem: RecentProblems.Problem, _ json: inout JSONWriter) {
        json.beginObject()
        json.member("level", problem.isError ? "error" : "warning")
        json.member("message", problem.message)
        json.member("pipeline", problem.pipeline)
        json.member("count", problem.count)
        json.member("last", nanosecondsSince1970: problem.lastNanoseconds)
        json.endObject()
    }

    static func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
}
