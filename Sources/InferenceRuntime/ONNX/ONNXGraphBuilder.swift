/// Lowers an ONNX model to the graph that the planner knows: infers every shape, folds what depends
/// on constants only, and turns channels-first images into the runtime's channels-last ones.
struct ONNXGraphBuilder {
    /// What a name stands for.
    struct Value {
        /// Dimensions as ONNX has them.
        var shape: [Int]
        var elementType: ElementType
        /// The graph's tensor; nil for a constant that no operator has needed yet.
        var tensor: Int?
        var constant: ONNXTensor?
        /// Names of the classes of a classifier's output, or the elements of a constant of strings.
        var labels: [String] = []
        /// The tensor has the channels, axis 1, as its last axis.
        var isChannelsLast = false
        /// What the real values were made from by DequantizeLinear. Without a tensor or constant of
        /// its own the value is dequantized when someone asks for it.
        var quantized: Quantized?

        var elementCount: Int { shape.reduce(1, *) }
    }

    /// Quantized elements and what they stand for.
    struct Quantized {
        /// The graph's tensor; nil for a constant.
        var tensor: Int?
        var constant: ONNXTensor?
        var elementType: ElementType
        var quantization: Quantization
    }

    let model: ONNXModel
    /// The model's nodes with their places in the file; operators on quantized tensors taken apart.
    private(set) var steps: [(node: ONNXModel.Node, position: Int)] = []
    let limits: ModelLimits
    var values: [String: Value] = [:]
    var tensors: [GraphTensor] = []
    private(set) var nodes: [GraphNode] = []
    private var constants: [UInt8] = []
    private var inputs: [Int] = []
    /// Places of the nodes that read each name; −1 for the graph's output.
    private var consumers: [String: [Int]] = [:]
    /// Nodes that an earlier one has taken into itself.
    var fused: Set<Int> = []

    init(_ model: ONNXModel, limits: ModelLimits) throws(ModelError) {
        self.model = model
        self.limits = limits
        for tensor in model.constants {
            guard values.updateValue(Self.value(of: tensor), forKey: tensor.name) == nil else {
                throw .malformed(.writtenTwice, offset: 0)
            }
        }
        for input in model.inputs { try addInput(input) }
        for (position, node) in model.nodes.enumerated() {
            for part in try expanded(node, position) { steps.append((part, position)) }
        }
        guard steps.count <= limits.operators else {
            throw .tooManyOperators(count: steps.count, limit: limits.operators)
        }
        for (position, (node, _)) in steps.enumerated() {
            for input in node.inputs { consumers[input, default: []].append(position) }
        }
        for output in model.outputs { consumers[output.name, default: []].append(-1) }
    }

    /// The one node that reads `name`, when nothing else does.
    func onlyConsumer(of name: String) -> (position: Int, node: ONNXModel.Node)? {
        guard let places = consumers[name], places.count == 1, places[0] >= 0 else { return nil }
        return (places[0], steps[places[0]].node)
    }

    /// Every node that reads `name`; nil when it is an output of the graph.
    func allConsumers(of name: String) -> [ONNXModel.Node]? {
        let places = consumers[name] ?? []
        return places.contains(-1) ? nil : places.map { steps[$0].node }
    }

    /// The whole graph.
    consuming func build() throws(ModelError) -> Graph {
        for place in steps.indices where !fused.contains(place) {
            try lower(steps[place].node, steps[place].position)
        }
        let outputs = try finishOutputs()
        return Graph(
            bytes: try ModelBytes(copying: constants), tensors: tensors, nodes: nodes,
            inputs: inputs, outputs: outputs)
    }

    static func value(of tensor: ONNXTensor) -> Value {
        // Strings are their places in a list of names.
        Value(
            shape: tensor.shape,
            elementType: tensor.elementType == .string ? .int64 : tensor.elementType,
            constant: tensor, labels: tensor.strings)
    }

    // MARK: - Edges

    /// A dimension that is only known at run time, in practice the batch, is 1.
    mutating func addInput(_ input: ONNXModel.Value) throws(ModelError) {
        guard let type = input.elementType, let dimensions = input.shape else {
            throw .invalidTensor(
                name: input.name, index: -1,
                reason: "an input needs a known rank and a type of numbers")
        }
        var shape: [Int] = []
        for (axis, dimension) in dimensions.enumerated() {
            let size = dimension ?? 1
            // Some exporters write 0 or -1 for a dimension that they do not know.
            guard size >= -1 else {
                throw .invalidTensor(
                    name: input.name, index: -1, reason: "dimension \(axis) is \(size)")
            }
            shape.append(max(size, 1))
        }
        let tensor = try addTensor(input.name, shape, type)
        guard
            values.updateValue(
                Value(shape: shape, elementType: type, tensor: tensor), forKey: input.name) == nil
        else { throw .malformed(.writtenTwice, offset: 0) }
        inputs.append(tensor)
    }

