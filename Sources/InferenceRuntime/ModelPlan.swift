internal import CInferenceKernels

/// A model made ready to run: checked, its memory laid out, its weights packed for this
/// processor. Immutable; any number of sessions on any threads share one plan.
///
/// - Shape: tensors are row-major, images [batch, height, width, channel].
@safe public final class ModelPlan: Sendable {
    /// One operator of the model, for display.
    public struct Operator: Sendable, Equatable {
        /// The file format's name of it.
        public let name: String
        /// Shape of its first output.
        public let outputShape: [Int]
        /// Number of steps it became; 0 for one that only renames memory.
        public let stepCount: Int
    }

    /// A place that a session fills before the first run.
    struct Preparation {
        var offset: Int
        var byteCount: Int
        var fill: UInt8
        var constantOffset: Int?
    }

    public let inputs: [TensorDescription]
    public let outputs: [TensorDescription]
    /// The output that a model is run for: a classifier's probabilities and not its label. The
    /// first of floats, or of all when there is none.
    public let mainOutput: Int
    public let operators: [Operator]
    /// The instruction set whose kernels run this plan.
    public let instructionSet: InstructionSet
    /// Memory of one session. - Units: bytes
    public let arenaBytes: Int
    /// Packed weights and tables, shared by all sessions. - Units: bytes
    public let weightBytes: Int
    /// Work of one inference.
    public let multiplyAdds: Int

    let inputRanges: [Range<Int>]
    let outputRanges: [Range<Int>]
    let preparations: [Preparation]
    /// For each step the operator that it belongs to, an index into `operators`.
    package let stepOwners: [Int]
    private let constants: [AlignedMemory]
    private let arenaConstants: AlignedMemory
    private let stepMemory: AlignedMemory
    let stepCount: Int
    #if DEBUG
        /// A strip behind each piece of the arena.
        let guards: [ArenaGuard]
    #endif

    /// Reads and prepares the model at `path`. Blocks on the disk.
    ///
    /// The file is copied, so that it may change or vanish at any time.
    ///
    /// - Parameter instructionSet: nil for what the environment forces, else the fastest.
    /// - Throws: every case of `ModelError`.
    public convenience init(
        contentsOf path: String, limits: ModelLimits = ModelLimits(),
        instructionSet: InstructionSet? = nil
    ) throws(ModelError) {
        try self.init(
            file: try ModelBytes(contentsOf: path, limit: limits.fileBytes), limits: limits,
            instructionSet: instructionSet)
    }

    /// Prepares the model whose file consists of `bytes`, which are copied.
    public convenience init(
        bytes: UnsafeRawBufferPointer, limits: ModelLimits = ModelLimits(),
        instructionSet: InstructionSet? = nil
    ) throws(ModelError) {
        try self.init(
            file: unsafe try ModelBytes(copying: bytes, limit: limits.fileBytes), limits: limits,
            instructionSet: instructionSet)
    }

    /// Prepares the model in `file`.
    init(
        file: ModelBytes, limits: ModelLimits, instructionSet: InstructionSet?
    ) throws(ModelError) {
        let set: InstructionSet
        if let instructionSet { set = instructionSet } else { set = try .selected() }
        guard let kernels = unsafe ik_kernels_named(set.rawValue) else {
            throw .instructionSetUnavailable(set)
        }
        let graph = try Graph(file, limits: limits)
        var builder = unsafe PlanBuilder(graph, limits: limits, kernels: kernels.pointee)
        try builder.build()
        let arena = try ArenaPlanner.place(
            builder.storages.map { ArenaGuard.widened($0.request) }, limit: limits.arenaBytes)

        inputs = try graph.inputs.map { index throws(ModelError) in try graph.describe(index) }
        outputs = try graph.outputs.map { index throws(ModelError) in try graph.describe(index) }
        mainOutput = outputs.main
        inputRanges = try graph.inputs.map { index throws(ModelError) in
            try builder.range(of: index, isOutput: false, arena.offsets)
        }
        outputRanges = try graph.outputs.map { index throws(ModelError) in
            try builder.range(of: index, isOutput: true, arena.offsets)
        }
        operators = graph.nodes.indices.map { index in
            Operator(
                name: graph.nodes[index].name,
                outputShape: graph.nodes[index].outputs.first.map { graph.tensors[$0].shape } ?? [],
                stepCount: builder.steps.count { $0.node == index })
        }
        self.instructionSet = set
        arenaBytes = arena.byteCount + Int(IK_SLACK_BYTES)
        multiplyAdds = builder.multiplyAdds
        stepOwners = builder.steps.map(\.node)
        stepCount = builder.steps.count
        constants = builder.constants.blocks
        weightBytes = builder.constants.byteCount
        (preparations, arenaConstants) = try builder.preparations(arena.offsets)
        stepMemory = try builder.finishedSteps(arena.offsets)
        #if DEBUG
            guards = builder.guards(arena.offsets)
        #endif
    }

    /// The steps in the order in which they run.
    var steps: UnsafePointer<ik_step> {
        unsafe UnsafePointer(stepMemory.base.assumingMemoryBound(to: ik_step.self))
    }

    /// Writes borders and constant operands into a new session's zeroed arena.
    func prepare(_ arena: AlignedMemory) {
        for preparation in preparations {
            let place = unsafe arena.base + preparation.offset
            if let source = preparation.constantOffset {
                unsafe place.copyMemory(
                    from: arenaConstants.base + source, byteCount: preparation.byteCount)
            } else {
                unsafe place.initializeMemory(
                    as: UInt8.self, repeating: preparation.fill, count: preparation.byteCount)
            }
        }
    }
}
