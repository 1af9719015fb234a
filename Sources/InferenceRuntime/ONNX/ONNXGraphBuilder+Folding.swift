/// Nodes whose result is known when the model is loaded: shapes, and the arithmetic that exporters
/// do on them.
extension ONNXGraphBuilder {
    /// Elements of a result that is folded; what is larger is no shape.
    private static let foldingLimit = 4_096

    /// - Returns: whether the node's outputs are now constants.
    mutating func fold(_ context: Context) throws(ModelError) -> Bool {
        guard context.node.domain.isEmpty, context.node.outputs.count >= 1 else { return false }
        switch context.node.operation {
        case "Constant":
            set(context, Self.value(of: try constant(context)))
            return true
        case "Shape":
            let shape = try context.input(0).shape
            let start = Self.clamped(try context.reader.integer("start") ?? 0, shape.count)
            let end = Self.clamped(
                try context.reader.integer("end") ?? shape.count, shape.count)
            set(context, Self.integers(Array(shape[min(start, end)..<end])))
            return true
        case "Size":
            set(context, Self.integers([try context.input(0).elementCount], shape: []))
            return true
        default: break
        }
        if context.node.operation == "ConstantOfShape" {
            let shape = try context.integers(0) ?? []
            let value = try context.reader.tensor("value")
            let count = shape.reduce(1) {
                $0 > Self.foldingLimit ? $0 : $0 * min(max($1, 0), 4_097)
            }
            guard shape.allSatisfy({ $0 >= 1 }), count <= Self.foldingLimit else {
                throw context.reader.unsupported("a constant of shape \(shape)")
            }
            let element = try value?.bytes() ?? [0, 0, 0, 0]
            guard value?.elementCount ?? 1 == 1 else {
                throw context.reader.invalid("its value is not one element")
            }
            let bytes = Array(repeatElement(element, count: count).joined())
            set(
                context,
                Self.value(
                    of: ONNXTensor(
                        bytes: bytes, shape: shape, elementType: value?.elementType ?? .float32,
                        name: "folded")))
            return true
        }
        let operands = context.inputs.compactMap { $0 }
        let constants = operands.compactMap(\.constant)
        guard !constants.isEmpty, constants.count == operands.count,
            constants.allSatisfy({ $0.elementType != .string }),
            constants.reduce(0, { $0 + $1.elementCount }) <= Self.foldingLimit
        else { return false }
        guard let result = try folded(context, constants) else { return false }
        set(context, Self.value(of: result))
        return true
    }

    private static func integers(_ values: [Int], shape: [Int]? = nil) -> Value {
        value(of: ONNXTensor(values, shape: shape ?? [values.count], name: "folded"))
    }

    private static func clamped(_ index: Int, _ count: Int) -> Int {
        min(max(index < 0 ? index + count : index, 0), count)
    }

    /// The value of a Constant node, whichever attribute holds it.
    private func constant(_ context: Context) throws(ModelError) -> ONNXTensor {
        let reader = context.reader
        if let tensor = try reader.tensor("value") { return tensor }
        if let value = try reader.integer("value_int") {
            return ONNXTensor([value], shape: [], name: "constant")
        }
        if let value = try reader.float("value_float") {
            return ONNXTensor([value], shape: [], name: "constant")
        }
        let integers = try reader.integers("value_ints")
        if !integers.isEmpty {
            return ONNXTensor(integers, shape: [integers.count], name: "constant")
        }
        let floats = try reader.floats("value_floats")
        if !floats.isEmpty { return ONNXTensor(floats, shape: [floats.count], name: "constant") }
        throw reader.unsupported("a constant of this kind")
    }

