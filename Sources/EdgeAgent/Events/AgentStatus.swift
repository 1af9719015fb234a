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
        json.key("pipelines")
        json.beginArray()
        for pipeline in pipelines {
            json.beginObject()
            json.key("name")
            json.string(pipeline.name)
            json.key("model")
            json.beginObject()
            json.key("name")
            json.string(pipeline.bundle)
            json.key("version")
            json.string(pipeline.version)
            json.key("digest")
            json.string(pipeline.digest)
            json.endObject()
            json.key("origin")
            json.string(pipeline.origin.name)
            json.key("budget")
            json.milliseconds(ofNanoseconds: pipeline.budgetNanoseconds)
            json.endObject()
        }
        json.endArray()
        if let requiresSignatures {
            json.key("updates")
            json.beginObject()
            json.key("signature")
            json.string(requiresSignatures ? "required" : "off")
            json.endObject()
        }
        json.key("clock")
        json.string(clock.name)
        return Self.end(&json)
    }

    /// The offline message: the last will, or the last word of an agent that stops.
    ///
    /// - Parameter timeNanoseconds: of a stop; a will is written beforehand and knows no time.
    package func offline(_ reason: OfflineReason, timeNanoseconds: Int64? = nil) -> [UInt8] {
        var json = begin("offline", timeNanoseconds: timeNanoseconds)
        json.key("reason")
        json.string(reason == .lost ? "lost" : "stopped")
        return Self.end(&json)
    }

    private func begin(_ status: StaticString, timeNanoseconds: Int64?) -> JSONWriter {
        var json = JSONWriter(growingTo: .max)
        json.beginObject()
        json.key("status")
        json.string(status)
        json.key("agent")
        json.string(agent)
        json.key("version")
        json.string(version)
        json.key("boot")
        json.integer(boot)
        json.key("startedAt")
        json.timestamp(nanosecondsSince1970: startedAtNanoseconds)
        json.key("time")
        if let timeNanoseconds {
            json.timestamp(nanosecondsSince1970: timeNanoseconds)
        } else {
            json.null()
        }
        return json
    }

    private static func end(_ json: inout JSONWriter) -> [UInt8] {
        json.endObject()
        _ = json.finish()
        return json.copyBytes()
    }
}
