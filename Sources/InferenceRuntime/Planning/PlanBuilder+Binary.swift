internal import CInferenceKernels

extension PlanBuilder {
    mutating func lowerBinary(
        _ node: GraphNode, _ index: Int, _ function: BinaryFunction, _ activation: Activation
    ) throws(ModelError) {
        let (a, b, y) = (try input(node, 0), try input(node, 1), try output(node))
        guard type(a) == type(y), type(b) == type(y) else {
            throw unsupported(node, "operands of different types")
        }
        var p = ik_binary()
        switch type(y) {
        case .int8, .uint8: try describeBinary8(node, function, activation, &p)
        case .int16 where graph.tensors[y].quantization != nil:
            try describeBinary16(node, function, activation, &p)
        case .float32:
            unsafe p.row = try rowFloat(function, node)
            (p.low, p.high) = activation.bounds
        case .int32:
            unsafe p.row = try rowInteger(function, node)
            let bounds = activation.bounds
            p.clamp_low = bounds.low.isFinite ? Int32(bounds.low) : .min
            p.clamp_high = bounds.high.isFinite ? Int32(bounds.high) : .max
        case .int64: unsafe p.row = try rowLong(function, node)
        default: throw unsupported(node, "elements of type \(type(y).rawValue)")
        }
        try appendBinary(node, index, p, a, b, y)
    }

    /// Appends a step that walks two operands, broadcast to the shape of `y`.
    mutating func appendBinary(
        _ node: GraphNode, _ index: Int, _ described: ik_binary, _ a: Int, _ b: Int, _ y: Int,
        into given: Layout? = nil
    ) throws(ModelError) {
        var p = described
        let (first, second) = (try layout(a), try layout(b))
        let to: Layout
        if let given { to = given } else { to = try outputLayout(y) }
        let box = Box(
            shape(y),
            [
                try broadcastStrides(first, a, to: y, node),
                try broadcastStrides(second, b, to: y, node), strides(to, y),
            ])
        p.extent = try axes(box.extents, filler: 1, node)
        p.left = try axes(box.strides[0], filler: 0, node)
        p.right = try axes(box.strides[1], filler: 0, node)
        p.output = try axes(box.strides[2], filler: 0, node)
        p.left_zero_point = Int32(signedZeroPoint(a))
        p.right_zero_point = Int32(signedZeroPoint(b))
        p.output_zero_point = Int32(signedZeroPoint(y))
        p.left_flip = first.view.flip
        p.right_flip = second.view.flip
        p.output_flip = to.view.flip
        let parameters = unsafe try stored(p)
        unsafe append(ik_scalar_binary, parameters, from: first, and: second, to: to, index)
    }

    /// Strides of an operand over the result's axes; 0 where it is repeated.
    func broadcastStrides(
        _ layout: Layout, _ tensor: Int, to output: Int, _ node: GraphNode
    ) throws(ModelError) -> [Int] {
        let (operand, result) = (shape(tensor), shape(output))
        let missing = result.count - operand.count
        guard missing >= 0 else { throw invalid(node, "its shapes do not broadcast") }
        let own = strides(layout, tensor)
        var strides: [Int] = Array(repeating: 0, count: missing)
        for axis in operand.indices {
            if operand[axis] == result[missing + axis] {
                strides.append(own[axis])
            } else if operand[axis] == 1 {
                strides.append(0)
            } else {
                throw invalid(node, "its shapes do not broadcast")
            }
        }
        return strides
    }

    // MARK: - 8 bits

    private func describeBinary8(
        _ node: GraphNode, _ function: BinaryFunction, _ activation: Activation,
        _ p: inout ik_binary
    ) throws(ModelError) {
        let (a, b, y) = (try input(node, 0), try input(node, 1), try output(node))
        let scale = try activationScale(y, node)
        let left = try activationScale(a, node)
        let right = try activationScale(b, node)
        (p.clamp_low, p.clamp_high) = clamp(activation, of: y, scale: scale)
        switch function {
        case .add, .subtract:
            try describeSum8(node, left / scale, right / scale, function, &p)
        case .multiply:
            let factor = left * right / scale
            // XNNPACK's bounds.
            guard factor >= 0x1p-16, factor < 0x1p8 else {
                throw unsupported(node, "the product's scale is \(factor) times the output's")
            }
            p.scale = factor
            unsafe p.row = ik_row_mul_qs8
        case .divide:
            let factor = FixedMultiplier(Double(try finite(left / (right * scale), node)))
            (p.multiplier, p.shift) = (factor.multiplier, factor.shift)
            let bounds = roundedBounds(activation.bounds, of: y, scale: scale)
            (p.clamp_low, p.clamp_high) = bounds
            unsafe p.row = ik_row_div_qs8
        case .minimum, .maximum:
            for operand in [a, b]
            where graph.tensors[operand].quantization != graph.tensors[y].quantization {
                throw unsupported(node, "operands of another quantization than the result's")
            }
            if function == .minimum {
                unsafe p.row = ik_row_min_qs8
            } else {
                unsafe p.row = ik_row_max_qs8
            }
        case .prelu:
            let identity = FixedMultiplier(Double(try finite(left / scale, node)))
            let slope = FixedMultiplier(Double(try finite(left * right / scale, node)))
            (p.left_multiplier, p.left_shift) = (identity.multiplier, identity.shift)
            (p.right_multiplier, p.right_shift) = (slope.multiplier, slope.shift)
            unsafe p.row = ik_row_prelu_qs8
        case .squaredDifference:
            guard type(y) == .int8 else { throw unsupported(node, "elements of type uint8") }
            let factors = commonScale(left, right, scale, shift: 7, power: 2)
            describe(factors, shift: 7, &p)
            unsafe p.row = ik_row_squared_difference_qs8
        case .power: throw unsupported(node, "elements of type \(type(y).rawValue)")
        }
    }

