/// Reads a TensorFlow Lite model into a graph.
///
/// - Source: schema version 3, tensorflow/compiler/mlir/lite/schema/schema.fbs (2.18). Field
///   numbers below are the order of the fields in that file.
struct TFLiteReader {
    let file: ModelBytes
    let limits: ModelLimits
    private let model: FlatBufferTable
    private let subgraph: FlatBufferTable
    private let operatorCodes: FlatBufferVector
    private let buffers: FlatBufferVector

    /// - Throws: `malformed` when the file is no TensorFlow Lite model.
    ///
    /// - Parameter index: which of the model's graphs to read; 0 is the main one.
    init(
        _ file: ModelBytes, limits: ModelLimits, subgraph index: Int = 0
    ) throws(ModelError) {
        guard file.count >= 8 else { throw .malformed(.tooShort, offset: file.count) }
        // The bytes "TFL3", little-endian.
        guard try file.load(UInt32.self, at: 4) == 0x334C_4654 else {
            throw .malformed(.notTFLite, offset: 4)
        }
        model = try FlatBufferTable(file, at: 0)
        guard try model.integer(0, default: UInt32(0)) == 3 else {
            throw .malformed(.unsupportedVersion, offset: model.position)
        }
        operatorCodes = try model.vector(1, elementBytes: 4)
        buffers = try model.vector(4, elementBytes: 4)
        let subgraphs = try model.vector(2, elementBytes: 4)
        guard subgraphs.count > 0 else { throw .malformed(.noSubgraph, offset: model.position) }
        subgraph = try subgraphs.table(at: index)
        self.file = file
        self.limits = limits
    }

    /// The graph, with what the graphs that it calls once give to variables.
    func readGraph() throws(ModelError) -> Graph {
        var graph = try readOneGraph()
        try readInitialValues(&graph)
        return graph
    }

    func readOneGraph() throws(ModelError) -> Graph {
        let tensors = try readTensors()
        let inputs = try readIndices(1, below: tensors.count)
        let outputs = try readIndices(2, below: tensors.count)
        let nodes = try readNodes(tensorCount: tensors.count)
        let graph = Graph(
            bytes: file, tensors: tensors, nodes: nodes, inputs: inputs, outputs: outputs)
        try checkExtents(graph)
        try checkOrder(graph)
        return graph
    }

    // MARK: - Tensors

    private func readTensors() throws(ModelError) -> [GraphTensor] {
        let vector = try subgraph.vector(0, elementBytes: 4)
        guard vector.count <= limits.tensors else {
            throw .tooManyTensors(count: vector.count, limit: limits.tensors)
        }
        var tensors: [GraphTensor] = []
        tensors.reserveCapacity(vector.count)
        var parameters = 0
        for index in 0..<vector.count {
            let tensor = try readTensor(try vector.table(at: index), index: index)
            parameters += tensor.quantization?.scales.count ?? 0
            guard parameters <= limits.quantizationParameters else {
                throw .tooManyQuantizationParameters(
                    count: parameters, limit: limits.quantizationParameters)
            }
            tensors.append(tensor)
        }
        return tensors
    }

    private func readTensor(_ table: FlatBufferTable, index: Int) throws(ModelError) -> GraphTensor
    {
        let name = try table.string(3)
        guard let type = ElementType(tfliteCode: Int(try table.integer(1, default: Int8(0)))) else {
            throw .malformed(.unknownElementType, offset: table.position)
        }
        if try table.table(6) != nil {
            throw .invalidTensor(name: name, index: index, reason: "sparse data is not supported")
        }
        let (shape, emptyAxis) = try readShape(table, name: name, index: index)
        let limit = min(limits.tensorBytes, Int(Int32.max))  // kernels count in 32 bits
        var bytes = type.byteCount ?? 1
        for dimension in shape {
            let (product, overflow) = bytes.multipliedReportingOverflow(by: dimension)
            guard !overflow, product <= limit else {
                throw .tensorTooLarge(tensor: name, limitBytes: limit)
            }
            bytes = product
        }
        let elements = bytes / (type.byteCount ?? 1)
        return GraphTensor(
            name: name, shape: shape, elementType: type,
            quantization: try readQuantization(table, name: name, index: index),
            constant: try readData(table, elements: elements, type: type),
            isVariable: try table.bool(5), openAxis: try readOpenAxis(table),
            emptyAxis: emptyAxis)
    }

