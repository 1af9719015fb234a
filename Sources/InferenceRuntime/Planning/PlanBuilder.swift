internal import CInferenceKernels

/// Lowers a graph to steps: decides where and how each tensor is stored, and which kernel runs
/// each operator with which constants.
///
/// Safe: the kernel set is static data, and steps point into the constant pool it holds.
@safe struct PlanBuilder {
    /// A piece of the arena with what it must hold before the first run.
    struct Storage {
        var request: ArenaRequest
        /// Byte that fills the whole piece; borders.
        var fill: UInt8?
        /// The file's bytes that it starts with; a constant operand.
        var constant: Range<Int>?
        /// The tensor that it was made for; nil for a layer's own state. For messages.
        var tensor: Int?
    }

    /// How a tensor is stored. The view's offset counts from the storage's start.
    struct Layout {
        var storage: Int
        var view: ik_tensor
        var border: Border

        /// The same elements as a single row; for a tensor without borders.
        var asOneRow: Layout {
            var layout = self
            layout.view.width *= view.height * view.batches
            layout.view.height = 1
            layout.view.batches = 1
            return layout
        }
    }

    /// A step whose tensors' offsets are still relative to their storages.
    ///
    /// Safe: its pointers lead into the constant pool, which outlives it.
    @safe struct PendingStep {
        var step: ik_step
        var input: Int
        var second: Int?
        var output: Int
        var node: Int
    }

    let graph: Graph
    let limits: ModelLimits
    let kernels: ik_kernel_set
    var constants: ConstantPool
    var storages: [Storage] = []
    var steps: [PendingStep] = []
    var multiplyAdds = 0

    /// Names of the variables that resource tensors stand for, and where the variables lie.
    var variableNames: [Int: String] = [:]
    var variables: [String: VariablePlace] = [:]

    /// Where an output lies that its producer did not write in its place.
    private(set) var outputPlaces: [Int: Layout] = [:]

    /// How its producer writes each tensor.
    private var layouts: [Layout?]
    /// Copies with another border or storage, made for consumers that need them.
    private var variants: [[Layout]]
    /// The border that the consumers of each tensor ask for.
    private var borders: [Border]

    init(_ graph: Graph, limits: ModelLimits, kernels: ik_kernel_set) {
        self.graph = graph
        self.limits = limits
        unsafe self.kernels = unsafe kernels
        constants = ConstantPool(limit: limits.weightBytes)
        layouts = Array(repeating: nil, count: graph.tensors.count)
        variants = Array(repeating: [], count: graph.tensors.count)
        borders = Array(repeating: Border(), count: graph.tensors.count)
    }

    /// Lowers the whole graph.
    mutating func build() throws(ModelError) {
        for node in graph.nodes { try noteBorder(node) }
        for input in graph.inputs {
            let layout = try makeLayout(
                input, flip: declaredFlip(input), border: Border(), first: -1)
            storages[layout.storage].request.last = .max
            layouts[input] = layout
        }
        for index in graph.nodes.indices { try lower(graph.nodes[index], index) }
        for output in graph.outputs { try finishOutput(output) }
    }

    private mutating func lower(_ node: GraphNode, _ index: Int) throws(ModelError) {
        if try lowerGeneral(node, index) { return }
        switch node.operation {
        case .fullyConnected(let activation):
            try lowerFullyConnected(node, index, activation)
        case .convolution(let window, let dilation, let activation):
            try lowerConvolution(node, index, window, dilation, activation)
        case .depthwiseConvolution(let window, let dilation, let activation):
            try lowerDepthwise(node, index, window, dilation, activation)
        case .add(let activation): try lowerAdd(node, index, activation)
        case .averagePool(let window, let kernel, let activation):
            try lowerPool(node, index, window, kernel, activation, isAverage: true)
        case .maximumPool(let window, let kernel, let activation):
            try lowerPool(node, index, window, kernel, activation, isAverage: false)
        case .reshape: try lowerReshape(node, index)
        case .softmax(let beta): try lowerSoftmax(node, index, beta)
        case .quantize: try lowerQuantize(node, index)
        case .dequantize: try lowerDequantize(node, index)
        case .treeEnsemble(let ensemble): try lowerTrees(node, index, ensemble)
        case .linearModel(let model): try lowerLinearModel(node, index, model)
        case .columnMap(let map): try lowerColumnMap(node, index, map)
        default: preconditionFailure("lowerGeneral takes every other operation")
        }
    }

    /// Convolutions want their padding around the tensor, written once.
    private mutating func noteBorder(_ node: GraphNode) throws(ModelError) {
        guard unsafe kernels.wants_borders != 0, let geometry = try convolutionGeometry(node),
            usesTiles(node, geometry), let input = node.inputs[0]
        else { return }
        borders[input] = borders[input].union(geometry.border)
    }

    // MARK: - Layouts

    /// The byte flip of a tensor as the user sees it: unsigned elements are flipped.
    private func declaredFlip(_ tensor: Int) -> UInt8 {
        graph.tensors[tensor].elementType == .uint8 ? 0x80 : 0
    }

