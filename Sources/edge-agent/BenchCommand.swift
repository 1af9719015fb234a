internal import ArgumentParser
internal import EdgeAgent

/// `edge-agent bench`: how fast a model is on this box.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure a model on this box: latency, memory, what each operator takes.",
        discussion: """
            Needs no broker and no configuration. --against onnxruntime measures ONNX Runtime in turns \
            with edge-agent's own runtime in the same run, on the model's .onnx file; a .tflite model \
            needs the same model as .onnx beside it, under the same name.
              edge-agent bench my-bundle --cpu 1
              edge-agent bench model.onnx --against onnxruntime
            The environment variable EDGE_AGENT_ISA forces an instruction set (scalar, avx2, avxvnni, \
            avx512vnni, neon, neon-dotprod).
            """)

    enum Other: String, ExpressibleByArgument, CaseIterable { case onnxruntime }

    @Argument(help: "The model file, or a bundle's directory.")
    var model: String

    @Option(help: "Also measure this engine, in turns, and print the ratio: onnxruntime.")
    var against: Other?

    @Option(help: "Rounds; engines alternate from one to the next.")
    var rounds = 5

    @Option(help: "Invokes a round; without it, as many as take about 200 ms.")
    var iterations: Int?

    @Option(help: "Invokes before the first round.")
    var warmUp = 100

    @Option(help: "Stay on this processor.")
    var cpu: Int?

    @Option(help: "Raw input tensors of one run; without it, random ones, always the same.")
    var input: String?

    @Option(help: "A file for the raw output tensors; it is overwritten.")
    var output: String?

    @Flag(help: "One JSON object instead of the table.")
    var json = false

    @OptionGroup var engines: EngineOptions

    func validate() throws {
        guard (1...1000).contains(rounds) else {
            throw ValidationError("--rounds must be 1 to 1000.")
        }
        guard (1...1_000_000).contains(iterations ?? 1) else {
            throw ValidationError("--iterations must be 1 to 1000000.")
        }
        guard rounds * (iterations ?? 1) <= 10_000_000 else {
            throw ValidationError("--rounds times --iterations must be at most 10000000.")
        }
        guard (0...1_000_000).contains(warmUp) else {
            throw ValidationError("--warm-up must be 0 to 1000000.")
        }
        if let cpu, cpu < 0 { throw ValidationError("--cpu must be 0 or more.") }
    }

    func run() async throws {
        var benchmark = ModelBenchmark(engines: engines.selection)
        benchmark.isAgainstONNXRuntime = against != nil
        benchmark.rounds = rounds
        benchmark.iterations = iterations
        benchmark.warmUp = warmUp
        benchmark.processor = cpu
        benchmark.inputPath = input
        benchmark.outputPath = output
        let report = try benchmark.run(model)
        if json {
            print(report.json)
        } else {
            for line in report.lines { print(line) }
        }
    }
}
