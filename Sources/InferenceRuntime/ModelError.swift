/// Why a model cannot be loaded. Every case is the fault of the file, the limits or the machine;
/// none is raised while a loaded model runs.
public enum ModelError: Error, Equatable, Sendable {
    // The file.

    /// The file cannot be opened or read. `code` is errno.
    case cannotRead(path: String, code: Int32)
    /// The bytes break the format at `offset`.
    case malformed(MalformedModel, offset: Int)

    // Limits (`ModelLimits`), one case each.

    case fileTooLarge(bytes: Int, limit: Int)
    case tooManyTensors(count: Int, limit: Int)
    case tooManyOperators(count: Int, limit: Int)
    case tooManyOperands(count: Int, limit: Int, position: Int)
    case tooManyQuantizationParameters(count: Int, limit: Int)
    case rankTooLarge(tensor: String, rank: Int, limit: Int)
    case tensorTooLarge(tensor: String, limitBytes: Int)
    case arenaTooLarge(bytes: Int, limit: Int)
    case weightsTooLarge(bytes: Int, limit: Int)
    case tooMuchWork(multiplyAdds: Int, limit: Int)

    // What the graph asks for.

    /// The graph uses an operator that this runtime does not have.
    case unsupportedOperator(name: String, position: Int)
    /// The operator is known, but not with these types, shapes or attributes.
    case unsupportedForm(name: String, position: Int, reason: String)
    /// The operator contradicts its own tensors.
    case invalidOperator(name: String, position: Int, reason: String)
    /// A tensor's description contradicts itself.
    case invalidTensor(name: String, index: Int, reason: String)

    // ONNX Runtime, for what this runtime does not have.

    /// There is no library in any of the places. `need` says what of the model needs it.
    case onnxRuntimeMissing(places: [String], need: String)
    /// The library at `path` cannot be used.
    case onnxRuntimeUnusable(path: String, reason: String, need: String)
    /// ONNX Runtime cannot load or run the model; the message is its own.
    case onnxRuntimeRefused(engine: InferenceEngine, message: String)

    // The machine.

    /// `EDGE_AGENT_ISA` names an instruction set that does not exist.
    case unknownInstructionSet(name: String)
    /// This processor lacks the instruction set that was asked for.
    case instructionSetUnavailable(InstructionSet)
    case outOfMemory(bytes: Int)
}

/// What is wrong with the bytes of a model file.
public enum MalformedModel: String, Equatable, Sendable {
    case tooShort = "the file is too short to be a model"
    case notTFLite = "it is neither a TensorFlow Lite model (no identifier TFL3) nor an ONNX model"
    case notONNX = "it is not an ONNX model, and ONNX Runtime runs no other"
    case unsupportedVersion = "the schema version is not 3"
    case offsetOutOfBounds = "an offset points outside the file"
    case vectorOutOfBounds = "a vector reaches past the end of the file"
    case tableOutOfBounds = "a table reaches past the end of the file"
    case missingField = "a field that is required is missing"
    case indexOutOfRange = "an index points at nothing"
    case noSubgraph = "the model has no graph"
    case dataTooShort = "a tensor's data is shorter than its shape"
    case dataTooLong = "a tensor's data is longer than its shape"
    case readBeforeWritten = "an operator reads a tensor that nothing has written yet"
    case writtenTwice = "a tensor is written twice, or is a constant or an input that is written"
    case unknownElementType = "the element type is not known"
    case badFieldNumber = "a field number is out of range"
    case badWireType = "a field has a type that it cannot have"
    case varintTooLong = "a number has more than 64 bits"
    case fieldOutOfBounds = "a field reaches past the end of its message"
    case badEnumeration = "an enumeration has a value that does not exist"
}

extension ModelError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .cannotRead(let path, let code): "cannot read \(path): \(errorText(code))"
        case .malformed(let what, let offset): "malformed model at byte \(offset): \(what.rawValue)"
        case .fileTooLarge(let bytes, let limit):
            "the model file has \(bytes) bytes or more, the limit is \(limit)"
        case .tooManyTensors(let count, let limit):
            "the model has \(count) tensors, the limit is \(limit)"
        case .tooManyOperators(let count, let limit):
            "the model has \(count) operators, the limit is \(limit)"
        case .tooManyOperands(let count, let limit, let position):
            "operator \(position) has \(count) operands, the limit is \(limit)"
        case .tooManyQuantizationParameters(let count, let limit):
            "the model has \(count) quantization parameters or more, the limit is \(limit)"
        case .rankTooLarge(let tensor, let rank, let limit):
            "tensor '\(tensor)' has \(rank) dimensions, the limit is \(limit)"
        case .tensorTooLarge(let tensor, let limit):
            "tensor '\(tensor)' is larger than the limit of \(limit) bytes"
        case .arenaTooLarge(let bytes, let limit):
            "the model needs an arena of \(bytes) bytes, the limit is \(limit)"
        case .weightsTooLarge(let bytes, let limit):
            "the model's weights need \(bytes) bytes or more, the limit is \(limit)"
        case .tooMuchWork(let count, let limit):
            "one inference takes \(count) multiply-adds or more, the limit is \(limit)"
        case .unsupportedOperator(let name, let position):
            "operator \(position) (\(name)) is not supported"
        case .unsupportedForm(let name, let position, let reason),
            .invalidOperator(let name, let position, let reason):
            "operator \(position) (\(name)): \(reason)"
        case .invalidTensor(let name, let index, let reason):
            "tensor \(index) ('\(name)'): \(reason)"
        case .onnxRuntimeMissing(let places, let need):
            "\(need), and ONNX Runtime, which may have it, is not on this box: looked for "
                + places.joined(separator: ", ") + "; install ONNX Runtime 1.14 or newer (a "
                + "release from github.com/microsoft/onnxruntime in /opt/onnxruntime, or a package "
                + "such as Debian 13's libonnxruntime1.21), or name the library by "
                + "inference.onnxRuntimeLibrary or --onnxruntime"
        case .onnxRuntimeUnusable(let path, let reason, let need):
            "\(need), and ONNX Runtime cannot be used: \(path): \(reason); "
                + "name another library by inference.onnxRuntimeLibrary or --onnxruntime"
        case .onnxRuntimeRefused(let engine, let message):
            "\(engine): ONNX Runtime cannot run the model: \(message)"
        case .unknownInstructionSet(let name):
            "EDGE_AGENT_ISA is '\(name)'; known are "
                + InstructionSet.allCases.map(\.rawValue).joined(separator: ", ")
        case .instructionSetUnavailable(let set): "this processor cannot run \(set.rawValue)"
        case .outOfMemory(let bytes): "no memory for \(bytes) bytes"
        }
    }
}
