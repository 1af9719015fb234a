extension ModelPlan {
    /// Every operator that this runtime has, by the name of the format, and the types of
    /// activations that it has it for.
    package static var supportedOperators: [String: [OperatorSupport]] {
        [:]
    }
}
