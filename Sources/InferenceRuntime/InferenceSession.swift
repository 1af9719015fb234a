internal import CInferenceKernels

/// The working memory of one user of a plan. Write the inputs, invoke, read the outputs.
///
/// After `init` nothing here allocates, makes a system call or fails. Inputs keep their contents
/// over an invoke; outputs hold theirs until the next.
///
/// - Thread: one at a time.
public struct InferenceSession: ~Copyable {
    public let plan: ModelPlan
    let arena: AlignedMemory

    /// - Throws: `outOfMemory`.
    public init(plan: ModelPlan) throws(ModelError) {
        self.plan = plan
        arena = try AlignedMemory(byteCount: plan.arenaBytes)
        plan.prepare(arena)
    }

    /// Gives the model's variables their first values again, as in a new session. Inputs and
    /// outputs keep their contents.
    public mutating func reset() { plan.prepare(arena) }

    /// Runs the model once.
    ///
    /// A debug build checks after each step that it wrote nothing behind a tensor, and traps with
    /// the operator's and the tensor's names if it did.
    public mutating func invoke() {
        #if DEBUG
            let damage = invokeGuarded()
            precondition(damage == nil, damage?.description ?? "")
        #else
            unsafe ik_run(
                plan.steps, plan.stepCount, arena.base.assumingMemoryBound(to: UInt8.self))
        #endif
    }

    /// Runs the model once and adds each step's time to `nanoseconds`, which has
    /// `plan.stepCount` elements. For measurement.
    package mutating func invokeTimed(_ nanoseconds: UnsafeMutableBufferPointer<UInt64>) {
        precondition(nanoseconds.count == plan.stepCount, "one element for each step")
        unsafe ik_run_timed(
            plan.steps, plan.stepCount, arena.base.assumingMemoryBound(to: UInt8.self),
            nanoseconds.baseAddress)
    }

    // MARK: - Bytes

    /// Lends the bytes of an input, in the element type and order of `plan.inputs[index]`.
    public mutating func withInput<Result, Failure: Error>(
        _ index: Int = 0, _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        unsafe try body(inputBytes(index))
    }

    /// Lends the bytes of an output, in the element type and order of `plan.outputs[index]`.
    public borrowing func withOutput<Result, Failure: Error>(
        _ index: Int = 0, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        unsafe try body(outputBytes(index))
    }

    private func inputBytes(_ index: Int) -> UnsafeMutableRawBufferPointer {
        let range = plan.inputRanges[index]
        return unsafe UnsafeMutableRawBufferPointer(
            start: arena.base + range.lowerBound, count: range.count)
    }

    private func outputBytes(_ index: Int) -> UnsafeRawBufferPointer {
        let range = plan.outputRanges[index]
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
        let input = plan.inputs[index]
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
        let output = plan.outputs[index]
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
