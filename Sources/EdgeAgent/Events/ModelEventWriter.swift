/// Writes the events that say what became of a model's version.
///
/// - Thread: any; for the control plane.
enum ModelEventWriter {
    /// An event and where its `historical` stands; see `EventWriteResult`.
    static func event(
        _ record: UpdateRecord, pipeline: String, identity: EventIdentity, sequence: UInt64,
        timeNanoseconds: Int64, clock: ClockState
    ) -> (bytes: [UInt8], historicalOffset: Int) {
        var json = JSONWriter(growingTo: 1 << 16)
        json.beginCloudEvent(identity, type: type(of: record.kind), sequence: sequence)
        json.key("subject")
        json.string(pipeline)
        json.beginCloudEventData(timeNanoseconds: timeNanoseconds)
        json.key("step")
        json.string(record.kind.rawValue)
        UpdateAudit.write(record.version, &json)
        json.key("actor")
        json.string(record.actor)
        json.key("reason")
        if let code = record.code { json.string(code) } else { json.null() }
        json.key("detail")
        if let detail = record.detail { json.string(detail) } else { json.null() }
        let offset = json.endCloudEvent(clock: clock)
        _ = json.finish()
        return (json.copyBytes(), offset)
    }

    private static func type(of kind: UpdateRecord.Kind) -> StaticString {
        switch kind {
        case .resolved: "edge.model.resolved.v1"
        case .downloaded: "edge.model.downloaded.v1"
        case .verified: "edge.model.verified.v1"
        case .staged: "edge.model.staged.v1"
        case .selfTested: "edge.model.self-tested.v1"
        case .shadowStarted: "edge.model.shadow-started.v1"
        case .trialStarted: "edge.model.trial-started.v1"
        case .committed: "edge.model.committed.v1"
        case .refused: "edge.model.refused.v1"
        case .rolledBack: "edge.model.rolled-back.v1"
        case .pinned: "edge.model.pinned.v1"
        case .unpinned: "edge.model.unpinned.v1"
        case .held: "edge.model.held.v1"
        case .released: "edge.model.released.v1"
        case .failed: "edge.model.failed.v1"
        case .waiting: "edge.model.waiting.v1"
        case .commanded: "edge.model.commanded.v1"
        }
    }
}
