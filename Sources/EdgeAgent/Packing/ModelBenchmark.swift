internal import CLinuxShims
internal import Glibc
package import InferenceRuntime
internal import SensorIO

/// Measures a model on this box, alone or in turns with another engine.
///
/// Engines alternate round by round, so that a change of the machine's clock or load meets both. The
/// median of an engine is the median over its rounds of each round's; the other percentiles are of
/// all invokes.
package struct ModelBenchmark {
    /// What one engine did.
    package struct Result: Sendable {
        package var engine: InferenceEngine
        /// - Units: nanoseconds
        package var minimum: UInt64
        package var p50: UInt64
        package var p99: UInt64
        package var p999: UInt64
        package var maximum: UInt64
        package var arenaBytes: Int
        package var weightBytes: Int?
        /// What each operator takes; empty where only the engine knows.
        package var operators: [OperatorShare] = []
    }

    /// One operator's part in an invoke.
    package struct OperatorShare: Sendable {
        /// Its place in the model.
        package var index: Int
        package var name: String
        package var outputShape: [Int]
        /// Mean. - Units: nanoseconds
        package var nanoseconds: Double
        /// Of all operators. - Range: 0...1
        package var share: Double
    }

    package struct Report: Sendable {
        package var modelPath: String
        package var rounds: Int
        package var iterations: Int
        package var processor: Int?
        package var result: Result
        /// The engine that it was measured against.
        package var other: Result?

        /// How many times as fast as the other engine, by the medians.
        package var ratio: Double? {
            other.map { Double($0.p50) / Double(max(1, result.p50)) }
        }
    }

    package var engines: EngineSelection
    /// Measure ONNX Runtime as well, in turns.
    package var isAgainstONNXRuntime = false
    /// At least 1.
    package var rounds = 5
    /// Invokes a round; nil for as many as take about 200 ms, 20 to 10 000.
    package var iterations: Int?
    /// Invokes of each engine before the first round.
    package var warmUp = 100
    /// The processor to stay on; nil for the scheduler's choice.
    package var processor: Int?
    /// A file with the raw input tensors of one run; nil for seeded random ones.
    package var inputPath: String?
    /// Where the raw output tensors of the last run go.
    package var outputPath: String?

    package init(engines: EngineSelection) { self.engines = engines }

    /// Measures. Blocks for as long as the rounds take, and leaves the thread on its processor.
    ///
    /// - Parameter path: a model file, or a bundle's directory.
    /// - Throws: `PackingError`.
    package func run(_ path: String) throws(PackingError) -> Report {
        var bench = Bench(try ModelTool.session(path, engines), path: path)
        try bench.readInputs(inputPath)
        var other: Bench?
        if isAgainstONNXRuntime {
            guard bench.session.model.plan != nil else { throw .nothingToCompare(path: path) }
            var selection = engines
            selection.choice = .onnxRuntime
            let file = try Self.onnxFile(path)
            var second = Bench(try ModelTool.session(file, selection), path: file)
            try second.readInputs(inputPath)
            other = consume second
        }
        if let processor {
            let code = els_set_thread_affinity(Int32(clamping: processor))
            guard code == 0 else { throw .processor(number: processor, errorNumber: code) }
        }
        try bench.warmUp(warmUp)
        try other?.warmUp(warmUp)
        let count = iterations ?? bench.iterations(forNanoseconds: 200_000_000)
        for _ in 0..<rounds {
            bench.measure(count)
            other?.measure(count)
        }
        if let outputPath { try bench.writeOutputs(outputPath) }
        return Report(
            modelPath: path, rounds: rounds, iterations: count, processor: processor,
            result: bench.result(profiling: min(count, 1000)), other: other?.result(profiling: 0))
    }

    /// The file that ONNX Runtime runs: the model's own, or the `.onnx` beside a `.tflite`.
    private static func onnxFile(_ path: String) throws(PackingError) -> String {
        let file = ModelTool.modelFile(path)
        guard file.hasSuffix(".tflite") else { return file }
        let sibling = file.dropLast("tflite".count) + "onnx"
        guard unsafe access(String(sibling), R_OK) == 0 else {
            throw .noONNX(path: path, expected: String(sibling))
        }
        return String(sibling)
    }
}
