/// Reads the tree ensembles of ai.onnx.ml into the one form that is planned.
///
/// - Source: TreeEnsembleRegressor and TreeEnsembleClassifier 1, 3 and TreeEnsemble 5 of
///   https://onnx.ai/onnx/operators/ (domain ai.onnx.ml).
struct ONNXTreeReader {
    let node: ONNXNodeReader
    private var ensemble = TreeEnsemble()

    /// Nodes of one ensemble. - Source: 24 bytes each stay far inside the default weight limit.
    private static let nodeLimit = 8 << 20

    init(_ node: ONNXNodeReader) { self.node = node }

    // MARK: - TreeEnsembleRegressor and TreeEnsembleClassifier

    /// An ensemble in one list of nodes and leaves with numbers of their own.
    ///
    /// - Returns: the ensemble, and the classes' names when they have any.
    mutating func readFlat(isClassifier: Bool) throws(ModelError) -> (TreeEnsemble, [String]) {
        let treeNumbers = try node.integers("nodes_treeids")
        let count = treeNumbers.count
        guard count > 0, count <= Self.nodeLimit else {
            throw node.unsupported("\(count) nodes")
        }
        let numbers = try list("nodes_nodeids", count)
        let features = try list("nodes_featureids", count)
        let ifTrue = try list("nodes_truenodeids", count)
        let ifFalse = try list("nodes_falsenodeids", count)
        let thresholds = try values("nodes_values")
        let missing = try node.integers("nodes_missing_value_tracks_true")
        guard thresholds.count == count, missing.isEmpty || missing.count == count else {
            throw node.invalid("its lists of nodes have different lengths")
        }
        let modes = try node.modes("nodes_modes")
        guard modes.count == count else {
            throw node.invalid("its lists of nodes have different lengths")
        }

        // Place of each node among inner nodes or leaves, by tree and number.
        var places: [NodeKey: TreeEnsemble.Child] = [:]
        places.reserveCapacity(count)
        var leafKeys: [NodeKey: Int] = [:]
        var inner: [Int] = []
        for index in 0..<count {
            let key = NodeKey(tree: treeNumbers[index], number: numbers[index])
            let child: TreeEnsemble.Child
            if modes[index] == nil {
                child = .leaf(leafKeys.count)
                leafKeys[key] = leafKeys.count
            } else {
                child = .node(inner.count)
                inner.append(index)
            }
            guard places.updateValue(child, forKey: key) == nil else {
                throw node.invalid(
                    "node \(numbers[index]) of tree \(treeNumbers[index]) is there twice")
            }
        }
        ensemble.nodes.reserveCapacity(inner.count)
        var isChild: Set<NodeKey> = []
        for index in inner {
            let tree = treeNumbers[index]
            let keys = (
                NodeKey(tree: tree, number: ifTrue[index]),
                NodeKey(tree: tree, number: ifFalse[index])
            )
            guard let first = places[keys.0], let second = places[keys.1] else {
                throw node.invalid(
                    "node \(numbers[index]) of tree \(tree) has a child that is not there")
            }
            isChild.insert(keys.0)
            isChild.insert(keys.1)
            ensemble.nodes.append(
                TreeEnsemble.Node(
                    feature: try feature(features[index]), mode: modes[index] ?? .lessOrEqual,
                    missingIsTrue: !missing.isEmpty && missing[index] != 0,
                    threshold: thresholds[index], ifTrue: first, ifFalse: second))
        }
        var hasRoot: Set<Int> = []
        for index in 0..<count {
            let key = NodeKey(tree: treeNumbers[index], number: numbers[index])
            guard !isChild.contains(key), let place = places[key] else { continue }
            guard hasRoot.insert(key.tree).inserted else {
                throw node.invalid("tree \(key.tree) has two roots")
            }
            ensemble.roots.append(place)
        }
        guard hasRoot.count == Set(treeNumbers).count else {
            throw node.invalid("a tree has no root: its nodes form a cycle")
        }
        let names = try readVotes(isClassifier: isClassifier, leafKeys)
        try readCommon()
        return (try checked(allNodes: true), names)
    }

