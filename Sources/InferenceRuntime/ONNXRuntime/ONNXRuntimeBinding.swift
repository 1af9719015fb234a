internal import COnnxRuntime

/// A model of ONNX Runtime's tied to one session's memory: a run copies nothing in or out.
@safe final class ONNXRuntimeBinding: @unchecked Sendable {
    // Sendable: its one owner is a session, which one thread has at a time.
    private let model: ONNXRuntimeModel
    private let memory: AlignedMemory
    private let handle: OpaquePointer

    /// - Throws: `onnxRuntimeRefused`.
    init(_ model: ONNXRuntimeModel, _ memory: AlignedMemory) throws(ModelError) {
        self.model = model
        self.memory = memory
        var message = ox_message()
        let bound = unsafe Self.withBuffers(
            model.inputs, model.inputRanges, indices: Array(model.inputs.indices), memory
        ) { inputs in
            unsafe Self.withBuffers(
                model.outputs, model.outputRanges, indices: model.outputIndices, memory
            ) { outputs in
                unsafe ox_bind(
                    model.handle, inputs.baseAddress, inputs.count, outputs.baseAddress,
                    outputs.count, &message)
            }
        }
        guard let bound = unsafe bound else { throw model.refusal(message) }
        unsafe handle = bound
    }

    deinit { unsafe ox_binding_free(handle) }

    /// Runs the model once; false when ONNX Runtime cannot.
    func run() -> Bool { unsafe ox_run(handle, nil) }

    /// Runs the model once more.
    ///
    /// - Throws: `onnxRuntimeRefused` with ONNX Runtime's message.
    func runThrowing() throws(ModelError) {
        var message = ox_message()
        guard unsafe ox_run(handle, &message) else { throw model.refusal(message) }
    }

    /// Lends tensors that lie in `memory` as ONNX Runtime wants them.
    ///
    /// - Parameter indices: each tensor's place among the model's own inputs or outputs.
    static func withBuffers<Result>(
        _ tensors: [TensorDescription], _ ranges: [Range<Int>], indices: [Int],
        _ memory: AlignedMemory, _ body: (UnsafeBufferPointer<ox_buffer>) -> Result
    ) -> Result {
        let shapes = tensors.flatMap { $0.shape.map { Int64($0) } }
        return unsafe shapes.withUnsafeBufferPointer { shapes in
            var buffers: [ox_buffer] = unsafe []
            var place = 0
            for (tensor, (range, index)) in zip(tensors, zip(ranges, indices)) {
                unsafe buffers.append(
                    ox_buffer(
                        index: index, bytes: memory.base + range.lowerBound,
                        byte_count: range.count,
                        shape: shapes.baseAddress.map { unsafe $0 + place },
                        rank: tensor.shape.count))
                place += tensor.shape.count
            }
            return unsafe buffers.withUnsafeBufferPointer { unsafe body($0) }
        }
    }
}
