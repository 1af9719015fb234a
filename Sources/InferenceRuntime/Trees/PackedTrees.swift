internal import CInferenceKernels

/// Trees in the memory layout of the kernels.
struct PackedTrees {
    /// Whether the trees fit the nodes of 8 bytes.
    private(set) var isNarrow: Bool
    private(set) var narrow: [ik_tree_node] = []
    private(set) var wide: [ik_wide_tree_node] = []
    /// A bit for each narrow node.
    private(set) var nanIsSecond: [UInt8] = []
    /// First node of each tree, and of trees of one empty leaf that fill the last group.
    private(set) var roots: [UInt32] = []
    /// Deepest tree of each group.
    private(set) var depths: [Int32] = []
    /// [leaf][target] where every leaf votes once for every target.
    private(set) var denseVotes: [Float] = []
    private(set) var voteStarts: [UInt32] = []
    private(set) var votes: [ik_tree_vote] = []
    /// Comparisons for one row.
    private(set) var work = 0

    private static let group = Int(IK_TREE_GROUP)

    init(_ ensemble: TreeEnsemble) {
        isNarrow = Self.canBeNarrow(ensemble)
        packVotes(ensemble)
        if isNarrow && !packNarrow(ensemble) {
            isNarrow = false
            narrow = []
            nanIsSecond = []
            denseVotes = []
            roots = []
            depths = []
            work = 0
        }
        if !isNarrow { packWide(ensemble) }
        if isNarrow && (ensemble.targetCount == 1 || !denseVotes.isEmpty) {
            // Leaves hold their votes, or number their rows.
            votes = []
            voteStarts = []
        }
    }

    private static func canBeNarrow(_ ensemble: TreeEnsemble) -> Bool {
        !ensemble.isDouble && ensemble.aggregate != .minimum && ensemble.aggregate != .maximum
            && ensemble.featureCount < Int(UInt16.max)
            && ensemble.nodes.allSatisfy { ensemble.ordered($0) != nil }
            && (ensemble.targetCount > 1 || ensemble.leaves.allSatisfy { $0.count <= 1 })
    }

    private mutating func packVotes(_ ensemble: TreeEnsemble) {
        // One row more, without votes, for the trees that fill the last group.
        voteStarts = ensemble.leaves.map { UInt32($0.lowerBound) }
        voteStarts += [UInt32(ensemble.votes.count), UInt32(ensemble.votes.count)]
        votes = ensemble.votes.map { ik_tree_vote(weight: $0.weight, target: $0.target) }
        let targets = ensemble.targetCount
        let isDense =
            isNarrow && targets > 1
            && ensemble.leaves.allSatisfy { leaf in
                leaf.count == targets
                    && Set(leaf.map { ensemble.votes[Int($0)].target }).count == targets
            }
        guard isDense else { return }
        denseVotes = Array(repeating: 0, count: (ensemble.leaves.count + 1) * targets)
        for (row, leaf) in ensemble.leaves.enumerated() {
            for vote in leaf {
                let vote = ensemble.votes[Int(vote)]
                denseVotes[row * targets + Int(vote.target)] = Float(vote.weight)
            }
        }
    }

    // MARK: - Narrow

    /// - Returns: false when a tree is so large that a distance does not fit.
    private mutating func packNarrow(_ ensemble: TreeEnsemble) -> Bool {
        var tallest: Int32 = 0
        for (number, root) in ensemble.roots.enumerated() {
            guard let depth = packNarrow(root, ensemble) else { return false }
            tallest = max(tallest, depth)
            if number % Self.group == Self.group - 1 || number == ensemble.roots.count - 1 {
                depths.append(tallest)
                work += Int(tallest) * Self.group
                tallest = 0
            }
        }
        while roots.count % Self.group != 0 {
            roots.append(UInt32(narrow.count))
            narrow.append(leafNode(ensemble.leaves.count, ensemble))
        }
        nanIsSecond += Array(repeating: 0, count: narrow.count / 8 + 1 - nanIsSecond.count)
        return true
    }