    mutating func finishOutputs() throws(ModelError) -> [Int] {
        var outputs: [Int] = []
        guard !model.outputs.isEmpty else { throw .malformed(.noSubgraph, offset: 0) }
        for output in model.outputs {
            guard let value = values[output.name] else {
                throw .malformed(.readBeforeWritten, offset: 0)
            }
            let plain = try rowMajor(value, "output '\(output.name)'")
            var tensor = try materialized(plain, output.name)
            if inputs.contains(tensor) || outputs.contains(tensor) {
                let copy = try addTensor(output.name, plain.shape, plain.elementType)
                tensors[copy].quantization = tensors[tensor].quantization
                emit(.reshape, [tensor], [copy], name: "Identity", position: nodes.count)
                tensor = copy
            }
            tensors[tensor].name = output.name
            if plain.labels.count > 0 { tensors[tensor].labels = plain.labels }
            outputs.append(tensor)
        }
        return outputs
    }

    // MARK: - Tensors

    mutating func addTensor(
        _ name: String, _ shape: [Int], _ type: ElementType, quantization: Quantization? = nil
    ) throws(ModelError) -> Int {
        guard tensors.count < limits.tensors else {
            throw .tooManyTensors(count: tensors.count + 1, limit: limits.tensors)
        }
        guard shape.count <= limits.rank else {
            throw .rankTooLarge(tensor: name, rank: shape.count, limit: limits.rank)
        }
        let limit = min(limits.tensorBytes, Int(Int32.max))  // kernels count in 32 bits
        var bytes = type.byteCount ?? 1
        for dimension in shape {
            guard dimension >= 1 else {
                throw .invalidTensor(
                    name: name, index: tensors.count, reason: "it has no elements")
            }
            let (product, overflow) = bytes.multipliedReportingOverflow(by: dimension)
            guard !overflow, product <= limit else {
                throw .tensorTooLarge(tensor: name, limitBytes: limit)
            }
            bytes = product
        }
        tensors.append(
            GraphTensor(
                name: name, shape: shape, elementType: type, quantization: quantization,
                constant: nil))
        return tensors.count - 1
    }

    /// A constant of the graph made of `bytes`, as many as its shape needs.
    mutating func addConstant(
        _ name: String, _ shape: [Int], _ type: ElementType, bytes: [UInt8],
        quantization: Quantization? = nil
    ) throws(ModelError) -> Int {
        guard bytes.count <= limits.weightBytes - constants.count else {
            throw .weightsTooLarge(
                bytes: constants.count + bytes.count, limit: limits.weightBytes)
        }
        let tensor = try addTensor(name, shape, type, quantization: quantization)
        while constants.count % 8 != 0 { constants.append(0) }
        tensors[tensor].constant = constants.count..<constants.count + bytes.count
        constants += bytes
        return tensor
    }

    /// An argument of an operator, such as the axes of a reduction.
    mutating func argument(_ values: [Int], shape: [Int]? = nil) throws(ModelError) -> Int {
        let tensor = ONNXTensor(values, shape: shape ?? [values.count], name: "argument")
        return try addConstant(
            "argument", tensor.shape, .int64, bytes: try tensor.bytes())
    }

    mutating func floatConstant(
        _ name: String, _ values: [Float], shape: [Int]
    ) throws(ModelError) -> Int {
        let tensor = ONNXTensor(values, shape: shape, name: name)
        return try addConstant(name, shape, .float32, bytes: try tensor.bytes())
    }

    /// The graph's tensor of a value, in the layout that the value says.
    mutating func materialized(_ value: Value, _ name: String) throws(ModelError) -> Int {
        if let tensor = value.tensor { return tensor }
        if value.constant == nil, let source = value.quantized?.tensor {
            let tensor = try addTensor(name, stored(value), value.elementType)
            emit(
                .dequantize, [source], [tensor], name: "DequantizeLinear", position: nodes.count)
            if values[name]?.quantized?.tensor == source { values[name]?.tensor = tensor }
            return tensor
        }
        guard let constant = value.constant else {
            throw .invalidTensor(name: name, index: -1, reason: "it has no value")
        }
        let bytes =
            constant.elementType == .string
            ? try ONNXTensor(
                Array(constant.strings.indices), shape: constant.shape, name: name
            ).bytes() : try constant.bytes()
        return try addConstant(name, value.shape, value.elementType, bytes: bytes)
    }

    mutating func emit(
        _ operation: Operation, _ inputs: [Int?], _ outputs: [Int], name: String, position: Int
    ) {
        nodes.append(
            GraphNode(
                position: position, name: name, operation: operation, inputs: inputs,
                outputs: outputs))
    }

    // MARK: - Nodes

