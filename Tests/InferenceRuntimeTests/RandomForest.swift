import TestSupport
/// Trees at random in the flat form of ONNX, and the plainest way to walk them.
struct RandomForest {
    static let modes = [
        "BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ",
    ]

    struct Node {
        var tree: Int
        var number: Int
        var feature = 0
        var threshold: Float = 0
        var mode = "LEAF"
        var ifTrue = 0
        var ifFalse = 0
        var missing = false
        var votes: [(target: Int, weight: Float)] = []
    }

    var nodes: [Node] = []
    let features: Int
    let targets: Int
    let trees: Int
    var thresholds: [Float] = []

    /// - Parameter modes: how many of the six modes, from the first, are used.
    init(using random: inout SeededGenerator, modes: Int) {
        features = .random(in: 1...12, using: &random)
        targets = .random(in: 1...4, using: &random)
        trees = .random(in: 1...21, using: &random)
        for tree in 0..<trees {
            var next = 0
            grow(
                tree, &next, depth: .random(in: 0...9, using: &random), modes: modes,
                votesForAll: Bool.random(using: &random), using: &random)
        }
    }

    private mutating func grow(
        _ tree: Int, _ next: inout Int, depth: Int, modes: Int, votesForAll: Bool,
        using random: inout SeededGenerator
    ) {
        let place = nodes.count
        nodes.append(Node(tree: tree, number: next))
        next += 1
        guard depth > 0, .random(in: 0..<10, using: &random) > 0 else {
            let chosen =
                votesForAll ? Array(0..<targets) : [Int.random(in: 0..<targets, using: &random)]
            nodes[place].votes = chosen.map { ($0, .random(in: -1...1, using: &random)) }
            return
        }
        nodes[place].mode = Self.modes[.random(in: 0..<modes, using: &random)]
        nodes[place].feature = .random(in: 0..<features, using: &random)
        nodes[place].missing = Bool.random(using: &random)
        nodes[place].threshold =
            [0, -0.0, .infinity, -.infinity, .leastNonzeroMagnitude]
            .randomElement(using: &random).flatMap {
                Int.random(in: 0..<12, using: &random) == 0 ? $0 : nil
            }
            ?? Float(Int.random(in: -8...8, using: &random)) / 4
        thresholds.append(nodes[place].threshold)
        nodes[place].ifTrue = next
        grow(tree, &next, depth: depth - 1, modes: modes, votesForAll: votesForAll, using: &random)
        nodes[place].ifFalse = next
        grow(tree, &next, depth: depth - 1, modes: modes, votesForAll: votesForAll, using: &random)
    }

    /// Values on the thresholds, beside them, far away and not numbers.
    func row(using random: inout SeededGenerator) -> [Float] {
        (0..<features).map { _ in
            let threshold = thresholds.randomElement(using: &random) ?? 0
            return switch Int.random(in: 0..<8, using: &random) {
            case 0: Float.nan
            case 1: threshold.nextUp
            case 2: threshold.nextDown
            case 3: Float.infinity
            case 4: -Float.infinity
            case 5: Float.random(in: -3...3, using: &random)
            default: threshold
            }
        }
    }

    /// The sums of the votes, in float32 and the order of the trees.
    func sums(_ row: [Float]) -> [Float] {
        var sums = [Float](repeating: 0, count: targets)
        for tree in 0..<trees {
            let members = nodes.filter { $0.tree == tree }
            var node = members[0]
            while node.mode != "LEAF" {
                let x = row[node.feature]
                let holds =
                    switch node.mode {
                    case "BRANCH_LEQ": x <= node.threshold
                    case "BRANCH_LT": x < node.threshold
                    case "BRANCH_GTE": x >= node.threshold
                    case "BRANCH_GT": x > node.threshold
                    case "BRANCH_EQ": x == node.threshold
                    default: x != node.threshold
                    }
                let next = holds || node.missing && x.isNaN ? node.ifTrue : node.ifFalse
                node = members[next]
            }
            for vote in node.votes { sums[vote.target] += vote.weight }
        }
        return sums
    }

    /// The forest as a model.
    ///
    /// - Parameter order: of the nodes in the file.
    func model(order: [Int]) -> [UInt8] {
        let listed = order.map { nodes[$0] }
        let votes = listed.flatMap { node in node.votes.map { (node, $0) } }
        var writer = ONNXWriter()
        writer.inputs = [("x", 1, [1, features])]
        writer.outputs = [("y", 1, [1, targets])]
        writer.nodes = [
            .init(
                operation: "TreeEnsembleRegressor", domain: "ai.onnx.ml", inputs: ["x"],
                outputs: ["y"],
                attributes: [
                    ONNXWriter.attribute("nodes_treeids", listed.map(\.tree)),
                    ONNXWriter.attribute("nodes_nodeids", listed.map(\.number)),
                    ONNXWriter.attribute("nodes_featureids", listed.map(\.feature)),
                    ONNXWriter.attribute("nodes_values", listed.map(\.threshold)),
                    ONNXWriter.attribute("nodes_modes", listed.map(\.mode)),
                    ONNXWriter.attribute("nodes_truenodeids", listed.map(\.ifTrue)),
                    ONNXWriter.attribute("nodes_falsenodeids", listed.map(\.ifFalse)),
                    ONNXWriter.attribute(
                        "nodes_missing_value_tracks_true", listed.map { $0.missing ? 1 : 0 }),
                    ONNXWriter.attribute("target_treeids", votes.map(\.0.tree)),
                    ONNXWriter.attribute("target_nodeids", votes.map(\.0.number)),
                    ONNXWriter.attribute("target_ids", votes.map(\.1.target)),
                    ONNXWriter.attribute("target_weights", votes.map(\.1.weight)),
                    ONNXWriter.attribute("n_targets", integer: targets),
                ])
        ]
        return writer.bytes
    }
}
