/// Types of an operator's activations, as the table of supported operators has them.
package enum OperatorType: String, Sendable, CaseIterable, Comparable {
    case float32
    /// int8 weights, float32 activations.
    case hybrid
    case int8, uint8, int16, int32, int64, bool

    package static func < (left: OperatorType, right: OperatorType) -> Bool {
        (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
    }
}

extension ModelPlan {
    /// Every operator that this runtime has, by its name in TensorFlow Lite, and the types that it
    /// has it for. Tests hold the table to what the planner takes and refuses.
    package static let supportedOperators: [String: Set<OperatorType>] = {
        let bytes: Set<OperatorType> = [.int8, .uint8]
        let quantized: Set<OperatorType> = [.int8, .uint8, .int16]
        let any: Set<OperatorType> = [.float32, .int8, .uint8, .int16, .int32, .int64, .bool]
        var table: [String: Set<OperatorType>] = [:]
        func add(_ names: String..., types: Set<OperatorType>) {
            for name in names { table[name, default: []].formUnion(types) }
        }
        add("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", types: bytes)
        add("QUANTIZE", "DEQUANTIZE", types: quantized)
        add("AVERAGE_POOL_2D", "MAX_POOL_2D", types: quantized.union([.float32]))
        add("SOFTMAX", types: [.int8, .uint8, .int16, .float32])
        add("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", types: [.int16])
        add("TRANSPOSE_CONV", types: quantized.union([.float32]))
        add("RESIZE_BILINEAR", types: quantized.union([.float32]))
        add("RESIZE_NEAREST_NEIGHBOR", types: any)
        add("BATCH_MATMUL", "TRANSPOSE_CONV", types: [.hybrid])
        add("BATCH_MATMUL", types: [.float32, .int8, .int16])
        add("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", types: [.float32, .hybrid])
        add("SVDF", types: [.float32, .hybrid, .int8])
        add("UNIDIRECTIONAL_SEQUENCE_LSTM", types: [.float32, .hybrid, .int8])
        add("SHAPE", types: any)
        add("RESHAPE", "SQUEEZE", "EXPAND_DIMS", types: any)
        add(
            "CONCATENATION", "PAD", "PADV2", "MIRROR_PAD", "TRANSPOSE", "SPLIT", "SPLIT_V", "SLICE",
            "STRIDED_SLICE", "PACK", "UNPACK", "GATHER", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND",
            "CAST", types: any)
        add("ADD", "SUB", "MUL", "DIV", "MINIMUM", "MAXIMUM", types: quantized)
        add("ADD", "SUB", "MUL", "DIV", "MINIMUM", "MAXIMUM", types: [.float32, .int32])
        add("SQUARED_DIFFERENCE", types: [.float32, .int8, .int32])
        add("PRELU", types: [.float32, .int8, .uint8])
        add("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", types: quantized.union([.float32, .int32]))
        add("ARG_MAX", "ARG_MIN", types: [.float32, .int8, .uint8, .int16, .int32])
        add(
            "RELU", "RELU6", "RELU_N1_TO_1", "LEAKY_RELU", "GELU",
            types: [.float32, .int8, .uint8, .int16])
        add("LOGISTIC", "TANH", types: quantized.union([.float32]))
        add("ELU", "HARD_SWISH", types: [.float32, .int8, .uint8])
        add("ABS", "NEG", types: [.float32, .int8, .int16, .int32])
        add("RSQRT", "EXP", "LOG", types: [.float32, .int8, .int16])
        add("SQRT", types: [.float32, .int8])
        add("SQUARE", types: [.float32])
        add("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE", types: any)
        return table
    }()
}
