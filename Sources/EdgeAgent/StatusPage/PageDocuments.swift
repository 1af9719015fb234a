internal import SensorIO

/// The JSON that the status page reads.
///
/// - Thread: any. Allocates; reads counters and never waits for a pipeline.
struct PageDocuments: Sendable {
    /// How many assets are listed at once; the search finds the others.
    static let listedAssets = 64

    let sources: PageSources
    let series: PageSeries
    let alarms: RecentAlarms

    /// The agent as a whole: what the page shows in its header, for each pipeline, and of the outbox.
    func status() -> [UInt8] {
        let status = sources.status()
        let rates = series.currentRates
        let now = WallClock.nanoseconds
        return Self.document { json in
            json.beginObject("agent")
            json.member("id", status.agent)
            json.member("version", status.version)
            json.member("boot", status.boot)
            json.member("startedAt", nanosecondsSince1970: status.startedAtNanoseconds)
            json.member("time", nanosecondsSince1970: now)
            json.member(
                "uptimeSeconds",
                Double(max(0, (now &- status.startedAtNanoseconds) / 1_000_000_000)))
            json.member("clock", sources.clock().name)
            json.endObject()
            json.beginArray("pipelines")
            for (index, pipeline) in sources.pipelines.enumerated() {
                let shown = status.pipelines.first { $0.name == pipeline.name }
                write(
                    pipeline, shown, rate: rates.indices.contains(index) ? rates[index] : 0, &json)
            }
            json.endArray()
            json.key("outbox")
            write(sources.outbox(), &json)
        }
    }

    private func write(
        _ pipeline: PageSources.Pipeline, _ shown: AgentStatus.Pipeline?, rate: Double,
        _ json: inout JSONWriter
    ) {
        let budget = pipeline.budget.snapshot(budgetNanoseconds: pipeline.budgetNanoseconds)
        json.beginObject()
        json.member("name", pipeline.name)
        json.member("sensorsConnected", pipeline.metrics[.sensorsConnected] == 1)
        json.member(
            "alertsConnected",
            pipeline.publishesLive ? pipeline.metrics[.alertsConnected] == 1 : nil)
        json.member("assets", pipeline.metrics[.assets])
        json.member("alarmsRaised", pipeline.metrics[.alarmsRaised])
        json.member("messages", pipeline.metrics[.messages])
        json.member("evaluations", budget.evaluations)
        json.member("evaluationsPerSecond", (rate * 10).rounded() / 10)
        json.member("budgetMilliseconds", millisecondsOfNanoseconds: pipeline.budgetNanoseconds)
        json.member("phase", budget.phase.name)
        json.beginObject("latency")
        json.member("p50", millisecondsOfNanoseconds: budget.total.percentile(0.5))
        json.member("p99", millisecondsOfNanoseconds: budget.total.percentile(0.99))
        json.member("maximum", millisecondsOfNanoseconds: budget.total.maximumNanoseconds)
        json.endObject()
        json.beginObject("histogram")
        json.member("lowestMilliseconds", 0.001024)
        json.member("perOctave", 4)
        json.beginArray("counts")
        let quarters = budget.total.quarterOctaves()
        let last = quarters.lastIndex { $0 > 0 } ?? 0
        for count in quarters[...last] { json.integer(count) }
        json.endArray()
        json.endObject()
        json.beginObject("misses")
        for cause in MissCause.allCases {
            json.key(cause.name)
            json.integer(budget.misses(cause))
        }
        json.endObject()
        json.beginObject("model")
        json.member("name", shown?.bundle ?? "")
        json.member("version", shown?.version ?? "")
        json.member("digest", shown?.digest ?? "")
        json.endObject()
        json.endObject()
    }

    private func write(_ outbox: OutboxMetrics, _ json: inout JSONWriter) {
        json.beginObject()
        json.member("depth", UInt64(clamping: outbox.depth))
        json.member("oldestAgeSeconds", outbox.oldestAgeSeconds.map { ($0 * 10).rounded() / 10 })
        json.member("databaseBytes", UInt64(clamping: outbox.databaseBytes))
        json.member("delivered", outbox.delivered)
        json.member("dropped", outbox.drops.reduce(0) { $0 &+ $1.reduce(0, &+) })
        json.member("quarantined", UInt64(clamping: outbox.quarantined))
        json.member("isUplinkConnected", outbox.isUplinkConnected)
        json.member("isDiskWritable", outbox.isDiskWritable)
        json.endObject()
    }

    /// The last quarter of an hour of outbox and rates.
    func seriesDocument() -> [UInt8] {
        let values = series.values
        return Self.document { json in
            json.member("time", nanosecondsSince1970: WallClock.nanoseconds)
            json.member("stepSeconds", UInt64(PageSeries.stepSeconds))
            json.beginArray("outbox")
            for depth in values.outboxDepth { json.integer(depth) }
            json.endArray()
            json.beginObject("rates")
            for (pipeline, rates) in zip(sources.pipelines, values.rates) {
                json.key(pipeline.name)
                json.beginArray()
                for rate in rates { json.number((rate * 10).rounded() / 10) }
                json.endArray()
            }
            json.endObject()
        }
    }

    /// What alarms did lately, newest first.
    func alarmsDocument() -> [UInt8] {
        let entries = alarms.entries
        return Self.document { json in
            json.beginArray("alarms")
            for entry in entries {
                json.beginObject()
                json.member("number", entry.number)
                json.member("time", nanosecondsSince1970: entry.timeNanoseconds)
                json.member("pipeline", entry.pipeline)
                json.member("asset", entry.asset)
                json.member("label", entry.label)
                json.member("transition", entry.transition.name)
                json.member("severity", entry.severity)
                json.member("score", entry.score)
                json.endObject()
            }
            json.endArray()
        }
    }

    /// One JSON object.
    static func document(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
        var json = JSONWriter(growingTo: 1 << 20)
        json.beginObject()
        body(&json)
        json.endObject()
        _ = json.finish()
        return json.copyBytes()
    }
}
