internal import InferenceRuntime
internal import SensorIO

extension ModelBenchmark {
    /// One engine's session with what was measured on it.
    struct Bench: ~Copyable {
        var session: InferenceSession
        private let path: String
        /// One a round.
        private var medians: [UInt64] = []
        private var times: [UInt64] = []

        init(_ session: consuming InferenceSession, path: String) {
            self.session = session
            self.path = path
        }

        /// Reads the input tensors of one run from a file; without one, makes some up.
        mutating func readInputs(_ input: String?) throws(PackingError) {
            guard let input else { return fillInputs() }
            let bytes: [UInt8]
            do throws(BundleError) {
                bytes = try BundleFiles.read(path: input, maximumBytes: 1 << 30)
            } catch {
                throw .bundle(error)
            }
            let each = ModelTool.setInputs(&session, bytes[...])
            guard each == bytes.count else {
                throw .inputSize(path: input, bytes: bytes.count, bytesEach: each)
            }
        }

        /// Small integers of every sign, and reals in -1...1; the same each time.
        private mutating func fillInputs() {
            var state: UInt64 = 0x9E37_79B9_7F4A_7C15
            func next() -> UInt64 {
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                return state >> 8
            }
            for (index, input) in session.inputs.enumerated() {
                let count = input.elementCount
                let values: [Double]
                switch input.elementType {
                case .int8: values = (0..<count).map { _ in Double(next() % 256) - 128 }
                case .uint8: values = (0..<count).map { _ in Double(next() % 256) }
                case .float32, .float64:
                    values = (0..<count).map { _ in Double(next() % 2001) / 1000 - 1 }
                default: continue  // Indices and the like: 0 is always one.
                }
                guard let bytes = TensorValues.bytes(values, input.elementType) else { continue }
                unsafe session.withInput(index) { unsafe $0.copyBytes(from: bytes) }
            }
        }

        /// - Throws: `.modelFile` when the engine cannot run the model.
        mutating func warmUp(_ count: Int) throws(PackingError) {
            do throws(ModelError) {
                for _ in 0...count { try session.invokeThrowing() }
            } catch {
                throw .modelFile(path: path, error)
            }
        }

        /// How many invokes take about so long.
        mutating func iterations(forNanoseconds duration: UInt64) -> Int {
            let start = MonotonicClock.nanoseconds
            for _ in 0..<10 { session.invoke() }
            let each = max(1, (MonotonicClock.nanoseconds &- start) / 10)
            return min(max(Int(clamping: duration / each), 20), 10_000)
        }

        /// One round.
        mutating func measure(_ count: Int) {
            let first = times.count
            times.reserveCapacity(first + count)
            for _ in 0..<count {
                let start = MonotonicClock.nanoseconds
                session.invoke()
                times.append(MonotonicClock.nanoseconds &- start)
            }
            medians.append(times[first...].sorted()[count / 2])
        }

        /// - Parameter profiling: how many invokes to spend on the operators' shares.
        mutating func result(profiling count: Int) -> Result {
            times.sort()
            func percentile(_ share: Double) -> UInt64 {
                times[min(times.count - 1, Int(Double(times.count) * share))]
            }
            let model = session.model
            return Result(
                engine: model.engine, minimum: times[0],
                p50: medians.sorted()[medians.count / 2],
                p99: percentile(0.99), p999: percentile(0.999), maximum: percentile(1),
                arenaBytes: model.arenaBytes, weightBytes: model.weightBytes,
                operators: count > 0 ? shares(count) : [])
        }

        private mutating func shares(_ count: Int) -> [OperatorShare] {
            guard let plan = session.model.plan else { return [] }
            var steps = [UInt64](repeating: 0, count: plan.stepOwners.count)
            for _ in 0..<count {
                unsafe steps.withUnsafeMutableBufferPointer { unsafe session.invokeTimed($0) }
            }
            var operators = [UInt64](repeating: 0, count: plan.operators.count)
            for (step, owner) in plan.stepOwners.enumerated() { operators[owner] &+= steps[step] }
            let total = max(1, operators.reduce(0, &+))
            return plan.operators.indices.filter { plan.operators[$0].stepCount > 0 }.map { index in
                OperatorShare(
                    index: index, name: plan.operators[index].name,
                    outputShape: plan.operators[index].outputShape,
                    nanoseconds: Double(operators[index]) / Double(count),
                    share: Double(operators[index]) / Double(total))
            }
        }

        /// Writes the raw output tensors.
        borrowing func writeOutputs(_ path: String) throws(PackingError) {
            let bytes = ModelTool.outputs(session)
            do throws(BundleError) {
                try BundleWriter.overwrite(bytes, at: path)
            } catch {
                throw .bundle(error)
            }
        }
    }
}
