/// Layers with weights, and what is built around them.
extension ONNXGraphBuilder {
    /// - Returns: false for an operator that is not here.
    mutating func lowerLayers(_ context: Context) throws(ModelError) -> Bool {
        switch context.node.operation {
        case "Gemm": try lowerGemm(context)
        case "MatMul": try lowerMatMul(context)
        case "Conv": try lowerConvolution(context)
        case "ConvTranspose": try lowerTransposeConvolution(context)
        case "Resize": try lowerResize(context)
        case "MaxPool": try lowerPool(context, isAverage: false)
        case "AveragePool": try lowerPool(context, isAverage: true)
        case "BatchNormalization":
            let (scale, shift) = try normalization(context)
            try scaleChannels(context, scale, shift)
        case "Softmax": try lowerSoftmax(context, isLogarithm: false)
        case "LogSoftmax": try lowerSoftmax(context, isLogarithm: true)
        case "LayerNormalization": try lowerLayerNormalization(context)
        case "InstanceNormalization": try lowerInstanceNormalization(context)
        case "RNN": try lowerRecurrent(context, .rnn)
        case "GRU": try lowerRecurrent(context, .gru)
        case "LSTM": try lowerRecurrent(context, .lstm)
        case "DynamicQuantizeLinear": try lowerDynamicQuantization(context)
        case "MatMulInteger": try lowerIntegerProduct(context, as: "MatMul")
        case "ConvInteger": try lowerIntegerProduct(context, as: "Conv")
        default: return false
        }
        return true
    }

    // MARK: - Matrices

    /// Emits a fully connected layer and what can be fused into it.
    ///
    /// - Parameter weights: [column][row], as the runtime has them.
    mutating func emitFullyConnected(
        _ context: Context, _ x: Int, weights: [Float], bias: [Float]?, columns: Int,
        shape: [Int], fuses: Bool
    ) throws(ModelError) {
        let rows = weights.count / max(columns, 1)
        var (weights, bias) = (weights, bias)
        var fusion = Fusion(output: context.output(0) ?? "")
        if fuses { fusion = try self.fusion(after: fusion.output, channels: columns) }
        fold(fusion, into: &weights, &bias, channels: columns)
        let w = try floatConstant("\(context.name)/weights", weights, shape: [columns, rows])
        let b = try bias.map { bias throws(ModelError) in
            try floatConstant("\(context.name)/bias", bias, shape: [columns])
        }
        let y = try addTensor(fusion.output, shape, .float32)
        values[fusion.output] = Value(shape: shape, elementType: .float32, tensor: y)
        fused.formUnion(fusion.positions)
        emit(.fullyConnected(activation: fusion.activation), context, [x, w, b], [y])
    }

    /// Weights and bias with a following normalization inside.
    ///
    /// - Parameter weights: the output channel is the outermost axis.
    func fold(
        _ fusion: Fusion, into weights: inout [Float], _ bias: inout [Float]?, channels: Int
    ) {
        guard let (scale, shift) = fusion.normalization else { return }
        let depth = weights.count / max(channels, 1)
        for place in weights.indices { weights[place] *= scale[place / depth] }
        let before = bias ?? Array(repeating: 0, count: channels)
        bias = before.indices.map { before[$0] * scale[$0] + shift[$0] }
    }

    func transposed(_ values: [Float], rows: Int, columns: Int) -> [Float] {
        var result = [Float](repeating: 0, count: values.count)
        for row in 0..<rows {
            for column in 0..<columns {
                result[column * rows + row] = values[row * columns + column]
            }
        }
        return result
    }

