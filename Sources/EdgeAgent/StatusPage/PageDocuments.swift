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
            json.key("agent")
            json.beginObject()
            json.member("id", status.agent)
            json.member("version", status.version)
            json.key("boot")
            json.integer(status.boot)
            json.key("startedAt")
            json.timestamp(nanosecondsSince1970: status.startedAtNanoseconds)
            json.key("time")
            json.timestamp(nanosecondsSince1970: now)
            json.key("uptimeSeconds")
            json.number(Double(max(0, (now &- status.startedAtNanoseconds) / 1_000_000_000)))
            json.key("clock")
            json.string(sources.clock().name)
            json.endObject()
            json.key("pipelines")
            json.beginArray()
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
        json.key("sensorsConnected")
        json.boolean(pipeline.metrics[.sensorsConnected] == 1)
        json.key("alertsConnected")
        if pipeline.publishesLive {
            json.boolean(pipeline.metrics[.alertsConnected] == 1)
        } else {
            json.null()
        }
        json.member("assets", pipeline.metrics[.assets])
        json.member("alarmsRaised", pipeline.metrics[.alarmsRaised])
        json.member("messages", pipeline.metrics[.messages])
        json.member("evaluations", budget.evaluations)
        json.key("evaluationsPerSecond")
        json.number((rate * 10).rounded() / 10)
        json.key("budgetMilliseconds")
        json.milliseconds(ofNanoseconds: pipeline.budgetNanoseconds)
        json.key("phase")
        json.string(budget.phase.name)
        json.key("latency")
        json.beginObject()
        json.key("p50")
        json.milliseconds(ofNanoseconds: budget.total.percentile(0.5))
        json.key("p99")
        json.milliseconds(ofNanoseconds: budget.total.percentile(0.99))
        json.key("maximum")
        json.milliseconds(ofNanoseconds: budget.total.maximumNanoseconds)
        json.endObject()
        json.key("histogram")
        json.beginObject()
        json.key("lowestMilliseconds")
        json.number(0.001024)
        json.member("perOctave", 4)
        json.key("counts")
        json.beginArray()
        let quarters = budget.total.quarterOctaves()
        let last = quarters.lastIndex { $0 > 0 } ?? 0
        for count in quarters[...last] { json.integer(count) }
        json.endArray()
        json.endObject()
        json.key("misses")
        json.beginObject()
        for cause in MissCause.allCases {
            json.key(cause.name)
            json.integer(budget.misses(cause))
        }
        json.endObject()
        json.key("model")
        json.beginObject()
        json.member("name", shown?.bundle ?? "")
        json.member("version", shown?.version ?? "")
        json.member("digest", shown?.digest ?? "")
        json.endObject()
        json.endObject()
    }

    private func write(_ outbox: OutboxMetrics, _ json: inout JSONWriter) {
        json.beginObject()
        json.member("depth", UInt64(clamping: outbox.depth))
        json.key("oldestAgeSeconds")
        if let age = outbox.oldestAgeSeconds {
            json.number((age * 10).rounded() / 10)
        } else {
            json.null()
        }
        json.member("databaseBytes", UInt64(clamping: outbox.databaseBytes))
        json.member("delivered", outbox.delivered)
        json.member("dropped", outbox.drops.reduce(0) { $0 &+ $1.reduce(0, &+) })
        json.member("quarantined", UInt64(clamping: outbox.quarantined))
        json.key("isUplinkConnected")
        json.boolean(outbox.isUplinkConnected)
        json.key("isDiskWritable")
        json.boolean(outbox.isDiskWritable)
        json.endObject()
    }

    /// The last quarter of an hour of outbox and rates.
    func seriesDocument() -> [UInt8] {
        let values = series.values
        return Self.document { json in
            json.key("time")
            json.timestamp(nanosecondsSince1970: WallClock.nanoseconds)
            json.member("stepSeconds", UInt64(PageSeries.stepSeconds))
            json.key("outbox")
            json.beginArray()
            for depth in values.outboxDepth { json.integer(depth) }
            json.endArray()
            json.key("rates")
            json.beginObject()
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
            json.key("alarms")
            json.beginArray()
            for entry in entries {
                json.beginObject()
                json.member("number", entry.number)
                json.key("time")
                json.timestamp(nanosecondsSince1970: entry.timeNanoseconds)
                json.member("pipeline", entry.pipeline)
                json.key("asset")
                if let asset = entry.asset { json.string(asset) } else { json.null() }
                json.member("label", entry.label)
                json.key("transition")
                json.string(entry.transition.name)
                json.member("severity", entry.severity)
                json.key("score")
                if let score = entry.score { json.number(score) } else { json.null() }
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

extension JSONWriter {
    /// Writes a member that is text.
    mutating func member(_ name: StaticString, _ text: String) {
        key(name)
        string(text)
    }

    /// Writes a member that is a count.
    mutating func member(_ name: StaticString, _ count: UInt64) {
        key(name)
        integer(count)
    }
}
