/// A function of one element.
enum UnaryFunction: Equatable {
    case relu, relu6, reluN1To1
    case logistic, tanh, elu, hardSwish
    case leakyRelu(alpha: Float)
    case gelu(isApproximate: Bool)
    case absolute, negate
    case squareRoot, reciprocalSquareRoot, square
    case exponential, logarithm
    case ceiling, floor, roundToEven, sign, errorFunction
    case logicalNot
}

/// A function of two elements; shapes broadcast.
enum BinaryFunction: Equatable {
    case add, subtract, multiply, divide
    case minimum, maximum, squaredDifference, prelu, power
}

/// A function of two elements that is true or false; shapes broadcast.
enum Comparison: Equatable {
    case less, lessOrEqual, equal
    case and, or, exclusiveOr
}

/// What becomes of the elements along the axes that a reduction removes.
enum Reduction: Equatable {
    case mean, sum, maximum, minimum, product
}

/// An operator whose output elements are input elements.
enum Movement: Equatable {
    /// Adds or removes axes of extent 1.
    case view
    case concatenation(axis: Int, activation: Activation)
    case pad
    case mirrorPad(includesEdge: Bool)
    case transpose
    case split
    case splitSizes
    case slice
    case stridedSlice(StridedSliceMasks)
    case pack(axis: Int)
    case unpack(axis: Int)
    case gather(axis: Int, batchAxes: Int)
    case spaceToBatch
    case batchToSpace
    /// Repeats axes of extent 1.
    case broadcast
    /// Repeats the whole tensor along each axis.
    case tile
}

/// A change of image size.
struct Resize: Equatable {
    /// Between the four nearest pixels; otherwise the nearest one.
    var isBilinear: Bool
    var alignsCorners: Bool
    var hasHalfPixelCenters: Bool
}

/// Options of a long short-term memory layer. Its activation is the hyperbolic tangent.
struct LSTMOptions: Equatable {
    /// 0: no bound.
    var cellClip: Float
    var projectionClip: Float
    /// [time, batch, …] instead of [batch, time, …].
    var isTimeMajor: Bool
}

/// Bits by axis of the specification, as TensorFlow has them.
struct StridedSliceMasks: Equatable {
    var begin: Int
    var end: Int
    var ellipsis: Int
    var newAxis: Int
    var shrinkAxis: Int
    /// `end` counts from `begin`.
    var endIsOffset: Bool
}
