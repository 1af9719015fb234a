internal import CInferenceKernels

extension PlanBuilder {
    /// Inputs: [time, batch, input]; weights [gate · unit, input]; recurrent weights [gate · unit,
    /// unit]; biases [2 · gate · unit]; first output and first cell [batch, unit]; peepholes
    /// [3 · unit]. Outputs: [time, batch, unit]; the last cell [batch, unit].
    mutating func lowerRecurrent(
        _ node: GraphNode, _ index: Int, _ options: RecurrentOptions
    ) throws(ModelError) {
        let (x, weights) = (try input(node, 0), try input(node, 1))
        let gates = options.kind.rawValue
        guard shape(x).count == 3, shape(weights).count == 2, shape(weights)[0] % gates == 0,
            type(x) == .float32, let y = node.outputs.first
        else { throw invalid(node, "its input or its weights") }
        let (times, batches, inputs) = (shape(x)[0], shape(x)[1], shape(x)[2])
        let units = shape(weights)[0] / gates
        try require(y, hasShape: [times, batches, units], node)
        try count(multiplyAdds: times * batches, gates * units, inputs + units)
        var p = unsafe ik_recurrent()
        unsafe (p.batches, p.times, p.inputs) = (Int64(batches), Int64(times), Int64(inputs))
        unsafe (p.units, p.kind) = (Int64(units), Int32(gates))
        let codes = options.activations.map { Int32($0.rawValue) } + [0, 0, 0]
        unsafe p.activation = (codes[0], codes[1], codes[2])
        unsafe p.clip = options.clip
        unsafe (p.is_reversed, p.resets_first) = (
            options.isReversed ? 1 : 0, options.resetsFirst ? 1 : 0
        )
        unsafe p.input = try realConstant(node, 1, hasShape: [gates * units, inputs])
        unsafe p.recurrent = try realConstant(node, 2, hasShape: [gates * units, units])
        let bias = unsafe try realBias(node, 3, count: 2 * gates * units)
        unsafe p.input_bias = bias
        unsafe p.recurrent_bias = bias.map { unsafe $0 + gates * units }
        unsafe p.peephole = try optionalConstant(node, 6, hasShape: [3 * units])
        let size = batches.multipliedReportingOverflow(by: 4 * units)
        let (bytes, overflow) = size.partialValue.multipliedReportingOverflow(by: 2)
        guard !size.overflow, !overflow, bytes <= limits.arenaBytes else {
            throw unsupported(node, "a state of this size")
        }
        let from = try denseLayout(x, index)
        let state = makeRawState(byteCount: bytes + 20 * units)
        var cell = state
        cell.view.offset += Int64(size.partialValue)
        if has(node, 4) {
            try copyRow(try input(node, 4), [batches, units], to: state, node, index)
            unsafe p.keeps_output = 1
        }
        if has(node, 5) {
            try copyRow(try input(node, 5), [batches, units], to: cell, node, index)
            unsafe p.keeps_cell = 1
        }
        let to = try denseOutputLayout(y)
        let parameters = unsafe try stored(p)
        unsafe append(ik_scalar_recurrent_f32, parameters, from: from, and: state, to: to, index)
        if node.outputs.count > 1 {
            let last = node.outputs[1]
            try require(last, hasShape: [batches, units], node)
            let target = try denseOutputLayout(last)
            try copyBox(
                [batches * units], from: cell, at: 0, [4], to: target, at: 0, [4], element: 4, node,
                index)
        }
    }

    /// Copies a tensor of float32 into a layer's memory.
    private mutating func copyRow(
        _ tensor: Int, _ expected: [Int], to state: Layout, _ node: GraphNode, _ index: Int
    ) throws(ModelError) {
        guard type(tensor) == .float32, shape(tensor) == expected else {
            throw invalid(node, "its first state is \(shape(tensor)), not \(expected)")
        }
        let from = try denseLayout(tensor, index)
        try copyBox(
            [expected.reduce(1, *)], from: from, at: 0, [4], to: state, at: 0, [4], element: 4,
            node, index)
    }
}