    /// The byte flip of a tensor between two steps.
    private func internalFlip(_ tensor: Int) -> UInt8 {
        switch graph.tensors[tensor].elementType {
        case .int8, .uint8: unsafe kernels.flip
        default: 0
        }
    }

    /// A new piece of arena for `tensor`.
    private mutating func makeLayout(
        _ tensor: Int, flip: UInt8, border: Border, first: Int
    ) throws(ModelError) -> Layout {
        let shape = ImageShape(graph.tensors[tensor].shape)
        let element = graph.tensors[tensor].elementType.byteCount ?? 1
        let zeroPoint = signedZeroPoint(tensor)
        let pixel = shape.channels * element
        // The reader bounds a tensor's bytes and the options bound a border to 2^30: no overflow.
        let row = (border.left + shape.width + border.right).multipliedReportingOverflow(by: pixel)
        let rows = border.top + shape.height + border.bottom
        let batch = row.partialValue.multipliedReportingOverflow(by: rows)
        let total = batch.partialValue.multipliedReportingOverflow(by: shape.batches)
        guard !row.overflow, !batch.overflow, !total.overflow,
            total.partialValue <= limits.arenaBytes
        else { throw .arenaTooLarge(bytes: .max, limit: limits.arenaBytes) }
        let view = ik_tensor(
            offset: Int64(border.top * row.partialValue + border.left * pixel),
            batch_stride: Int64(batch.partialValue), row_stride: Int64(row.partialValue),
            batches: Int32(shape.batches), height: Int32(shape.height), width: Int32(shape.width),
            channels: Int32(shape.channels), zero_point: Int32(zeroPoint), flip: flip)
        let isBordered = border != Border()
        storages.append(
            Storage(
                request: ArenaRequest(
                    byteCount: total.partialValue, first: isBordered ? -1 : first,
                    last: isBordered ? .max : first),
                fill: isBordered ? UInt8(truncatingIfNeeded: zeroPoint) ^ flip : nil,
                tensor: tensor))
        return Layout(storage: storages.count - 1, view: view, border: border)
    }

    /// The layout that the producer of `tensor` is to write, made at the coming step.
    mutating func outputLayout(_ tensor: Int) throws(ModelError) -> Layout {
        let isGraphOutput = graph.outputs.contains(tensor)
        let layout = try makeLayout(
            tensor, flip: isGraphOutput ? declaredFlip(tensor) : internalFlip(tensor),
            border: isGraphOutput ? Border() : borders[tensor], first: steps.count)
        if isGraphOutput { storages[layout.storage].request.last = .max }
        layouts[tensor] = layout
        return layout
    }

    /// Memory that keeps its contents from one run to the next and starts as `initial`, or zero.
    mutating func makeStateLayout(
        _ tensor: Int, initial: Range<Int>?
    ) throws(ModelError) -> Layout {
        let layout = try makeLayout(
            tensor, flip: declaredFlip(tensor), border: Border(), first: -1)
        storages[layout.storage].request.last = .max
        storages[layout.storage].constant = initial
        if initial == nil { storages[layout.storage].fill = 0 }
        return layout
    }

    /// Memory of a recurrent layer: zero at first, kept from one run to the next.
    mutating func makeRawState(byteCount: Int) -> Layout {
        storages.append(
            Storage(
                request: ArenaRequest(byteCount: byteCount, first: -1, last: .max), fill: 0))
        return Layout(storage: storages.count - 1, view: ik_tensor(), border: Border())
    }

    /// The byte flip that `outputLayout` will give.
    func outputFlip(_ tensor: Int) -> UInt8 {
        graph.outputs.contains(tensor) ? declaredFlip(tensor) : internalFlip(tensor)
    }

    /// The same for a kernel that writes whole tensors without gaps.
    mutating func denseOutputLayout(_ tensor: Int) throws(ModelError) -> Layout {
        borders[tensor] = Border()
        return try outputLayout(tensor)
    }

    /// Makes `tensor` another view of memory that is written already.
    mutating func alias(_ tensor: Int, of layout: Layout) {
        var layout = layout
        let shape = ImageShape(graph.tensors[tensor].shape)
        let element = Int64(graph.tensors[tensor].elementType.byteCount ?? 1)
        layout.view.batches = Int32(shape.batches)
        layout.view.height = Int32(shape.height)
        layout.view.width = Int32(shape.width)
        layout.view.channels = Int32(shape.channels)
        layout.view.row_stride = Int64(shape.width * shape.channels) * element
        layout.view.batch_stride = layout.view.row_stride * Int64(shape.height)
        layout.view.zero_point = Int32(signedZeroPoint(tensor))
        layouts[tensor] = layout
    }

    /// `tensor` as it lies, whatever its border and flip.
    mutating func layout(_ tensor: Int) throws(ModelError) -> Layout {
        if let layout = layouts[tensor] { return layout }
        let layout = try constantLayout(tensor)
        layouts[tensor] = layout
        return layout
    }

    /// `tensor` without borders.
    mutating func denseLayout(_ tensor: Int, _ node: Int) throws(ModelError) -> Layout {
        let layout = try layout(tensor)
        if layout.border == Border() { return layout }
        return try variant(tensor, node) {
            $0.border == Border()
        } make: {
            (Border(), $0.view.flip)
        }
    }

