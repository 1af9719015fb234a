/// Comparisons, and choices by them.
extension ONNXGraphBuilder {
    /// - Returns: false for an operator that is not here.
    mutating func lowerLogic(_ context: Context) throws(ModelError) -> Bool {
        switch context.node.operation {
        case "Less": try compare(.less, context)
        case "LessOrEqual": try compare(.lessOrEqual, context)
        case "Greater": try compare(.less, context, swaps: true)
        case "GreaterOrEqual": try compare(.lessOrEqual, context, swaps: true)
        case "Equal": try compare(.equal, context)
        case "And": try compare(.and, context)
        case "Or": try compare(.or, context)
        case "Xor": try compare(.exclusiveOr, context)
        case "Not": try unary(.logicalNot, context)
        case "Where":
            let condition = try tensor(context, 0)
            let (a, b) = (try tensor(context, 1), try tensor(context, 2))
            guard a.value.elementType == b.value.elementType,
                a.value.labels == b.value.labels
            else { throw context.reader.unsupported("elements of two types or of two lists") }
            let shape = try broadcast(
                try broadcast(a.value.shape, b.value.shape, context), condition.value.shape, context
            )
            let y = try addOutput(
                context, shape: shape, type: a.value.elementType, labels: a.value.labels)
            emit(.select, context, [condition.tensor, a.tensor, b.tensor], [y])
        default: return false
        }
        return true
    }

    private mutating func compare(
        _ comparison: Comparison, _ context: Context, swaps: Bool = false
    ) throws(ModelError) {
        let (a, b) = (try tensor(context, 0), try tensor(context, 1))
        guard a.value.labels.isEmpty, b.value.labels.isEmpty else {
            throw context.reader.unsupported("names of classes")
        }
        let shape = try broadcast(a.value.shape, b.value.shape, context)
        let y = try addOutput(context, shape: shape, type: .bool)
        emit(
            .compare(comparison), context,
            swaps ? [b.tensor, a.tensor] : [a.tensor, b.tensor], [y])
    }
}