    private mutating func readVotes(
        isClassifier: Bool, _ leafKeys: [NodeKey: Int]
    ) throws(ModelError) -> [String] {
        let prefix = isClassifier ? "class" : "target"
        let targets = try node.integers("\(prefix)_ids")
        let numbers = try list("\(prefix)_nodeids", targets.count)
        let trees = try list("\(prefix)_treeids", targets.count)
        let weights = try values("\(prefix)_weights")
        guard weights.count == targets.count, targets.count <= Self.nodeLimit else {
            throw node.invalid("its lists of votes have different lengths")
        }
        var names: [String] = []
        if isClassifier {
            names = try node.strings("classlabels_strings")
            let labels =
                names.isEmpty ? try node.integers("classlabels_int64s") : Array(names.indices)
            guard !labels.isEmpty else { throw node.invalid("it has no classes") }
            ensemble.targetCount = labels.count
            ensemble.classes = TreeEnsemble.Classes(
                labels: labels,
                isBinary: labels.count == 2 && Set(targets).count == 1,
                weightsArePositive: weights.allSatisfy { $0 >= 0 })
        } else {
            ensemble.targetCount = try node.integer("n_targets") ?? 1
        }
        guard (1...1 << 16).contains(ensemble.targetCount) else {
            throw node.unsupported("\(ensemble.targetCount) targets")
        }

        // Votes in the order of their leaves, and of the file within a leaf.
        var counts = [Int32](repeating: 0, count: leafKeys.count + 1)
        var leafOfVote = [Int](repeating: -1, count: targets.count)
        for vote in targets.indices {
            guard (0..<ensemble.targetCount).contains(targets[vote]) else {
                throw node.invalid("a vote is for target \(targets[vote])")
            }
            // Votes of inner nodes are never cast.
            guard let leaf = leafKeys[NodeKey(tree: trees[vote], number: numbers[vote])] else {
                continue
            }
            leafOfVote[vote] = leaf
            counts[leaf + 1] += 1
        }
        for leaf in 1..<counts.count { counts[leaf] += counts[leaf - 1] }
        ensemble.leaves = (0..<leafKeys.count).map { counts[$0]..<counts[$0 + 1] }
        var next = counts
        ensemble.votes = Array(
            repeating: TreeEnsemble.Vote(target: 0, weight: 0), count: Int(counts[leafKeys.count]))
        for vote in targets.indices where leafOfVote[vote] >= 0 {
            let place = Int(next[leafOfVote[vote]])
            next[leafOfVote[vote]] += 1
            ensemble.votes[place] = TreeEnsemble.Vote(
                target: Int32(targets[vote]), weight: weights[vote])
        }
        return names
    }

    private mutating func readCommon() throws(ModelError) {
        switch try node.string("aggregate_function") ?? "SUM" {
        case "SUM": ensemble.aggregate = .sum
        case "AVERAGE": ensemble.aggregate = .average
        case "MIN": ensemble.aggregate = .minimum
        case "MAX": ensemble.aggregate = .maximum
        case let other: throw node.invalid("aggregate_function is '\(other)'")
        }
        ensemble.postTransform = try node.postTransform()
        ensemble.baseValues = try values("base_values")
        let isVector = [0, 1, ensemble.targetCount].contains(ensemble.baseValues.count)
        guard isVector else {
            throw node.invalid("it has \(ensemble.baseValues.count) base values")
        }
        for name in ["nodes_values", "base_values", "target_weights", "class_weights"]
        where try node.tensor(name + "_as_tensor")?.elementType == .float64 {
            ensemble.isDouble = true
        }
        ensemble.isDouble = ensemble.isDouble || node.inputType == .float64
    }

    // MARK: - TreeEnsemble

