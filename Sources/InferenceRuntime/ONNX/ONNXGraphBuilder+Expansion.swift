/// Operators on quantized tensors, written as what they mean: dequantize, compute, quantize. The
/// lowering of that form runs them in integers again.
extension ONNXGraphBuilder {
    /// Where the operands of an operator on quantized tensors stand among its inputs.
    private struct Form {
        var operation: String
        /// Places of (tensor, scale, zero point).
        var operands: [Int]
        /// Place of the result's scale; its zero point follows.
        var result: Int
        /// Place of a bias of int32.
        var bias: Int?
    }

    /// - Returns: the nodes that stand for `node`; itself when it is none of these.
    mutating func expanded(
        _ node: ONNXModel.Node, _ position: Int
    ) throws(ModelError) -> [ONNXModel.Node] {
        let form: Form
        switch (node.domain, node.operation) {
        case ("", "QLinearConv"):
            form = Form(operation: "Conv", operands: [0, 3], result: 6, bias: 8)
        case ("", "QLinearMatMul"): form = Form(operation: "MatMul", operands: [0, 3], result: 6)
        case ("com.microsoft", "QGemm"):
            form = Form(operation: "Gemm", operands: [0, 3], result: 7, bias: 6)
        case ("com.microsoft", "QLinearAdd"):
            form = Form(operation: "Add", operands: [0, 3], result: 6)
        case ("com.microsoft", "QLinearMul"):
            form = Form(operation: "Mul", operands: [0, 3], result: 6)
        case ("com.microsoft", "QLinearSigmoid"):
            form = Form(operation: "Sigmoid", operands: [0], result: 3)
        case ("com.microsoft", "QLinearLeakyRelu"):
            form = Form(operation: "LeakyRelu", operands: [0], result: 3)
        case ("com.microsoft", "QLinearSoftmax"):
            form = Form(operation: "Softmax", operands: [0], result: 3)
        case ("com.microsoft", "QLinearAveragePool"):
            form = Form(operation: "AveragePool", operands: [0], result: 3)
        case ("com.microsoft", "QLinearGlobalAveragePool"):
            form = Form(operation: "GlobalAveragePool", operands: [0], result: 3)
        case ("com.microsoft", "QLinearConcat"):
            form = Form(
                operation: "Concat",
                operands: Array(stride(from: 2, to: max(node.inputs.count - 2, 2), by: 3)),
                result: 0)
        default: return [node]
        }
        return try expanded(node, position, form)
    }

    private mutating func expanded(
        _ node: ONNXModel.Node, _ position: Int, _ form: Form
    ) throws(ModelError) -> [ONNXModel.Node] {
        let name = ONNXNodeReader.name(node)
        func input(_ place: Int) throws(ModelError) -> String {
            guard place < node.inputs.count else {
                throw .invalidOperator(
                    name: name, position: position, reason: "input \(place) is missing")
            }
            return node.inputs[place]
        }
        guard let output = node.outputs.first else {
            throw .invalidOperator(name: name, position: position, reason: "it has no output")
        }
        for attribute in node.attributes where attribute.name == "channels_last" {
            guard try attribute.integer() ?? 0 == 0 else {
                throw .unsupportedForm(name: name, position: position, reason: "channels_last")
            }
        }
        var nodes: [ONNXModel.Node] = []
        var core = node
        core.operation = form.operation
        core.domain = ""
        core.inputs = []
        for (index, place) in form.operands.enumerated() {
            var part = ONNXModel.Node()
            part.operation = "DequantizeLinear"
            part.inputs = [try input(place), try input(place + 1), try input(place + 2)]
            part.outputs = ["\(output)/operand \(index)"]
            // Scales of weights go by output channel.
            part.channelAxis = form.operation == "Conv" || form.operation == "Gemm" ? nil : -1
            if index == 1, form.operation == "Conv" { part.channelAxis = 0 }
            if index == 1, form.operation == "Gemm" {
                let transB = node.attributes.last { $0.name == "transB" }
                part.channelAxis = try transB?.integer() ?? 0 != 0 ? 0 : 1
            }
            core.inputs += part.outputs
            nodes.append(part)
        }
        if let place = form.bias, place < node.inputs.count, !node.inputs[place].isEmpty {
            // Its scale is that of the products.
            guard let x = try values[input(1)]?.constant?.floats(), x.count == 1,
                let w = try values[input(4)]?.constant?.floats()
            else {
                throw .unsupportedForm(
                    name: name, position: position, reason: "scales that are not constant")
            }
            let scales = ONNXTensor(
                w.map { $0 * x[0] }, shape: w.count == 1 ? [] : [w.count], name: "bias scale")
            values["\(output)/bias scale"] = Self.value(of: scales)
            var part = ONNXModel.Node()
            part.operation = "DequantizeLinear"
            part.inputs = [node.inputs[place], "\(output)/bias scale"]
            part.outputs = ["\(output)/bias"]
            part.channelAxis = 0
            core.inputs += part.outputs
            nodes.append(part)
        }
        core.outputs = ["\(output)/result"]
        var last = ONNXModel.Node()
        last.operation = "QuantizeLinear"
        last.inputs = core.outputs + [try input(form.result), try input(form.result + 1)]
        last.outputs = [output]
        return nodes + [core, last]
    }
}
