internal import CInferenceKernels

extension PlanBuilder {
    /// Lowers the operators, and the types of an operator, that no instruction set has kernels of
    /// its own for.
    ///
    /// - Returns: whether it did.
    mutating func lowerGeneral(_ node: GraphNode, _ index: Int) throws(ModelError) -> Bool {
        switch node.operation {
        case .unary(let function): try lowerUnary(node, index, function)
        case .binary(let function, let activation):
            try lowerBinary(node, index, function, activation)
        case .add(let activation) where !is8Bit(try output(node)):
            try lowerBinary(node, index, .add, activation)
        case .reduction(let reduction, let keepsAxes):
            try lowerReduction(node, index, reduction, keepsAxes: keepsAxes)
        case .argumentOfExtreme(let isMinimum):
            try lowerArgumentOfExtreme(node, index, isMinimum: isMinimum)
        case .variableHandle(let name): try lowerVariableHandle(node, name)
        case .readVariable: try lowerReadVariable(node, index)
        case .assignVariable: try lowerAssignVariable(node, index)
        case .shape: throw unsupported(node, "a shape that the model computes with")
        case .callOnce, .folded: break  // Done before the plan was made.
        case .transposeConvolution(let window, let activation):
            try lowerTransposeConvolution(node, index, window, activation)
        case .convolution(_, _, let activation), .depthwiseConvolution(_, _, let activation):
            guard try isWide(node) else { return false }
            try lowerWideConvolution(node, index, activation)
        case .fullyConnected(let activation):
            guard try isWide(node) else { return false }
            try lowerWideFullyConnected(node, index, activation)
        case .resize(let resize): try lowerResize(node, index, resize)
        case .batchMatrixProduct(let left, let right):
            try lowerBatchMatrixProduct(
                node, index, transposesLeft: left, transposesRight: right)
        case .svdf(let rank, let activation):
            try lowerSVDF(node, index, rank: rank, activation)
        case .lstm(let options): try lowerLSTM(node, index, options)
        case .recurrent(let options): try lowerRecurrent(node, index, options)
        case .compare(let comparison): try lowerComparison(node, index, comparison)
        case .select: try lowerSelect(node, index)
        case .encode(let map): try lowerEncoding(node, index, map)
        case .cast: try lowerCast(node, index)
        case .quantize, .dequantize: return try lowerChangeOfScale(node, index)
        case .averagePool(let window, let kernel, let activation)
        where type(try output(node)) != .int8:
            try lowerGeneralPool(node, index, window, kernel, activation, isAverage: true)
        case .maximumPool(let window, let kernel, let activation)
        where !is8Bit(try output(node)):
            try lowerGeneralPool(node, index, window, kernel, activation, isAverage: false)
        case .softmax(let beta) where type(try output(node)) == .float32:
            try lowerSoftmaxFloat(node, index, beta)
        case .softmax(let beta) where type(try output(node)) == .int16:
            try lowerSoftmax16(node, index, beta)
        case .movement(let movement): try lowerMovement(node, index, movement)
        default: return false
        }
        return true
    }

    // MARK: - Boxes

    /// Bytes between neighbours along each axis of `tensor` as `layout` stores it.
    func strides(_ layout: Layout, _ tensor: Int) -> [Int] {
        let shape = shape(tensor)
        let element = elementBytes(tensor)
        var strides = [Int](repeating: 0, count: shape.count)
        var outer = Int(layout.view.batch_stride)
        for axis in shape.indices.reversed() {
            switch shape.count - 1 - axis {
            case 0: strides[axis] = element
            case 1: strides[axis] = Int(layout.view.channels) * element
            case 2: strides[axis] = Int(layout.view.row_stride)
            default:
                strides[axis] = outer
                outer *= shape[axis]
            }
        }
        return strides
    }

    /// Parameters of a step that lie in the plan's constants.
    mutating func stored<T: BitwiseCopyable>(
        _ parameters: T
    ) throws(ModelError) -> UnsafeRawPointer? {
        let memory = unsafe try constants.allocate(T.self, count: 1)
        unsafe memory.baseAddress?.initialize(to: parameters)
        return UnsafeRawPointer(memory.baseAddress)
    }

    /// Appends a step of a kernel whose parameters lie in the plan's constants.
    mutating func append(
        _ run: @escaping ik_run_function, _ parameters: UnsafeRawPointer?, from input: Layout,
        and second: Layout? = nil, to output: Layout, _ node: Int
    ) {
        var step = unsafe ik_step()
        unsafe step.run = run
        unsafe step.u.parameters = unsafe parameters
        unsafe append(step, from: input, and: second, to: output, node)
    }

    /// A box of elements that two or more tensors share, with the fewest axes.
    struct Box {
        var extents: [Int]
        /// Of each tensor.
        var strides: [[Int]]

