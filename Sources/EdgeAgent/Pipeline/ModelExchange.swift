internal import SensorIO
internal import Synchronization

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

/// The place where a pipeline's thread finds models, at the border between two turns.
///
/// - Thread: `deliver` and `collect` one of the control plane's; `take` and `giveBack` the pipeline's.
// Each address is that of a retained ModelDelivery that nobody else has, or 0: retained by who stores it, taken over
// by who exchanges it for 0. Acquire and release carry its content from one thread to the other.
@safe
package final class ModelExchange: Sendable {
    private let toPipeline = Atomic<UInt>(0)
    private let fromPipeline = Atomic<UInt>(0)
    private let isUnderway = Atomic<Bool>(false)

    package init() {}

    deinit {
        _ = Self.owned(toPipeline.exchange(0, ordering: .acquiring))
        _ = Self.owned(fromPipeline.exchange(0, ordering: .acquiring))
    }

    /// Offers a delivery; wake the pipeline afterwards. Until it came back, the caller reads its models' tallies only.
    ///
    /// - Returns: false, and nothing is taken, while the one before has not been collected.
    package func deliver(_ delivery: ModelDelivery) -> Bool {
        guard !isUnderway.exchange(true, ordering: .acquiring) else { return false }
        toPipeline.store(Self.address(retaining: delivery), ordering: .releasing)
        return true
    }

    /// Takes what came back: to be freed here, or kept.
    package func collect() -> ModelDelivery? {
        guard let back = Self.owned(fromPipeline.exchange(0, ordering: .acquiring)) else {
            return nil
        }
        isUnderway.store(false, ordering: .releasing)
        return back
    }

    /// - Thread: the pipeline's.
    package func take() -> ModelDelivery? {
        // The usual turn costs a load.
        guard toPipeline.load(ordering: .relaxed) != 0 else { return nil }
        return Self.owned(toPipeline.exchange(0, ordering: .acquiring))
    }

    /// - Thread: the pipeline's.
    package func giveBack(_ delivery: ModelDelivery) {
        fromPipeline.store(Self.address(retaining: delivery), ordering: .releasing)
    }

    private static func address(retaining delivery: ModelDelivery) -> UInt {
        unsafe UInt(bitPattern: Unmanaged.passRetained(delivery).toOpaque())
    }

    private static func owned(_ address: UInt) -> ModelDelivery? {
        guard let pointer = unsafe UnsafeRawPointer(bitPattern: address) else { return nil }
        return unsafe Unmanaged<ModelDelivery>.fromOpaque(pointer).takeRetainedValue()
    }
}