    /// An ensemble in separate lists of inner nodes and leaves, of version 5.
    mutating func readSplit() throws(ModelError) -> TreeEnsemble {
        let features = try node.integers("nodes_featureids")
        let count = features.count
        guard count <= Self.nodeLimit else { throw node.unsupported("\(count) nodes") }
        let ifTrue = try list("nodes_truenodeids", count)
        let ifFalse = try list("nodes_falsenodeids", count)
        let trueIsLeaf = try list("nodes_trueleafs", count)
        let falseIsLeaf = try list("nodes_falseleafs", count)
        let missing = try node.integers("nodes_missing_value_tracks_true")
        guard let splits = try node.tensor("nodes_splits"),
            let modes = try node.tensor("nodes_modes"),
            let weights = try node.tensor("leaf_weights")
        else { throw node.invalid("nodes_splits, nodes_modes or leaf_weights is missing") }
        let thresholds = try splits.reals()
        let modeCodes = try modes.integers()
        guard thresholds.count == count, modeCodes.count == count,
            missing.isEmpty || missing.count == count
        else { throw node.invalid("its lists of nodes have different lengths") }
        let votes = try weights.reals()
        let targets = try list("leaf_targetids", votes.count)
        guard votes.count <= Self.nodeLimit else { throw node.unsupported("\(votes.count) leaves") }
        ensemble.isDouble = splits.elementType == .float64 || node.inputType == .float64
        ensemble.targetCount = try node.integer("n_targets") ?? 1
        guard (1...1 << 16).contains(ensemble.targetCount) else {
            throw node.unsupported("\(ensemble.targetCount) targets")
        }
        for (target, weight) in zip(targets, votes) {
            guard (0..<ensemble.targetCount).contains(target) else {
                throw node.invalid("a leaf votes for target \(target)")
            }
            let place = Int32(ensemble.votes.count)
            ensemble.leaves.append(place..<place + 1)
            ensemble.votes.append(TreeEnsemble.Vote(target: Int32(target), weight: weight))
        }
        // Sets of values, one for each node of that mode, ended by NaN.
        var sets = try node.tensor("membership_values")?.reals()[...] ?? []
        for index in 0..<count {
            guard let code = UInt8(exactly: modeCodes[index]),
                let mode = TreeEnsemble.Mode(rawValue: code)
            else { throw node.invalid("a node has mode \(modeCodes[index])") }
            var entry = TreeEnsemble.Node(
                feature: try feature(features[index]), mode: mode,
                missingIsTrue: !missing.isEmpty && missing[index] != 0,
                threshold: thresholds[index],
                ifTrue: try child(ifTrue[index], isLeaf: trueIsLeaf[index] != 0, of: count),
                ifFalse: try child(ifFalse[index], isLeaf: falseIsLeaf[index] != 0, of: count))
            if mode == .member {
                let start = Int32(ensemble.members.count)
                ensemble.members += sets.prefix { !$0.isNaN }
                sets = sets.drop { !$0.isNaN }.dropFirst()
                entry.members = start..<Int32(ensemble.members.count)
            }
            ensemble.nodes.append(entry)
        }
        for root in try node.integers("tree_roots") {
            guard (0..<count).contains(root) else { throw node.invalid("a root is node \(root)") }
            // How a tree of one leaf is written: both children are that leaf.
            let both = ensemble.nodes[root]
            ensemble.roots.append(
                both.ifTrue.leaf != nil && both.ifTrue == both.ifFalse ? both.ifTrue : .node(root))
        }
        let aggregates: [TreeEnsemble.Aggregate] = [.average, .sum, .minimum, .maximum]
        let aggregate = try node.integer("aggregate_function") ?? 1
        let transform = try node.integer("post_transform") ?? 0
        guard aggregates.indices.contains(aggregate), let code = Int32(exactly: transform),
            let post = TreeEnsemble.PostTransform(rawValue: code)
        else { throw node.invalid("aggregate_function or post_transform does not exist") }
        ensemble.aggregate = aggregates[aggregate]
        ensemble.postTransform = post
        return try checked(allNodes: false)
    }

    private func child(
        _ index: Int, isLeaf: Bool, of count: Int
    ) throws(ModelError) -> TreeEnsemble.Child {
        guard (0..<(isLeaf ? ensemble.leaves.count : count)).contains(index) else {
            throw node.invalid("a node has a child that is not there")
        }
        return isLeaf ? .leaf(index) : .node(index)
    }

    // MARK: - Common

    /// Follows every tree once: a node that is reached twice would be a cycle, or an ensemble
    /// that unfolds to more than its file holds.
    ///
    /// - Parameter allNodes: whether a node that no root leads to is a fault: what is left of a tree
    ///   that a wrong reference has made a cycle.
    private func checked(allNodes: Bool) throws(ModelError) -> TreeEnsemble {
        var result = ensemble
        guard !result.roots.isEmpty else { throw node.invalid("it has no tree") }
        var reached = [Bool](repeating: false, count: result.nodes.count)
        var open = result.roots.compactMap(\.node)
        for root in open {
            guard !reached[root] else { throw node.invalid("a node is reached twice") }
            reached[root] = true
        }
        while let index = open.popLast() {
            for case let child? in [
                result.nodes[index].ifTrue.node, result.nodes[index].ifFalse.node,
            ] {
                guard !reached[child] else { throw node.invalid("a node is reached twice") }
                reached[child] = true
                open.append(child)
            }
        }
        guard !allNodes || reached.allSatisfy({ $0 }) else {
            throw node.invalid("its nodes form a cycle beside a tree")
        }
        result.featureCount = Int(result.nodes.map(\.feature).max() ?? -1) + 1
        return result
    }

    private func feature(_ number: Int) throws(ModelError) -> Int32 {
        guard (0..<1 << 24).contains(number) else { throw node.invalid("a feature is \(number)") }
        return Int32(number)
    }

    private func list(_ name: String, _ count: Int) throws(ModelError) -> [Int] {
        let values = try node.integers(name)
        guard values.count == count else {
            throw node.invalid("\(name) has \(values.count) values where \(count) belong")
        }
        return values
    }

    /// A list of floats, or the tensor that stands for it since version 3.
    private func values(_ name: String) throws(ModelError) -> [Double] {
        if let tensor = try node.tensor(name + "_as_tensor") { return try tensor.reals() }
        return try node.floats(name).map(Double.init)
    }

    /// A node's number is unique in its tree only.
    private struct NodeKey: Hashable {
        var tree: Int
        var number: Int
    }
}
