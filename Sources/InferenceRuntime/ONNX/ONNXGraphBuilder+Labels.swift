/// LabelEncoder: values for keys, each integers, floats or names.
extension ONNXGraphBuilder {
    mutating func lowerLabelEncoder(_ context: Context) throws(ModelError) {
        let reader = context.reader
        let x = try tensor(context, 0)
        guard [.int64, .float32].contains(x.value.elementType) else {
            throw reader.unsupported("keys of type \(x.value.elementType.rawValue)")
        }
        var names: [String] = []
        let keys = try keys(context, x.value.labels)
        var values: [Double]
        let otherwise: Double
        let type: ElementType
        let strings = try reader.strings("values_strings")
        if let tensor = try reader.tensor("values_tensor") {
            guard [.int64, .float32].contains(tensor.elementType) else {
                throw reader.unsupported("values of type \(tensor.elementType.rawValue)")
            }
            type = tensor.elementType
            values = try tensor.reals()
            otherwise = try reader.tensor("default_tensor")?.reals().first ?? 0
        } else if !strings.isEmpty {
            // Names are places in a list of them.
            type = .int64
            for name in strings + [try reader.string("default_string") ?? "_Unused"]
            where !names.contains(name) {
                guard names.count <= 4_096 else { throw reader.unsupported("so many names") }
                names.append(name)
            }
            values = strings.map { Double(names.firstIndex(of: $0) ?? 0) }
            let last = try reader.string("default_string") ?? "_Unused"
            otherwise = Double(names.firstIndex(of: last) ?? 0)
        } else if reader.has("values_int64s") {
            type = .int64
            values = try reader.integers("values_int64s").map(Double.init)
            otherwise = Double(try reader.integer("default_int64") ?? -1)
        } else {
            type = .float32
            values = try reader.floats("values_floats").map(Double.init)
            otherwise = Double(try reader.float("default_float") ?? 0)
        }
        guard values.count == keys.count, values.count <= 1 << 20 else {
            throw reader.invalid("\(keys.count) keys for \(values.count) values")
        }
        guard type == .float32 || (values + [otherwise]).allSatisfy({ abs($0) <= 0x1p53 }),
            keys.allSatisfy({ abs($0) <= 0x1p53 })
        else { throw reader.unsupported("numbers beyond 2^53, or that are none") }
        let order = keys.indices.sorted { keys[$0] < keys[$1] }
        values = order.map { values[$0] }
        let map = LabelMap(
            keys: order.map { keys[$0] }, values: values, otherwise: otherwise)
        let y = try addOutput(context, shape: x.value.shape, type: type, labels: names)
        emit(.encode(map), context, [x.tensor], [y])
    }

    private func keys(
        _ context: Context, _ labels: [String]
    ) throws(ModelError) -> [Double] {
        let reader = context.reader
        let strings = try reader.strings("keys_strings")
        if !strings.isEmpty {
            // A name that the input cannot have is a key that never fits.
            return strings.enumerated().map { place, name in
                Double(labels.firstIndex(of: name) ?? -1 - place)
            }
        }
        guard labels.isEmpty else { throw reader.unsupported("names of classes as numbers") }
        if let tensor = try reader.tensor("keys_tensor") { return try tensor.reals() }
        let integers = try reader.integers("keys_int64s")
        if !integers.isEmpty { return integers.map(Double.init) }
        return try reader.floats("keys_floats").map(Double.init)
    }

    /// A column for each category: 1 where the input is that category.
    mutating func lowerOneHotEncoder(_ context: Context) throws(ModelError) {
        let reader = context.reader
        let x = try tensor(context, 0)
        guard try reader.integer("zeros") ?? 1 != 0 else {
            throw reader.unsupported("an error for an unknown category")
        }
        guard [.int64, .float32].contains(x.value.elementType) else {
            throw reader.unsupported("categories of type \(x.value.elementType.rawValue)")
        }
        var categories = try reader.integers("cats_int64s")
        let names = try reader.strings("cats_strings")
        if !names.isEmpty {
            // A name that the input cannot have is a category that never fits.
            categories = names.enumerated().map { place, name in
                x.value.labels.firstIndex(of: name) ?? -1 - place
            }
        }
        guard !categories.isEmpty, names.isEmpty == x.value.labels.isEmpty else {
            throw reader.invalid("its categories are not of its input's type")
        }
        let cells = try addTensor(
            "\(context.name)/cells", x.value.shape + [1], x.value.elementType)
        emit(.reshape, context, [x.tensor], [cells])
        let known =
            x.value.elementType == .int64
            ? try argument(categories)
            : try floatConstant(
                "\(context.name)/categories", categories.map(Float.init), shape: [categories.count])
        let shape = x.value.shape + [categories.count]
        let hits = try addTensor("\(context.name)/hits", shape, .bool)
        emit(.compare(.equal), context, [cells, known], [hits])
        let y = try addOutput(context, shape: shape, type: .float32)
        emit(.cast, context, [hits], [y])
    }
}