        /// Drops axes of extent 1 and joins neighbours that are contiguous in every tensor.
        init(_ extents: [Int], _ strides: [[Int]]) {
            self.extents = []
            self.strides = strides.map { _ in [] }
            for axis in extents.indices where extents[axis] != 1 {
                if let last = self.extents.indices.last,
                    strides.indices.allSatisfy({
                        self.strides[$0][last] == strides[$0][axis] * extents[axis]
                    })
                {
                    self.extents[last] *= extents[axis]
                    for tensor in strides.indices {
                        self.strides[tensor][last] = strides[tensor][axis]
                    }
                } else {
                    self.extents.append(extents[axis])
                    for tensor in strides.indices {
                        self.strides[tensor].append(strides[tensor][axis])
                    }
                }
            }
        }
    }

    /// Six numbers, right-aligned, as the kernels want axes.
    func axes(
        _ values: [Int], filler: Int64, _ node: GraphNode
    ) throws(ModelError) -> (Int64, Int64, Int64, Int64, Int64, Int64) {
        guard values.count <= Int(IK_AXES) else {
            throw unsupported(node, "more than \(IK_AXES) axes")
        }
        let all =
            Array(repeating: filler, count: Int(IK_AXES) - values.count) + values.map(Int64.init)
        return (all[0], all[1], all[2], all[3], all[4], all[5])
    }

    /// Copies a box of elements. Offsets are bytes.
    mutating func copyBox(
        _ extents: [Int], from input: Layout, at inputOffset: Int, _ inputStrides: [Int],
        to output: Layout, at outputOffset: Int, _ outputStrides: [Int], element: Int,
        _ node: GraphNode, _ index: Int
    ) throws(ModelError) {
        var box = Box(extents, [inputStrides, outputStrides])
        var block = element
        if let last = box.extents.indices.last, box.strides[0][last] == element,
            box.strides[1][last] == element
        {
            block *= box.extents.removeLast()
            box.strides[0].removeLast()
            box.strides[1].removeLast()
        }
        let parameters = unsafe try stored(
            ik_block_copy(
                extent: try axes(box.extents, filler: 1, node),
                input_stride: try axes(box.strides[0], filler: 0, node),
                output_stride: try axes(box.strides[1], filler: 0, node), block_bytes: Int64(block))
        )
        var (from, to) = (input, output)
        from.view.offset += Int64(inputOffset)
        to.view.offset += Int64(outputOffset)
        unsafe append(ik_scalar_block_copy, parameters, from: from, to: to, index)
    }

    // MARK: - Arguments

    /// The elements of a constant tensor of int32 or int64.
    ///
    /// - Throws: `unsupportedForm` when it is not constant or too long to be an argument.
    func integers(_ tensor: Int, _ node: GraphNode) throws(ModelError) -> [Int] {
        guard let bytes = graph.tensors[tensor].constant else {
            throw unsupported(node, "an argument that is not constant")
        }
        let count = graph.tensors[tensor].elementCount
        guard count <= 64 else { throw unsupported(node, "an argument of \(count) elements") }
        var result: [Int] = []
        for element in 0..<count {
            switch type(tensor) {
            case .int32:
                result.append(
                    Int(try graph.bytes.load(Int32.self, at: bytes.lowerBound + 4 * element)))
            case .int64:
                result.append(
                    Int(try graph.bytes.load(Int64.self, at: bytes.lowerBound + 8 * element)))
            default: throw unsupported(node, "an argument of type \(type(tensor).rawValue)")
            }
        }
        return result
    }

    /// `axis`, counted from the end when negative, of a shape of `rank`.
    func axis(_ axis: Int, rank: Int, _ node: GraphNode) throws(ModelError) -> Int {
        guard axis >= -rank, axis < rank else {
            throw invalid(node, "axis \(axis) of \(rank) axes")
        }
        return axis < 0 ? axis + rank : axis
    }

    func require(_ tensor: Int, hasShape expected: [Int], _ node: GraphNode) throws(ModelError) {
        guard shape(tensor) == expected else {
            throw invalid(node, "its output is \(shape(tensor)), not \(expected)")
        }
    }

    /// That `tensor` holds elements as `other` does, so that they may be moved.
    func requireSameElements(
        _ tensor: Int, as other: Int, _ node: GraphNode
    ) throws(ModelError) {
        guard type(tensor) == type(other) else {
            throw invalid(node, "it changes the type of its elements")
        }
        guard type(tensor).byteCount != nil else {
            throw unsupported(node, "elements of type \(type(tensor).rawValue)")
        }
        guard
            !is8Bit(tensor)
                || graph.tensors[tensor].quantization == graph.tensors[other].quantization
        else { throw unsupported(node, "input and output of different quantization") }
    }
}
