/// A running pipeline as its updates see it.
///
/// - Thread: the one that updates run on.
package struct UpdatedPipeline: Sendable {
    package let settings: PipelineSettings
    private let models: PipelineExchange<ModelDelivery>
    private let wake: @Sendable () -> Void

    /// - Parameter wake: makes the pipeline's thread turn.
    package init(
        settings: PipelineSettings, control: PipelineControl, wake: @escaping @Sendable () -> Void
    ) {
        self.settings = settings
        models = control.models
        self.wake = wake
    }

    /// False while the pipeline has not given the last delivery back.
    func deliver(_ delivery: ModelDelivery) -> Bool {
        guard models.deliver(delivery) else { return false }
        wake()
        return true
    }

    func collect() -> ModelDelivery? { models.collect() }
}
