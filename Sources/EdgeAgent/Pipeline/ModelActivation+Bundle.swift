package import InferenceRuntime
internal import SensorIO

extension ModelActivation {
    /// A bundle's model that has passed all tests, and how fast it is here.
    package struct Activated {
        package var model: PipelineModel
        /// 99th percentile of one inference. - Units: nanoseconds
        package var p99Nanoseconds: UInt64
    }

    /// Prepares a bundle's model, runs its golden vectors and measures it. Blocks for about 30 ms.
    ///
    /// - Parameters:
    ///   - engines: which may run the model.
    ///   - limitNanoseconds: what an inference may take at the 99th percentile.
    /// - Throws: `PipelineError` with the first test that failed.
    package static func activate(
        _ bundle: ModelBundle, alarmRule: AlarmRule? = nil, engines: EngineSelection,
        limitNanoseconds: UInt64
    ) throws(PipelineError) -> Activated {
        let model = try PipelineModel(bundle, alarmRule: alarmRule, engines: engines)
        try verify(try vectors(bundle, for: model), on: model)
        let limit = bundle.manifest.inferenceBudget.map {
            min(limitNanoseconds, UInt64(clamping: $0.wholeNanoseconds))
        }
        return Activated(
            model: model,
            p99Nanoseconds: try measure(model, limitNanoseconds: limit ?? limitNanoseconds))
    }

    /// The golden vectors as the bytes of the model's tensors.
    private static func vectors(
        _ bundle: ModelBundle, for model: PipelineModel
    ) throws(PipelineError) -> [GoldenVector] {
        let (input, output) = model.withSession { session in
            (session.inputs[0].elementType, session.outputs[session.mainOutput].elementType)
        }
        var vectors: [GoldenVector] = []
        for (index, vector) in bundle.golden.vectors.enumerated() {
            guard let inputBytes = TensorValues.bytes(vector.input, input),
                let outputBytes = TensorValues.bytes(vector.output, output)
            else { throw .goldenNotRepresentable(vector: index) }
            vectors.append(
                GoldenVector(
                    input: inputBytes, output: outputBytes, tolerance: Float(vector.tolerance)))
        }
        return vectors
    }
}