    /// - Returns: nil when the operator is not folded; it may still be lowered.
    private func folded(
        _ context: Context, _ inputs: [ONNXTensor]
    ) throws(ModelError) -> ONNXTensor? {
        let reader = context.reader
        let first = inputs[0]
        switch context.node.operation {
        case "Identity": return first
        case "Cast":
            switch ElementType(onnxCode: try reader.integer("to") ?? 0) {
            case .int64: return ONNXTensor(try first.integers(), shape: first.shape, name: "folded")
            case .float32: return ONNXTensor(try first.floats(), shape: first.shape, name: "folded")
            default: return nil
            }
        case "Reshape", "Flatten":
            return nil
        case "Unsqueeze", "Squeeze":
            let axes = try axes(context, input: 1)
            let shape =
                context.node.operation == "Squeeze"
                ? try squeezed(first.shape, axes, context)
                : try unsqueezed(first.shape, axes ?? [], context)
            return first.reshaped(shape)
        case "Concat":
            guard first.elementType == .int64, inputs.allSatisfy({ $0.shape.count == 1 }),
                inputs.allSatisfy({ $0.elementType == .int64 })
            else { return nil }
            var all: [Int] = []
            for input in inputs { all += try input.integers() }
            return ONNXTensor(all, shape: [all.count], name: "folded")
        case "Gather":
            guard first.elementType == .int64, first.shape.count == 1, inputs.count == 2 else {
                return nil
            }
            let values = try first.integers()
            var picked: [Int] = []
            for index in try inputs[1].integers() {
                let place = index < 0 ? index + values.count : index
                guard values.indices.contains(place) else {
                    throw reader.invalid("index \(index) of \(values.count)")
                }
                picked.append(values[place])
            }
            return ONNXTensor(picked, shape: inputs[1].shape, name: "folded")
        case "Slice":
            guard first.elementType == .int64, first.shape.count == 1, inputs.count >= 3 else {
                return nil
            }
            let values = try first.integers()
            guard let start = try inputs[1].integers().first,
                let end = try inputs[2].integers().first
            else { return nil }
            if inputs.count > 4, try inputs[4].integers() != [1] { return nil }
            let lower = Self.clamped(start, values.count)
            let upper = Self.clamped(end == .max ? values.count : end, values.count)
            let part = Array(values[min(lower, upper)..<upper])
            return ONNXTensor(part, shape: [part.count], name: "folded")
        case "Add", "Sub", "Mul", "Div":
            return try arithmetic(context, inputs)
        default: return nil
        }
    }

    /// Arithmetic on shapes: int64, equal lengths or one of them a single number.
    private func arithmetic(
        _ context: Context, _ inputs: [ONNXTensor]
    ) throws(ModelError) -> ONNXTensor? {
        guard inputs.count == 2 else { return nil }
        if inputs.allSatisfy({ $0.elementType == .float32 }), context.node.operation == "Mul",
            inputs[0].elementCount == 1 || inputs[1].elementCount == 1
        {
            let (left, right) = (try inputs[0].floats(), try inputs[1].floats())
            let products = left.flatMap { a in right.map { a * $0 } }
            let shape = try broadcast(inputs[0].shape, inputs[1].shape, context)
            return ONNXTensor(products, shape: shape, name: "folded")
        }
        guard inputs.allSatisfy({ $0.elementType == .int64 }) else { return nil }
        let left = try inputs[0].integers()
        let right = try inputs[1].integers()
        guard left.count == right.count || left.count == 1 || right.count == 1 else { return nil }
        var results: [Int] = []
        for place in 0..<max(left.count, right.count) {
            let a = left[left.count == 1 ? 0 : place]
            let b = right[right.count == 1 ? 0 : place]
            let (value, overflow) =
                switch context.node.operation {
                case "Add": a.addingReportingOverflow(b)
                case "Sub": a.subtractingReportingOverflow(b)
                case "Mul": a.multipliedReportingOverflow(by: b)
                default: a.dividedReportingOverflow(by: b)
                }
            guard !overflow else { throw context.reader.invalid("its arithmetic overflows") }
            results.append(value)
        }
        return ONNXTensor(
            results, shape: try broadcast(inputs[0].shape, inputs[1].shape, context), name: "folded"
        )
    }

    // MARK: - Axes

    /// Axes from an attribute, or from an input as newer versions have them; nil when left out.
    func axes(_ context: Context, input index: Int) throws(ModelError) -> [Int]? {
        if context.reader.has("axes") { return try context.reader.integers("axes") }
        return try context.integers(index)
    }

    func squeezed(
        _ shape: [Int], _ axes: [Int]?, _ context: Context
    ) throws(ModelError) -> [Int] {
        guard let axes else { return shape.filter { $0 != 1 } }
        var dropped: Set<Int> = []
        for axis in axes {
            let axis = try context.axis(axis, rank: shape.count)
            guard shape[axis] == 1 else {
                throw context.reader.invalid("it drops an axis of \(shape[axis])")
            }
            dropped.insert(axis)
        }
        return shape.indices.filter { !dropped.contains($0) }.map { shape[$0] }
    }

    func unsqueezed(
        _ shape: [Int], _ axes: [Int], _ context: Context
    ) throws(ModelError) -> [Int] {
        let rank = shape.count + axes.count
        guard rank <= limits.rank + 2 else {
            throw .rankTooLarge(tensor: context.name, rank: rank, limit: limits.rank)
        }
        var added: Set<Int> = []
        for axis in axes { added.insert(try context.axis(axis, rank: rank)) }
        guard added.count == axes.count else { throw context.reader.invalid("an axis twice") }
        var rest = shape[...]
        return (0..<rank).map { added.contains($0) ? 1 : rest.removeFirst() }
    }
}
