/// SVMRegressor, which one-class machines are exported as too: Σ coefficient · kernel(x, vector) + ρ.
extension ONNXGraphBuilder {
    mutating func lowerSupportVectors(_ context: Context) throws(ModelError) {
        let reader = context.reader
        let x = try tensor(context, 0)
        let coefficients = try reader.floats("coefficients")
        let vectors = try reader.floats("support_vectors")
        let count = coefficients.count
        guard x.value.shape.count == 2, x.value.elementType == .float32, count > 0,
            vectors.count == count * x.value.shape[1], let rho = try reader.floats("rho").first
        else {
            throw reader.unsupported(
                "\(vectors.count) numbers of support vectors, \(count) coefficients")
        }
        guard try reader.postTransform() == .none else {
            throw reader.unsupported("a transformation of its result")
        }
        let (rows, columns) = (x.value.shape[0], x.value.shape[1])
        let parameters = try reader.floats("kernel_params") + [0, 0, 0]
        let (gamma, offset, degree) = (parameters[0], parameters[1], parameters[2])
        let shape = [rows, count]
        func temporary(_ shape: [Int]) throws(ModelError) -> Int {
            try addTensor("\(context.name)/part", shape, .float32)
        }
        /// γ · x · vector + offset
        func products(_ gamma: Float, _ offset: Float) throws(ModelError) -> Int {
            let weights = try floatConstant(
                "\(context.name)/vectors", vectors.map { $0 * gamma }, shape: [count, columns])
            let bias = try floatConstant(
                "\(context.name)/offset", Array(repeating: offset, count: count), shape: [count])
            let result = try temporary(shape)
            emit(.fullyConnected(activation: .none), context, [x.tensor, weights, bias], [result])
            return result
        }
        let kernel: Int
        switch try reader.string("kernel_type") ?? "LINEAR" {
        case "LINEAR": kernel = try products(1, 0)
        case "POLY":
            let exponent = try floatConstant("\(context.name)/degree", [degree], shape: [])
            kernel = try temporary(shape)
            emit(
                .binary(.power, activation: .none), context,
                [try products(gamma, offset), exponent], [kernel])
        case "SIGMOID":
            kernel = try temporary(shape)
            emit(.unary(.tanh), context, [try products(gamma, offset)], [kernel])
        case "RBF":
            let cells = try temporary([rows, 1, columns])
            emit(.reshape, context, [x.tensor], [cells])
            let known = try floatConstant(
                "\(context.name)/vectors", vectors, shape: [count, columns])
            let differences = try temporary([rows, count, columns])
            emit(
                .binary(.squaredDifference, activation: .none), context, [cells, known],
                [differences])
            let (distances, scaled) = (try temporary(shape), try temporary(shape))
            let axis = try argument([2])
            emit(.reduction(.sum, keepsAxes: false), context, [differences, axis], [distances])
            let factor = try floatConstant("\(context.name)/gamma", [-gamma], shape: [])
            emit(
                .binary(.multiply, activation: .none), context, [distances, factor], [scaled])
            kernel = try temporary(shape)
            emit(.unary(.exponential), context, [scaled], [kernel])
        case let other: throw reader.invalid("its kernel is '\(other)'")
        }
        let weights = try floatConstant(
            "\(context.name)/coefficients", coefficients, shape: [1, count])
        let bias = try floatConstant("\(context.name)/rho", [rho], shape: [1])
        guard try reader.integer("one_class") ?? 0 != 0 else {
            let y = try addOutput(context, shape: [rows, 1], type: .float32)
            emit(.fullyConnected(activation: .none), context, [kernel, weights, bias], [y])
            return
        }
        // 1 inside the class, -1 outside.
        let sum = try temporary([rows, 1])
        emit(.fullyConnected(activation: .none), context, [kernel, weights, bias], [sum])
        let zero = try floatConstant("\(context.name)/zero", [0], shape: [])
        let inside = try addTensor("\(context.name)/inside", [rows, 1], .bool)
        emit(.compare(.less), context, [zero, sum], [inside])
        let (one, other) = (
            try floatConstant("\(context.name)/one", [1], shape: []),
            try floatConstant("\(context.name)/other", [-1], shape: [])
        )
        let y = try addOutput(context, shape: [rows, 1], type: .float32)
        emit(.select, context, [inside, one, other], [y])
    }
}