    /// A dimension of −1 (unknown until run time, in practice the batch) is 1.
    private func readShape(
        _ table: FlatBufferTable, name: String, index: Int
    ) throws(ModelError) -> (shape: [Int], emptyAxis: Int?) {
        let vector = try table.vector(0, elementBytes: 4)
        guard vector.count <= limits.rank else {
            throw .rankTooLarge(tensor: name, rank: vector.count, limit: limits.rank)
        }
        var shape: [Int] = []
        var emptyAxis: Int?
        for axis in 0..<vector.count {
            let dimension = Int(try vector.integer(Int32.self, at: axis))
            guard dimension >= -1 else {
                throw .invalidTensor(
                    name: name, index: index, reason: "dimension \(axis) is \(dimension)")
            }
            if dimension == 0 && emptyAxis == nil { emptyAxis = axis }
            shape.append(max(dimension, 1))
        }
        return (shape, emptyAxis)
    }

    /// The first axis of -1 in the shape or its signature.
    private func readOpenAxis(_ table: FlatBufferTable) throws(ModelError) -> Int? {
        for field in [0, 7] {
            let vector = try table.vector(field, elementBytes: 4)
            for axis in 0..<min(vector.count, limits.rank)
            where try vector.integer(Int32.self, at: axis) == -1 {
                return axis
            }
        }
        return nil
    }

    private func readQuantization(
        _ table: FlatBufferTable, name: String, index: Int
    ) throws(ModelError) -> Quantization? {
        guard let parameters = try table.table(4) else { return nil }
        let scales = try parameters.vector(2, elementBytes: 4)
        if scales.count == 0 { return nil }
        guard try parameters.integer(4, default: UInt8(0)) == 0 else {
            throw .invalidTensor(
                name: name, index: index, reason: "custom quantization is not supported")
        }
        guard scales.count <= limits.quantizationParameters else {
            throw .tooManyQuantizationParameters(
                count: scales.count, limit: limits.quantizationParameters)
        }
        let zeroPoints = try parameters.vector(3, elementBytes: 8)
        guard zeroPoints.count == scales.count || zeroPoints.count <= 1 else {
            throw .invalidTensor(
                name: name, index: index,
                reason: "\(scales.count) scales but \(zeroPoints.count) zero points")
        }
        var result = Quantization(
            scales: [], zeroPoints: [], axis: Int(try parameters.integer(6, default: Int32(0))))
        result.scales.reserveCapacity(scales.count)
        result.zeroPoints.reserveCapacity(scales.count)
        for channel in 0..<scales.count {
            let scale = try scales.float(at: channel)
            guard scale.isFinite, scale >= 0 else {
                throw .invalidTensor(
                    name: name, index: index, reason: "scale \(channel) is \(scale)")
            }
            result.scales.append(scale)
            let zeroPoint =
                zeroPoints.count == 0
                ? 0 : try zeroPoints.integer(Int64.self, at: zeroPoints.count == 1 ? 0 : channel)
            guard let zeroPoint = Int32(exactly: zeroPoint) else {
                throw .invalidTensor(
                    name: name, index: index, reason: "zero point \(channel) is \(zeroPoint)")
            }
            result.zeroPoints.append(Int(zeroPoint))
        }
        return result
    }

    /// The constant elements of a tensor; nil when it has none.
    private func readData(
        _ table: FlatBufferTable, elements: Int, type: ElementType
    ) throws(ModelError) -> Range<Int>? {
        let index = Int(try table.integer(2, default: UInt32(0)))
        if index == 0 && buffers.count == 0 { return nil }
        guard index < buffers.count else {
            throw .malformed(.indexOutOfRange, offset: table.position)
        }
        let buffer = try buffers.table(at: index)
        var range = try buffer.vector(0, elementBytes: 1).range
        // Data of models beyond 2 GiB stands behind the FlatBuffer; offsets 0 and 1 mean none.
        let offset = try buffer.integer(1, default: UInt64(0))
        if range.isEmpty && offset > 1 {
            let size = try buffer.integer(2, default: UInt64(0))
            guard let start = Int(exactly: offset), let bytes = Int(exactly: size),
                start <= file.count, bytes <= file.count - start
            else { throw .malformed(.offsetOutOfBounds, offset: buffer.position) }
            range = start..<start + bytes
        }
        if range.isEmpty { return nil }
        guard let width = type.byteCount else { return range }
        guard range.count >= elements * width else {
            throw .malformed(.dataTooShort, offset: range.lowerBound)
        }
        guard range.count == elements * width else {
            throw .malformed(.dataTooLong, offset: range.lowerBound)
        }
        return range
    }

    // MARK: - Operators

    private func readIndices(_ field: Int, below bound: Int) throws(ModelError) -> [Int] {
        let vector = try subgraph.vector(field, elementBytes: 4)
        guard vector.count <= limits.operands else {
            throw .tooManyOperands(count: vector.count, limit: limits.operands, position: -1)
        }
        return try tensorIndices(vector, below: bound)
    }

