/// What runs a model, and why: for people.
public enum InferenceEngine: Sendable, Equatable, CustomStringConvertible {
    /// This runtime, with the kernels of an instruction set.
    case builtIn(InstructionSet)
    /// ONNX Runtime, from the library at `path`. The reason is why it is not this runtime.
    case onnxRuntime(version: String, path: String, reason: String)

    public var description: String {
        switch self {
        case .builtIn(let set): "built-in, \(set.rawValue)"
        case .onnxRuntime(let version, let path, let reason):
            "onnxruntime \(version) (\(path)): \(reason)"
        }
    }
}

/// Which engines may run a model.
public struct EngineSelection: Sendable, Equatable {
    public enum Choice: String, Sendable, CaseIterable {
        /// This runtime; ONNX Runtime for an ONNX model that this runtime cannot run.
        case automatic
        /// This runtime or none.
        case builtIn
        /// ONNX Runtime or none.
        case onnxRuntime
    }

    public var choice: Choice
    /// Path of the library; nil: it is looked for in the usual places, once a model needs it.
    public var onnxRuntimeLibrary: String?

    public init(_ choice: Choice = .automatic, onnxRuntimeLibrary: String? = nil) {
        self.choice = choice
        self.onnxRuntimeLibrary = onnxRuntimeLibrary
    }
}
