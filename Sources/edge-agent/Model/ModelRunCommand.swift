internal import ArgumentParser
internal import EdgeAgent

/// `edge-agent model run`: raw tensors in, raw tensors out; the interface for scripts.
struct ModelRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a model on raw tensors.",
        discussion: """
            The input file holds the model's input tensors one after the other, as the model stores \
            them, little-endian, for as many runs as there are; the output file gets the output \
            tensors likewise. 'edge-agent model info' shows types and shapes.
            """)

    @Argument(help: "The model file.")
    var model: String

    @Option(help: "The input tensors.")
    var input: String

    @Option(help: "The file for the output tensors; it is overwritten.")
    var output: String

    @OptionGroup var engines: EngineOptions

    func run() async throws {
        let runs = try ModelTool.run(
            modelPath: model, inputPath: input, outputPath: output, engines: engines.selection)
        print("\(runs) runs")
    }
}

/// `edge-agent model info`: what a model takes and gives.
struct ModelInfoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Show a model's tensors, operators and memory.")

    @Argument(help: "The model file, or a bundle's directory.")
    var model: String

    @OptionGroup var engines: EngineOptions

    func run() async throws {
        for line in try ModelTool.info(modelPath: model, engines: engines.selection) { print(line) }
    }
}
