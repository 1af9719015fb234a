internal import CInferenceKernels

extension PlanBuilder {
    // MARK: - Constants

    /// A constant as real numbers: float32, or int8 with scales along its first axis (hybrid).
    mutating func realConstant(
        _ node: GraphNode, _ place: Int, hasShape expected: [Int]
    ) throws(ModelError) -> UnsafePointer<Float>? {
        let tensor = try input(node, place)
        guard let bytes = graph.tensors[tensor].constant else {
            throw unsupported(node, "input \(place) that is not constant")
        }
        guard shape(tensor) == expected else {
            throw invalid(node, "input \(place) is \(shape(tensor)), not \(expected)")
        }
        let count = graph.tensors[tensor].elementCount
        let values = unsafe try constants.allocate(Float.self, count: count)
        let source = unsafe graph.bytes.bytes(bytes)
        switch type(tensor) {
        case .float32:
            unsafe UnsafeMutableRawBufferPointer(values).copyMemory(from: source)
        case .int8:
            guard let quantization = graph.tensors[tensor].quantization,
                quantization.zeroPoints.allSatisfy({ $0 == 0 }),
                quantization.scales.count == 1
                    || quantization.scales.count == expected[0] && quantization.axis == 0
            else { throw unsupported(node, "the quantization of input \(place)") }
            let inner = count / expected[0]
            for index in 0..<count {
                let channel = quantization.scales.count == 1 ? 0 : index / inner
                unsafe values[index] =
                    Float(Int8(bitPattern: source[index])) * quantization.scales[channel]
            }
        default: throw unsupported(node, "input \(place) of type \(type(tensor).rawValue)")
        }
        return unsafe UnsafePointer(values.baseAddress)
    }

    func has(_ node: GraphNode, _ place: Int) -> Bool {
        place < node.inputs.count && node.inputs[place] != nil
    }

    /// The same; nil when it is left out.
    mutating func optionalConstant(
        _ node: GraphNode, _ place: Int, hasShape expected: [Int]
    ) throws(ModelError) -> UnsafePointer<Float>? {
        guard has(node, place) else { return nil }
        return unsafe try realConstant(node, place, hasShape: expected)
    }

    /// A bias; zero when it is left out.
    mutating func realBias(
        _ node: GraphNode, _ place: Int, count: Int
    ) throws(ModelError) -> UnsafePointer<Float>? {
        if has(node, place) { return unsafe try realConstant(node, place, hasShape: [count]) }
        return unsafe UnsafePointer(try constants.allocate(Float.self, count: count).baseAddress)
    }

    /// A copy of a constant's bytes.
    mutating func constantBytes<T: FixedWidthInteger & BitwiseCopyable>(
        _ node: GraphNode, _ place: Int, _ expected: ElementType, _ width: T.Type, count: Int
    ) throws(ModelError) -> UnsafePointer<T>? {
        let tensor = try input(node, place)
        guard let bytes = graph.tensors[tensor].constant, type(tensor) == expected,
            graph.tensors[tensor].elementCount == count
        else {
            throw unsupported(node, "input \(place): not a constant of the right type and size")
        }
        let values = unsafe try constants.allocate(T.self, count: count)
        unsafe UnsafeMutableRawBufferPointer(values).copyMemory(from: graph.bytes.bytes(bytes))
        return unsafe UnsafePointer(values.baseAddress)
    }

    // MARK: - SVDF

    mutating func lowerSVDF(
        _ node: GraphNode, _ index: Int, rank: Int, _ activation: Activation
    ) throws(ModelError) {
        let (x, feature, time) = (try input(node, 0), try input(node, 1), try input(node, 2))
        let y = try output(node)
        guard shape(x).count == 2, shape(feature).count == 2, shape(time).count == 2, rank > 0,
            shape(feature)[0] % rank == 0, shape(time)[0] == shape(feature)[0],
            shape(feature)[1] == shape(x)[1]
        else { throw invalid(node, "its weights do not fit its input and rank") }
        let (batches, inputs) = (shape(x)[0], shape(x)[1])
        let (filters, memory) = (shape(time)[0], shape(time)[1])
        let units = filters / rank
        try require(y, hasShape: [batches, units], node)
        try count(multiplyAdds: batches, filters, inputs + memory)
        var p = unsafe ik_svdf()
        unsafe (p.batches, p.inputs, p.units) = (Int64(batches), Int64(inputs), Int64(units))
        unsafe (p.rank, p.memory) = (Int64(rank), Int64(memory))
        unsafe (p.low, p.high) = activation.bounds
        let isQuantized = type(x) == .int8
        if isQuantized {
            unsafe try describeQuantized(node, &p, filters: filters)
        } else {
            guard type(x) == .float32, type(y) == .float32 else {
                throw unsupported(node, "activations of type \(type(x).rawValue)")
            }
            unsafe p.feature = try realConstant(node, 1, hasShape: shape(feature))
            unsafe p.time = try realConstant(node, 2, hasShape: shape(time))
            unsafe p.bias = try realBias(node, 3, count: units)
        }
        let (elements, overflow) = (batches * filters).multipliedReportingOverflow(by: memory * 4)
        guard !overflow else { throw unsupported(node, "a state of this size") }
        let from = try denseLayout(x, index)
        let state = makeRawState(byteCount: elements)
        let to = try denseOutputLayout(y)
        let parameters = unsafe try stored(p)
        if isQuantized {
            unsafe append(ik_scalar_svdf_qs8, parameters, from: from, and: state, to: to, index)
        } else {
            unsafe append(ik_scalar_svdf_f32, parameters, from: from, and: state, to: to, index)
        }
    }

