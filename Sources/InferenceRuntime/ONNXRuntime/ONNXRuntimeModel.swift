internal import COnnxRuntime

/// A model that ONNX Runtime runs: one thread, operators in order. Immutable; sessions share it.
///
/// Inputs and outputs are taken as the model declares them, so an integer's scale is 1. Dimensions
/// that it leaves open are 1. An output that is no tensor of numbers (a list of maps, strings) is
/// left out.
// The handle is set once; ONNX Runtime's sessions may be run from any thread.
@safe public final class ONNXRuntimeModel: @unchecked Sendable {
    public let inputs: [TensorDescription]
    public let outputs: [TensorDescription]
    /// Memory of one session's inputs and outputs. - Units: bytes
    public let bufferBytes: Int
    let engine: InferenceEngine
    /// Where inputs and outputs lie in that memory, at 64-byte boundaries.
    let inputRanges: [Range<Int>]
    let outputRanges: [Range<Int>]
    /// For each of `outputs` its place among the model's own.
    let outputIndices: [Int]
    let handle: OpaquePointer

    /// Prepares a model, and runs it once on zeros.
    ///
    /// - Parameter reason: why it is ONNX Runtime that runs it.
    /// - Throws: `onnxRuntimeMissing`, `onnxRuntimeUnusable`, `onnxRuntimeRefused`, or a limit.
    init(
        _ file: ModelBytes, library path: String?, reason: String, limits: ModelLimits
    ) throws(ModelError) {
        let library = try ONNXRuntimeLibrary(at: path, need: reason)
        engine = .onnxRuntime(version: library.version, path: library.path, reason: reason)
        var message = ox_message()
        let bytes = unsafe file.bytes(0..<file.count)
        var opened = unsafe library.library
        guard
            let model = unsafe ox_model_make(&opened, bytes.baseAddress, bytes.count, &message)
        else { throw Self.refusal(message, engine) }
        do throws(ModelError) {
            var layout = Layout(limits: limits)
            let inputCount = unsafe ox_input_count(model)
            guard inputCount <= limits.operands, unsafe ox_output_count(model) <= limits.operands
            else {
                throw .tooManyOperands(count: inputCount, limit: limits.operands, position: -1)
            }
            for index in 0..<inputCount {
                let input = unsafe Declaration(ox_input(model, index))
                guard let type = input.elementType else {
                    throw .invalidTensor(
                        name: input.name, index: index,
                        reason: "an input that is no tensor of numbers")
                }
                try layout.add(input.name, input.shape, type)
            }
            inputs = layout.tensors
            inputRanges = layout.ranges
            outputIndices = (0..<(unsafe ox_output_count(model))).filter {
                unsafe Declaration(ox_output(model, $0)).elementType != nil
            }
            guard !outputIndices.isEmpty else {
                throw .invalidTensor(
                    name: "outputs", index: 0, reason: "no output is a tensor of numbers")
            }
            let shapes = unsafe try Self.outputShapes(
                model, inputs: layout, outputs: outputIndices, engine)
            for (index, shape) in zip(outputIndices, shapes) {
                let output = unsafe Declaration(ox_output(model, index))
                guard let type = output.elementType else { continue }
                try layout.add(output.name, shape, type)
            }
            outputs = Array(layout.tensors[inputs.count...])
            outputRanges = Array(layout.ranges[inputs.count...])
            bufferBytes = layout.byteCount
        } catch {
            unsafe ox_model_free(model)
            throw error
        }
        unsafe handle = model
    }

    deinit { unsafe ox_model_free(handle) }

    /// ONNX Runtime's message as an error.
    func refusal(_ message: ox_message) -> ModelError { Self.refusal(message, engine) }

    private static func refusal(_ message: ox_message, _ engine: InferenceEngine) -> ModelError {
        .onnxRuntimeRefused(engine: engine, message: message.string)
    }

    /// What the outputs' shapes are, found by a run on zeros.
    private static func outputShapes(
        _ model: OpaquePointer, inputs: Layout, outputs: [Int], _ engine: InferenceEngine
    ) throws(ModelError) -> [[Int]] {
        let memory = try AlignedMemory(byteCount: inputs.byteCount)
        var message = ox_message()
        var ranks = [Int](repeating: 0, count: outputs.count)
        var shapes = [Int64](repeating: 0, count: outputs.count * Int(OX_MAXIMUM_RANK))
        let done = unsafe ONNXRuntimeBinding.withBuffers(
            inputs.tensors, inputs.ranges, indices: Array(inputs.tensors.indices), memory
        ) { buffers in
            unsafe ox_find_shapes(
                model, buffers.baseAddress, buffers.count, outputs, outputs.count, &shapes,
                &ranks, &message)
        }
        guard done else { throw refusal(message, engine) }
        return outputs.indices.map { index in
            let start = index * Int(OX_MAXIMUM_RANK)
            return shapes[start..<(start + ranks[index])].map { Int($0) }
        }
    }
}
