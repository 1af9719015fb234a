/// Operators of ai.onnx.ml.
extension ONNXGraphBuilder {
    /// - Returns: false for an operator that is not here.
    mutating func lowerClassical(_ context: Context) throws(ModelError) -> Bool {
        switch context.node.operation {
        case "TreeEnsembleClassifier": try lowerFlatTrees(context, isClassifier: true)
        case "TreeEnsembleRegressor": try lowerFlatTrees(context, isClassifier: false)
        case "TreeEnsemble":
            var reader = ONNXTreeReader(context.reader)
            let ensemble = try reader.readSplit()
            try emitScores(
                .treeEnsemble(ensemble), context, columns: ensemble.outputCount,
                type: context.reader.inputType == .float64 ? .float64 : .float32)
        case "LinearClassifier": try lowerLinearClassifier(context)
        case "LinearRegressor": try lowerLinearRegressor(context)
        case "Scaler":
            try emitMap(
                .scale(
                    offset: try context.reader.floats("offset"),
                    scale: try context.reader.floats("scale")), context)
        case "Normalizer":
            let norm: ColumnMap.Norm
            switch try context.reader.string("norm") ?? "MAX" {
            case "MAX": norm = .maximum
            case "L1": norm = .l1
            case "L2": norm = .l2
            case let other: throw context.reader.invalid("norm is '\(other)'")
            }
            try emitMap(.normalize(norm), context)
        case "Imputer":
            try emitMap(
                .impute(
                    values: try context.reader.floats("imputed_value_floats"),
                    missing: try context.reader.float("replaced_value_float") ?? 0), context)
        case "Binarizer":
            try emitMap(
                .binarize(threshold: try context.reader.float("threshold") ?? 0), context)
        case "ArrayFeatureExtractor": try lowerFeatureExtractor(context)
        case "ZipMap":
            // A map a row is a column a class: the scores as they are, with the classes' names.
            var value = try context.input(0)
            let names = try context.reader.strings("classlabels_strings")
            if !names.isEmpty { value.labels = names }
            set(context, value)
        case "LabelEncoder": try lowerLabelEncoder(context)
        case "OneHotEncoder": try lowerOneHotEncoder(context)
        case "SVMRegressor": try lowerSupportVectors(context)
        case "FeatureVectorizer": try lowerFeatureVectorizer(context)
        default: return false
        }
        return true
    }

    /// Rows and columns of a classical operator's input.
    private func matrix(_ context: Context) throws(ModelError) -> (rows: Int, columns: Int) {
        let shape = try context.input(0).shape
        switch shape.count {
        case 1: return (1, shape[0])
        case 2: return (shape[0], shape[1])
        default: throw context.reader.unsupported("an input of \(shape.count) dimensions")
        }
    }

    private mutating func lowerFlatTrees(
        _ context: Context, isClassifier: Bool
    ) throws(ModelError) {
        var reader = ONNXTreeReader(context.reader)
        let (ensemble, names) = try reader.readFlat(isClassifier: isClassifier)
        guard isClassifier else {
            try emitScores(.treeEnsemble(ensemble), context, columns: ensemble.outputCount)
            return
        }
        guard ensemble.targetCount > 1 else {
            throw context.reader.unsupported("a classifier of one class")
        }
        try emitLabelAndScores(
            .treeEnsemble(ensemble), context, columns: ensemble.outputCount, names: names)
    }

    private mutating func emitScores(
        _ operation: Operation, _ context: Context, columns: Int, type: ElementType = .float32
    ) throws(ModelError) {
        let rows = try matrix(context).rows
        let x = try tensor(context, 0).tensor
        let scores = try addOutput(context, shape: [rows, columns], type: type)
        emit(operation, context, [x], [scores])
    }

    /// Labels are int64: the model's own numbers, or places in the list of names.
    private mutating func emitLabelAndScores(
        _ operation: Operation, _ context: Context, columns: Int, names: [String]
    ) throws(ModelError) {
        let rows = try matrix(context).rows
        let x = try tensor(context, 0).tensor
        let label = try addOutput(context, 0, shape: [rows], type: .int64, labels: names)
        let scores = try addOutput(
            context, 1, shape: [rows, columns], type: .float32, labels: names)
        emit(operation, context, [x], [label, scores])
    }

