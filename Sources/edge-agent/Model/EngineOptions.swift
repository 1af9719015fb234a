internal import ArgumentParser
internal import EdgeAgent
internal import InferenceRuntime

/// Which engine runs a model, for the commands that read no configuration.
struct EngineOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "What runs the model: automatic, builtIn or onnxRuntime.",
            discussion:
                "automatic is edge-agent's own runtime, and ONNX Runtime for an .onnx model that it cannot run."
        ))
    var engine = "automatic"

    @Option(help: "ONNX Runtime's library; without it, libonnxruntime.so in the usual places.")
    var onnxruntime: String?

    func validate() throws {
        guard EngineSelection.Choice(rawValue: engine) != nil else {
            let known = EngineSelection.Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--engine: '\(engine)' is none of \(known).")
        }
    }

    var selection: EngineSelection {
        EngineSelection(
            EngineSelection.Choice(rawValue: engine) ?? .automatic, onnxRuntimeLibrary: onnxruntime)
    }
}
