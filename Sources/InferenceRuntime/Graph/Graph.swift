/// A model as the planner sees it, whatever file format it came from: validated references,
/// operators in an order in which they can run, nothing yet decided about memory or kernels.
struct Graph {
    var bytes: ModelBytes
    var tensors: [GraphTensor]
    var nodes: [GraphNode]
    var inputs: [Int]
    var outputs: [Int]
    /// What a session's variables hold before the first run, by name.
    var variables: [String: InitialValue] = [:]
}

/// The first value of a variable.
struct InitialValue: Equatable {
    var shape: [Int]
    var elementType: ElementType
    /// The file's bytes that hold it.
    var constant: Range<Int>
}

/// A tensor of a graph.
struct GraphTensor {
    var name: String
    /// Dimensions, all at least 1.
    var shape: [Int]
    var elementType: ElementType
    var quantization: Quantization?
    /// The file's bytes that hold a constant's elements, exactly as many as the shape needs.
    var constant: Range<Int>?
    /// Names of the classes, for a classifier's labels and scores.
    var labels: [String] = []
    /// Whether it is the state of a recurrent layer: zero at first, kept from run to run.
    var isVariable = false
    /// The first axis whose extent the file leaves open.
    var openAxis: Int?
    /// The first axis whose extent is 0 in the file, 1 here: only for tensors that hold nothing but
    /// a quantization.
    var emptyAxis: Int?

    /// Number of elements. The reader has proven that it does not overflow.
    var elementCount: Int { shape.reduce(1, *) }
}

/// real value = scale · (q − zeroPoint), for the whole tensor or for each index along `axis`.
struct Quantization: Equatable {
    var scales: [Float]
    /// As many as scales.
    var zeroPoints: [Int]
    var axis: Int
}

/// One operator of a graph.
struct GraphNode {
    /// Place in the file's list of operators, for messages.
    var position: Int
    /// The format's own name of the operator.
    var name: String
    var operation: Operation
    /// Tensor indices; nil for an optional input that is left out.
    var inputs: [Int?]
    var outputs: [Int]
    /// Tensors that nobody reads; their quantization tells how the operator rounds on its way.
    var intermediates: [Int] = []
}

/// What an operator does.
enum Operation: Equatable {
    case fullyConnected(activation: Activation)
    case convolution(Window, dilation: Extent, activation: Activation)
    case depthwiseConvolution(Window, dilation: Extent, activation: Activation)
    case add(activation: Activation)
    case averagePool(Window, kernel: Extent, activation: Activation)
    case maximumPool(Window, kernel: Extent, activation: Activation)
    case reshape
    case softmax(beta: Float)
    case quantize
    case dequantize
    case unary(UnaryFunction)
    case binary(BinaryFunction, activation: Activation)
    case reduction(Reduction, keepsAxes: Bool)
    case argumentOfExtreme(isMinimum: Bool)
    case movement(Movement)
    case cast
    case treeEnsemble(TreeEnsemble)
    case linearModel(LinearModel)
    case columnMap(ColumnMap)
    case transposeConvolution(Window, activation: Activation)
    case resize(Resize)
    case batchMatrixProduct(transposesLeft: Bool, transposesRight: Bool)
    case svdf(rank: Int, activation: Activation)
    case lstm(LSTMOptions)
    case recurrent(RecurrentOptions)
    case compare(Comparison)
    /// The second input where the first is true, else the third; shapes broadcast.
    case select
    case encode(LabelMap)
    /// Computed when the model was loaded, or needed by nobody.
    case folded
    /// The shape of its input; only where nobody needs it.
    case shape
    case variableHandle(name: String)
    case readVariable
    case assignVariable
    case callOnce(subgraph: Int)
}

/// Height and width, both at least 1.
struct Extent: Equatable {
    var height: Int
    var width: Int
}

/// How a window moves over its input.
struct Window: Equatable {
    var padding: Padding
    var stride: Extent
}

/// Padding by the names of TensorFlow.
enum Padding: Equatable {
    /// Output extent = ceil(input / stride); the smaller half of the padding comes first.
    case same
    case valid
    /// As many elements on each side as ONNX says.
    case explicit(Border)
}

/// A function fused into an operator.
enum Activation: Equatable {
    case none, relu, reluN1To1, relu6

    /// The real interval that the result is clamped to.
    var bounds: (low: Float, high: Float) {
        switch self {
        case .none: (-.infinity, .infinity)
        case .relu: (0, .infinity)
        case .reluN1To1: (-1, 1)
        case .relu6: (0, 6)
        }
    }
}
