/// Why a bundle cannot be packed.
package enum PackingError: Error, CustomStringConvertible {
    case pipeline(PipelineError)
    case bundle(BundleError)
    case samples(SampleTableError)
    case scoreNotFinite(path: String, window: Int)
    /// Only a reconstruction error's threshold can be found from normal samples.
    case thresholdsNeeded

    package var description: String {
        switch self {
        case .pipeline(let error): "\(error)"
        case .bundle(let error): "\(error)"
        case .samples(let error): "\(error)"
        case .scoreNotFinite(let path, let window):
            "\(path): the model's score of window \(window) is not a finite number"
        case .thresholdsNeeded:
            "thresholds: missing in the description; only for output.kind reconstructionError can "
                + "they be found from samples"
        }
    }
}
