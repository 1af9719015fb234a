/// Writes the messages of one pipeline into a buffer of its own, without allocation.
///
/// Each call starts a new message; `withMessage` lends its bytes until the next.
///
/// - Thread: the pipeline's.
package struct PipelineEventWriter: ~Copyable {
    private let identity: EventIdentity
    private var json: JSONWriter
    private var historicalOffset = -1
    /// The size of the buffer: no message is larger.
    package let capacityBytes: Int

    /// Allocates the buffer.
    ///
    /// - Parameter capacityBytes: see `requiredBytes(identity:model:maximumSubjectBytes:)`.
    package init(identity: EventIdentity, capacityBytes: Int) {
        self.identity = identity
        json = JSONWriter(capacityBytes: capacityBytes)
        self.capacityBytes = capacityBytes
    }

    /// A size in which every message of this pipeline fits.
    ///
    /// - Parameter maximumSubjectBytes: the longest asset key.
    package static func requiredBytes(
        identity: EventIdentity, model: EventModel?, maximumSubjectBytes: Int
    ) -> Int {
        // A byte of the key takes six when it is a control character. Names, numbers of at most 24
        // characters and timestamps of 29 take less than 1 500 in the longest message.
        let names =
            identity.agentPrefix.count * 2 + identity.source.count
            + identity.agent.count + identity.pipeline.count
            + (model.map { $0.model.count + $0.longestLabelBytes * 2 } ?? 0)
        let contributors = Contributors.maximumCount * ((model?.longestChannelBytes ?? 0) + 48)
        return 1536 + names + contributors + 6 * maximumSubjectBytes
    }

    /// Lends the last message.
    package func withMessage<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe json.withBytes(body)
    }

    /// Writes an alarm's event: `edge.alert.raised.v1` or `edge.alert.cleared.v1`.
    ///
    /// - Parameters:
    ///   - subject: the asset's key.
    ///   - model: nil where nobody knows it any more; such an event has neither an evaluation nor a label.
    package mutating func writeAlert(
        _ event: AlertEvent, subject: UnsafeRawBufferPointer, model: EventModel?
    ) -> EventWriteResult {
        unsafe begin(
            type: event.transition.type, sequence: event.sequence,
            timeNanoseconds: event.timeNanoseconds, subject: subject)
        json.key("transition")
        json.string(event.transition.name)
        if event.transition == .cleared {
            json.key("reason")
            json.string(event.reason.name)
        }
        json.key("severity")
        json.string(event.severity.name)
        json.key("score")
        if let evaluation = event.evaluation {
            json.number(evaluation.score.value)
        } else {
            json.null()
        }
        json.key("threshold")
        json.number(event.threshold)
        label(event.labelIndex, model)
        json.key("contributors")
        json.beginArray()
        for index in 0..<event.contributors.count {
            let contributor = event.contributors[index]
            json.beginObject()
            json.key("channel")
            if let model {
                model.writeChannel(Int(contributor.channel), to: &json)
            } else {
                json.null()
            }
            json.key("share")
            json.number(contributor.share)
            json.endObject()
        }
        json.endArray()
        json.key("raisedAt")
        json.timestamp(nanosecondsSince1970: event.raisedAtNanoseconds)
        json.key("raisedBy")
        identifier(event.raisedBy)
        circumstances(event.evaluation, model: model)
        return end(clock: event.clock)
    }

    /// Writes a score's event: `edge.prediction.v1`.
    package mutating func writePrediction(
        _ evaluation: Evaluation, sequence: UInt64, threshold: Float,
        subject: UnsafeRawBufferPointer, model: EventModel
    ) -> EventWriteResult {
        unsafe begin(
            type: "edge.prediction.v1", sequence: sequence,
            timeNanoseconds: evaluation.timeNanoseconds, subject: subject)
        json.key("score")
        json.number(evaluation.score.value)
        json.key("threshold")
        json.number(threshold)
        json.key("label")
        model.writeLabel(Int(evaluation.score.winnerIndex), to: &json)
        circumstances(evaluation, model: model)
        return end(clock: evaluation.clock)
    }

    /// Writes the retained message that says how an alarm stands after `event`.
    package mutating func writeState(
        after event: AlertEvent, subject: UnsafeRawBufferPointer, model: EventModel?
    ) -> EventWriteResult {
        let isRaised = event.transition != .cleared
        json.reset()
        json.beginObject()
        json.key("state")
        json.string(isRaised ? "raised" : "cleared")
        json.key("agent")
        json.fragment(identity.agent)
        json.key("pipeline")
        json.fragment(identity.pipeline)
        json.key("asset")
        unsafe json.string(subject)
        json.key("since")
        json.timestamp(
            nanosecondsSince1970: isRaised ? event.raisedAtNanoseconds : event.timeNanoseconds)
        json.key("severity")
        json.string(event.severity.name)
        json.key("score")
        if let evaluation = event.evaluation {
            json.number(evaluation.score.value)
        } else {
            json.null()
        }
        json.key("threshold")
        json.number(event.threshold)
        label(event.labelIndex, model)
        if !isRaised {
            json.key("reason")
            json.string(event.reason.name)
        }
        json.key("event")
        identifier(EventReference(boot: identity.boot, sequence: event.sequence))
        json.key("raisedBy")
        identifier(event.raisedBy)
        json.key("updated")
        json.timestamp(nanosecondsSince1970: event.timeNanoseconds)
        json.key("clock")
        json.string(event.clock.name)
        json.endObject()
        historicalOffset = -1
        return result()
    }

    // MARK: Parts

    private mutating func begin(
        type: StaticString, sequence: UInt64, timeNanoseconds: Int64,
        subject: UnsafeRawBufferPointer
    ) {
        json.reset()
        json.beginCloudEvent(identity, type: type, sequence: sequence)
        if unsafe !subject.isEmpty {  // CloudEvents: not empty if it is there.
            json.key("subject")
            unsafe json.string(subject)
        }
        json.beginCloudEventData(timeNanoseconds: timeNanoseconds)
    }

    private mutating func label(_ index: Int16, _ model: EventModel?) {
        json.key("label")
        if let model {
            model.writeLabel(Int(index), to: &json)
        } else {
            json.null()
        }
    }

    private mutating func circumstances(_ evaluation: Evaluation?, model: EventModel?) {
        if let evaluation {
            json.key("window")
            json.beginObject()
            json.key("start")
            json.timestamp(nanosecondsSince1970: evaluation.window.startNanoseconds)
            json.key("end")
            json.timestamp(nanosecondsSince1970: evaluation.window.endNanoseconds)
            json.key("samples")
            json.integer(evaluation.window.samples)
            json.endObject()
        }
        if let model {
            json.key("model")
            json.fragment(model.model)
        }
        guard let evaluation else { return }
        json.key("latency")
        json.beginObject()
        json.key("milliseconds")
        json.milliseconds(ofNanoseconds: evaluation.latencyNanoseconds)
        json.key("budget")
        json.milliseconds(ofNanoseconds: evaluation.budgetNanoseconds)
        json.endObject()
        json.key("origin")
        json.string(evaluation.origin.name)
    }

    private mutating func end(clock: ClockState) -> EventWriteResult {
        historicalOffset = json.endCloudEvent(clock: clock)
        return result()
    }

    private mutating func result() -> EventWriteResult {
        switch json.finish() {
        case .complete(let byteCount):
            .written(byteCount: byteCount, historicalOffset: historicalOffset)
        case .overflow(let requiredBytes): .overflow(requiredBytes: requiredBytes)
        }
    }

    private mutating func identifier(_ reference: EventReference) {
        json.eventIdentifier(identity, boot: reference.boot, sequence: reference.sequence)
    }
}