    /// One node being lowered: its operands looked up.
    struct Context {
        var reader: ONNXNodeReader
        var node: ONNXModel.Node { reader.node }
        var name: String { reader.name }
        /// Values of the inputs; nil for one that is left out.
        var inputs: [Value?]

        func input(_ index: Int) throws(ModelError) -> Value {
            guard index < inputs.count, let value = inputs[index] else {
                throw reader.invalid("input \(index) is missing")
            }
            return value
        }

        func optional(_ index: Int) -> Value? { index < inputs.count ? inputs[index] : nil }

        /// The name of an output; nil when it is left out.
        func output(_ index: Int) -> String? {
            guard index < node.outputs.count, !node.outputs[index].isEmpty else { return nil }
            return node.outputs[index]
        }

        /// Integers of a constant input; nil when it is left out.
        func integers(_ index: Int) throws(ModelError) -> [Int]? {
            guard let value = optional(index) else { return nil }
            guard let constant = value.constant else {
                throw reader.unsupported("input \(index) is not constant")
            }
            guard constant.elementCount <= 4_096 else {
                throw reader.unsupported("input \(index) has \(constant.elementCount) elements")
            }
            return try constant.integers()
        }

        /// Floats of a constant input; nil when it is left out.
        func floats(_ index: Int) throws(ModelError) -> [Float]? {
            guard let value = optional(index) else { return nil }
            guard let constant = value.constant else {
                throw reader.unsupported("input \(index) is not constant")
            }
            return try constant.floats()
        }

        /// `axis`, counted from the end when negative.
        func axis(_ axis: Int, rank: Int) throws(ModelError) -> Int {
            guard axis >= -rank, axis < rank else {
                throw reader.invalid("axis \(axis) of \(rank) axes")
            }
            return axis < 0 ? axis + rank : axis
        }
    }

    mutating func lower(_ node: ONNXModel.Node, _ position: Int) throws(ModelError) {
        for name in node.outputs where !name.isEmpty && values[name] != nil {
            throw .malformed(.writtenTwice, offset: 0)
        }
        let context = try context(node, position)
        if try fold(context) { return }
        switch node.domain {
        case "": if try lowerStandard(context) { return }
        case "ai.onnx.ml": if try lowerClassical(context) { return }
        default: break
        }
        throw .unsupportedOperator(name: context.name, position: position)
    }

    /// A node with its operands looked up.
    func context(_ node: ONNXModel.Node, _ position: Int) throws(ModelError) -> Context {
        var found: [Value?] = []
        for name in node.inputs {
            if name.isEmpty {
                found.append(nil)
            } else if let value = values[name] {
                found.append(value)
            } else {
                throw .malformed(.readBeforeWritten, offset: 0)
            }
        }
        let version = model.operatorSets[node.domain] ?? 0
        return Context(
            reader: ONNXNodeReader(
                node: node, position: position, version: version,
                inputType: found.first??.elementType, limits: limits), inputs: found)
    }

    mutating func lowerStandard(_ context: Context) throws(ModelError) -> Bool {
        if try lowerQuantized(context) { return true }
        if try lowerElements(context) { return true }
        if try lowerLogic(context) { return true }
        if try lowerShapes(context) { return true }
        if try lowerRepetition(context) { return true }
        return try lowerLayers(context)
    }

    /// Names a value; a left out output is dropped.
    mutating func set(_ context: Context, _ value: Value, output index: Int = 0) {
        if let name = context.output(index) { values[name] = value }
    }

    /// A new tensor for an output, under its name.
    mutating func addOutput(
        _ context: Context, _ index: Int = 0, shape: [Int], type: ElementType,
        isChannelsLast: Bool = false, labels: [String] = [], quantization: Quantization? = nil
    ) throws(ModelError) -> Int {
        var value = Value(shape: shape, elementType: type, labels: labels)
        value.isChannelsLast = isChannelsLast
        let name = context.output(index) ?? "\(context.name)/\(index)"
        let tensor = try addTensor(name, stored(value), type, quantization: quantization)
        value.tensor = tensor
        set(context, value, output: index)
        return tensor
    }

    mutating func emit(
        _ operation: Operation, _ context: Context, _ inputs: [Int?], _ outputs: [Int]
    ) {
        emit(
            operation, inputs, outputs, name: context.name, position: context.reader.position)
    }

    /// The graph's tensor of an operand with its axes as ONNX has them.
    mutating func tensor(
        _ context: Context, _ index: Int
    ) throws(ModelError) -> (tensor: Int, value: Value) {
        let name = context.node.inputs.indices.contains(index) ? context.node.inputs[index] : ""
        var value = try rowMajor(try context.input(index), name)
        let tensor = try materialized(value, name)
        value.tensor = tensor
        // The next consumer need not turn or copy it again.
        if value.constant != nil { values[name]?.tensor = tensor }
        return (tensor, value)
    }
}
