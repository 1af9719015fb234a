extension ONNXGoldens {
    /// Golden models that this runtime refuses, and what it lacks for them.
    static let missing: [String: String] = [
        "dynamic/uint8_conv": "DynamicQuantizeLinear",
        "dynamic/uint8_matmul_int8_weights": "DynamicQuantizeLinear",
        "dynamic/uint8_matmul_uint8_weights": "DynamicQuantizeLinear",
        "float/ceil": "Ceil",
        "float/erf": "Erf",
        "float/expand": "Expand",
        "float/floor": "Floor",
        "float/gru": "GRU",
        "float/gru_bidirectional": "GRU",
        "float/gru_linear_before_reset": "GRU",
        "float/instance_normalization": "InstanceNormalization",
        "float/lstm": "LSTM",
        "float/lstm_bidirectional": "LSTM",
        "float/lstm_last_hidden_no_bias": "LSTM",
        "float/lstm_reverse": "LSTM",
        "float/lstm_states": "LSTM",
        "float/max_pool_2d_dilated": "MaxPool: dilation",
        "float/pad_edge": "Pad: padding by 'edge'",
        "float/pow_both": "Pow: input 1 is not constant",
        "float/pow_channel": "Pow: input 1 is not constant",
        "float/pow_same_shape": "Pow: input 1 is not constant",
        "float/pow_scalar": "Pow: an exponent of 1.5",
        "float/reducelogsumexp": "ReduceLogSumExp",
        "float/reduceprod": "ReduceProd",
        "float/resize_nearest_half_pixel_sizes":
            "Resize: nearest by 'round_prefer_floor' of 'half_pixel'",
        "float/rnn": "RNN",
        "float/round": "Round",
        "float/sign": "Sign",
        "float/tile": "Tile",
        "float/where": "Greater",
        "ml/label_encoder": "ai.onnx.ml.LabelEncoder",
        "scikit/isolation_forest": "ai.onnx.ml.LabelEncoder",
    ]

    /// Answers of ONNX Runtime that the specification contradicts: model, then vector.
    ///
    /// Membership in a tree's node is equality. ONNX Runtime 1.31 packs small sets into a bit mask,
    /// and so takes 1.0939 for a member of {1, -2}.
    static let mistaken: [String: Set<Int>] = ["ml/tree_ensemble_members": [1]]
}
