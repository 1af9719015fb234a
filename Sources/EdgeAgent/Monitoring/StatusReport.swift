internal import SensorIO

/// Writes how the agent stands, as JSON.
///
/// The same for `edge-agent status --json` and `/api/v1/status`; keys are only ever added.
enum StatusReport {
    static func json(_ snapshot: AgentSnapshot) -> [UInt8] {
        var json = JSONWriter(growingTo: 4 << 20)
        json.beginObject()
        json.key("agent")
        json.string(snapshot.status.agent)
        json.key("version")
        json.string(snapshot.status.version)
        json.key("boot")
        json.integer(snapshot.status.boot)
        json.key("startedAt")
        json.timestamp(nanosecondsSince1970: snapshot.status.startedAtNanoseconds)
        json.key("time")
        json.timestamp(nanosecondsSince1970: snapshot.timeNanoseconds)
        json.key("clock")
        json.string(snapshot.status.clock.name)
        json.key("ready")
        json.boolean(snapshot.isReady)
        json.key("stalled")
        json.beginArray()
        for name in snapshot.stalled { json.string(name) }
        json.endArray()
        json.key("pipelines")
        json.beginArray()
        for pipeline in snapshot.pipelines { write(pipeline, &json) }
        json.endArray()
        json.key("alarms")
        json.beginArray()
        for alarm in snapshot.alarms { write(alarm, &json) }
        json.endArray()
        json.key("outbox")
        write(snapshot.outbox, connections: snapshot.uplinkConnections, &json)
        json.key("problems")
        json.beginArray()
        for problem in snapshot.problems.reversed() { write(problem, &json) }
        json.endArray()
        json.endObject()
        _ = json.finish()
        return json.copyBytes()
    }

    private static func write(_ pipeline: AgentSnapshot.Pipeline, _ json: inout JSONWriter) {
        json.beginObject()
        json.key("name")
        json.string(pipeline.status.name)
        json.key("ready")
        json.boolean(pipeline.isReady)
        json.key("model")
        json.beginObject()
        json.key("name")
        json.string(pipeline.status.bundle)
        json.key("version")
        json.string(pipeline.status.version)
        json.key("digest")
        json.string(pipeline.status.digest)
        json.endObject()
        json.key("update")
        write(pipeline.update, &json)
        json.key("assets")
        json.integer(pipeline.metrics[.assets])
        json.key("alarmsRaised")
        json.integer(pipeline.metrics[.alarmsRaised])
        json.key("messagesPerSecond")
        json.number(Self.rounded(pipeline.recent.messagesPerSecond))
        json.key("evaluationsPerSecond")
        json.number(Self.rounded(pipeline.recent.evaluationsPerSecond))
        json.key("latency")
        writeLatency(pipeline, &json)
        json.key("totals")
        json.beginObject()
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
        json.key("budgetMilliseconds")
        json.milliseconds(ofNanoseconds: pipeline.budget.budgetNanoseconds)
        json.key("p50Milliseconds")
        json.milliseconds(ofNanoseconds: pipeline.recent.latency.percentile(0.5))
        json.key("p99Milliseconds")
        json.milliseconds(ofNanoseconds: pipeline.recent.latency.percentile(0.99))
        json.key("overSeconds")
        json.number(Self.rounded(pipeline.recent.seconds))
        json.key("misses")
        json.integer(pipeline.recent.misses)
        json.key("p99MillisecondsSinceStart")
        json.milliseconds(ofNanoseconds: pipeline.budget.total.percentile(0.99))
        json.key("phase")
        json.string(pipeline.budget.phase.name)
        json.endObject()
    }

    private static func write(_ update: UpdateState?, _ json: inout JSONWriter) {
        guard let update else { return json.null() }
        json.beginObject()
        json.key("phase")
        json.string(update.candidate?.phase.rawValue ?? "idle")
        json.key("candidate")
        if let version = update.candidate?.version {
            version.write(&json, digest: version.digest.description)
        } else {
            json.null()
        }
        json.key("held")
        json.boolean(update.isHeld)
        json.key("pinned")
        json.boolean(update.pin != nil)
        json.key("refusedVersions")
        json.integer(update.refused.count)
        json.key("lastRefusal")
        if let refused = update.refused.last { json.string(refused.code) } else { json.null() }
        json.endObject()
    }

    private static func write(_ alarm: AlarmBoard.Alarm, _ json: inout JSONWriter) {
        json.beginObject()
        json.key("pipeline")
        json.string(alarm.pipeline)
        json.key("asset")
        json.string(alarm.asset)
        json.key("severity")
        json.string(alarm.severity.name)
        json.key("score")
        if let score = alarm.score { json.number(score) } else { json.null() }
        json.key("since")
        json.timestamp(nanosecondsSince1970: alarm.sinceNanoseconds)
        json.endObject()
    }

    private static func write(
        _ outbox: OutboxMetrics, connections: UInt64, _ json: inout JSONWriter
    ) {
        json.beginObject()
        json.key("uplinkConnected")
        json.boolean(outbox.isUplinkConnected)
        json.key("uplinkConnections")
        json.integer(connections)
        json.key("records")
        json.integer(outbox.depth)
        json.key("oldestAgeSeconds")
        if let age = outbox.oldestAgeSeconds { json.number(rounded(age)) } else { json.null() }
        json.key("databaseBytes")
        json.integer(outbox.databaseBytes)
        json.key("memoryBytes")
        json.integer(outbox.memoryBytes)
        json.key("bytesWritten")
        json.integer(outbox.bytesWritten)
        json.key("dropped")
        json.integer(outbox.drops.joined().reduce(0, &+))
        json.key("quarantined")
        json.integer(outbox.quarantined)
        json.key("diskWritable")
        json.boolean(outbox.isDiskWritable)
        json.endObject()
    }

    private static func write(_ problem: RecentProblems.Problem, _ json: inout JSONWriter) {
        json.beginObject()
        json.key("level")
        json.string(problem.isError ? "error" : "warning")
        json.key("message")
        json.string(problem.message)
        json.key("pipeline")
        if let pipeline = problem.pipeline { json.string(pipeline) } else { json.null() }
        json.key("count")
        json.integer(problem.count)
        json.key("last")
        json.timestamp(nanosecondsSince1970: problem.lastNanoseconds)
        json.endObject()
    }

    static func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
}
