package import InferenceRuntime

/// Why a bundle cannot be packed, or a model cannot be run.
package enum PackingError: Error, CustomStringConvertible {
    case pipeline(PipelineError)
    case bundle(BundleError)
    case samples(SampleTableError)
    case scoreNotFinite(path: String, window: Int)
    case modelFile(path: String, ModelError)
    /// A file of tensors is no whole number of runs.
    /// - Units: bytes
    case inputSize(path: String, bytes: Int, bytesEach: Int)
    /// Only a reconstruction error's threshold can be found from normal samples.
    case thresholdsNeeded

    package var description: String {
        switch self {
        case .pipeline(let error): "\(error)"
        case .bundle(let error): "\(error)"
        case .samples(let error): "\(error)"
        case .scoreNotFinite(let path, let window):
            "\(path): the model's score of window \(window) is not a finite number"
        case .modelFile(let path, let error): "\(path): \(error)"
        case .inputSize(let path, let bytes, let each):
            "\(path): has \(bytes) bytes; the model takes \(each) a run, so it must be a multiple of that"
        case .thresholdsNeeded:
            "thresholds: missing in the description; only for output.kind reconstructionError can "
                + "they be found from samples"
        }
    }
}