    /// Appends one tree level by level.
    ///
    /// - Returns: its depth; nil when a distance does not fit.
    private mutating func packNarrow(_ root: TreeEnsemble.Child, _ ensemble: TreeEnsemble) -> Int32?
    {
        // The root is the second node of a cache line: the two pairs and four of the next two
        // levels fill it.
        while narrow.count % 8 != 1 { narrow.append(ik_tree_node()) }
        roots.append(UInt32(narrow.count))
        narrow.append(ik_tree_node())
        var level = [(child: root, slot: narrow.count - 1)]
        var depth: Int32 = 0
        while true {
            var below: [(child: TreeEnsemble.Child, slot: Int)] = []
            for (child, slot) in level {
                guard let index = child.node,
                    let comparison = ensemble.ordered(ensemble.nodes[index])
                else {
                    narrow[slot] = leafNode(child.leaf ?? ensemble.leaves.count, ensemble)
                    continue
                }
                guard let distance = UInt16(exactly: narrow.count - slot) else { return nil }
                narrow[slot] = ik_tree_node(
                    value: Float(comparison.threshold),
                    feature: UInt16(ensemble.nodes[index].feature), child: distance)
                if comparison.nanIsSecond { setNaNIsSecond(slot) }
                below.append((comparison.first, narrow.count))
                below.append((comparison.second, narrow.count + 1))
                narrow.append(ik_tree_node())
                narrow.append(ik_tree_node())
            }
            if below.isEmpty { return depth }
            depth += 1
            level = below
        }
    }

    private mutating func setNaNIsSecond(_ slot: Int) {
        while nanIsSecond.count <= slot / 8 { nanIsSecond.append(0) }
        nanIsSecond[slot / 8] |= 1 << UInt8(slot % 8)
    }

    /// A leaf of one target holds its vote, one of several the row of its votes.
    private func leafNode(_ leaf: Int, _ ensemble: TreeEnsemble) -> ik_tree_node {
        var value = Float(bitPattern: UInt32(leaf))
        if ensemble.targetCount == 1 {
            let votes = leaf < ensemble.leaves.count ? ensemble.leaves[leaf] : 0..<0
            value = votes.isEmpty ? 0 : Float(ensemble.votes[Int(votes.lowerBound)].weight)
        }
        return ik_tree_node(value: value, feature: UInt16(ensemble.featureCount), child: 0)
    }

    // MARK: - Wide

    private mutating func packWide(_ ensemble: TreeEnsemble) {
        for root in ensemble.roots {
            roots.append(UInt32(wide.count))
            var level = [(child: root, slot: wide.count)]
            wide.append(ik_wide_tree_node())
            while !level.isEmpty {
                var below: [(child: TreeEnsemble.Child, slot: Int)] = []
                for (child, slot) in level {
                    guard let index = child.node else {
                        wide[slot].kind = UInt8(IK_TREE_LEAF)
                        wide[slot].child = Int32(child.leaf ?? 0)
                        continue
                    }
                    let children = setWide(slot, ensemble.nodes[index], ensemble)
                    wide[slot].child = Int32(wide.count - slot)
                    below.append((children.first, wide.count))
                    below.append((children.second, wide.count + 1))
                    wide.append(ik_wide_tree_node())
                    wide.append(ik_wide_tree_node())
                }
                work += below.isEmpty ? 0 : 1
                level = below
            }
        }
    }

    /// - Returns: the children in the order in which the kernel has them.
    private mutating func setWide(
        _ slot: Int, _ node: TreeEnsemble.Node, _ ensemble: TreeEnsemble
    ) -> (first: TreeEnsemble.Child, second: TreeEnsemble.Child) {
        wide[slot].feature = node.feature
        if let comparison = ensemble.ordered(node) {
            wide[slot].kind = UInt8(IK_TREE_ORDERED)
            wide[slot].value = comparison.threshold
            wide[slot].nan_is_second = comparison.nanIsSecond ? 1 : 0
            return (comparison.first, comparison.second)
        }
        wide[slot].value = ensemble.isDouble ? node.threshold : Double(Float(node.threshold))
        wide[slot].nan_is_second = node.missingIsTrue ? 0 : 1
        switch node.mode {
        case .equal: wide[slot].kind = UInt8(IK_TREE_EQUAL)
        case .notEqual:
            // Alone among comparisons it holds for a NaN.
            wide[slot].kind = UInt8(IK_TREE_NOT_EQUAL)
            wide[slot].nan_is_second = 0
        case .member:
            wide[slot].kind = UInt8(IK_TREE_MEMBER)
            wide[slot].first_member = node.members.lowerBound
            wide[slot].member_count = Int32(node.members.count)
        case .greaterOrEqual where node.threshold == -.infinity:
            // Every number is; only NaN is not.
            wide[slot].kind = UInt8(IK_TREE_ORDERED)
            wide[slot].value = .infinity
        default: wide[slot].kind = UInt8(IK_TREE_NEVER)
        }
        return (node.ifTrue, node.ifFalse)
    }
}
