extension Graph {
    /// The graph without operators whose results nobody reads: the shapes that converters compute
    /// for RESHAPE, which follows its output's shape here.
    func droppingUnused() -> Graph {
        var kept = self
        var isNeeded = [Bool](repeating: false, count: tensors.count)
        for output in outputs { isNeeded[output] = true }
        for place in nodes.indices.reversed() {
            let node = nodes[place]
            guard node.outputs.isEmpty || node.outputs.contains(where: { isNeeded[$0] }) else {
                kept.nodes[place].operation = .folded
                continue
            }
            let inputs = node.operation == .reshape ? node.inputs.prefix(1) : node.inputs[...]
            for case let input? in inputs { isNeeded[input] = true }
        }
        return kept
    }

    /// The graph with a DEQUANTIZE before each int8 operand of a matrix product or a transposed
    /// convolution of float32: these have no kernels of their own for hybrid operands.
    func dequantizingWeights() -> Graph {
        var widened = self
        widened.nodes = []
        for var node in nodes {
            switch node.operation {
            case .batchMatrixProduct, .transposeConvolution:
                guard let y = node.outputs.first, tensors[y].elementType == .float32 else { break }
                for (place, input) in node.inputs.enumerated() {
                    guard let input, tensors[input].elementType == .int8,
                        tensors[input].quantization != nil
                    else { continue }
                    widened.tensors.append(
                        GraphTensor(
                            name: tensors[input].name, shape: tensors[input].shape,
                            elementType: .float32))
                    let real = widened.tensors.count - 1
                    widened.nodes.append(
                        GraphNode(
                            position: node.position, name: node.name, operation: .dequantize,
                            inputs: [input], outputs: [real]))
                    node.inputs[place] = real
                }
            default: break
            }
            widened.nodes.append(node)
        }
        return widened
    }

    /// The graph with every DEQUANTIZE of a constant computed: models with float16 or int8 weights
    /// and float32 arithmetic store them so.
    ///
    /// - Throws: `weightsTooLarge`, `outOfMemory`.
    func foldingConstants(_ limits: ModelLimits) throws(ModelError) -> Graph {
        var folded = self
        var values: [(tensor: Int, elements: [Float])] = []
        var total = 0
        for (place, node) in nodes.enumerated() {
            guard node.operation == .dequantize, node.inputs.count == 1, node.outputs.count == 1,
                let x = node.inputs[0], let constant = tensors[x].constant,
                tensors[node.outputs[0]].elementType == .float32,
                tensors[node.outputs[0]].shape == tensors[x].shape
            else { continue }
            total += tensors[x].elementCount * 4
            guard total <= limits.weightBytes else {
                throw .weightsTooLarge(bytes: total, limit: limits.weightBytes)
            }
            guard let elements = try dequantized(tensors[x], constant) else { continue }
            values.append((node.outputs[0], elements))
            folded.nodes[place].operation = .folded
        }
        if values.isEmpty { return self }
        // Aligned, as every constant of the file is.
        let start = (bytes.count + 63) & ~63
        let counts = values.reduce(0) { $0 + $1.elements.count }
        let longer = try bytes.copy(extendedTo: start + 4 * counts)
        var offset = start
        for (tensor, elements) in values {
            longer.write(elements, at: offset)
            folded.tensors[tensor].constant = offset..<offset + 4 * elements.count
            offset += 4 * elements.count
        }
        folded.bytes = longer
        return folded
    }

    /// - Returns: nil for types that cannot be computed here.
    private func dequantized(
        _ tensor: GraphTensor, _ constant: Range<Int>
    ) throws(ModelError) -> [Float]? {
        var values: [Float] = []
        values.reserveCapacity(tensor.elementCount)
        if tensor.elementType == .float16 {
            for index in 0..<tensor.elementCount {
                let bits = try bytes.load(UInt16.self, at: constant.lowerBound + 2 * index)
                values.append(Float(half: bits))
            }
            return values
        }
        guard tensor.elementType == .int8 || tensor.elementType == .uint8,
            let quantization = tensor.quantization
        else { return nil }
        let (scales, axis) = (quantization.scales, quantization.axis)
        var inner = 1
        if scales.count > 1 {
            guard tensor.shape.indices.contains(axis), tensor.shape[axis] == scales.count else {
                return nil
            }
            inner = tensor.shape[(axis + 1)...].reduce(1, *)
        }
        for index in 0..<tensor.elementCount {
            let byte = try bytes.load(UInt8.self, at: constant.lowerBound + index)
            let stored = tensor.elementType == .int8 ? Int(Int8(bitPattern: byte)) : Int(byte)
            let channel = index / inner % scales.count
            let centred = stored - quantization.zeroPoints[channel]
            values.append(Float(centred) * scales[channel])
        }
        return values
    }
}

extension Float {
    /// The value of an IEEE 754 half-precision number. `Float16` is missing on some platforms.
    package init(half bits: UInt16) {
        let sign: FloatingPointSign = bits >> 15 == 0 ? .plus : .minus
        let exponent = Int(bits >> 10 & 0x1F)
        let fraction = Float(bits & 0x3FF)
        switch exponent {
        case 0: self = Float(sign: sign, exponent: -24, significand: fraction)
        case 0x1F: self = fraction == 0 ? (sign == .plus ? .infinity : -.infinity) : .nan
        default: self = Float(sign: sign, exponent: exponent - 25, significand: 1_024 + fraction)
        }
    }
}
