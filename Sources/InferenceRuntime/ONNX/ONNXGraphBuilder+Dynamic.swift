/// Weights of 8 bits times activations that are quantized at run time. As with TensorFlow Lite's hybrid
/// layers the activations are left as they are: the result is the float product of the weights'
/// real values, and nearer to the float model than the rounded one.
extension ONNXGraphBuilder {
    /// x itself with a scale of 1 and a zero point of 0: what products of integers and multiplications
    /// by the scale make of it is what they would make of the rounded numbers.
    mutating func lowerDynamicQuantization(_ context: Context) throws(ModelError) {
        let x = try context.input(0)
        guard x.elementType == .float32 else {
            throw context.reader.unsupported("elements of type \(x.elementType.rawValue)")
        }
        let uses: [(output: Int, operations: Set<String>)] = [
            (0, ["MatMulInteger", "ConvInteger"]), (1, ["Mul"]),
            (2, ["MatMulInteger", "ConvInteger"]),
        ]
        for (output, operations) in uses {
            guard let name = context.output(output) else { continue }
            guard let nodes = allConsumers(of: name),
                nodes.allSatisfy({ $0.domain.isEmpty && operations.contains($0.operation) })
            else {
                throw context.reader.unsupported(
                    "output \(output) used otherwise than by \(operations.sorted())")
            }
        }
        set(context, x)
        set(
            context, Self.value(of: ONNXTensor([Float(1)], shape: [], name: "scale")), output: 1)
        set(
            context,
            Self.value(
                of: ONNXTensor(bytes: [0], shape: [], elementType: .uint8, name: "zero point")),
            output: 2)
    }

    /// MatMulInteger and ConvInteger behind DynamicQuantizeLinear.
    mutating func lowerIntegerProduct(
        _ context: Context, as operation: String
    ) throws(ModelError) {
        let reader = context.reader
        let weights = try context.input(1)
        guard try context.input(0).elementType == .float32 else {
            throw reader.unsupported("activations that do not come from DynamicQuantizeLinear")
        }
        guard let constant = weights.constant,
            weights.elementType == .int8 || weights.elementType == .uint8
        else { throw reader.unsupported("weights that are not constant bytes") }
        guard let name = context.output(0), let nodes = allConsumers(of: name),
            nodes.allSatisfy({ $0.domain.isEmpty && $0.operation == "Cast" })
        else { throw reader.unsupported("a result that is not converted to float32") }
        let zeroPoints = try context.integers(3) ?? [0]
        let axis = operation == "Conv" ? 0 : max(weights.shape.count - 1, 0)
        guard zeroPoints.count == 1 || zeroPoints.count == weights.shape[axis] else {
            throw reader.invalid("\(zeroPoints.count) zero points for \(weights.shape)")
        }
        let real = try dequantized(
            constant,
            Quantization(
                scales: zeroPoints.map { _ in 1 }, zeroPoints: zeroPoints, axis: axis))
        var node = context.node
        node.operation = operation
        node.inputs = [context.node.inputs[0], "\(name)/weights"]
        values[node.inputs[1]] = Self.value(of: real)
        var product = context
        product.inputs = [context.inputs[0], values[node.inputs[1]]]
        product.reader = ONNXNodeReader(
            node: node, position: reader.position, version: reader.version,
            inputType: .float32, limits: limits)
        _ = try lowerLayers(product)
    }
}
