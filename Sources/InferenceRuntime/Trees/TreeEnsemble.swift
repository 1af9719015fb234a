/// Decision trees whose leaves vote, whatever file format they came from.
///
/// Proven by its reader: every child exists, no node is reached twice (so there is no cycle), and
/// every feature and target is at least 0 and below its count.
struct TreeEnsemble: Equatable {
    /// When a row goes to a node's first child.
    ///
    /// - Source: `nodes_modes` of ai.onnx.ml TreeEnsemble 5; the raw values are its codes.
    enum Mode: UInt8 {
        case lessOrEqual = 0
        case less, greaterOrEqual, greater, equal, notEqual, member
    }

    struct Node: Equatable {
        var feature: Int32
        var mode: Mode
        /// A NaN goes to the first child, whatever the comparison says.
        var missingIsTrue: Bool
        var threshold: Double
        var ifTrue: Child
        var ifFalse: Child
        /// Values of `member` mode: a range of `members`.
        var members: Range<Int32> = 0..<0
    }

    /// A node or a leaf in its list.
    struct Child: Equatable {
        /// The node's index, or −1 − the leaf's.
        var code: Int32

        static func node(_ index: Int) -> Child { Child(code: Int32(index)) }
        static func leaf(_ index: Int) -> Child { Child(code: -1 - Int32(index)) }
        var node: Int? { code >= 0 ? Int(code) : nil }
        var leaf: Int? { code < 0 ? Int(-1 - code) : nil }
    }

    struct Vote: Equatable {
        var target: Int32
        var weight: Double
    }

    enum Aggregate: Equatable { case sum, average, minimum, maximum }

    /// What is done to the sums of a row's votes.
    enum PostTransform: Int32 { case none, logistic, softmax, softmaxZero, probit }

    /// How a classifier's label follows from its scores.
    struct Classes: Equatable {
        /// One for each class; for names their places in the list of names.
        var labels: [Int]
        /// Two classes, and every leaf votes for one of them.
        var isBinary: Bool
        var weightsArePositive: Bool
    }

    var nodes: [Node] = []
    /// A leaf's votes: a range of `votes`.
    var leaves: [Range<Int32>] = []
    var votes: [Vote] = []
    var roots: [Child] = []
    var members: [Double] = []
    var featureCount = 0
    var targetCount = 0
    var aggregate = Aggregate.sum
    var postTransform = PostTransform.none
    var baseValues: [Double] = []
    var classes: Classes?
    /// Thresholds and sums are float64; else float32.
    var isDouble = false

    /// Columns of its result.
    var outputCount: Int { max(targetCount, classes?.labels.count ?? 0) }

    /// The comparison as `x ≤ threshold`, with its children in that order and the place of NaN;
    /// nil for equality and membership.
    ///
    /// `x < t` is `x ≤ t'` for the next smaller number t', and `>=` and `>` are their opposites:
    /// exact, for values of the precision in which the ensemble compares.
    func ordered(
        _ node: Node
    ) -> (threshold: Double, first: Child, second: Child, nanIsSecond: Bool)? {
        let below =
            isDouble ? node.threshold.nextDown : Double(Float(node.threshold).nextDown)
        // No x is below −infinity or compares with NaN: the answer is always the same.
        let isNever = node.threshold.isNaN
        switch node.mode {
        case .lessOrEqual where !isNever:
            return (node.threshold, node.ifTrue, node.ifFalse, !node.missingIsTrue)
        case .less where !isNever && node.threshold > -.infinity:
            return (below, node.ifTrue, node.ifFalse, !node.missingIsTrue)
        case .greater where !isNever:
            return (node.threshold, node.ifFalse, node.ifTrue, node.missingIsTrue)
        case .greaterOrEqual where !isNever && node.threshold > -.infinity:
            return (below, node.ifFalse, node.ifTrue, node.missingIsTrue)
        default: return nil
        }
    }
}
