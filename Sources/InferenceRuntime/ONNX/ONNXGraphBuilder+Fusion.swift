/// What follows a layer and costs nothing inside it.
extension ONNXGraphBuilder {
    /// A batch normalization and an activation that only the layer's result goes through.
    struct Fusion {
        /// Per output channel; nil when there is no normalization.
        var normalization: (scale: [Float], shift: [Float])?
        var activation = Activation.none
        /// The name under which the result goes on.
        var output: String
        var positions: [Int] = []
    }

    /// - Parameter channels: output channels of the layer.
    func fusion(after name: String, channels: Int) throws(ModelError) -> Fusion {
        var fusion = Fusion(output: name)
        if let (position, node) = onlyConsumer(of: name), node.domain.isEmpty,
            node.operation == "BatchNormalization", node.inputs.first == name,
            node.inputs.dropFirst().allSatisfy({ values[$0]?.constant != nil })
        {
            let folded = try normalization(try context(node, position, data: false))
            if folded.scale.count == channels, let output = node.outputs.first {
                fusion.normalization = folded
                fusion.output = output
                fusion.positions.append(position)
            }
        }
        if let (position, node) = onlyConsumer(of: fusion.output), node.domain.isEmpty,
            let output = node.outputs.first,
            let activation = try activation(node, position)
        {
            fusion.activation = activation
            fusion.output = output
            fusion.positions.append(position)
        }
        return fusion
    }

    /// A node that may be lowered into the one before: its first input is not there yet.
    func context(
        _ node: ONNXModel.Node, _ position: Int, data: Bool
    ) throws(ModelError) -> Context {
        var rest = node
        rest.inputs[0] = ""
        return try context(rest, position)
    }

    func activation(
        _ node: ONNXModel.Node, _ position: Int
    ) throws(ModelError) -> Activation? {
        if node.operation == "Relu" { return .relu }
        guard node.operation == "Clip", model.operatorSets[""] ?? 0 >= 11,
            node.inputs.dropFirst().allSatisfy({ $0.isEmpty || values[$0]?.constant != nil })
        else { return nil }
        let clip = try context(node, position, data: false)
        switch (try clip.floats(1)?.first, try clip.floats(2)?.first) {
        case (0, 6): return .relu6
        case (0, nil), (0, .infinity): return .relu
        case (-1, 1): return .reluN1To1
        default: return nil
        }
    }

    /// A normalization as scale · x + shift.
    func normalization(
        _ context: Context
    ) throws(ModelError) -> (scale: [Float], shift: [Float]) {
        guard try context.reader.integer("training_mode") ?? 0 == 0 else {
            throw context.reader.unsupported("training")
        }
        let epsilon = try context.reader.float("epsilon") ?? 1e-5
        guard let scale = try context.floats(1), let bias = try context.floats(2),
            let mean = try context.floats(3), let variance = try context.floats(4),
            bias.count == scale.count, mean.count == scale.count, variance.count == scale.count
        else { throw context.reader.invalid("its statistics have different lengths") }
        var result: (scale: [Float], shift: [Float]) = ([], [])
        for channel in scale.indices {
            let factor =
                Double(scale[channel]) / (Double(variance[channel]) + Double(epsilon)).squareRoot()
            result.scale.append(Float(factor))
            result.shift.append(Float(Double(bias[channel]) - Double(mean[channel]) * factor))
        }
        return result
    }
}
