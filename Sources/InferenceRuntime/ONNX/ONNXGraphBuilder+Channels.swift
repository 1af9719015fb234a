/// The two orders of axes: ONNX has the channels first, the kernels last.
extension ONNXGraphBuilder {
    /// [0, 2, 3, …, 1]: from channels first to channels last.
    static func toChannelsLast(rank: Int) -> [Int] { [0] + Array(2..<rank) + [1] }

    /// [0, rank − 1, 1, 2, …]: back.
    static func toChannelsFirst(rank: Int) -> [Int] { [0, rank - 1] + Array(1..<rank - 1) }

    /// The shape of a tensor that holds `value`.
    func stored(_ value: Value) -> [Int] {
        value.isChannelsLast
            ? Self.toChannelsLast(rank: value.shape.count).map { value.shape[$0] } : value.shape
    }

    /// `value` with its axes in memory as ONNX has them.
    mutating func rowMajor(_ value: Value, _ name: String) throws(ModelError) -> Value {
        guard value.isChannelsLast, value.constant == nil else { return value }
        let tensor = try materialized(value, name)
        let order = Self.toChannelsFirst(rank: value.shape.count)
        var result = value
        result.quantized = nil
        result.tensor = try permuted(tensor, order, name)
        result.isChannelsLast = false
        return result
    }

    /// `value` with its channels last in memory; it has three dimensions or more.
    mutating func channelsLast(_ value: Value, _ name: String) throws(ModelError) -> Value {
        if value.isChannelsLast { return value }
        let order = Self.toChannelsLast(rank: value.shape.count)
        var result = value
        result.isChannelsLast = true
        result.quantized = nil
        if let constant = value.constant, value.tensor == nil {
            let turned = try permuted(constant, order)
            result.tensor = try addConstant(
                name, turned.shape, turned.elementType, bytes: try turned.bytes())
            result.constant = nil
        } else {
            result.tensor = try permuted(try materialized(value, name), order, name)
        }
        return result
    }

    /// A tensor with its axes in another order; only renamed when no element moves.
    mutating func permuted(
        _ tensor: Int, _ order: [Int], _ name: String
    ) throws(ModelError) -> Int {
        let shape = tensors[tensor].shape
        let result = try addTensor(
            tensors[tensor].name, order.map { shape[$0] }, tensors[tensor].elementType,
            quantization: tensors[tensor].quantization)
        let longAxes = order.filter { shape[$0] != 1 }
        if longAxes == longAxes.sorted() {
            emit(.reshape, [tensor], [result], name: "Reshape", position: nodes.count)
        } else {
            let argument = try argument(order)
            emit(
                .movement(.transpose), [tensor, argument], [result], name: "Transpose",
                position: nodes.count)
        }
        return result
    }

    /// A constant with its axes in another order.
    func permuted(_ constant: ONNXTensor, _ order: [Int]) throws(ModelError) -> ONNXTensor {
        let shape = order.map { constant.shape[$0] }
        let width = constant.elementType.byteCount ?? 1
        let source = try constant.bytes()
        var strides = [Int](repeating: 1, count: constant.shape.count)
        for axis in strides.indices.dropLast().reversed() {
            strides[axis] = strides[axis + 1] * constant.shape[axis + 1]
        }
        let steps = order.map { strides[$0] }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(source.count)
        var index = [Int](repeating: 0, count: shape.count)
        for _ in 0..<constant.elementCount {
            let place = zip(index, steps).reduce(0) { $0 + $1.0 * $1.1 } * width
            bytes += source[place..<place + width]
            for axis in shape.indices.reversed() {
                index[axis] += 1
                if index[axis] < shape[axis] { break }
                index[axis] = 0
            }
        }
        return ONNXTensor(
            bytes: bytes, shape: shape, elementType: constant.elementType, name: constant.name)
    }
}
