internal import SensorIO

/// A model that runs beside the one that decides, on time that is left over.
///
/// - Thread: made on any, then the pipeline's; `tally` and `latency` any.
package final class ShadowModel {
    package let model: PipelineModel
    package let tally = ModelTally()
    package let latency = LatencyHistogram()
    /// What an evaluation takes, measured beforehand: it runs only where so much time is left.
    let costNanoseconds: UInt64

    package init(_ model: PipelineModel, costNanoseconds: UInt64) {
        self.model = model
        self.costNanoseconds = costNanoseconds
    }

}

/// Models on their way to a pipeline's thread, and on their way back from it: it exchanges what it has for what is
/// in here, so that it neither allocates nor frees.
///
/// - Thread: one at a time; who has taken it.
package final class ModelDelivery {
    /// To decide; nil: no change. Afterwards the one that decided before.
    package var model: PipelineModel?
    /// Whether `shadow` takes the place of the shadow, nil included. Afterwards it is the one before.
    package var setsShadow: Bool
    package var shadow: ShadowModel?
    /// Large enough for what events say about `model`.
    var events: PipelineEventWriter

    package init(
        model: PipelineModel?, setsShadow: Bool = false, shadow: ShadowModel? = nil,
        settings: PipelineSettings
    ) {
        self.model = model
        self.setsShadow = setsShadow
        self.shadow = shadow
        let identity = EventIdentity(
            agent: settings.agent, boot: settings.boot, pipeline: settings.name)
        events = PipelineEventWriter(
            identity: identity,
            capacityBytes: model.map {
                PipelineEventWriter.requiredBytes(
                    identity: identity, model: $0.eventModel,
                    maximumSubjectBytes: settings.assets.maximumKeyBytes)
            } ?? 64)
    }
}
