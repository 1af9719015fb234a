internal import Glibc
internal import InferenceRuntime

/// What the command's `model info` and `model run` do, on paths.
package enum ModelTool {
    private static let maximumInputBytes = 1 << 30

    /// Describes a model file or a bundle's model, a line each. Blocks on the disk.
    ///
    /// - Throws: `PackingError`; each message names the file.
    package static func info(modelPath: String) throws(PackingError) -> [String] {
        let plan = try plan(modelPath)
        var lines = [modelPath]
        for (index, input) in plan.inputs.enumerated() {
            lines.append("  input \(index)     \(describe(input))")
        }
        for (index, output) in plan.outputs.enumerated() {
            lines.append("  output \(index)    \(describe(output))")
        }
        lines.append("  work        \(plan.multiplyAdds) multiply-adds")
        lines.append("  memory      arena \(plan.arenaBytes) B, weights \(plan.weightBytes) B")
        lines.append("  engine      built-in, \(plan.instructionSet.rawValue)")
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
        modelPath: String, inputPath: String, outputPath: String
    ) throws(PackingError) -> Int {
        let plan = try plan(modelPath)
        let input: [UInt8]
        var session: InferenceSession
        do throws(BundleError) {
            input = try BundleFiles.read(path: inputPath, maximumBytes: maximumInputBytes)
        } catch {
            throw .bundle(error)
        }
        do throws(ModelError) {
            session = try InferenceSession(plan: plan)
        } catch {
            throw .pipeline(.model(error))
        }
        let step = plan.inputs.reduce(0) { $0 + $1.byteCount }
        guard step > 0, !input.isEmpty, input.count % step == 0 else {
            throw .inputSize(path: inputPath, bytes: input.count, bytesEach: step)
        }
        let runs = input.count / step
        // All memory is there before the first run: between reading and writing this makes no
        // system call, which a test holds the release build to.
        var output: [UInt8] = []
        // A tensor is bounded by the model's limits; 1 GiB at most at once, the rest as it comes.
        let (outputBytes, overflow) = runs.multipliedReportingOverflow(
            by: plan.outputs.reduce(0) { $0 + $1.byteCount })
        output.reserveCapacity(overflow ? 0 : min(outputBytes, maximumInputBytes))
        for start in stride(from: 0, to: input.count, by: step) {
            var offset = start
            for index in plan.inputs.indices {
                let count = plan.inputs[index].byteCount
                unsafe session.withInput(index) { bytes in
                    unsafe bytes.copyBytes(from: input[offset..<(offset + count)])
                }
                offset += count
            }
            session.invoke()
            for index in plan.outputs.indices {
                unsafe session.withOutput(index) { bytes in unsafe output.append(contentsOf: bytes)
                }
            }
        }
        do throws(BundleError) {
            try BundleWriter.overwrite(output, at: outputPath)
        } catch {
            throw .bundle(error)
        }
        return runs
    }

    private static func plan(_ path: String) throws(PackingError) -> ModelPlan {
        var status = stat()
        let isDirectory =
            unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
        var file = path
        if isDirectory {
            file =
                unsafe access("\(path)/model.onnx", R_OK) == 0
                ? "\(path)/model.onnx" : "\(path)/model.tflite"
        }
        do throws(ModelError) {
            return try ModelPlan(contentsOf: file)
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
