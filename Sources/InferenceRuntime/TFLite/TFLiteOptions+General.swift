extension TFLiteOptions {
    /// The operators that are known by their name alone.
    func generalOperation() throws(ModelError) -> Operation {
        if let function = try unaryFunction() { return .unary(function) }
        if let movement = try movement() { return .movement(movement) }
        switch name {
        case "SUB": return .binary(.subtract, activation: try activation(0))
        case "MUL": return .binary(.multiply, activation: try activation(0))
        case "DIV": return .binary(.divide, activation: try activation(0))
        case "MINIMUM": return .binary(.minimum, activation: .none)
        case "MAXIMUM": return .binary(.maximum, activation: .none)
        case "SQUARED_DIFFERENCE": return .binary(.squaredDifference, activation: .none)
        case "PRELU": return .binary(.prelu, activation: .none)
        case "MEAN": return .reduction(.mean, keepsAxes: try flag(0))
        case "SUM": return .reduction(.sum, keepsAxes: try flag(0))
        case "REDUCE_MAX": return .reduction(.maximum, keepsAxes: try flag(0))
        case "REDUCE_MIN": return .reduction(.minimum, keepsAxes: try flag(0))
        case "ARG_MAX": return .argumentOfExtreme(isMinimum: false)
        case "ARG_MIN": return .argumentOfExtreme(isMinimum: true)
        case "CAST": return .cast
        case "SHAPE": return .shape
        case "SVDF": return .svdf(rank: try number(0), activation: try activation(1))
        case "UNIDIRECTIONAL_SEQUENCE_LSTM":
            let code = try table?.integer(0, default: Int8(0)) ?? 0
            guard code == 4 else { throw form("activation \(code) is not supported") }
            let cellClip = try table?.float(1, default: 0) ?? 0
            let projectionClip = try table?.float(2, default: 0) ?? 0
            guard cellClip >= 0, projectionClip >= 0, try !flag(5) else {
                throw form("clips of \(cellClip) and \(projectionClip), or diagonal weights")
            }
            return .lstm(
                LSTMOptions(
                    cellClip: cellClip, projectionClip: projectionClip, isTimeMajor: try flag(3)))
        case "RESIZE_BILINEAR":
            return .resize(
                Resize(
                    isBilinear: true, alignsCorners: try flag(2), hasHalfPixelCenters: try flag(3)))
        case "RESIZE_NEAREST_NEIGHBOR":
            return .resize(
                Resize(
                    isBilinear: false, alignsCorners: try flag(0), hasHalfPixelCenters: try flag(1))
            )
        case "BATCH_MATMUL":
            return .batchMatrixProduct(
                transposesLeft: try flag(0), transposesRight: try flag(1))
        case "TRANSPOSE_CONV":
            return .transposeConvolution(try window(), activation: try activation(3))
        case "VAR_HANDLE":
            let container = try table?.string(0) ?? ""
            return .variableHandle(name: container + "/" + (try table?.string(1) ?? ""))
        case "READ_VARIABLE": return .readVariable
        case "ASSIGN_VARIABLE": return .assignVariable
        case "CALL_ONCE": return .callOnce(subgraph: try number(0))
        default: throw .unsupportedOperator(name: name, position: position)
        }
    }

    private func unaryFunction() throws(ModelError) -> UnaryFunction? {
        switch name {
        case "RELU": return .relu
        case "RELU6": return .relu6
        case "RELU_N1_TO_1": return .reluN1To1
        case "LOGISTIC": return .logistic
        case "TANH": return .tanh
        case "ELU": return .elu
        case "HARD_SWISH": return .hardSwish
        case "LEAKY_RELU":
            let alpha = try table?.float(0, default: 0) ?? 0
            guard alpha.isFinite else { throw form("alpha is \(alpha)") }
            return .leakyRelu(alpha: alpha)
        case "GELU": return .gelu(isApproximate: try flag(0))
        case "ABS": return .absolute
        case "NEG": return .negate
        case "SQRT": return .squareRoot
        case "RSQRT": return .reciprocalSquareRoot
        case "SQUARE": return .square
        case "EXP": return .exponential
        case "LOG": return .logarithm
        default: return nil
        }
    }

    private func movement() throws(ModelError) -> Movement? {
        switch name {
        case "SQUEEZE", "EXPAND_DIMS": return .view
        case "CONCATENATION":
            return .concatenation(axis: try number(0), activation: try activation(1))
        case "PAD", "PADV2": return .pad
        case "MIRROR_PAD":
            return .mirrorPad(includesEdge: try table?.integer(0, default: Int8(0)) == 1)
        case "TRANSPOSE": return .transpose
        case "SPLIT": return .split
        case "SPLIT_V": return .splitSizes
        case "SLICE": return .slice
        case "STRIDED_SLICE":
            return .stridedSlice(
                StridedSliceMasks(
                    begin: try number(0), end: try number(1), ellipsis: try number(2),
                    newAxis: try number(3), shrinkAxis: try number(4), endIsOffset: try flag(5)))
        case "PACK": return .pack(axis: try number(1))
        case "UNPACK": return .unpack(axis: try number(1))
        case "GATHER": return .gather(axis: try number(0), batchAxes: try number(1))
        case "SPACE_TO_BATCH_ND": return .spaceToBatch
        case "BATCH_TO_SPACE_ND": return .batchToSpace
        default: return nil
        }
    }

    func number(_ field: Int) throws(ModelError) -> Int {
        Int(try table?.integer(field, default: Int32(0)) ?? 0)
    }

    func flag(_ field: Int) throws(ModelError) -> Bool { try table?.bool(field) ?? false }
}
