internal import InferenceRuntime
internal import SensorIO

extension AgentPlan {
    /// Tests each pipeline's model on this box, as a start would. Blocks for about 30 ms a pipeline.
    ///
    /// - Returns: one line a pipeline: which engine runs its bundle, and how fast.
    /// - Throws: `AgentError.pipeline` for the first model that fails.
    package func testModels() throws(AgentError) -> [String] {
        var lines: [String] = []
        for pipeline in pipelines {
            let name = pipeline.configuration.name
            let limit = UInt64(clamping: pipeline.configuration.inferenceBudget.wholeNanoseconds)
            do throws(PipelineError) {
                let activated = try ModelActivation.activate(
                    pipeline.bundle, alarmRule: pipeline.alarmRule, limitNanoseconds: limit)
                let set = activated.model.withSession { session in session.plan.instructionSet }
                let manifest = pipeline.bundle.manifest
                lines.append(
                    "\(name): \(manifest.name) \(manifest.version), built-in engine (\(set.rawValue)), "
                        + "p99 \(Double(activated.p99Nanoseconds) / 1000) µs of \(limit / 1000) µs")
            } catch {
                throw .pipeline(name: name, error)
            }
        }
        return lines
    }
}
