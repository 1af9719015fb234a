package import InferenceRuntime
internal import SensorIO

extension PipelineModel {
    /// Prepares a bundle's model: plan, features, score, alarm rule.
    ///
    /// - Parameters:
    ///   - alarmRule: nil for the bundle's own; the box's configuration may have another.
    ///   - engines: which may run it.
    /// - Throws: `PipelineError` with what does not fit.
    package convenience init(
        _ bundle: ModelBundle, alarmRule: AlarmRule? = nil,
        engines: EngineSelection = EngineSelection()
    ) throws(PipelineError) {
        let rule: AlarmRule
        if let alarmRule {
            rule = alarmRule
        } else {
            do throws(AlarmRuleError) {
                rule = try bundle.manifest.alarmRule()
            } catch {
                throw .alarm(error)
            }
        }
        try self.init(
            bundle.manifest, model: InferenceModel.make(bundle.model, engines: engines),
            alarmRule: rule, digest: bundle.digest.description)
    }

    /// Prepares a model whose bundle is still in the making.
    package convenience init(
        _ manifest: BundleManifest, model: InferenceModel, alarmRule: AlarmRule, digest: String
    ) throws(PipelineError) {
        try self.init(
            Parts(
                model: model, channels: manifest.channels, window: manifest.window,
                features: manifest.features, normalization: manifest.normalization,
                method: manifest.scoreMethod, alarmRule: alarmRule,
                fallback: manifest.fallbackRule(),
                eventModel: EventModel(
                    name: manifest.name, version: manifest.version.description, digest: digest,
                    labels: manifest.labels, channels: manifest.channels.map(\.name))))
    }
}

extension InferenceModel {
    /// Prepares a model from bytes at hand.
    package static func make(
        _ modelBytes: [UInt8], engines: EngineSelection
    ) throws(PipelineError) -> InferenceModel {
        let result = unsafe modelBytes.withUnsafeBytes { bytes -> Result<Self, ModelError> in
            do throws(ModelError) {
                return .success(unsafe try InferenceModel(bytes: bytes, engines: engines))
            } catch {
                return .failure(error)
            }
        }
        do throws(ModelError) {
            return try result.get()
        } catch {
            throw .model(error)
        }
    }
}