    private func readNodes(tensorCount: Int) throws(ModelError) -> [GraphNode] {
        let vector = try subgraph.vector(3, elementBytes: 4)
        guard vector.count <= limits.operators else {
            throw .tooManyOperators(count: vector.count, limit: limits.operators)
        }
        var nodes: [GraphNode] = []
        nodes.reserveCapacity(vector.count)
        for position in 0..<vector.count {
            nodes.append(
                try readNode(
                    try vector.table(at: position), position: position, tensorCount: tensorCount))
        }
        return nodes
    }

    private func readNode(
        _ table: FlatBufferTable, position: Int, tensorCount: Int
    ) throws(ModelError) -> GraphNode {
        let inputs = try table.vector(1, elementBytes: 4)
        let outputs = try table.vector(2, elementBytes: 4)
        guard inputs.count + outputs.count <= limits.operands else {
            throw .tooManyOperands(
                count: inputs.count + outputs.count, limit: limits.operands, position: position)
        }
        let code = try operatorCodes.table(
            at: Int(try table.integer(0, default: UInt32(0))))
        // Codes below 127 stand in the old byte field too, and only there in old files.
        let builtin = max(
            Int(try code.integer(3, default: Int32(0))), Int(try code.integer(0, default: Int8(0))))
        let name =
            builtin == TFLiteOperator.custom
            ? "custom '\(try code.string(1))'" : TFLiteOperatorNames.name(of: builtin)
        let options = TFLiteOptions(
            table: try table.table(4), name: name, position: position)
        var node = GraphNode(
            position: position, name: name, operation: try options.operation(builtin),
            inputs: [], outputs: [])
        for element in 0..<inputs.count {
            let index = Int(try inputs.integer(Int32.self, at: element))
            guard index >= -1, index < tensorCount else {
                throw .malformed(.indexOutOfRange, offset: inputs.start + 4 * element)
            }
            node.inputs.append(index == -1 ? nil : index)
        }
        node.outputs = try tensorIndices(outputs, below: tensorCount)
        let intermediates = try table.vector(8, elementBytes: 4)
        guard intermediates.count <= limits.operands else {
            throw .tooManyOperands(
                count: intermediates.count, limit: limits.operands, position: position)
        }
        node.intermediates = try tensorIndices(intermediates, below: tensorCount)
        return node
    }

    private func tensorIndices(
        _ vector: FlatBufferVector, below bound: Int
    ) throws(ModelError) -> [Int] {
        var indices: [Int] = []
        for element in 0..<vector.count {
            let index = Int(try vector.integer(Int32.self, at: element))
            guard index >= 0, index < bound else {
                throw .malformed(.indexOutOfRange, offset: vector.start + 4 * element)
            }
            indices.append(index)
        }
        return indices
    }

    /// A tensor that an operator or the user touches has elements.
    private func checkExtents(_ graph: Graph) throws(ModelError) {
        var used = graph.inputs + graph.outputs
        for node in graph.nodes { used += node.inputs.compactMap { $0 } + node.outputs }
        for index in used {
            guard let axis = graph.tensors[index].emptyAxis else { continue }
            throw .invalidTensor(
                name: graph.tensors[index].name, index: index, reason: "dimension \(axis) is 0")
        }
    }

    /// Every tensor is written once, and before it is read. This also rules out cycles.
    private func checkOrder(_ graph: Graph) throws(ModelError) {
        var written = graph.tensors.map { $0.constant != nil || $0.isVariable }
        let offset = subgraph.position
        for input in graph.inputs {
            guard !written[input] else { throw .malformed(.writtenTwice, offset: offset) }
            written[input] = true
        }
        for node in graph.nodes {
            for case let input? in node.inputs where !written[input] {
                throw .malformed(.readBeforeWritten, offset: offset)
            }
            for output in node.outputs {
                guard !written[output] else { throw .malformed(.writtenTwice, offset: offset) }
                written[output] = true
            }
        }
        for output in graph.outputs where !written[output] {
            throw .malformed(.readBeforeWritten, offset: offset)
        }
    }
}

extension ElementType {
    /// - Source: enum TensorType of the schema.
    init?(tfliteCode code: Int) {
        let types: [ElementType] = [
            .float32, .float16, .int32, .uint8, .int64, .string, .bool, .int16, .complex64, .int8,
            .float64, .complex128, .uint64, .resource, .variant, .uint32, .uint16, .int4,
        ]
        guard code >= 0, code < types.count else { return nil }
        self = types[code]
    }
}
