internal import CInferenceKernels

/// The working memory of one user of a model. Write the inputs, invoke, read the outputs.
///
/// After `init` nothing here allocates or makes a system call; what ONNX Runtime does is its own
/// affair. Inputs keep their contents over an invoke; outputs hold theirs until the next.
///
/// - Thread: one at a time.
public struct InferenceSession: ~Copyable {
    public let model: InferenceModel
    public let inputs: [TensorDescription]
    public let outputs: [TensorDescription]
    /// The output that the model is run for; see `InferenceModel`.
    public let mainOutput: Int
    let arena: AlignedMemory
    private let inputRanges: [Range<Int>]
    private let outputRanges: [Range<Int>]
    /// nil where our own kernels run.
    private let binding: ONNXRuntimeBinding?

    /// - Throws: `outOfMemory`, `onnxRuntimeRefused`.
    public init(_ model: InferenceModel) throws(ModelError) {
        let memory = try AlignedMemory(byteCount: model.arenaBytes)
        let bound: ONNXRuntimeBinding?
        switch model {
        case .builtIn(let plan):
            bound = nil
            plan.prepare(memory)
        case .onnxRuntime(let foreign): bound = try ONNXRuntimeBinding(foreign, memory)
        }
        self.model = model
        inputs = model.inputs
        outputs = model.outputs
        mainOutput = model.mainOutput
        arena = memory
        binding = bound
        switch model {
        case .builtIn(let plan): (inputRanges, outputRanges) = (plan.inputRanges, plan.outputRanges)
        case .onnxRuntime(let foreign):
            (inputRanges, outputRanges) = (foreign.inputRanges, foreign.outputRanges)
        }
    }

    /// A session of our own kernels.
    ///
    /// - Throws: `outOfMemory`.
    public init(plan: ModelPlan) throws(ModelError) { try self.init(.builtIn(plan)) }

    /// Gives the model's variables their first values again, as in a new session. Inputs and
    /// outputs keep their contents. A model of ONNX Runtime's has none.
    public mutating func reset() { model.plan?.prepare(arena) }

    /// Runs the model once.
    ///
    /// A debug build checks after each step of a plan that it wrote nothing behind a tensor, and
    /// traps with the operator's and the tensor's names if it did.
    ///
    /// - Returns: false when ONNX Runtime could not, and the outputs mean nothing; our own kernels
    ///   always can.
    @discardableResult
    public mutating func invoke() -> Bool {
        switch model {
        case .builtIn(let plan):
            #if DEBUG
                let damage = invokeGuarded(plan)
                precondition(damage == nil, damage?.description ?? "")
            #else
                unsafe ik_run(
                    plan.steps, plan.stepCount, arena.base.assumingMemoryBound(to: UInt8.self))
            #endif
            return true
        case .onnxRuntime: return binding?.run() ?? false
        }
    }

    /// Runs the model once, where there is time for a message.
    ///
    /// - Throws: `onnxRuntimeRefused`.
    package mutating func invokeThrowing() throws(ModelError) {
        if let binding { try binding.runThrowing() } else { invoke() }
    }

    /// Runs the model once and adds each step's time to `nanoseconds`, which has as many elements
    /// as the plan has steps. For measurement of a model with a plan.
    package mutating func invokeTimed(_ nanoseconds: UnsafeMutableBufferPointer<UInt64>) {
        guard let plan = model.plan else { preconditionFailure("a model with a plan") }
        precondition(nanoseconds.count == plan.stepCount, "one element for each step")
        unsafe ik_run_timed(
            plan.steps, plan.stepCount, arena.base.assumingMemoryBound(to: UInt8.self),
            nanoseconds.baseAddress)
    }

    // MARK: - Bytes

    /// Lends the bytes of an input, in the element type and order of `inputs[index]`.
    public mutating func withInput<Result, Failure: Error>(
        _ index: Int = 0, _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        unsafe try body(inputBytes(index))
    }

    /// Lends the bytes of an output, in the element type and order of `outputs[index]`.
    public borrowing func withOutput<Result, Failure: Error>(
        _ index: Int = 0, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        unsafe try body(outputBytes(index))
    }

    private func inputBytes(_ index: Int) -> UnsafeMutableRawBufferPointer {
        let range = inputRanges[index]
        return unsafe UnsafeMutableRawBufferPointer(
            start: arena.base + range.lowerBound, count: range.count)
    }

    private func outputBytes(_ index: Int) -> UnsafeRawBufferPointer {
        let range = outputRanges[index]
        return unsafe UnsafeRawBufferPointer(
            start: arena.base + range.lowerBound, count: range.count)
    }

    // MARK: - Floats

    /// Writes an input from real values: quantized when the model's input is int8 or uint8,
    /// copied when it is float32, widened when it is float64.
    ///
    /// - Parameter values: as many as the input has elements.
    /// - Rounding: to nearest even of value · (1 / scale), plus the zero point, clamped; NaN is
    ///   the zero point.
    public mutating func setInput(_ values: UnsafeBufferPointer<Float>, index: Int = 0) {
        let input = inputs[index]
        let bytes = unsafe inputBytes(index)
        precondition(values.count == input.elementCount, "one value for each element")
        guard let source = values.baseAddress, let target = bytes.baseAddress else {
            return
        }
        switch input.elementType {
        case .int8, .uint8:
            let isUnsigned = input.elementType == .uint8
            unsafe ik_quantize_values(
                source, target.assumingMemoryBound(to: UInt8.self), values.count, 1 / input.scale,
                Int32(input.zeroPoint - (isUnsigned ? 128 : 0)), isUnsigned ? 0x80 : 0)
        case .float32: unsafe target.copyMemory(from: source, byteCount: bytes.count)
        case .float64:
            let elements = unsafe target.assumingMemoryBound(to: Double.self)
            for index in 0..<values.count { unsafe elements[index] = Double(source[index]) }
        default: preconditionFailure("inputs of this type are written as bytes")
        }
    }

    /// Reads an output as real values: dequantized when the model's output is int8 or uint8.
    ///
    /// - Parameter values: as many as the output has elements.
    public borrowing func copyOutput(
        into values: UnsafeMutableBufferPointer<Float>, index: Int = 0
    ) {
        let output = outputs[index]
        let bytes = unsafe outputBytes(index)
        precondition(values.count == output.elementCount, "one value for each element")
        guard let target = values.baseAddress, let source = bytes.baseAddress else {
            return
        }
        switch output.elementType {
        case .int8, .uint8:
            let isUnsigned = output.elementType == .uint8
            unsafe ik_dequantize_values(
                source.assumingMemoryBound(to: UInt8.self), target, values.count, output.scale,
                Int32(output.zeroPoint - (isUnsigned ? 128 : 0)), isUnsigned ? 0x80 : 0)
        case .float32:
            unsafe UnsafeMutableRawPointer(target).copyMemory(
                from: source, byteCount: bytes.count)
        case .float64:
            let elements = unsafe source.assumingMemoryBound(to: Double.self)
            for index in 0..<values.count { unsafe target[index] = Float(elements[index]) }
        case .int64:
            let elements = unsafe source.assumingMemoryBound(to: Int64.self)
            for index in 0..<values.count { unsafe target[index] = Float(elements[index]) }
        default: preconditionFailure("outputs of this type are read as bytes")
        }
    }
}
