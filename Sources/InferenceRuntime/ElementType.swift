/// Type of a tensor's elements.
public enum ElementType: String, Sendable, Equatable, CaseIterable {
    case float32, float16, float64
    case int4, int8, uint8, int16, uint16, int32, uint32, int64, uint64
    case bool, string, complex64, complex128, resource, variant

    /// Bytes of one element; nil for types that have no fixed whole number of bytes.
    public var byteCount: Int? {
        switch self {
        case .int8, .uint8, .bool: 1
        case .float16, .int16, .uint16: 2
        case .float32, .int32, .uint32: 4
        case .float64, .int64, .uint64, .complex64: 8
        case .complex128: 16
        case .int4, .string, .resource, .variant: nil
        }
    }
}
