extension ONNXGoldens {
    /// Golden models that this runtime refuses, and what it lacks for them.
    static let missing: [String: String] = [
        "float/max_pool_2d_dilated": "MaxPool: dilation"
    ]

    /// Answers of ONNX Runtime that the specification contradicts: model, then vector.
    ///
    /// Membership in a tree's node is equality. ONNX Runtime 1.31 packs small sets into a bit mask,
    /// and so takes 1.0939 for a member of {1, -2}.
    static let mistaken: [String: Set<Int>] = ["ml/tree_ensemble_members": [1]]
}
