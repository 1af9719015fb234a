/// Operators that repeat elements.
extension ONNXGraphBuilder {
    /// - Returns: false for an operator that is not here.
    mutating func lowerRepetition(_ context: Context) throws(ModelError) -> Bool {
        switch context.node.operation {
        case "Expand":
            guard let wanted = try context.integers(1), wanted.allSatisfy({ $0 >= 1 }) else {
                throw context.reader.unsupported(
                    "a shape that is not constant, or without elements")
            }
            let x = try tensor(context, 0)
            let shape = try broadcast(x.value.shape, wanted, context)
            let y = try addOutput(
                context, shape: shape, type: x.value.elementType, labels: x.value.labels,
                quantization: tensors[x.tensor].quantization)
            emit(.movement(.broadcast), context, [x.tensor], [y])
        case "Tile":
            let x = try tensor(context, 0)
            guard let counts = try context.integers(1), counts.count == x.value.shape.count,
                counts.allSatisfy({ (1...1 << 20).contains($0) })
            else { throw context.reader.unsupported("repetitions that are not constant") }
            var shape: [Int] = []
            for (extent, count) in zip(x.value.shape, counts) {
                let (product, overflow) = extent.multipliedReportingOverflow(by: count)
                guard !overflow else { throw context.reader.invalid("its shape overflows") }
                shape.append(product)
            }
            let y = try addOutput(
                context, shape: shape, type: x.value.elementType, labels: x.value.labels,
                quantization: tensors[x.tensor].quantization)
            emit(.movement(.tile), context, [x.tensor], [y])
        default: return false
        }
        return true
    }

    /// The output of `shape` whose every axis picks indices of the input's.
    ///
    /// - Parameter index: of an axis and a place along it; inside the input.
    mutating func emitGathered(
        _ context: Context, _ x: (tensor: Int, value: Value), _ shape: [Int],
        index: (_ axis: Int, _ place: Int) -> Int
    ) throws(ModelError) {
        var (tensor, current) = (x.tensor, x.value.shape)
        let quantization = tensors[tensor].quantization
        // Before anything walks over the extents, which come from the file: this checks them.
        let y = try addOutput(
            context, shape: shape, type: x.value.elementType, quantization: quantization)
        for axis in shape.indices {
            let indices = (0..<shape[axis]).map { index(axis, $0) }
            if indices == Array(0..<current[axis]) { continue }
            current[axis] = shape[axis]
            let argument = try argument(indices)
            let next = try addTensor(
                "\(context.name)/axis \(axis)", current, x.value.elementType,
                quantization: quantization)
            emit(
                .movement(.gather(axis: axis, batchAxes: 0)), context, [tensor, argument], [next])
            tensor = next
        }
        emit(.reshape, context, [tensor], [y])
    }
}
