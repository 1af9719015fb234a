import InferenceRuntime

extension ModelPlan {
    /// Runs inputs that lie end to end and returns the outputs likewise. One input, one output.
    func answers(to inputs: some Collection<UInt8>) throws -> [UInt8] {
        var session = try InferenceSession(plan: self)
        var answers: [UInt8] = []
        var rest = inputs[...]
        while !rest.isEmpty {
            session.withInput { $0.copyBytes(from: rest.prefix($0.count)) }
            session.invoke()
            session.withOutput { answers.append(contentsOf: $0) }
            rest = rest.dropFirst(self.inputs[0].byteCount)
        }
        return answers
    }

    /// Prepares the model in hostile `bytes` and, if that works, runs it twice.
    static func exercise(_ bytes: [UInt8]) throws(ModelError) {
        var limits = ModelLimits()
        // So that a flipped size is refused rather than waited for.
        limits.tensorBytes = 1 << 20
        limits.arenaBytes = 4 << 20
        limits.weightBytes = 4 << 20
        limits.multiplyAdds = 10_000_000
        var session = try InferenceSession(plan: make(bytes, limits: limits))
        session.invoke()
        session.reset()
        session.invoke()
    }

    /// Prepares the model in `bytes`.
    static func make(
        _ bytes: [UInt8], limits: ModelLimits = ModelLimits(), instructionSet: InstructionSet? = nil
    ) throws(ModelError) -> ModelPlan {
        let result = bytes.withUnsafeBytes { buffer in
            Result { () throws(ModelError) in
                try ModelPlan(bytes: buffer, limits: limits, instructionSet: instructionSet)
            }
        }
        return try result.get()
    }
}

extension InstructionSet {
    /// Those that this processor runs.
    static let available = allCases.filter(\.isAvailable)
}
