extension ONNXGoldens {
    /// Golden models that this runtime refuses, and why.
    static let missing: [String: String] = [:]
}
