internal import CInferenceKernels

/// The session's memory of one variable.
struct VariablePlace {
    var layout: PlanBuilder.Layout
    var shape: [Int]
    var elementType: ElementType
    /// Whether something is in it by the time that the coming operator runs.
    var hasValue: Bool
}

extension PlanBuilder {
    mutating func lowerVariableHandle(_ node: GraphNode, _ name: String) throws(ModelError) {
        let handle = try output(node)
        guard type(handle) == .resource else { throw invalid(node, "its output is no resource") }
        variableNames[handle] = name
    }

    private func variableName(_ node: GraphNode) throws(ModelError) -> String {
        guard let name = variableNames[try input(node, 0)] else {
            throw invalid(node, "its first input is no handle of a variable")
        }
        return name
    }

    /// The place of a variable, made when the first operator names it.
    private mutating func place(
        _ name: String, for tensor: Int, _ node: GraphNode
    ) throws(ModelError) -> VariablePlace {
        if let known = variables[name] {
            guard known.shape == shape(tensor), known.elementType == type(tensor) else {
                throw unsupported(node, "a variable that changes its shape or type")
            }
            return known
        }
        guard type(tensor).byteCount != nil else {
            throw unsupported(node, "variables of type \(type(tensor).rawValue)")
        }
        let initial = graph.variables[name]
        if let initial {
            guard initial.shape == shape(tensor), initial.elementType == type(tensor) else {
                throw invalid(node, "the variable's first value has another shape or type")
            }
        }
        // Stored as the file has it, so that the first value is a plain copy.
        let layout = try makeStateLayout(tensor, initial: initial?.constant)
        let place = VariablePlace(
            layout: layout, shape: shape(tensor), elementType: type(tensor),
            hasValue: initial != nil)
        variables[name] = place
        return place
    }

    /// A copy, because the variable may be assigned before the value is used for the last time.
    mutating func lowerReadVariable(_ node: GraphNode, _ index: Int) throws(ModelError) {
        let y = try output(node)
        let place = try place(try variableName(node), for: y, node)
        guard place.hasValue else {
            throw unsupported(node, "a variable that is read before it has a value")
        }
        let to = try outputLayout(y)
        try copyBox(
            shape(y), from: place.layout, at: 0, strides(place.layout, y), to: to, at: 0,
            strides(to, y), element: elementBytes(y), node, index)
    }

    mutating func lowerAssignVariable(_ node: GraphNode, _ index: Int) throws(ModelError) {
        let name = try variableName(node)
        let x = try input(node, 1)
        let place = try place(name, for: x, node)
        let from = try layout(x)
        try copyBox(
            shape(x), from: from, at: 0, strides(from, x), to: place.layout, at: 0,
            strides(place.layout, x), element: elementBytes(x), node, index)
        variables[name]?.hasValue = true
    }
}