    /// XNNPACK's rule (xnn_init_qs8_add_minmax_scalar_params).
    private func describeSum8(
        _ node: GraphNode, _ left: Float, _ right: Float, _ function: BinaryFunction,
        _ p: inout ik_binary
    ) throws(ModelError) {
        let largest = max(left, right)
        guard min(left, right) >= 0x1p-10, largest < 0x1p8 else {
            throw unsupported(node, "input scales are \(left) and \(right) times the output's")
        }
        let shift = 20 - Int(largest.exponent)
        let power = Float(sign: .plus, exponent: shift, significand: 1)
        p.left_multiplier = Int32((left * power).rounded(.toNearestOrEven))
        p.right_multiplier = Int32((right * power).rounded(.toNearestOrEven))
        if function == .subtract { p.right_multiplier = -p.right_multiplier }
        p.shift = Int32(shift)
        unsafe p.row = ik_row_sum_qs8
    }

    // MARK: - 16 bits

    private func describeBinary16(
        _ node: GraphNode, _ function: BinaryFunction, _ activation: Activation,
        _ p: inout ik_binary
    ) throws(ModelError) {
        let (a, b, y) = (try input(node, 0), try input(node, 1), try output(node))
        let scale = try scale16(y, node)
        let left = try scale16(a, node)
        let right = try scale16(b, node)
        (p.clamp_low, p.clamp_high) = roundedBounds(
            activation.bounds, of: y, scale: scale)
        switch function {
        case .add, .subtract:
            let factors = commonScale(left, right, scale, shift: 15, power: 1)
            describe(factors, shift: 15, &p)
            if function == .subtract { p.right_multiplier = -p.right_multiplier }
            unsafe p.row = ik_row_sum_qs16
        case .multiply:
            let factor = FixedMultiplier(Double(try finite(left * right / scale, node)))
            (p.multiplier, p.shift) = (factor.multiplier, factor.shift)
            unsafe p.row = ik_row_mul_qs16
        case .divide:
            let factor = FixedMultiplier(Double(try finite(left / (right * scale), node)))
            (p.multiplier, p.shift) = (factor.multiplier, factor.shift)
            unsafe p.row = ik_row_div_qs16
        case .minimum, .maximum:
            guard left == scale, right == scale else {
                throw unsupported(node, "operands of another quantization than the result's")
            }
            if function == .minimum {
                unsafe p.row = ik_row_min_qs16
            } else {
                unsafe p.row = ik_row_max_qs16
            }
        default: throw unsupported(node, "activations of type int16")
        }
    }

    private struct CommonScale {
        var left: FixedMultiplier
        var right: FixedMultiplier
        var output: FixedMultiplier
    }

    /// Factors that bring both operands, shifted left by `shift`, to twice the larger scale, and
    /// the result from there.
    ///
    /// - Source: Prepare of LiteRT's kernels/add.cc and kernels/squared_difference.cc.
    private func commonScale(
        _ left: Float, _ right: Float, _ output: Float, shift: Int, power: Int
    ) -> CommonScale {
        let twice = Double(2 * max(left, right))
        let common = power == 2 ? twice * twice : twice
        return CommonScale(
            left: FixedMultiplier(Double(left) / twice),
            right: FixedMultiplier(Double(right) / twice),
            output: FixedMultiplier(common / (Double(1 << (shift * power)) * Double(output))))
    }

    private func describe(_ factors: CommonScale, shift: Int32, _ p: inout ik_binary) {
        p.input_shift = shift
        (p.left_multiplier, p.left_shift) = (factors.left.multiplier, factors.left.shift)
        (p.right_multiplier, p.right_shift) = (factors.right.multiplier, factors.right.shift)
        (p.multiplier, p.shift) = (factors.output.multiplier, factors.output.shift)
    }

    // MARK: - Other types

    private func rowFloat(
        _ function: BinaryFunction, _ node: GraphNode
    ) throws(ModelError) -> ik_binary_row {
        switch function {
        case .add: unsafe ik_row_add_f32
        case .subtract: unsafe ik_row_sub_f32
        case .multiply: unsafe ik_row_mul_f32
        case .divide: unsafe ik_row_div_f32
        case .minimum: unsafe ik_row_min_f32
        case .maximum: unsafe ik_row_max_f32
        case .squaredDifference: unsafe ik_row_squared_difference_f32
        case .prelu: unsafe ik_row_prelu_f32
        case .power: unsafe ik_row_power_f32
        }
    }

    private func rowInteger(
        _ function: BinaryFunction, _ node: GraphNode
    ) throws(ModelError) -> ik_binary_row {
        switch function {
        case .add: unsafe ik_row_add_i32
        case .subtract: unsafe ik_row_sub_i32
        case .multiply: unsafe ik_row_mul_i32
        case .divide: unsafe ik_row_div_i32
        case .minimum: unsafe ik_row_min_i32
        case .maximum: unsafe ik_row_max_i32
        case .squaredDifference: unsafe ik_row_squared_difference_i32
        case .prelu, .power: throw unsupported(node, "elements of type int32")
        }
    }

    private func rowLong(
        _ function: BinaryFunction, _ node: GraphNode
    ) throws(ModelError) -> ik_binary_row {
        switch function {
        case .add: unsafe ik_row_add_i64
        case .subtract: unsafe ik_row_sub_i64
        case .multiply: unsafe ik_row_mul_i64
        default: throw unsupported(node, "elements of type int64")
        }
    }
}
