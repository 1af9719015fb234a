internal import CInferenceKernels

extension PlanBuilder {
    mutating func lowerTrees(
        _ node: GraphNode, _ index: Int, _ ensemble: TreeEnsemble
    ) throws(ModelError) {
        let x = try input(node, 0)
        let (rows, columns) = try matrixShape(x, node)
        guard ensemble.featureCount <= columns else {
            throw invalid(
                node, "it reads feature \(ensemble.featureCount - 1) of \(columns)")
        }
        let packed = PackedTrees(ensemble)
        try count(multiplyAdds: rows, packed.work)
        var trees = unsafe try store(packed, ensemble)
        unsafe trees.columns = Int32(columns)
        unsafe trees.rows = Int32(rows)
        unsafe trees.input_type = try inputType(x, node)
        // A row of scratch: features and sentinel, sums, scores, flags.
        let featureBytes = (ensemble.featureCount + 1) * (packed.isNarrow ? 4 : 8)
        let sums = (featureBytes + 7) & ~7
        let scores = (sums + 4 * ensemble.targetCount + 7) & ~7
        let flags = scores + 8 * ensemble.outputCount
        let rowBytes = (flags + ensemble.outputCount + 63) & ~63
        unsafe trees.sums_offset = Int64(sums)
        unsafe trees.scores_offset = Int64(scores)
        unsafe trees.flags_offset = Int64(flags)
        unsafe trees.row_bytes = Int64(rowBytes)

        guard let scores = node.outputs.last, shape(scores) == [rows, ensemble.outputCount] else {
            throw invalid(node, "its scores are not \(rows) x \(ensemble.outputCount)")
        }
        guard type(scores) == .float32 || type(scores) == .float64 else {
            throw unsupported(node, "scores of type \(type(scores).rawValue)")
        }
        unsafe trees.result.writes_double = type(scores) == .float64 ? 1 : 0
        var label: Int?
        if ensemble.classes != nil { label = try labelOutput(node, rows: rows) }

        let parameters = unsafe try constants.store([trees])
        let from = try denseLayout(x, index)
        let scratch = try makeScratch(byteCount: rowBytes, count: rows)
        var step = unsafe ik_step()
        unsafe step.run = ik_tree_rows
        unsafe step.u.parameters = UnsafeRawPointer(parameters)
        unsafe append(step, from: from, to: scratch, index)
        let second = try label.map { tensor throws(ModelError) in try outputLayout(tensor) }
        let to = try outputLayout(scores)
        unsafe step.run = ik_tree_descend
        unsafe append(step, from: scratch, and: second, to: to, index)
    }

    /// Copies packed trees into the constant pool.
    private mutating func store(
        _ packed: PackedTrees, _ ensemble: TreeEnsemble
    ) throws(ModelError) -> ik_tree_ensemble {
        var trees = unsafe ik_tree_ensemble()
        if packed.isNarrow {
            unsafe trees.nodes = try constants.store(packed.narrow)
            unsafe trees.nan_is_second = try constants.store(packed.nanIsSecond)
        } else {
            unsafe trees.wide = try constants.store(packed.wide)
            unsafe trees.members = try constants.store(ensemble.members)
        }
        unsafe trees.roots = try constants.store(packed.roots)
        unsafe trees.depths = try constants.store(packed.depths)
        if !packed.denseVotes.isEmpty {
            unsafe trees.dense_votes = try constants.store(packed.denseVotes)
        }
        unsafe trees.vote_starts = try constants.store(packed.voteStarts)
        unsafe trees.votes = try constants.store(packed.votes)
        unsafe trees.trees = Int32(ensemble.roots.count)
        unsafe trees.groups = Int32(packed.depths.count)
        unsafe trees.features = Int32(ensemble.featureCount)
        unsafe trees.aggregate =
            ensemble.aggregate == .minimum ? 1 : ensemble.aggregate == .maximum ? 2 : 0
        var result = unsafe ik_tree_result()
        unsafe result.targets = Int32(ensemble.targetCount)
        unsafe result.outputs = Int32(ensemble.outputCount)
        unsafe result.post_transform = ensemble.postTransform.rawValue
        unsafe result.average = ensemble.aggregate == .average ? 1 : 0
        unsafe result.base_count = Int32(ensemble.baseValues.count)
        unsafe result.base_values = try constants.store(ensemble.baseValues)
        unsafe result.is_double = ensemble.isDouble ? 1 : 0
        if let classes = ensemble.classes {
            unsafe result.is_classifier = 1
            unsafe result.is_binary = classes.isBinary ? 1 : 0
            unsafe result.weights_are_positive = classes.weightsArePositive ? 1 : 0
            unsafe result.labels = try constants.store(classes.labels.map(Int64.init))
        }
        unsafe trees.result = unsafe result
        return unsafe trees
    }

    // MARK: - Shared with the other classical models

    /// Rows and columns of a classical model's input: one row when it has one dimension.
    func matrixShape(_ tensor: Int, _ node: GraphNode) throws(ModelError) -> (Int, Int) {
        switch shape(tensor).count {
        case 1: (1, shape(tensor)[0])
        case 2: (shape(tensor)[0], shape(tensor)[1])
        default: throw unsupported(node, "an input of \(shape(tensor).count) dimensions")
        }
    }

    func inputType(_ tensor: Int, _ node: GraphNode) throws(ModelError) -> Int32 {
        switch type(tensor) {
        case .float32: Int32(IK_FLOAT32)
        case .float64: Int32(IK_FLOAT64)
        case .int32: Int32(IK_INT32)
        case .int64: Int32(IK_INT64)
        case let other: throw unsupported(node, "an input of type \(other.rawValue)")
        }
    }

    /// The first of two outputs: a label for each row.
    func labelOutput(_ node: GraphNode, rows: Int) throws(ModelError) -> Int {
        guard node.outputs.count == 2, shape(node.outputs[0]) == [rows],
            type(node.outputs[0]) == .int64
        else { throw invalid(node, "its labels are not \(rows) int64") }
        return node.outputs[0]
    }

    /// Memory for what one step hands to the next.
    mutating func makeScratch(byteCount: Int, count: Int) throws(ModelError) -> Layout {
        let (bytes, overflow) = byteCount.multipliedReportingOverflow(by: count)
        guard !overflow, bytes <= limits.arenaBytes else {
            throw .arenaTooLarge(bytes: overflow ? .max : bytes, limit: limits.arenaBytes)
        }
        storages.append(
            Storage(
                request: ArenaRequest(byteCount: bytes, first: steps.count, last: steps.count)))
        return Layout(storage: storages.count - 1, view: ik_tensor(), border: Border())
    }
}