    /// `tensor` without borders, stored as the vector kernels want it.
    mutating func nativeDenseLayout(_ tensor: Int, _ node: Int) throws(ModelError) -> Layout {
        let layout = try layout(tensor)
        let flip = unsafe kernels.flip
        if layout.border == Border(), layout.view.flip == flip { return layout }
        return try variant(tensor, node) {
            $0.border == Border() && $0.view.flip == flip
        } make: { _ in
            (Border(), flip)
        }
    }

    /// `tensor` with at least `border` around it, stored as the vector kernels want it.
    mutating func nativeLayout(
        _ tensor: Int, _ border: Border, _ node: Int
    ) throws(ModelError) -> Layout {
        let layout = try layout(tensor)
        let flip = unsafe kernels.flip
        if layout.border.covers(border), layout.view.flip == flip { return layout }
        let wanted = borders[tensor].union(border)
        return try variant(tensor, node) {
            $0.border.covers(border) && $0.view.flip == flip
        } make: { _ in
            (wanted, flip)
        }
    }

    private mutating func variant(
        _ tensor: Int, _ node: Int, fits: (Layout) -> Bool,
        make: (Layout) -> (border: Border, flip: UInt8)
    ) throws(ModelError) -> Layout {
        if let known = variants[tensor].first(where: fits) { return known }
        let source = try layout(tensor)
        let form = make(source)
        let copy = try makeLayout(
            tensor, flip: form.flip, border: form.border, first: steps.count)
        try appendCopy(from: source, to: copy, element: elementBytes(tensor), node)
        variants[tensor].append(copy)
        return copy
    }

    /// Constant operands of elementwise operators lie in the arena like any other tensor.
    private mutating func constantLayout(_ tensor: Int) throws(ModelError) -> Layout {
        if graph.tensors[tensor].isVariable { return try makeStateLayout(tensor, initial: nil) }
        guard let bytes = graph.tensors[tensor].constant else {
            // The reader proved that an operator names it as its output; not every kind writes one.
            throw .invalidTensor(
                name: graph.tensors[tensor].name, index: tensor,
                reason: "the operator that it is an output of has none")
        }
        let layout = try makeLayout(
            tensor, flip: declaredFlip(tensor), border: Border(), first: -1)
        storages[layout.storage].request.last = .max
        storages[layout.storage].constant = bytes
        return layout
    }

    /// An output that is an input, a constant or an alias gets a place of its own.
    private mutating func finishOutput(_ tensor: Int) throws(ModelError) {
        let layout = try layout(tensor)
        let isOwn =
            storages[layout.storage].request.first >= 0
            && storages[layout.storage].request.last == .max && layout.border == Border()
            && layout.view.flip == declaredFlip(tensor)
        if isOwn { return }
        let copy = try makeLayout(
            tensor, flip: declaredFlip(tensor), border: Border(), first: steps.count)
        try appendCopy(from: layout, to: copy, element: elementBytes(tensor), graph.nodes.count - 1)
        storages[copy.storage].request.last = .max
        outputPlaces[tensor] = copy
    }

    func elementBytes(_ tensor: Int) -> Int { graph.tensors[tensor].elementType.byteCount ?? 1 }

    // MARK: - Steps

    /// Appends a step and extends the lives of what it touches.
    mutating func append(
        _ step: ik_step, from input: Layout, and second: Layout? = nil, to output: Layout,
        _ node: Int
    ) {
        var step = unsafe step
        unsafe step.input = input.view
        if let second { unsafe step.second = second.view }
        unsafe step.output = output.view
        let index = steps.count
        extend(input.storage, to: index)
        if let second { extend(second.storage, to: index) }
        extend(output.storage, to: index)
        unsafe steps.append(
            PendingStep(
                step: step, input: input.storage, second: second?.storage, output: output.storage,
                node: node))
    }

    private mutating func extend(_ storage: Int, to step: Int) {
        storages[storage].request.last = max(storages[storage].request.last, step)
    }

    mutating func appendCopy(
        from input: Layout, to output: Layout, element: Int, _ node: Int
    ) throws(ModelError) {
        var (input, output) = (input, output)
        // What lies in one piece is copied in one piece.
        if input.border == Border(), output.border == Border() {
            input = input.asOneRow
            output = output.asOneRow
        }
        var step = unsafe ik_step()
        unsafe step.run = kernels.copy
        unsafe step.u.element_bytes = Int64(element)
        unsafe append(step, from: input, to: output, node)
    }

    /// Counts work against its limit.
    mutating func count(multiplyAdds factors: Int...) throws(ModelError) {
        var product = 1
        for factor in factors {
            let (next, overflow) = product.multipliedReportingOverflow(by: factor)
            product = overflow ? .max : next
        }
        let (sum, overflow) = multiplyAdds.addingReportingOverflow(product)
        multiplyAdds = overflow ? .max : sum
        guard multiplyAdds <= limits.multiplyAdds else {
            throw .tooMuchWork(multiplyAdds: multiplyAdds, limit: limits.multiplyAdds)
        }
    }
}