    mutating func lowerGemm(_ context: Context) throws(ModelError) {
        let reader = context.reader
        var x = try tensor(context, 0)
        let b = try context.input(1)
        guard x.value.shape.count == 2, b.shape.count == 2, let matrix = b.constant else {
            throw reader.unsupported("a second matrix that is not constant")
        }
        guard x.value.elementType == .float32, b.elementType == .float32 else {
            throw reader.unsupported("elements of type \(x.value.elementType.rawValue)")
        }
        if try reader.integer("transA") ?? 0 != 0 {
            let turned = try addTensor(
                "\(context.name)/a", x.value.shape.reversed(), x.value.elementType)
            let order = try argument([1, 0])
            emit(.movement(.transpose), context, [x.tensor, order], [turned])
            x.tensor = turned
            x.value.shape.reverse()
        }
        let isTransposed = try reader.integer("transB") ?? 0 != 0
        let (columns, rows) =
            isTransposed ? (b.shape[0], b.shape[1]) : (b.shape[1], b.shape[0])
        guard x.value.shape[1] == rows else {
            throw reader.invalid("\(x.value.shape) times \(b.shape)")
        }
        let alpha = try reader.float("alpha") ?? 1
        let beta = try reader.float("beta") ?? 1
        var weights = try matrix.floats()
        if !isTransposed { weights = transposed(weights, rows: rows, columns: columns) }
        if alpha != 1 { weights = weights.map { $0 * alpha } }
        let shape = [x.value.shape[0], columns]
        var bias: [Float]?
        var rest: Value?
        if let c = context.optional(2) {
            _ = try broadcast(c.shape, shape, context)
            if let constant = c.constant, c.shape.dropLast().allSatisfy({ $0 == 1 }) {
                let values = try constant.floats().map { $0 * beta }
                bias = values.count == 1 ? Array(repeating: values[0], count: columns) : values
            } else {
                guard beta == 1 else { throw reader.unsupported("beta of \(beta)") }
                rest = c
            }
        }
        guard let rest else {
            try emitFullyConnected(
                context, x.tensor, weights: weights, bias: bias, columns: columns, shape: shape,
                fuses: true)
            return
        }
        try emitFullyConnected(
            context, x.tensor, weights: weights, bias: bias, columns: columns, shape: shape,
            fuses: false)
        guard let name = context.output(0), let product = values[name] else { return }
        values[name] = try combined(.add, context, product, rest, name: name)
    }

    mutating func lowerMatMul(_ context: Context) throws(ModelError) {
        let reader = context.reader
        let x = try tensor(context, 0)
        let b = try context.input(1)
        guard let matrix = b.constant, b.shape.count == 2, let depth = x.value.shape.last else {
            try emitMatrixProduct(context, x)
            return
        }
        guard x.value.elementType == .float32, b.elementType == .float32 else {
            throw reader.unsupported("elements of type \(x.value.elementType.rawValue)")
        }
        let (rows, columns) = (b.shape[0], b.shape[1])
        guard depth == rows else { throw reader.invalid("\(x.value.shape) times \(b.shape)") }
        let weights = transposed(try matrix.floats(), rows: rows, columns: columns)
        var bias: [Float]?
        var context = context
        // A vector added to the product is its bias.
        if let name = context.output(0), let (position, node) = onlyConsumer(of: name),
            node.operation == "Add", node.domain.isEmpty, node.inputs.count == 2,
            let other = node.inputs.first(where: { $0 != name }), let output = node.outputs.first,
            let vector = values[other], let constant = vector.constant,
            vector.elementType == .float32, vector.shape.last == columns,
            vector.elementCount == columns, vector.shape.count <= x.value.shape.count
        {
            bias = try constant.floats()
            fused.insert(position)
            var node = context.node
            node.outputs = [output]
            context.reader = ONNXNodeReader(
                node: node, position: reader.position, version: reader.version,
                inputType: reader.inputType, limits: limits)
        }
        try emitFullyConnected(
            context, x.tensor, weights: weights, bias: bias, columns: columns,
            shape: x.value.shape.dropLast() + [columns], fuses: true)
    }

    /// A product of two matrices of which neither is known, or of stacks of them.
    mutating func emitMatrixProduct(
        _ context: Context, _ x: (tensor: Int, value: Value)
    ) throws(ModelError) {
        let b = try tensor(context, 1)
        let (left, right) = (x.value.shape, b.value.shape)
        guard left.count >= 2, right.count >= 2 else {
            throw context.reader.unsupported("a vector times a matrix that is not constant")
        }
        let (rows, depth) = (left[left.count - 2], left[left.count - 1])
        guard right[right.count - 2] == depth else {
            throw context.reader.invalid("\(left) times \(right)")
        }
        let stack = try broadcast(Array(left.dropLast(2)), Array(right.dropLast(2)), context)
        let y = try addOutput(
            context, shape: stack + [rows, right[right.count - 1]], type: x.value.elementType)
        emit(
            .batchMatrixProduct(transposesLeft: false, transposesRight: false), context,
            [x.tensor, b.tensor], [y])
    }
}
