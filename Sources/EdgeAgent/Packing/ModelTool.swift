internal import Glibc
package import InferenceRuntime

/// What the command's `model info` and `model run` do, on paths.
package enum ModelTool {
    private static let maximumInputBytes = 1 << 30

    /// Describes a model file or a bundle's model, a line each. Blocks on the disk.
    ///
    /// - Throws: `PackingError`; each message names the file.
    package static func info(
        modelPath: String, engines: EngineSelection
    ) throws(PackingError) -> [String] {
        let model = try model(modelPath, engines)
        var lines = [modelPath]
        for (index, input) in model.inputs.enumerated() {
            lines.append("  input \(index)     \(describe(input))")
        }
        for (index, output) in model.outputs.enumerated() {
            lines.append("  output \(index)    \(describe(output))")
        }
        lines.append("  memory      \(model.memoryDescription)")
        lines.append("  engine      \(model.engine)")
        guard let plan = model.plan else { return lines }
        lines.append("  work        \(plan.multiplyAdds) multiply-adds")
        lines.append("  operators   \(plan.operators.count)")
        for (index, node) in plan.operators.enumerated() {
            lines.append("    \(index)  \(node.name) → \(node.outputShape)")
        }
        return lines
    }

    /// Runs a model on a file of raw tensors. Blocks on the disk.
    ///
    /// - Returns: how many runs the input had.
    /// - Throws: `PackingError`, `.inputSize` when the input is no whole number of runs.
    package static func run(
        modelPath: String, inputPath: String, outputPath: String, engines: EngineSelection
    ) throws(PackingError) -> Int {
        var session = try session(modelPath, engines)
        let input: [UInt8]
        do throws(BundleError) {
            input = try BundleFiles.read(path: inputPath, maximumBytes: maximumInputBytes)
        } catch {
            throw .bundle(error)
        }
        let step = session.inputs.reduce(0) { $0 + $1.byteCount }
        guard step > 0, !input.isEmpty, input.count % step == 0 else {
            throw .inputSize(path: inputPath, bytes: input.count, bytesEach: step)
        }
        let runs = input.count / step
        // All memory is there before the first run: between reading and writing this makes no
        // system call, which a test holds the release build to.
        var output: [UInt8] = []
        // A tensor is bounded by the model's limits; 1 GiB at most at once, the rest as it comes.
        let (outputBytes, overflow) = runs.multipliedReportingOverflow(
            by: session.outputs.reduce(0) { $0 + $1.byteCount })
        output.reserveCapacity(overflow ? 0 : min(outputBytes, maximumInputBytes))
        for start in stride(from: 0, to: input.count, by: step) {
            setInputs(&session, input[start..<(start + step)])
            do throws(ModelError) {
                try session.invokeThrowing()
            } catch {
                throw .modelFile(path: modelPath, error)
            }
            for index in session.outputs.indices {
                unsafe session.withOutput(index) { unsafe output.append(contentsOf: $0) }
            }
        }
        do throws(BundleError) {
            try BundleWriter.overwrite(output, at: outputPath)
        } catch {
            throw .bundle(error)
        }
        return runs
    }

    /// Makes a session of a model file or a bundle's model.
    static func session(
        _ path: String, _ engines: EngineSelection
    ) throws(PackingError) -> InferenceSession {
        let model = try model(path, engines)
        do throws(ModelError) {
            return try InferenceSession(model)
        } catch {
            throw .modelFile(path: path, error)
        }
    }

    /// Copies one run's raw input tensors, which lie one after the other.
    ///
    /// - Returns: how many bytes a run takes; nothing is copied when there are not as many.
    @discardableResult
    static func setInputs(_ session: inout InferenceSession, _ bytes: ArraySlice<UInt8>) -> Int {
        let total = session.inputs.reduce(0) { $0 + $1.byteCount }
        guard bytes.count == total else { return total }
        var rest = bytes
        for index in session.inputs.indices {
            let count = session.inputs[index].byteCount
            unsafe session.withInput(index) { unsafe $0.copyBytes(from: rest.prefix(count)) }
            rest = rest.dropFirst(count)
        }
        return total
    }

    /// The raw output tensors, one after the other.
    static func outputs(_ session: borrowing InferenceSession) -> [UInt8] {
        var bytes: [UInt8] = []
        for index in session.outputs.indices {
            unsafe session.withOutput(index) { unsafe bytes.append(contentsOf: $0) }
        }
        return bytes
    }

    /// The model's file: `path` itself, or the one in a bundle's directory.
    static func modelFile(_ path: String) -> String {
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            return path
        }
        return unsafe access("\(path)/model.onnx", R_OK) == 0
            ? "\(path)/model.onnx" : "\(path)/model.tflite"
    }

    /// Loads a model file or a bundle's model.
    static func model(
        _ path: String, _ engines: EngineSelection
    ) throws(PackingError) -> InferenceModel {
        do throws(ModelError) {
            return try InferenceModel(contentsOf: modelFile(path), engines: engines)
        } catch {
            throw .modelFile(path: path, error)
        }
    }

    private static func describe(_ tensor: TensorDescription) -> String {
        let quantization =
            tensor.elementType == .float32
            ? "" : ", scale \(tensor.scale), zero point \(tensor.zeroPoint)"
        return "\(tensor.name): \(tensor.elementType) \(tensor.shape)\(quantization), "
            + "\(tensor.byteCount) B"
    }
}
