/// Reads a score from a model's inputs and outputs.
///
/// - Thread: one thread at a time (it keeps the sums of the channels).
@safe  // `classes` and `sums` hold as many elements as their counts say, allocated once.
package struct Scorer: ~Copyable {
    private enum Kind { case reconstructionError, classProbabilities, value }

    /// How many features `evaluate` takes.
    package let featureCount: Int
    /// How many outputs `evaluate` takes.
    package let outputCount: Int
    private let kind: Kind
    private let channelCount: Int
    private let classes: UnsafeMutableBufferPointer<Int>
    private let channels: UnsafeMutableBufferPointer<Int32>
    private let sums: UnsafeMutableBufferPointer<Double>

    /// Checks the model's shape against the method.
    ///
    /// - Parameters:
    ///   - channelOfFeature: for each feature the channel from which it was computed.
    ///   - channelCount: how many channels there are.
    package init(
        method: ScoreMethod, outputCount: Int, channelOfFeature: [Int], channelCount: Int
    ) throws(ScorerError) {
        let featureCount = channelOfFeature.count
        guard outputCount > 0 else { throw .noOutputs }
        for (feature, channel) in channelOfFeature.enumerated()
        where channel < 0 || channel >= channelCount {
            throw .channelOutOfRange(feature: feature, channel: channel, channelCount: channelCount)
        }
        let kind: Kind
        var indices: [Int] = []
        switch method {
        case .reconstructionError:
            kind = .reconstructionError
            guard outputCount == featureCount else {
                throw .sizesDiffer(inputCount: featureCount, outputCount: outputCount)
            }
        case .classProbabilities(let alarmClasses):
            kind = .classProbabilities
            guard !alarmClasses.isEmpty else { throw .noAlarmClasses }
            guard outputCount <= Int(Int16.max) else {
                throw .outputOutOfRange(index: Int(Int16.max), outputCount: outputCount)
            }
            var seen: Set<Int> = []
            for index in alarmClasses where !seen.insert(index).inserted {
                throw .repeatedAlarmClass(index: index)
            }
            indices = alarmClasses
        case .value(let index):
            kind = .value
            indices = [index]
        }
        for index in indices where index < 0 || index >= outputCount {
            throw .outputOutOfRange(index: index, outputCount: outputCount)
        }
        self.kind = kind
        self.featureCount = featureCount
        self.outputCount = outputCount
        self.channelCount = channelCount
        unsafe classes = .allocate(capacity: indices.count)
        _ = unsafe classes.initialize(fromContentsOf: indices)
        unsafe channels = .allocate(capacity: featureCount)
        _ = unsafe channels.initialize(fromContentsOf: channelOfFeature.map { Int32($0) })
        unsafe sums = .allocate(capacity: channelCount)
        unsafe sums.initialize(repeating: 0)
    }

    deinit {
        unsafe classes.deallocate()
        unsafe channels.deallocate()
        unsafe sums.deallocate()
    }

    /// Computes the score of one evaluation.
    ///
    /// - Parameters:
    ///   - features: the model's normalised input, `featureCount` values.
    ///   - outputs: the model's dequantized output, `outputCount` values.
    package func evaluate(
        features: UnsafeBufferPointer<Float>, outputs: UnsafeBufferPointer<Float>
    ) -> ScoreOutcome {
        unsafe check(features, outputs)
        switch kind {
        case .reconstructionError: return unsafe reconstructionError(features, outputs)
        case .classProbabilities: return unsafe classProbabilities(outputs)
        case .value:
            let value = unsafe outputs[classes[0]]
            return value.isFinite ? .score(Score(value: value)) : .notFinite
        }
    }

    /// Finds the channels that drove a reconstruction error, the strongest first. The other
    /// methods have no such split: their list is empty.
    ///
    /// Not part of `evaluate`, since only an event needs it.
    ///
    /// - Parameter limit: how many at most, 1...`Contributors.maximumCount`.
    package mutating func contributors(
        features: UnsafeBufferPointer<Float>, outputs: UnsafeBufferPointer<Float>, limit: Int
    ) -> Contributors {
        unsafe check(features, outputs)
        var list = Contributors()
        guard kind == .reconstructionError else { return list }
        for channel in 0..<channelCount { unsafe sums[channel] = 0 }
        var total = 0.0
        for index in 0..<featureCount {
            let difference = unsafe Double(features[index]) - Double(outputs[index])
            let square = difference * difference
            unsafe sums[Int(channels[index])] += square
            total += square
        }
        guard total > 0, total.isFinite else { return list }
        for channel in 0..<channelCount {
            let share = unsafe Float(sums[channel] / total)
            if share > 0 {
                list.insert(Contributor(channel: Int32(channel), share: share), limit: limit)
            }
        }
        return list
    }

    private func reconstructionError(
        _ features: UnsafeBufferPointer<Float>, _ outputs: UnsafeBufferPointer<Float>
    ) -> ScoreOutcome {
        // Eight partial sums in a fixed order: vectors on every target, the same result on each.
        let whole = featureCount & ~7
        var lanes = SIMD8<Float>()
        var index = 0
        let left = UnsafeRawBufferPointer(features)
        let right = UnsafeRawBufferPointer(outputs)
        while index < whole {
            let offset = index &* 4
            let input = unsafe left.loadUnaligned(fromByteOffset: offset, as: SIMD8<Float>.self)
            let output = unsafe right.loadUnaligned(fromByteOffset: offset, as: SIMD8<Float>.self)
            let difference = input - output
            lanes += difference * difference
            index &+= 8
        }
        var sum: Float = 0
        while index < featureCount {
            let difference = unsafe features[index] - outputs[index]
            sum += difference * difference
            index &+= 1
        }
        // NaN and infinity on either side survive the sum: one check stands for all of them.
        let error = (lanes.sum() + sum) / Float(featureCount)
        return error.isFinite ? .score(Score(value: error)) : .notFinite
    }

    private func classProbabilities(_ outputs: UnsafeBufferPointer<Float>) -> ScoreOutcome {
        var winner = 0
        for index in 0..<outputCount {
            let probability = unsafe outputs[index]
            guard probability.isFinite else { return .notFinite }
            if probability > (unsafe outputs[winner]) { winner = index }
        }
        var sum: Float = 0
        var label = unsafe classes[0]
        for position in unsafe classes.indices {
            let index = unsafe classes[position]
            sum += unsafe outputs[index]
            if unsafe outputs[index] > outputs[label] { label = index }
        }
        guard sum.isFinite else { return .notFinite }
        return .score(
            Score(
                value: sum, labelIndex: Int16(truncatingIfNeeded: label),
                winnerIndex: Int16(truncatingIfNeeded: winner)))
    }

    private func check(
        _ features: UnsafeBufferPointer<Float>, _ outputs: UnsafeBufferPointer<Float>
    ) {
        precondition(
            features.count == featureCount && outputs.count == outputCount,
            "A scorer was given other tensors than it was made for.")
    }
}