    private mutating func lowerLinearClassifier(_ context: Context) throws(ModelError) {
        let reader = context.reader
        let names = try reader.strings("classlabels_strings")
        var intercepts = try reader.floats("intercepts")
        let coefficients = try reader.floats("coefficients")
        let columns = try matrix(context).columns
        if intercepts.isEmpty, columns > 0 {
            intercepts = Array(repeating: 0, count: coefficients.count / columns)
        }
        guard !intercepts.isEmpty else { throw reader.invalid("it has no coefficients") }
        var labels = names.isEmpty ? try reader.integers("classlabels_ints") : Array(names.indices)
        // Without classes of their own, two are 0 and 1.
        if intercepts.count == 1 && labels.count != 2 { labels = [0, 1] }
        let model = LinearModel(
            coefficients: coefficients, intercepts: intercepts, labels: labels,
            postTransform: try reader.postTransform())
        try emitLabelAndScores(
            .linearModel(model), context, columns: model.outputCount, names: names)
    }

    private mutating func lowerLinearRegressor(_ context: Context) throws(ModelError) {
        let reader = context.reader
        let targets = try reader.integer("targets") ?? 1
        guard (1...1 << 16).contains(targets) else { throw reader.invalid("\(targets) targets") }
        var intercepts = try reader.floats("intercepts")
        if intercepts.isEmpty { intercepts = Array(repeating: 0, count: targets) }
        guard intercepts.count == targets else {
            throw reader.invalid("\(intercepts.count) intercepts for \(targets) targets")
        }
        let model = LinearModel(
            coefficients: try reader.floats("coefficients"), intercepts: intercepts, labels: nil,
            postTransform: try reader.postTransform())
        try emitScores(.linearModel(model), context, columns: model.outputCount)
    }

    private mutating func emitMap(_ map: ColumnMap, _ context: Context) throws(ModelError) {
        _ = try matrix(context)
        let x = try tensor(context, 0)
        let y = try addOutput(context, shape: x.value.shape, type: .float32)
        emit(.columnMap(map), context, [x.tensor], [y])
    }

    /// Columns of the last axis by number. The numbers may come from an ArgMax.
    private mutating func lowerFeatureExtractor(_ context: Context) throws(ModelError) {
        let x = try tensor(context, 0)
        let indices = try tensor(context, 1)
        guard let columns = x.value.shape.last else {
            throw context.reader.invalid("its input has no dimension")
        }
        if let constant = indices.value.constant, constant.elementCount <= 1 << 16 {
            for index in try constant.integers() where !(0..<columns).contains(index) {
                throw context.reader.invalid("column \(index) of \(columns)")
            }
        }
        let count = indices.value.elementCount
        let flat = try addTensor("indices", [count], indices.value.elementType)
        emit(.reshape, context, [indices.tensor], [flat])
        // A vector is taken for a single row.
        let rows = x.value.shape.count == 1 ? [1] : Array(x.value.shape.dropLast())
        var source = x.tensor
        if x.value.shape.count == 1 {
            source = try addTensor("row", [1, columns], x.value.elementType)
            emit(.reshape, context, [x.tensor], [source])
        }
        let y = try addOutput(
            context, shape: rows + [count], type: x.value.elementType, labels: x.value.labels)
        emit(.movement(.gather(axis: rows.count, batchAxes: 0)), context, [source, flat], [y])
    }

    /// Inputs side by side as float32.
    private mutating func lowerFeatureVectorizer(_ context: Context) throws(ModelError) {
        var parts: [Int?] = []
        var columns = 0
        var rows = 1
        for index in context.inputs.indices {
            let part = try tensor(context, index)
            guard part.value.shape.count == 2, part.value.elementType == .float32 else {
                throw context.reader.unsupported("an input that is no matrix of float32")
            }
            rows = part.value.shape[0]
            columns += part.value.shape[1]
            parts.append(part.tensor)
        }
        let y = try addOutput(context, shape: [rows, columns], type: .float32)
        emit(.movement(.concatenation(axis: 1, activation: .none)), context, parts, [y])
    }
}
