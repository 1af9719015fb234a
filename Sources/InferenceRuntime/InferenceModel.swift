/// A model made ready to run by one of the engines. Immutable; any number of sessions on any
/// threads share one.
public enum InferenceModel: Sendable {
    case builtIn(ModelPlan)
    case onnxRuntime(ONNXRuntimeModel)

    /// Reads and prepares the model at `path`. Blocks on the disk, and with ONNX Runtime for some
    /// tens of milliseconds.
    ///
    /// - Throws: every case of `ModelError`.
    public init(
        contentsOf path: String, engines: EngineSelection = EngineSelection(),
        limits: ModelLimits = ModelLimits(), instructionSet: InstructionSet? = nil
    ) throws(ModelError) {
        try self.init(
            file: try ModelBytes(contentsOf: path, limit: limits.fileBytes), engines: engines,
            limits: limits, instructionSet: instructionSet)
    }

    /// Prepares the model whose file consists of `bytes`, which are copied.
    public init(
        bytes: UnsafeRawBufferPointer, engines: EngineSelection = EngineSelection(),
        limits: ModelLimits = ModelLimits(), instructionSet: InstructionSet? = nil
    ) throws(ModelError) {
        try self.init(
            file: unsafe try ModelBytes(copying: bytes, limit: limits.fileBytes),
            engines: engines, limits: limits, instructionSet: instructionSet)
    }

    private init(
        file: ModelBytes, engines: EngineSelection, limits: ModelLimits,
        instructionSet: InstructionSet?
    ) throws(ModelError) {
        if engines.choice == .onnxRuntime {
            guard !file.isTFLite, ONNXModel.recognises(file) else {
                throw .malformed(.notONNX, offset: 0)
            }
            self = .onnxRuntime(
                try ONNXRuntimeModel(
                    file, library: engines.onnxRuntimeLibrary,
                    reason: "chosen by inference.engine or --engine",
                    limits: limits))
            return
        }
        do throws(ModelError) {
            self = .builtIn(
                try ModelPlan(file: file, limits: limits, instructionSet: instructionSet))
        } catch {
            guard engines.choice == .automatic, let reason = error.lackOfSupport,
                !file.isTFLite, ONNXModel.recognises(file)
            else { throw error }
            self = .onnxRuntime(
                try ONNXRuntimeModel(
                    file, library: engines.onnxRuntimeLibrary, reason: reason, limits: limits))
        }
    }

    public var inputs: [TensorDescription] {
        switch self {
        case .builtIn(let plan): plan.inputs
        case .onnxRuntime(let model): model.inputs
        }
    }

    public var outputs: [TensorDescription] {
        switch self {
        case .builtIn(let plan): plan.outputs
        case .onnxRuntime(let model): model.outputs
        }
    }

    /// The output that a model is run for: a classifier's probabilities and not its label. The
    /// first of floats, or of all when there is none.
    public var mainOutput: Int { outputs.main }

    public var engine: InferenceEngine {
        switch self {
        case .builtIn(let plan): .builtIn(plan.instructionSet)
        case .onnxRuntime(let model): model.engine
        }
    }

    /// Memory of one session; of ONNX Runtime's only the inputs and outputs. - Units: bytes
    public var arenaBytes: Int {
        switch self {
        case .builtIn(let plan): plan.arenaBytes
        case .onnxRuntime(let model): model.bufferBytes
        }
    }

    /// Packed weights and tables; nil where only ONNX Runtime knows. - Units: bytes
    public var weightBytes: Int? {
        if case .builtIn(let plan) = self { plan.weightBytes } else { nil }
    }

    /// `arenaBytes` and `weightBytes` in words.
    package var memoryDescription: String {
        switch self {
        case .builtIn(let plan): "arena \(plan.arenaBytes) B, weights \(plan.weightBytes) B"
        case .onnxRuntime(let model):
            "inputs and outputs \(model.bufferBytes) B; the rest is ONNX Runtime's own"
        }
    }

    /// The plan, where this runtime has one.
    public var plan: ModelPlan? {
        if case .builtIn(let plan) = self { plan } else { nil }
    }
}

extension ModelError {
    /// What of the model this runtime does not have, in words; nil when the model is at fault, or
    /// the machine, and another engine would not help.
    var lackOfSupport: String? {
        switch self {
        case .unsupportedOperator(let name, _):
            "operator \(name) is not in edge-agent's own runtime"
        case .unsupportedForm(let name, _, let reason):
            "operator \(name) is not in edge-agent's own runtime in this form: \(reason)"
        case .malformed(.unknownElementType, _):
            "an element type is not in edge-agent's own runtime"
        default: nil
        }
    }
}
