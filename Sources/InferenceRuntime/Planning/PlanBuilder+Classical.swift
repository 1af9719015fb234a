internal import CInferenceKernels

extension PlanBuilder {
    mutating func lowerLinearModel(
        _ node: GraphNode, _ index: Int, _ model: LinearModel
    ) throws(ModelError) {
        let x = try input(node, 0)
        let (rows, columns) = try matrixShape(x, node)
        guard model.outputCount <= Int(IK_LINEAR_OUTPUTS) else {
            throw unsupported(node, "\(model.outputCount) targets")
        }
        guard model.coefficients.count == model.targetCount * columns else {
            throw invalid(
                node,
                "it has \(model.coefficients.count) coefficients for \(model.targetCount) targets of \(columns) columns"
            )
        }
        try count(multiplyAdds: rows, columns, model.targetCount)
        guard let scores = node.outputs.last, shape(scores) == [rows, model.outputCount],
            type(scores) == .float32
        else { throw invalid(node, "its scores are not \(rows) x \(model.outputCount)") }
        var parameters = unsafe ik_linear_model()
        unsafe parameters.coefficients = try constants.store(model.coefficients)
        unsafe parameters.intercepts = try constants.store(model.intercepts)
        unsafe parameters.rows = Int32(rows)
        unsafe parameters.columns = Int32(columns)
        unsafe parameters.targets = Int32(model.targetCount)
        unsafe parameters.outputs = Int32(model.outputCount)
        unsafe parameters.post_transform = model.postTransform.rawValue
        unsafe parameters.input_type = try inputType(x, node)
        unsafe parameters.adds_second_class = model.addsSecondClass ? 1 : 0
        var label: Int?
        if let labels = model.labels {
            guard labels.count == max(model.targetCount, 2) else {
                throw invalid(
                    node, "it has \(labels.count) classes for \(model.targetCount) targets")
            }
            unsafe parameters.labels = try constants.store(labels.map(Int64.init))
            label = try labelOutput(node, rows: rows)
        }
        let stored = unsafe try constants.store([parameters])
        let from = try denseLayout(x, index)
        let second = try label.map { tensor throws(ModelError) in try outputLayout(tensor) }
        let to = try outputLayout(scores)
        var step = unsafe ik_step()
        unsafe step.run = ik_linear_model_rows
        unsafe step.u.parameters = UnsafeRawPointer(stored)
        unsafe append(step, from: from, and: second, to: to, index)
    }

    mutating func lowerColumnMap(
        _ node: GraphNode, _ index: Int, _ map: ColumnMap
    ) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        let (rows, columns) = try matrixShape(x, node)
        guard shape(x) == shape(y), type(y) == .float32 else {
            throw invalid(node, "its output does not have its input's shape")
        }
        func each(_ values: [Float]) throws(ModelError) -> [Float] {
            if values.count == 1 { return Array(repeating: values[0], count: columns) }
            guard values.count == columns else {
                throw invalid(node, "it has \(values.count) values for \(columns) columns")
            }
            return values
        }
        var parameters = unsafe ik_column_map()
        unsafe parameters.rows = Int32(rows)
        unsafe parameters.columns = Int32(columns)
        unsafe parameters.input_type = try inputType(x, node)
        switch map {
        case .scale(let offset, let scale):
            unsafe parameters.kind = Int32(IK_SCALE)
            unsafe parameters.offset = try constants.store(try each(offset))
            unsafe parameters.scale = try constants.store(try each(scale))
        case .impute(let values, let missing):
            unsafe parameters.kind = Int32(IK_IMPUTE)
            unsafe parameters.offset = try constants.store(try each(values))
            unsafe parameters.threshold = missing
        case .binarize(let threshold):
            unsafe parameters.kind = Int32(IK_BINARIZE)
            unsafe parameters.threshold = threshold
        case .normalize(let norm):
            unsafe parameters.kind =
                switch norm {
                case .maximum: Int32(IK_NORM_MAX)
                case .l1: Int32(IK_NORM_L1)
                case .l2: Int32(IK_NORM_L2)
                }
        }
        let stored = unsafe try constants.store([parameters])
        let from = try denseLayout(x, index)
        let to = try outputLayout(y)
        var step = unsafe ik_step()
        unsafe step.run = ik_column_map_rows
        unsafe step.u.parameters = UnsafeRawPointer(stored)
        unsafe append(step, from: from, to: to, index)
    }
}
