/// Codes of the built-in operators that this runtime has.
enum TFLiteOperator {
    static let add = 0
    static let averagePool2D = 1
    static let conv2D = 3
    static let depthwiseConv2D = 4
    static let dequantize = 6
    static let fullyConnected = 9
    static let maxPool2D = 17
    static let reshape = 22
    static let softmax = 25
    static let custom = 32
    static let quantize = 114
}

/// Turns an operator's options table into an operation.
struct TFLiteOptions {
    /// Largest kernel extent, stride or dilation: products of two stay far inside 32 bits.
    static let largestFactor = 32_767

    let table: FlatBufferTable?
    let name: String
    let position: Int

    /// - Throws: `unsupportedOperator` when there is no kernel for `builtin`.
    func operation(_ builtin: Int) throws(ModelError) -> Operation {
        switch builtin {
        case TFLiteOperator.add:
            return .add(activation: try activation(0))
        case TFLiteOperator.averagePool2D:
            return .averagePool(
                try window(), kernel: try extent(height: 4, width: 3),
                activation: try activation(5))
        case TFLiteOperator.maxPool2D:
            return .maximumPool(
                try window(), kernel: try extent(height: 4, width: 3),
                activation: try activation(5))
        case TFLiteOperator.conv2D:
            return .convolution(
                try window(), dilation: try extent(height: 5, width: 4, default: 1),
                activation: try activation(3))
        case TFLiteOperator.depthwiseConv2D:
            return .depthwiseConvolution(
                try window(), dilation: try extent(height: 6, width: 5, default: 1),
                activation: try activation(4))
        case TFLiteOperator.fullyConnected:
            guard try table?.integer(1, default: Int8(0)) ?? 0 == 0 else {
                throw form("shuffled weights are not supported")
            }
            return .fullyConnected(activation: try activation(0))
        case TFLiteOperator.softmax:
            let beta = try table?.float(0, default: 0) ?? 0
            guard beta.isFinite, beta > 0 else { throw form("beta is \(beta)") }
            return .softmax(beta: beta)
        case TFLiteOperator.reshape: return .reshape
        case TFLiteOperator.quantize: return .quantize
        case TFLiteOperator.dequantize: return .dequantize
        default: return try generalOperation()
        }
    }

    func form(_ reason: String) -> ModelError {
        .unsupportedForm(name: name, position: position, reason: reason)
    }

    func activation(_ field: Int) throws(ModelError) -> Activation {
        switch try table?.integer(field, default: Int8(0)) ?? 0 {
        case 0: .none
        case 1: .relu
        case 2: .reluN1To1
        case 3: .relu6
        case let code: throw form("fused activation \(code) is not supported")
        }
    }

    /// Padding and strides stand in the same fields of every windowed operator.
    func window() throws(ModelError) -> Window {
        guard let table else { throw form("the options are missing") }
        let padding: Padding
        switch try table.integer(0, default: Int8(0)) {
        case 0: padding = .same
        case 1: padding = .valid
        default: throw .malformed(.badEnumeration, offset: table.position)
        }
        return Window(padding: padding, stride: try extent(height: 2, width: 1))
    }

    func extent(
        height: Int, width: Int, default value: Int32 = 0
    ) throws(ModelError) -> Extent {
        guard let table else { throw form("the options are missing") }
        let height = Int(try table.integer(height, default: value))
        let width = Int(try table.integer(width, default: value))
        let range = 1...Self.largestFactor
        guard range.contains(height), range.contains(width) else {
            throw form("a kernel extent, stride or dilation is \(height) x \(width)")
        }
        return Extent(height: height, width: width)
    }
}
