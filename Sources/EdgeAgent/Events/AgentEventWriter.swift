/// Writes the agent's alerts about itself, into a buffer of its own and without allocation.
///
/// - Thread: one; each thread that raises such alerts has a writer.
package struct AgentEventWriter: ~Copyable {
    private let identity: EventIdentity
    private var json: JSONWriter

    /// Allocates the buffer.
    ///
    /// - Parameters:
    ///   - identity: the agent's, without a pipeline.
    ///   - maximumSubjectBytes: the longest subject and detail together.
    package init(identity: EventIdentity, maximumSubjectBytes: Int) {
        self.identity = identity
        json = JSONWriter(
            capacityBytes: 1024 + identity.agentPrefix.count * 3 + identity.source.count
                + 6 * maximumSubjectBytes)
    }

    /// Lends the last message.
    package func withMessage<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe json.withBytes(body)
    }

    /// Writes the alert's event: the types of an asset's alarm, with the agent as source.
    ///
    /// - Parameters:
    ///   - subject: what it is about (a pipeline, a bundle) in UTF-8; empty: the agent as a whole.
    ///   - model: the version that it is about; nil: none.
    ///   - cause: a word for machines, where the label alone does not say it.
    ///   - detail: one sentence for people in UTF-8; empty: none.
    package mutating func writeAlert(
        _ alert: AgentAlert, subject: [UInt8] = [], model: EventModel? = nil, cause: [UInt8] = [],
        detail: [UInt8] = []
    ) -> EventWriteResult {
        json.reset()
        json.beginCloudEvent(identity, type: alert.transition.type, sequence: alert.sequence)
        if !subject.isEmpty {
            json.key("subject")
            json.string(subject)
        }
        json.beginCloudEventData(timeNanoseconds: alert.timeNanoseconds)
        json.key("transition")
        json.string(alert.transition.name)
        if alert.transition == .cleared {
            json.key("reason")
            json.string(alert.reason.name)
        }
        json.key("severity")
        json.string(alert.label.severity.name)
        json.key("score")
        json.number(alert.value)
        json.key("threshold")
        json.number(alert.limit)
        json.key("label")
        json.string(alert.label.name)
        json.key("contributors")
        json.beginArray()
        json.endArray()
        json.key("raisedAt")
        json.timestamp(nanosecondsSince1970: alert.raisedAtNanoseconds)
        json.key("raisedBy")
        json.eventIdentifier(
            identity, boot: alert.raisedBy.boot, sequence: alert.raisedBy.sequence)
        write(model, cause, detail)
        let offset = json.endCloudEvent(clock: alert.clock)
        return result(historicalOffset: offset)
    }

    /// Writes the retained message that says how the alert stands.
    package mutating func writeState(
        after alert: AgentAlert, subject: [UInt8] = [], model: EventModel? = nil,
        cause: [UInt8] = [], detail: [UInt8] = []
    ) -> EventWriteResult {
        let isRaised = alert.transition != .cleared
        json.reset()
        json.beginObject()
        json.key("state")
        json.string(isRaised ? "raised" : "cleared")
        json.key("agent")
        json.fragment(identity.agent)
        if !subject.isEmpty {
            json.key("subject")
            json.string(subject)
        }
        json.key("since")
        json.timestamp(
            nanosecondsSince1970: isRaised ? alert.raisedAtNanoseconds : alert.timeNanoseconds)
        json.key("severity")
        json.string(alert.label.severity.name)
        json.key("score")
        json.number(alert.value)
        json.key("threshold")
        json.number(alert.limit)
        json.key("label")
        json.string(alert.label.name)
        if !isRaised {
            json.key("reason")
            json.string(alert.reason.name)
        }
        json.key("event")
        json.eventIdentifier(identity, boot: identity.boot, sequence: alert.sequence)
        json.key("raisedBy")
        json.eventIdentifier(
            identity, boot: alert.raisedBy.boot, sequence: alert.raisedBy.sequence)
        json.key("updated")
        json.timestamp(nanosecondsSince1970: alert.timeNanoseconds)
        write(model, cause, detail)
        json.key("clock")
        json.string(alert.clock.name)
        json.endObject()
        return result(historicalOffset: -1)
    }

    private mutating func write(_ model: EventModel?, _ cause: [UInt8], _ detail: [UInt8]) {
        if let model {
            json.key("model")
            json.fragment(model.model)
        }
        if !cause.isEmpty {
            json.key("cause")
            json.string(cause)
        }
        guard !detail.isEmpty else { return }
        json.key("detail")
        json.string(detail)
    }

    private mutating func result(historicalOffset: Int) -> EventWriteResult {
        switch json.finish() {
        case .complete(let byteCount):
            .written(byteCount: byteCount, historicalOffset: historicalOffset)
        case .overflow(let requiredBytes): .overflow(requiredBytes: requiredBytes)
        }
    }
}
