/// An ONNX model as it stands in the file: names, not yet tensors.
///
/// - Source: ModelProto, GraphProto, NodeProto and ValueInfoProto of onnx.proto (1.20).
struct ONNXModel {
    /// An input or output of the graph.
    struct Value {
        var name: String
        /// nil for what is no tensor (a sequence or map), or of a type that we do not know.
        var elementType: ElementType?
        /// Dimensions; nil for one that is only known at run time. nil for an unknown rank.
        var shape: [Int?]?
    }

    struct Node {
        var name = ""
        var operation = ""
        var domain = ""
        /// Names; empty for one that is left out.
        var inputs: [String] = []
        var outputs: [String] = []
        var attributes: [ONNXAttribute] = []
        /// The `axis` of a node that is not in the file.
        var channelAxis: Int?
    }

    private(set) var nodes: [Node] = []
    private(set) var constants: [ONNXTensor] = []
    private(set) var inputs: [Value] = []
    private(set) var outputs: [Value] = []
    /// Version of each operator set by its domain; the default domain is the empty one.
    private(set) var operatorSets: [String: Int] = [:]
    private let limits: ModelLimits

    /// Attributes of one node; the largest in use have twenty-six.
    private static let attributeLimit = 128

    /// Whether `file` can be an ONNX model: it begins with a field of ModelProto.
    static func recognises(_ file: ModelBytes) -> Bool {
        guard let tag = try? file.load(UInt8.self, at: 0) else { return false }
        // ir_version, producer_name, producer_version, domain, model_version, doc_string, graph,
        // opset_import, metadata_props: number << 3 | wire type.
        return [0x08, 0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72].contains(tag)
    }

    init(_ file: ModelBytes, limits: ModelLimits) throws(ModelError) {
        self.limits = limits
        var graph: Range<Int>?
        var reader = ProtobufReader(file, 0..<file.count)
        while let field = try reader.next() {
            switch field.number {
            case 7: graph = try field.range()
            case 8: try readOperatorSet(file, try field.range())
            case 25:
                throw .unsupportedForm(
                    name: "function", position: -1,
                    reason: "functions of the model's own are not supported; inline them")
            default: break
            }
        }
        guard let graph else { throw .malformed(.noSubgraph, offset: 0) }
        try readGraph(file, graph)
    }

    private mutating func readOperatorSet(
        _ file: ModelBytes, _ message: Range<Int>
    ) throws(ModelError) {
        var domain = ""
        var version = 0
        var reader = ProtobufReader(file, message)
        while let field = try reader.next() {
            if field.number == 1 { domain = try field.string(file) }
            if field.number == 2 { version = try field.integer() }
        }
        operatorSets[domain == "ai.onnx" ? "" : domain] = version
        guard operatorSets.count <= 64 else {
            throw .malformed(.badEnumeration, offset: message.lowerBound)
        }
    }

    private mutating func readGraph(
        _ file: ModelBytes, _ message: Range<Int>
    ) throws(ModelError) {
        var reader = ProtobufReader(file, message)
        while let field = try reader.next() {
            switch field.number {
            case 1:
                guard nodes.count < limits.operators else {
                    throw .tooManyOperators(count: nodes.count + 1, limit: limits.operators)
                }
                nodes.append(try node(file, try field.range()))
            case 5:
                guard constants.count < limits.tensors else {
                    throw .tooManyTensors(count: constants.count + 1, limit: limits.tensors)
                }
                constants.append(try ONNXTensor(file, try field.range(), limits: limits))
            case 11, 12:
                let value = try value(file, try field.range())
                if field.number == 11 { inputs.append(value) } else { outputs.append(value) }
                guard inputs.count <= limits.tensors, outputs.count <= limits.operands else {
                    throw .tooManyTensors(
                        count: max(inputs.count, outputs.count), limit: limits.tensors)
                }
            case 15:
                throw .unsupportedForm(
                    name: "sparse_initializer", position: -1,
                    reason: "sparse constants are not supported")
            default: break
            }
        }
        // Before IR version 4 every constant was listed among the inputs too.
        let names = Set(constants.map(\.name))
        inputs.removeAll { names.contains($0.name) }
        guard inputs.count <= limits.operands else {
            throw .tooManyOperands(count: inputs.count, limit: limits.operands, position: -1)
        }
    }

    private func node(_ file: ModelBytes, _ message: Range<Int>) throws(ModelError) -> Node {
        var node = Node()
        var reader = ProtobufReader(file, message)
        while let field = try reader.next() {
            switch field.number {
            case 1: node.inputs.append(try field.string(file))
            case 2: node.outputs.append(try field.string(file))
            case 3: node.name = try field.string(file)
            case 4: node.operation = try field.string(file)
            case 5: node.attributes.append(try ONNXAttribute(file, try field.range()))
            case 7: node.domain = try field.string(file)
            default: break
            }
            let operands = node.inputs.count + node.outputs.count
            guard operands <= limits.operands, node.attributes.count <= Self.attributeLimit else {
                throw .tooManyOperands(
                    count: max(operands, node.attributes.count), limit: limits.operands,
                    position: nodes.count)
            }
        }
        if node.domain == "ai.onnx" { node.domain = "" }
        return node
    }

    private func value(_ file: ModelBytes, _ message: Range<Int>) throws(ModelError) -> Value {
        var value = Value(name: "", elementType: nil, shape: nil)
        var reader = ProtobufReader(file, message)
        while let field = try reader.next() {
            if field.number == 1 { value.name = try field.string(file) }
            if field.number == 2 {
                var type = ProtobufReader(file, try field.range())
                while let kind = try type.next() {
                    guard kind.number == 1 else { continue }
                    try readTensorType(file, try kind.range(), into: &value)
                }
            }
        }
        return value
    }

    private func readTensorType(
        _ file: ModelBytes, _ message: Range<Int>, into value: inout Value
    ) throws(ModelError) {
        var reader = ProtobufReader(file, message)
        while let field = try reader.next() {
            if field.number == 1 { value.elementType = ElementType(onnxCode: try field.integer()) }
            guard field.number == 2 else { continue }
            var shape: [Int?] = []
            var dimensions = ProtobufReader(file, try field.range())
            while let dimension = try dimensions.next() {
                guard dimension.number == 1 else { continue }
                guard shape.count < limits.rank else {
                    throw .rankTooLarge(
                        tensor: value.name, rank: shape.count + 1, limit: limits.rank)
                }
                var size: Int?
                var parts = ProtobufReader(file, try dimension.range())
                while let part = try parts.next() {
                    if part.number == 1 { size = try part.integer() }
                }
                shape.append(size)
            }
            value.shape = shape
        }
    }
}
