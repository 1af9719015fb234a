package import InferenceRuntime
package import SensorIO

/// Why a pipeline cannot work.
package enum PipelineError: Error, CustomStringConvertible {
    case mqtt(MQTTError)
    case payload(PayloadDescriptionError)
    case window(WindowError)
    case features(FeatureError)
    case scorer(ScorerError)
    case alarm(AlarmRuleError)
    case model(ModelError)
    /// Features and scores are real numbers; this tensor holds none.
    case tensorType(name: String, type: String)
    /// The model takes or gives another number of values than the bundle says.
    case tensorSize(name: String, expected: Int, actual: Int)
    /// A bundle's model has one input, and an output.
    case tensorCount(name: String, actual: Int)
    /// The model's answer to a golden input is not the expected one.
    case goldenMismatch(vector: Int, output: Int, expected: String, actual: String)
    /// A golden vector has a value that the model's tensors cannot hold.
    case goldenNotRepresentable(vector: Int)
    /// The model is slower on this box than its share of the budget.
    /// - Units: nanoseconds
    case tooSlow(p99: UInt64, limit: UInt64)

    package var description: String {
        switch self {
        case .mqtt(let error): "\(error)"
        case .payload(let error): "\(error)"
        case .window(let error): "\(error)"
        case .features(let error): "\(error)"
        case .scorer(let error): "\(error)"
        case .alarm(let error): "\(error)"
        case .model(let error): "\(error)"
        case .tensorType(let name, let type):
            "the \(name) of the model is \(type); a pipeline's model has int8, uint8, float32 or float64"
        case .tensorSize(let name, let expected, let actual):
            "the \(name) of the model has \(actual) values, the bundle says \(expected)"
        case .tensorCount(let name, let actual):
            "the model has \(actual) \(name)s; a bundle's model has one"
        case .goldenMismatch(let vector, let output, let expected, let actual):
            "golden vector \(vector): output \(output) is \(actual), expected \(expected): "
                + "the model file is not the one the bundle was made for, or this box computes wrongly"
        case .goldenNotRepresentable(let vector):
            "golden vector \(vector): a value does not fit the type of the model's tensor"
        case .tooSlow(let p99, let limit):
            "inference takes \(microseconds(p99)) at the 99th percentile on this box, more than its "
                + "share of the budget, \(microseconds(limit)): give the pipeline a larger budget or "
                + "inferenceShare, or use a smaller model"
        }
    }

    private func microseconds(_ nanoseconds: UInt64) -> String {
        "\((nanoseconds + 500) / 1000) µs"
    }
}
