internal import InferenceRuntime
internal import SensorIO

/// The tests that a model has to pass on this box before it may decide anything.
package enum ModelActivation {
    /// One input with the output it must give.
    package struct GoldenVector: Sendable {
        /// The tensors' bytes, as the model reads and writes them.
        package var input: [UInt8]
        package var output: [UInt8]
        /// How far each output may be off: 0 for quantized models.
        package var tolerance: Float

        package init(input: [UInt8], output: [UInt8], tolerance: Float) {
            self.input = input
            self.output = output
            self.tolerance = tolerance
        }
    }

    /// Runs golden vectors; every output has to be the expected one.
    ///
    /// - Throws: `.tensorSize`, `.goldenMismatch`; `.model` when the engine cannot run it.
    package static func verify(
        _ vectors: [GoldenVector], on model: PipelineModel
    ) throws(PipelineError) {
        for (index, vector) in vectors.enumerated() {
            try model.withSession { session throws(PipelineError) in
                try run(vector, index: index, session: &session)
            }
        }
    }

    private static func run(
        _ vector: GoldenVector, index: Int, session: inout InferenceSession
    ) throws(PipelineError) {
        let input = session.inputs[0]
        let main = session.mainOutput
        let output = session.outputs[main]
        guard vector.input.count == input.byteCount else {
            throw .tensorSize(
                name: "golden input \(index)", expected: input.byteCount,
                actual: vector.input.count)
        }
        guard vector.output.count == output.byteCount else {
            throw .tensorSize(
                name: "golden output \(index)", expected: output.byteCount,
                actual: vector.output.count)
        }
        unsafe session.withInput { bytes in unsafe bytes.copyBytes(from: vector.input) }
        do throws(ModelError) {
            try session.invokeThrowing()
        } catch {
            throw .model(error)
        }
        let actual = unsafe session.withOutput(main) { bytes in unsafe Array(bytes) }
        guard actual != vector.output else { return }
        if output.elementType == .float32, vector.tolerance > 0 {
            let expected = floats(vector.output)
            let found = floats(actual)
            guard
                let wrong = expected.indices.first(where: {
                    !(abs(expected[$0] - found[$0]) <= vector.tolerance)
                })
            else { return }
            throw .goldenMismatch(
                vector: index, output: wrong, expected: "\(expected[wrong])",
                actual: "\(found[wrong])")
        }
        let wrong = actual.indices.first { actual[$0] != vector.output[$0] } ?? 0
        throw .goldenMismatch(
            vector: index, output: wrong / max(1, output.byteCount / max(1, output.elementCount)),
            expected: "byte \(vector.output[wrong])", actual: "byte \(actual[wrong])")
    }

    private static func floats(_ bytes: [UInt8]) -> [Float] {
        unsafe bytes.withUnsafeBytes { raw in
            (0..<(raw.count / 4)).map {
                unsafe raw.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self)
            }
        }
    }

    /// Measures the model on this box and compares it with its share of the budget.
    ///
    /// Stops after `durationNanoseconds`, so that a slow box starts as soon as a fast one; the first
    /// invokes, which fill the caches, do not count.
    /// - Returns: the 99th percentile of one inference. - Units: nanoseconds
    /// - Throws: `.tooSlow`.
    package static func measure(
        _ model: PipelineModel, limitNanoseconds: UInt64, durationNanoseconds: UInt64 = 20_000_000
    ) throws(PipelineError) -> UInt64 {
        let histogram = LatencyHistogram()
        model.invoke()
        model.invoke()
        let start = MonotonicClock.nanoseconds
        var last = start
        var count = 0
        while count < 10_000, count < 16 || last &- start < durationNanoseconds {
            model.invoke()
            let now = MonotonicClock.nanoseconds
            histogram.record(now &- last)
            last = now
            count += 1
        }
        let p99 = histogram.snapshot().percentile(0.99)
        guard p99 <= limitNanoseconds else { throw .tooSlow(p99: p99, limit: limitNanoseconds) }
        return p99
    }
}
