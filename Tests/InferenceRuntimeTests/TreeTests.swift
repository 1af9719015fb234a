import Foundation
import InferenceRuntime
import TestSupport
import Testing

@Suite("Decision trees")
struct TreeTests {
    /// Runs one row of features.
    private func answer(_ plan: ModelPlan, _ row: [Float]) throws -> [Float] {
        var session = try InferenceSession(plan: plan)
        row.withUnsafeBufferPointer { session.setInput($0) }
        session.invoke()
        var result = [Float](repeating: .nan, count: plan.outputs[0].elementCount)
        result.withUnsafeMutableBufferPointer { session.copyOutput(into: $0) }
        return result
    }

    @Test(
        "Random trees sum as a plain walk does, to the last bit",
        arguments: [4, 6])
    func randomTrees(modes: Int) throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("random trees: seed \(seed)")
        var random = SeededGenerator(seed: seed)
        for _ in 0..<60 {
            let forest = RandomForest(using: &random, modes: modes)
            let plan = try ModelPlan.make(forest.model(order: Array(forest.nodes.indices)))
            for _ in 0..<30 {
                let row = forest.row(using: &random)
                #expect(try answer(plan, row) == forest.sums(row), "seed \(seed)")
            }
        }
    }

    @Test("The order of nodes within a tree does not matter")
    func nodeOrder() throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("order of nodes: seed \(seed)")
        var random = SeededGenerator(seed: seed)
        let forest = RandomForest(using: &random, modes: 4)
        let order = (0..<forest.trees).flatMap { tree in
            forest.nodes.indices.filter { forest.nodes[$0].tree == tree }.reversed()
        }
        let plan = try ModelPlan.make(forest.model(order: order))
        for _ in 0..<20 {
            let row = forest.row(using: &random)
            #expect(try answer(plan, row) == forest.sums(row), "seed \(seed)")
        }
    }

    private func error(_ change: (inout RandomForest) -> Void) -> ModelError? {
        var random = SeededGenerator(seed: 7)
        var forest = RandomForest(using: &random, modes: 4)
        while forest.nodes.count < 9 { forest = RandomForest(using: &random, modes: 4) }
        change(&forest)
        do throws(ModelError) {
            _ = try ModelPlan.make(forest.model(order: Array(forest.nodes.indices)))
        } catch { return error }
        return nil
    }

    @Test("A tree whose nodes form a cycle is refused")
    func cycle() {
        let inner = { (forest: RandomForest) in
            forest.nodes.indices.filter { forest.nodes[$0].mode != "LEAF" }
        }
        // To itself; to the root; both ways to one child.
        let changes: [(inout RandomForest) -> Void] = [
            { $0.nodes[inner($0)[0]].ifTrue = $0.nodes[inner($0)[0]].number },
            { $0.nodes[inner($0).last!].ifFalse = 0 },
            { $0.nodes[inner($0)[0]].ifFalse = $0.nodes[inner($0)[0]].ifTrue },
        ]
        #expect(error { _ in } == nil)
        for (number, change) in changes.enumerated() {
            guard case .invalidOperator = error(change) else {
                Issue.record("change \(number) is taken")
                continue
            }
        }
    }

    @Test("References to what is not there are refused")
    func dangling() {
        let changes: [(inout RandomForest) -> Void] = [
            { $0.nodes[0].ifTrue = 9_999 },
            { $0.nodes[0].ifFalse = -1 },
            { $0.nodes[0].feature = -1 },
            { $0.nodes[0].feature = $0.features },
            { $0.nodes[0].feature = .max },
            { $0.nodes[0].mode = "BRANCH_MAYBE" },
            { forest in
                let leaf = forest.nodes.indices.first { forest.nodes[$0].mode == "LEAF" }!
                forest.nodes[leaf].votes = [(99, 1)]
            },
        ]
        for (number, change) in changes.enumerated() {
            var isInner = false
            let found = error {
                isInner = $0.nodes[0].mode != "LEAF"
                change(&$0)
            }
            #expect(isInner && found != nil, "change \(number) is taken")
        }
    }
}
