internal import COnnxRuntime

extension ONNXRuntimeModel {
    /// Tensors one after the other in one memory.
    struct Layout {
        let limits: ModelLimits
        var tensors: [TensorDescription] = []
        var ranges: [Range<Int>] = []
        /// - Units: bytes
        var byteCount = 0

        init(limits: ModelLimits) { self.limits = limits }

        /// Adds a tensor at the next 64-byte boundary.
        ///
        /// - Parameter shape: -1 for a dimension that is left open.
        /// - Throws: `tensorTooLarge`, `arenaTooLarge`.
        mutating func add(
            _ name: String, _ shape: [Int], _ type: ElementType
        ) throws(ModelError) {
            let shape = shape.map { $0 < 0 ? 1 : $0 }
            var count = 1
            var isTooLarge = false
            for extent in shape {
                let (product, overflow) = count.multipliedReportingOverflow(by: extent)
                count = product
                if overflow || product > limits.arenaBytes { isTooLarge = true }
            }
            let elementBytes = type.byteCount ?? 0
            guard !isTooLarge, count * elementBytes <= limits.arenaBytes else {
                throw .tensorTooLarge(tensor: name, limitBytes: limits.arenaBytes)
            }
            tensors.append(
                TensorDescription(
                    name: name, shape: shape, elementType: type, scale: 1, zeroPoint: 0, labels: [],
                    elementCount: count, byteCount: count * elementBytes))
            ranges.append(byteCount..<(byteCount + count * elementBytes))
            byteCount = (byteCount + count * elementBytes + 63) & ~63
            guard byteCount <= limits.arenaBytes else {
                throw .arenaTooLarge(bytes: byteCount, limit: limits.arenaBytes)
            }
        }
    }
}

extension ONNXRuntimeModel {
    /// An input or output as the model declares it.
    struct Declaration {
        let name: String
        /// nil for what is no tensor, or whose elements have no whole number of bytes.
        ///
        /// - Source: ONNXTensorElementDataType of onnxruntime_c_api.h.
        let elementType: ElementType?
        /// -1 for one that is only known at run time.
        let shape: [Int]

        /// - Parameter tensor: of a model that lives.
        init(_ tensor: UnsafePointer<ox_tensor>) {
            name = unsafe String(cString: tensor.pointee.name)
            let types: [ElementType?] = [
                nil, .float32, .uint8, .int8, .uint16, .int16, .int32, .int64, nil, .bool, .float16,
                .float64, .uint32, .uint64,
            ]
            let number = unsafe Int(tensor.pointee.element_type)
            elementType = types.indices.contains(number) ? types[number] : nil
            let rank = unsafe tensor.pointee.rank
            shape = unsafe withUnsafeBytes(of: tensor.pointee.shape) { bytes in
                unsafe bytes.bindMemory(to: Int64.self).prefix(rank).map { Int($0) }
            }
        }
    }
}
