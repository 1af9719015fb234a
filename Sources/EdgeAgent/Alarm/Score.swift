/// How a model's outputs become one number, of which high is bad.
package enum ScoreMethod: Sendable, Equatable {
    /// The mean squared difference between the model's input and output.
    case reconstructionError
    /// The probability that one of these classes holds: the sum over their outputs.
    case classProbabilities(alarmClasses: [Int])
    /// The output itself.
    case value(index: Int)
}

/// One evaluation's result.
package struct Score: Sendable, Equatable {
    /// - Range: finite.
    package var value: Float
    /// `classProbabilities`: the most probable of the alarm classes, which names the alarm; else -1.
    package var labelIndex: Int16
    /// `classProbabilities`: the most probable of all classes; else -1.
    package var winnerIndex: Int16

    package init(value: Float, labelIndex: Int16 = -1, winnerIndex: Int16 = -1) {
        self.value = value
        self.labelIndex = labelIndex
        self.winnerIndex = winnerIndex
    }
}

/// What came of reading a model's outputs.
package enum ScoreOutcome: Sendable, Equatable {
    case score(Score)
    /// An output (or an input) is NaN or infinite, or the engine gave none: an evaluation error. It neither raises nor
    /// clears an alarm; it is counted, and if it repeats the agent says so.
    case notFinite
}

/// Why a score cannot be computed from a model.
package enum ScorerError: Error, Equatable, CustomStringConvertible {
    case sizesDiffer(inputCount: Int, outputCount: Int)
    case channelOutOfRange(feature: Int, channel: Int, channelCount: Int)
    case outputOutOfRange(index: Int, outputCount: Int)
    case noAlarmClasses
    case repeatedAlarmClass(index: Int)
    case noOutputs

    package var description: String {
        switch self {
        case .sizesDiffer(let inputCount, let outputCount):
            "a reconstruction must be as large as its input: \(inputCount) in, \(outputCount) out"
        case .channelOutOfRange(let feature, let channel, let channelCount):
            "feature \(feature) belongs to channel \(channel) of \(channelCount)"
        case .outputOutOfRange(let index, let outputCount):
            "output \(index) does not exist, the model has \(outputCount)"
        case .noAlarmClasses: "no label is marked as an alarm"
        case .repeatedAlarmClass(let index): "output \(index) is an alarm label twice"
        case .noOutputs: "the model has no outputs"
        }
    }
}
