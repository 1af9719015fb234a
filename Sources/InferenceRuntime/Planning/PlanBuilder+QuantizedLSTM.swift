internal import CInferenceKernels

/// The long short-term memory of int8 activations and int16 cells.
///
/// - Source: PopulateQuantizedLstmParams8x8_16 and PopulatePrecomputedZPTimesWeightsWithBias of
///   LiteRT's kernels/unidirectional_sequence_lstm.cc.
extension PlanBuilder {
    /// Scale of the gates' arguments: three integer bits of 16.
    private static let gateScale: Float = 0x1p-12

    /// - Parameter described: extents and order of its axes.
    mutating func lowerQuantizedLSTM(
        _ node: GraphNode, _ index: Int, _ options: LSTMOptions, _ described: ik_lstm_qs8
    ) throws(ModelError) {
        var p = unsafe described
        let (x, y) = (try input(node, 0), try output(node))
        let (batches, inputs) = unsafe (Int(p.batches), Int(p.inputs))
        let (units, outputs) = unsafe (Int(p.units), Int(p.outputs))
        guard max(inputs, units, outputs) <= 1 << 15 else {
            throw unsupported(node, "\(inputs) inputs, \(units) units and \(outputs) outputs")
        }
        guard !(20..<24).contains(where: { has(node, $0) }) else {
            throw unsupported(node, "layer normalization of int8 activations")
        }
        // LiteRT walks the peepholes by the number of outputs.
        guard !has(node, 11) || outputs == units else {
            throw unsupported(node, "peepholes and a projection of int8 activations")
        }
        let cellScale = try scale(node, 19)
        let exponent = Int(cellScale.exponent)
        guard cellScale.significand == 1, (-15 ... -9).contains(exponent) else {
            throw unsupported(node, "cells of scale \(cellScale): no power of two, 2^-15 to 2^-9")
        }
        unsafe p.cell_exponent = Int32(exponent)
        unsafe p.cell_clip = Int32(min(options.cellClip / cellScale, 32_767))
        unsafe try describeGates(node, &p, x, y)
        unsafe try describeResult(node, &p, options, y)
        let cells = batches.multipliedReportingOverflow(by: 2 * units)
        let kept = batches.multipliedReportingOverflow(by: outputs)
        let (bytes, overflow) = cells.partialValue.addingReportingOverflow(kept.partialValue)
        guard !cells.overflow, !kept.overflow, !overflow, bytes <= limits.arenaBytes else {
            throw unsupported(node, "a state of this size")
        }
        let from = try denseLayout(x, index)
        let state = makeRawState(byteCount: bytes + 9 * units + outputs + inputs)
        let to = try denseOutputLayout(y)
        let parameters = unsafe try stored(p)
        unsafe append(ik_scalar_lstm_qs8, parameters, from: from, and: state, to: to, index)
    }

    /// Weights, biases and factors of the four gates: input, forget, cell, output.
    private mutating func describeGates(
        _ node: GraphNode, _ p: inout ik_lstm_qs8, _ x: Int, _ y: Int
    ) throws(ModelError) {
        let (inputs, units, outputs) = unsafe (Int(p.inputs), Int(p.units), Int(p.outputs))
        guard has(node, 1) == has(node, 5), has(node, 9) || !has(node, 11) || !has(node, 1),
            has(node, 10) == has(node, 11)
        else { throw invalid(node, "a part of a gate is missing") }
        let state = try input(node, 18)
        let (xScale, hScale) = (try activationScale(x, node), try activationScale(state, node))
        guard type(state) == .int8, graph.tensors[state].quantization?.zeroPoints.count == 1,
            signedZeroPoint(state) == signedZeroPoint(y), hScale == (try activationScale(y, node))
        else { throw unsupported(node, "a state of another quantization than its output's") }

        unsafe p.input = try Self.eachGate { gate throws(ModelError) in
            unsafe try weights(node, 1 + gate, [units, inputs])
        }
        unsafe p.recurrent = try Self.eachGate { gate throws(ModelError) in
            unsafe try weights(node, 5 + gate, [units, outputs])
        }
        unsafe p.peephole = try Self.eachGate { gate throws(ModelError) in
            let place = [9, 10, -1, 11][gate]
            guard place > 0, has(node, place) else { return nil }
            return unsafe try constantBytes(node, place, .int16, Int16.self, count: units)
        }
        unsafe p.input_bias = try Self.eachGate { gate throws(ModelError) in
            unsafe try foldedBias(node, 12 + gate, 1 + gate, [units, inputs], signedZeroPoint(x))
        }
        unsafe p.recurrent_bias = try Self.eachGate { gate throws(ModelError) in
            unsafe try foldedBias(node, nil, 5 + gate, [units, outputs], signedZeroPoint(y))
        }
        let first = try Self.eachGate { gate throws(ModelError) in
            try factor(node, 1 + gate) { $0 * xScale / Self.gateScale }
        }
        let second = try Self.eachGate { gate throws(ModelError) in
            try factor(node, 5 + gate) { $0 * hScale / Self.gateScale }
        }
        let cellScale = try scale(node, 19)
        let third = try Self.eachGate { gate throws(ModelError) in
            try factor(node, [9, 10, nil, 11][gate]) { cellScale * $0 / Self.gateScale }
        }
        unsafe p.input_multiplier = Self.multipliers(first)
        unsafe p.input_shift = Self.shifts(first)
        unsafe p.recurrent_multiplier = Self.multipliers(second)
        unsafe p.recurrent_shift = Self.shifts(second)
        unsafe p.peephole_multiplier = Self.multipliers(third)
        unsafe p.peephole_shift = Self.shifts(third)
    }

