/// What the retained message on the agent's status topic says.
package struct AgentStatus: Sendable {
    /// A pipeline and what works in it.
    package struct Pipeline: Sendable {
        package var name: String
        package var bundle: String
        package var version: String
        package var digest: String
        /// What decides at the moment.
        package var origin: AlarmOrigin
        package var budgetNanoseconds: UInt64

        package init(
            name: String, bundle: String, version: String, digest: String, origin: AlarmOrigin,
            budgetNanoseconds: UInt64
        ) {
            self.name = name
            self.bundle = bundle
            self.version = version
            self.digest = digest
            self.origin = origin
            self.budgetNanoseconds = budgetNanoseconds
        }
    }

    /// Why an agent is offline.
    package enum OfflineReason: Sendable {
        /// The last will speaks: the connection was lost.
        case lost
        /// The agent has stopped in good order.
        case stopped
    }

    package var agent: String
    package var version: String
    package var boot: UInt64
    /// Wall time of the agent's start, nanoseconds since 1970.
    package var startedAtNanoseconds: Int64
    package var clock: ClockState
    package var pipelines: [Pipeline]
    /// Whether new versions of models have to be signed; nil: there are no updates.
    package var requiresSignatures: Bool?

    /// Another version of a pipeline's model works.
    mutating func show(_ version: ModelVersion, of pipeline: String) {
        guard let index = pipelines.firstIndex(where: { $0.name == pipeline }) else { return }
        pipelines[index].bundle = version.name
        pipelines[index].version = version.version
        pipelines[index].digest = version.digest.description
    }

    package init(
        agent: String, version: String, boot: UInt64, startedAtNanoseconds: Int64,
        clock: ClockState, pipelines: [Pipeline]
    ) {
        self.agent = agent
        self.version = version
        self.boot = boot
        self.startedAtNanoseconds = startedAtNanoseconds
        self.clock = clock
        self.pipelines = pipelines
    }

    /// The birth message: what runs.
    ///
    /// - Parameter time: wall time of the message, nanoseconds since 1970.
    package func online(timeNanoseconds: Int64) -> [UInt8] {
        var json = begin("online", timeNanoseconds: timeNanoseconds)
        json.beginArray("pipelines")
        for pipeline in pipelines {
            json.beginObject()
            json.member("name", pipeline.name)
            json.beginObject("model")
            json.member("name", pipeline.bundle)
            json.member("version", pipeline.version)
            json.member("digest", pipeline.digest)
            json.endObject()
            json.member("origin", pipeline.origin.name)
            json.member("budget", millisecondsOfNanoseconds: pipeline.budgetNanoseconds)
            json.endObject()
        }
        json.endArray()
        if let requiresSignatures {
            json.beginObject("updates")
            json.member("signature", requiresSignatures ? "required" : "off")
            json.endObject()
        }
        json.member("clock", clock.name)
        return Self.end(&json)
    }

    /// The offline message: the last will, or the last word of an agent that stops.
    ///
    /// - Parameter timeNanoseconds: of a stop; a will is written beforehand and knows no time.
    package func offline(_ reason: OfflineReason, timeNanoseconds: Int64? = nil) -> [UInt8] {
        var json = begin("offline", timeNanoseconds: timeNanoseconds)
        json.member("reason", reason == .lost ? "lost" : "stopped")
        return Self.end(&json)
    }

    private func begin(_ status: StaticString, timeNanoseconds: Int64?) -> JSONWriter {
        var json = JSONWriter(growingTo: .max)
        json.beginObject()
        json.member("status", status)
        json.member("agent", agent)
        json.member("version", version)
        json.member("boot", boot)
        json.member("startedAt", nanosecondsSince1970: startedAtNanoseconds)
        json.member("time", nanosecondsSince1970: timeNanoseconds)
        return json
    }

    private static func end(_ json: inout JSONWriter) -> [UInt8] {
        json.endObject()
        _ = json.finish()
        return json.copyBytes()
    }
}
