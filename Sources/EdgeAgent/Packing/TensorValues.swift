internal import InferenceRuntime

/// A tensor's bytes as numbers, and back: how golden vectors are written down.
enum TensorValues {
    /// The elements of a tensor as stored.
    static func read(_ bytes: UnsafeMutableRawBufferPointer, _ type: ElementType) -> [Double] {
        unsafe read(UnsafeRawBufferPointer(bytes), type)
    }

    /// The elements of a tensor as stored.
    static func read(_ bytes: UnsafeRawBufferPointer, _ type: ElementType) -> [Double] {
        switch type {
        case .int8: unsafe bytes.map { Double(Int8(bitPattern: $0)) }
        case .float32:
            (0..<(bytes.count / 4)).map {
                unsafe Double(bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self))
            }
        case .float64:
            (0..<(bytes.count / 8)).map {
                unsafe bytes.loadUnaligned(fromByteOffset: $0 * 8, as: Double.self)
            }
        default: unsafe bytes.map { Double($0) }
        }
    }

    /// The bytes of elements; nil when one of them does not fit the type.
    static func bytes(_ values: [Double], _ type: ElementType) -> [UInt8]? {
        var bytes: [UInt8] = []
        for value in values {
            switch type {
            case .int8:
                guard let element = Int8(exactly: value) else { return nil }
                bytes.append(UInt8(bitPattern: element))
            case .uint8:
                guard let element = UInt8(exactly: value) else { return nil }
                bytes.append(element)
            case .float32:
                let pattern = Float(value).bitPattern.littleEndian
                for shift in [0, 8, 16, 24] as [UInt32] {
                    bytes.append(UInt8(truncatingIfNeeded: pattern >> shift))
                }
            case .float64:
                let pattern = value.bitPattern.littleEndian
                for shift in stride(from: UInt64(0), to: 64, by: 8) {
                    bytes.append(UInt8(truncatingIfNeeded: pattern >> shift))
                }
            default: return nil
            }
        }
        return bytes
    }
}