    /// The way from the cells to the output, which a projection may prolong.
    private mutating func describeResult(
        _ node: GraphNode, _ p: inout ik_lstm_qs8, _ options: LSTMOptions, _ y: Int
    ) throws(ModelError) {
        let (units, outputs) = unsafe (Int(p.units), Int(p.outputs))
        // The last intermediate is the product of the output gate and the cell, before a projection.
        guard node.intermediates.count == 5 else {
            throw unsupported(
                node, "\(node.intermediates.count) intermediate tensors where int8 needs five")
        }
        let hidden = node.intermediates[4]
        guard type(hidden) == .int8 else {
            throw unsupported(node, "a hidden state of type \(type(hidden).rawValue)")
        }
        let hiddenScale = try activationScale(hidden, node)
        let product = FixedMultiplier(
            Double(try finite(Float(0x1p-15 / Double(hiddenScale) * 0x1p-15), node)))
        unsafe (p.hidden_multiplier, p.hidden_shift) = (product.multiplier, product.shift)
        unsafe p.hidden_zero_point = Int32(signedZeroPoint(hidden))
        guard has(node, 16) else { return }
        let outputScale = try activationScale(y, node)
        let projection = try factor(node, 16) { $0 * hiddenScale / outputScale }
        unsafe p.projection = try weights(node, 16, [outputs, units])
        unsafe p.projection_bias = try foldedBias(
            node, has(node, 17) ? 17 : nil, 16, [outputs, units], signedZeroPoint(hidden))
        unsafe p.projection_multiplier = projection.multiplier
        unsafe p.projection_shift = projection.shift
        unsafe p.projection_clip = Int32(min(options.projectionClip / outputScale, 127))
    }

    // MARK: - Constants

    /// int8 weights; nil for those of an input gate that is left out.
    private mutating func weights(
        _ node: GraphNode, _ place: Int, _ expected: [Int]
    ) throws(ModelError) -> UnsafePointer<Int8>? {
        if !has(node, place), place == 1 || place == 5 { return nil }
        guard shape(try input(node, place)) == expected else {
            throw invalid(
                node, "input \(place) is \(shape(try input(node, place))), not \(expected)")
        }
        return unsafe try constantBytes(
            node, place, .int8, Int8.self, count: expected[0] * expected[1])
    }

    /// bias − zero point · sum of the row, as wrapping sums.
    private mutating func foldedBias(
        _ node: GraphNode, _ bias: Int?, _ weights: Int, _ shape: [Int], _ zeroPoint: Int
    ) throws(ModelError) -> UnsafePointer<Int32>? {
        guard has(node, weights), let bytes = graph.tensors[try input(node, weights)].constant
        else { return nil }
        let folded = unsafe try constants.allocate(Int32.self, count: shape[0])
        if let bias {
            let given = unsafe try constantBytes(
                node, bias, .int32, Int32.self, count: shape[0])
            for row in 0..<shape[0] { unsafe folded[row] = given?[row] ?? 0 }
        }
        let elements = unsafe graph.bytes.bytes(bytes)
        for row in 0..<shape[0] {
            var sum = 0
            for column in 0..<shape[1] {
                unsafe sum += Int(Int8(bitPattern: elements[row * shape[1] + column]))
            }
            unsafe folded[row] &-= Int32(truncatingIfNeeded: zeroPoint * sum)
        }
        return unsafe UnsafePointer(folded.baseAddress)
    }

    /// The one scale of symmetric numbers.
    private func scale(_ node: GraphNode, _ place: Int) throws(ModelError) -> Float {
        guard let quantization = graph.tensors[try input(node, place)].quantization,
            quantization.scales.count == 1, quantization.scales[0] > 0,
            quantization.zeroPoints[0] == 0
        else { throw unsupported(node, "input \(place) without one scale and a zero point of 0") }
        return quantization.scales[0]
    }

    /// A factor made of the scale of `place`; 0 for an input that is left out.
    private func factor(
        _ node: GraphNode, _ place: Int?, _ make: (Float) -> Float
    ) throws(ModelError) -> FixedMultiplier {
        guard let place, has(node, place) else { return FixedMultiplier(0) }
        return FixedMultiplier(Double(try finite(make(try scale(node, place)), node)))
    }

    // MARK: - Four gates

    private typealias Factors = (FixedMultiplier, FixedMultiplier, FixedMultiplier, FixedMultiplier)

    private static func eachGate<T>(
        _ make: (Int) throws(ModelError) -> T
    ) throws(ModelError) -> (T, T, T, T) {
        (try make(0), try make(1), try make(2), try make(3))
    }

    private static func multipliers(_ factors: Factors) -> (Int32, Int32, Int32, Int32) {
        (factors.0.multiplier, factors.1.multiplier, factors.2.multiplier, factors.3.multiplier)
    }

    private static func shifts(_ factors: Factors) -> (Int32, Int32, Int32, Int32) {
        (factors.0.shift, factors.1.shift, factors.2.shift, factors.3.shift)
    }
}