    /// - Source: Prepare of LiteRT's kernels/svdf.cc.
    private mutating func describeQuantized(
        _ node: GraphNode, _ p: inout ik_svdf, filters: Int
    ) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        let (inputs, units, memory) = unsafe (Int(p.inputs), Int(p.units), Int(p.memory))
        guard inputs <= 1 << 15, type(y) == .int8 else {
            throw unsupported(node, "\(inputs) inputs, or a result of another type")
        }
        let scales = try [1, 2, 4].map { place throws(ModelError) in
            guard let scale = graph.tensors[try input(node, place)].quantization?.scales.first,
                scale > 0
            else { throw invalid(node, "input \(place) has no scale") }
            return scale
        }
        let first = FixedMultiplier(
            Double(try finite(try activationScale(x, node) * scales[0] / scales[2], node)))
        let second = FixedMultiplier(
            Double(try finite(scales[2] * scales[1] / (try activationScale(y, node)), node)))
        unsafe (p.feature_multiplier, p.feature_shift) = (first.multiplier, first.shift)
        unsafe (p.time_multiplier, p.time_shift) = (second.multiplier, second.shift)
        unsafe p.feature_qs8 = try constantBytes(
            node, 1, .int8, Int8.self, count: filters * inputs)
        unsafe p.time_qs16 = try constantBytes(
            node, 2, .int16, Int16.self, count: filters * memory)
        if has(node, 3) {
            unsafe p.bias_qs32 = try constantBytes(node, 3, .int32, Int32.self, count: units)
        } else {
            unsafe p.bias_qs32 = UnsafePointer(
                try constants.allocate(Int32.self, count: units).baseAddress)
        }
    }

    // MARK: - LSTM

    mutating func lowerLSTM(
        _ node: GraphNode, _ index: Int, _ options: LSTMOptions
    ) throws(ModelError) {
        let (x, forget) = (try input(node, 0), try input(node, 2))
        let recurrent = try input(node, 6)
        let y = try output(node)
        let isQuantized = type(x) == .int8 && type(y) == .int8
        guard isQuantized || type(x) == .float32 && type(y) == .float32 else {
            throw unsupported(
                node, "activations of types \(type(x).rawValue) and \(type(y).rawValue)")
        }
        guard shape(x).count == 3, shape(forget).count == 2, shape(recurrent).count == 2 else {
            throw invalid(node, "its input has not three dimensions, or its weights not two")
        }
        let (units, inputs) = (shape(forget)[0], shape(x)[2])
        let outputs = shape(recurrent)[1]
        let lead = Array(shape(x).prefix(2))
        let (times, batches) = options.isTimeMajor ? (lead[0], lead[1]) : (lead[1], lead[0])
        try require(y, hasShape: lead + [outputs], node)
        guard has(node, 16) || outputs == units else {
            throw invalid(node, "\(outputs) outputs of \(units) units without a projection")
        }
        try count(multiplyAdds: times * batches, units, 4 * (inputs + outputs))
        if isQuantized {
            var p = unsafe ik_lstm_qs8()
            unsafe (p.batches, p.times, p.inputs) = (Int64(batches), Int64(times), Int64(inputs))
            unsafe (p.units, p.outputs) = (Int64(units), Int64(outputs))
            unsafe p.is_time_major = options.isTimeMajor ? 1 : 0
            return unsafe try lowerQuantizedLSTM(node, index, options, p)
        }
        var p = unsafe ik_lstm()
        unsafe (p.batches, p.times, p.inputs) = (Int64(batches), Int64(times), Int64(inputs))
        unsafe (p.units, p.outputs) = (Int64(units), Int64(outputs))
        unsafe (p.cell_clip, p.projection_clip) = (options.cellClip, options.projectionClip)
        unsafe p.is_time_major = options.isTimeMajor ? 1 : 0
        let (wide, deep) = ([units, inputs], [units, outputs])
        unsafe p.input = (
            try optionalConstant(node, 1, hasShape: wide),
            try realConstant(node, 2, hasShape: wide),
            try realConstant(node, 3, hasShape: wide), try realConstant(node, 4, hasShape: wide)
        )
        guard has(node, 1) == has(node, 5) else {
            throw invalid(node, "half of its input gate is missing")
        }
        unsafe p.recurrent = (
            try optionalConstant(node, 5, hasShape: deep),
            try realConstant(node, 6, hasShape: deep),
            try realConstant(node, 7, hasShape: deep), try realConstant(node, 8, hasShape: deep)
        )
        unsafe p.peephole = (
            try optionalConstant(node, 9, hasShape: [units]),
            try optionalConstant(node, 10, hasShape: [units]), nil,
            try optionalConstant(node, 11, hasShape: [units])
        )
        unsafe p.bias = (
            try realBias(node, 12, count: units), try realBias(node, 13, count: units),
            try realBias(node, 14, count: units), try realBias(node, 15, count: units)
        )
        unsafe p.norm = (
            try optionalConstant(node, 20, hasShape: [units]),
            try optionalConstant(node, 21, hasShape: [units]),
            try optionalConstant(node, 22, hasShape: [units]),
            try optionalConstant(node, 23, hasShape: [units])
        )
        unsafe p.projection = try optionalConstant(node, 16, hasShape: [outputs, units])
        unsafe p.projection_bias = try realBias(node, 17, count: outputs)
        let (bytes, overflow) = (batches * (outputs + units) + 4 * units)
            .multipliedReportingOverflow(by: 4)
        guard !overflow else { throw unsupported(node, "a state of this size") }
        let from = try denseLayout(x, index)
        let state = makeRawState(byteCount: bytes)
        let to = try denseOutputLayout(y)
        let parameters = unsafe try stored(p)
        unsafe append(ik_scalar_lstm_f32, parameters, from: from, and: state, to: to, index)
    }
}
