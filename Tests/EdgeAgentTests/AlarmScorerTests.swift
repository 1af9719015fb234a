import TestSupport
import Testing

@testable import EdgeAgent

@Suite("Alarm scorer")
struct AlarmScorerTests {
    /// Evaluates arrays.
    private func evaluate(
        _ scorer: borrowing Scorer, _ features: [Float], _ outputs: [Float]
    ) -> ScoreOutcome {
        features.withUnsafeBufferPointer { features in
            outputs.withUnsafeBufferPointer { scorer.evaluate(features: features, outputs: $0) }
        }
    }

    @Test(
        "a reconstruction error is the mean squared difference", arguments: [1, 7, 8, 9, 64, 643])
    func aReconstructionErrorIsTheMeanSquaredDifference(count: Int) throws {
        var generator = SeededGenerator(seed: UInt64(count))
        let features = (0..<count).map { _ in Float.random(in: -3...3, using: &generator) }
        let outputs = (0..<count).map { _ in Float.random(in: -3...3, using: &generator) }
        let scorer = try Scorer(
            method: .reconstructionError, outputCount: count,
            channelOfFeature: (0..<count).map { _ in 0 }, channelCount: 1)
        var sum = 0.0
        for index in 0..<count {
            let difference = Double(features[index]) - Double(outputs[index])
            sum += difference * difference
        }
        let expected = sum / Double(count)
        guard case .score(let score) = evaluate(scorer, features, outputs) else {
            Issue.record("finite numbers have a score")
            return
        }
        #expect(abs(Double(score.value) - expected) <= 1e-6 * expected)
        #expect(score.labelIndex == -1)
    }

    @Test("each channel has its share of a reconstruction error, the greatest first")
    func eachChannelHasItsShare() throws {
        var scorer = try Scorer(
            method: .reconstructionError, outputCount: 6, channelOfFeature: [0, 1, 2, 0, 1, 2],
            channelCount: 4)
        let features: [Float] = [1, 2, 3, 4, 5, 6]
        let outputs: [Float] = [1, 3, 3, 5, 5, 4]  // Differences 0, 1, 0, 1, 0, 2.
        let list = features.withUnsafeBufferPointer { features in
            outputs.withUnsafeBufferPointer {
                scorer.contributors(features: features, outputs: $0, limit: 2)
            }
        }
        #expect(list.count == 2)
        #expect(list[0].channel == 2)
        #expect(abs(list[0].share - 4.0 / 6) < 1e-6)
        #expect(list[1].channel == 0)
        let same = features.withUnsafeBufferPointer {
            scorer.contributors(features: $0, outputs: $0, limit: 8)
        }
        #expect(same.count == 0)
    }

    @Test("the strongest of random contributors are kept in order", arguments: UInt64(1)...20)
    func theStrongestAreKeptInOrder(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let limit = Int.random(in: 1...10, using: &generator)
        let shares = (0..<Int.random(in: 0...30, using: &generator)).map { _ in
            Float.random(in: 0...1, using: &generator)
        }
        var list = Contributors()
        for (channel, share) in shares.enumerated() {
            list.insert(Contributor(channel: Int32(channel), share: share), limit: limit)
        }
        let expected = shares.sorted(by: >).prefix(min(limit, Contributors.maximumCount))
        #expect((0..<list.count).map { list[$0].share } == Array(expected), "seed \(seed)")
    }

    @Test("class probabilities add up over the alarm classes and name the strongest")
    func classProbabilitiesAddUp() throws {
        let scorer = try Scorer(
            method: .classProbabilities(alarmClasses: [1, 3]), outputCount: 4,
            channelOfFeature: [0], channelCount: 1)
        #expect(
            evaluate(scorer, [0], [0.5, 0.125, 0.125, 0.25])
                == .score(Score(value: 0.375, labelIndex: 3, winnerIndex: 0)))
        #expect(
            evaluate(scorer, [0], [0, 1, 0, 0])
                == .score(Score(value: 1, labelIndex: 1, winnerIndex: 1)))
    }

    @Test("a value is the output itself")
    func aValueIsTheOutputItself() throws {
        let scorer = try Scorer(
            method: .value(index: 1), outputCount: 2, channelOfFeature: [0], channelCount: 1)
        #expect(evaluate(scorer, [0], [.nan, -4]) == .score(Score(value: -4)))
    }

    @Test(
        "an output that is not finite is an evaluation error",
        arguments: [Float.nan, .infinity, -.infinity, .greatestFiniteMagnitude])
    func anOutputThatIsNotFiniteIsAnError(bad: Float) throws {
        for place in [0, 7, 8, 16] {
            var outputs = [Float](repeating: 0.5, count: 17)
            outputs[place] = bad
            let features = [Float](repeating: 0, count: 17)
            let channels = (0..<17).map { _ in 0 }
            let error = try Scorer(
                method: .reconstructionError, outputCount: 17, channelOfFeature: channels,
                channelCount: 1)
            #expect(evaluate(error, features, outputs) == .notFinite)
            #expect(evaluate(error, outputs, features) == .notFinite)
            guard !bad.isFinite else { continue }
            let classes = try Scorer(
                method: .classProbabilities(alarmClasses: [1]), outputCount: 17,
                channelOfFeature: channels, channelCount: 1)
            #expect(evaluate(classes, features, outputs) == .notFinite)
            let value = try Scorer(
                method: .value(index: place), outputCount: 17, channelOfFeature: channels,
                channelCount: 1)
            #expect(evaluate(value, features, outputs) == .notFinite)
        }
    }

    @Test(
        "a model of the wrong shape is refused",
        arguments: [
            (.reconstructionError, 3, [0, 0], .sizesDiffer(inputCount: 2, outputCount: 3)),
            (.reconstructionError, 0, [], .noOutputs),
            (
                .reconstructionError, 1, [2],
                .channelOutOfRange(feature: 0, channel: 2, channelCount: 2)
            ),
            (.classProbabilities(alarmClasses: []), 2, [0], .noAlarmClasses),
            (.classProbabilities(alarmClasses: [1, 1]), 2, [0], .repeatedAlarmClass(index: 1)),
            (
                .classProbabilities(alarmClasses: [2]), 2, [0],
                .outputOutOfRange(index: 2, outputCount: 2)
            ),
            (.value(index: -1), 2, [0], .outputOutOfRange(index: -1, outputCount: 2)),
        ] as [(ScoreMethod, Int, [Int], ScorerError)])
    func aModelOfTheWrongShapeIsRefused(
        method: ScoreMethod, outputCount: Int, channels: [Int], error: ScorerError
    ) {
        do {
            _ = try Scorer(
                method: method, outputCount: outputCount, channelOfFeature: channels,
                channelCount: 2)
            Issue.record("was accepted")
        } catch let thrown {
            #expect(thrown == error)
            #expect(!thrown.description.isEmpty)
        }
    }
}
