internal import ArgumentParser
internal import EdgeAgent

/// `edge-agent model pack`: a bundle from a model, a description and samples.
struct ModelPackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pack",
        abstract: "Make a bundle from a model, its description and recorded samples.",
        discussion: """
            Runs the samples through the agent's own windows, features and inference. Writes the \
            model, bundle.json, golden.jsonl (inputs with the exact outputs, run on every box before \
            the model may work) and baseline.json (quantiles of features and score). For a \
            reconstruction model whose description has no thresholds, the threshold is the score that \
            the share --false-alarm-rate of the samples' windows exceeds.
            """)

    @Argument(help: "The model file (.tflite or .onnx, as the description's runtime says).")
    var model: String

    @Option(help: "The description: bundle.json, where thresholds may be left out.")
    var description: String

    @Option(help: "Recorded samples: CSV with a header that names the channels.")
    var data: String

    @Option(help: "The directory to make.")
    var output: String

    @Option(help: "The share of normal windows that may exceed the threshold.")
    var falseAlarmRate = 0.001

    @Option(help: "How many golden vectors to write.")
    var golden = 16

    @OptionGroup var engines: EngineOptions

    func validate() throws {
        guard falseAlarmRate >= 0, falseAlarmRate < 1 else {
            throw ValidationError("--false-alarm-rate must be at least 0 and below 1.")
        }
        guard (1...1024).contains(golden) else {
            throw ValidationError("--golden must be 1 to 1024.")
        }
    }

    func run() async throws {
        let report = try PackTool.pack(
            modelPath: model, descriptionPath: description, samplesPath: data, into: output,
            packer: ModelPacker(
                falseAlarmRate: falseAlarmRate, goldenCount: golden, engines: engines.selection))
        let manifest = report.manifest
        print("\(output): \(manifest.name) \(manifest.version), release \(manifest.release)")
        print("  digest      \(report.digest)")
        print("  windows     \(report.windows), golden vectors \(report.goldenVectors)")
        print("  score       median \(report.medianScore), largest \(report.maximumScore)")
        for band in manifest.thresholds?.bands ?? [] {
            print("  \(band.severity.name)     above \(band.raiseAbove)")
        }
    }
}
