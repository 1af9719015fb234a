extension TFLiteReader {
    /// Most graphs that one model may call once.
    private static let largestCallCount = 16

    /// Reads the graphs that CALL_ONCE names. They may only assign constants to variables.
    func readInitialValues(_ graph: inout Graph) throws(ModelError) {
        var calls = 0
        for node in graph.nodes {
            guard case .callOnce(let index) = node.operation else { continue }
            calls += 1
            guard calls <= Self.largestCallCount, index != 0 else {
                throw .unsupportedForm(
                    name: node.name, position: node.position,
                    reason: "more than \(Self.largestCallCount) calls, or one of the main graph")
            }
            let reader = try TFLiteReader(file, limits: limits, subgraph: index)
            let initial = try reader.readOneGraph()
            graph.variables.merge(try Self.assignments(initial, node)) { _, new in new }
        }
    }

    private static func assignments(
        _ graph: Graph, _ call: GraphNode
    ) throws(ModelError) -> [String: InitialValue] {
        var names: [Int: String] = [:]
        var values: [String: InitialValue] = [:]
        for node in graph.nodes {
            switch node.operation {
            case .variableHandle(let name):
                for output in node.outputs { names[output] = name }
            case .assignVariable where node.inputs.count == 2:
                guard let handle = node.inputs[0], let name = names[handle],
                    let value = node.inputs[1], let constant = graph.tensors[value].constant
                else { fallthrough }
                values[name] = InitialValue(
                    shape: graph.tensors[value].shape,
                    elementType: graph.tensors[value].elementType, constant: constant)
            default:
                throw .unsupportedForm(
                    name: call.name, position: call.position,
                    reason: "its graph does more than assign constants to variables")
            }
        }
        return values
    }
}
