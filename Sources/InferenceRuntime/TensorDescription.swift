/// What a user of a model needs to know of one of its inputs or outputs.
public struct TensorDescription: Sendable, Equatable {
    /// The tensor's name in the file.
    public let name: String
    /// Dimensions, row-major. A dynamic dimension is 1.
    public let shape: [Int]
    public let elementType: ElementType
    /// real value = scale · (q − zeroPoint); 1 when the tensor is not quantized.
    public let scale: Float
    /// In the element type's own range; 0 when the tensor is not quantized.
    public let zeroPoint: Int

    /// Names of the classes when this holds a classifier's scores, one a column, or its labels,
    /// which are then places in this list. Empty when the file has no names.
    public let labels: [String]

    /// Number of elements.
    public let elementCount: Int
    /// Number of bytes.
    public let byteCount: Int
}

extension [TensorDescription] {
    /// Which of a model's outputs it is run for.
    var main: Int { firstIndex { $0.elementType == .float32 } ?? 0 }
}
