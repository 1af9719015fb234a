package import InferenceRuntime
internal import SensorIO

extension PipelineModel {
    /// Prepares a bundle's model: plan, features, score, alarm rule.
    ///
    /// - Parameter alarmRule: nil for the bundle's own; the box's configuration may have another.
    /// - Throws: `PipelineError` with what does not fit.
    package convenience init(
        _ bundle: ModelBundle, alarmRule: AlarmRule? = nil
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
            bundle.manifest, plan: ModelPlan.make(bundle.model), alarmRule: rule,
            digest: bundle.digest.description)
    }

    /// Prepares a model whose bundle is still in the making.
    package convenience init(
        _ manifest: BundleManifest, plan: ModelPlan, alarmRule: AlarmRule, digest: String
    ) throws(PipelineError) {
        try self.init(
            Parts(
                plan: plan, channels: manifest.channels, window: manifest.window,
                features: manifest.features, normalization: manifest.normalization,
                method: manifest.scoreMethod, alarmRule: alarmRule,
                fallback: manifest.fallbackRule(),
                eventModel: EventModel(
                    name: manifest.name, version: manifest.version.description, digest: digest,
                    labels: manifest.labels, channels: manifest.channels.map(\.name))))
    }
}

extension ModelPlan {
    /// Plans a model from bytes at hand.
    package static func make(_ modelBytes: [UInt8]) throws(PipelineError) -> ModelPlan {
        let result = unsafe modelBytes.withUnsafeBytes { bytes -> Result<ModelPlan, ModelError> in
            do throws(ModelError) {
                return .success(unsafe try ModelPlan(bytes: bytes))
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
