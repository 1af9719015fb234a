internal import Glibc
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
    /// ONNX Runtime runs no `.tflite`, and the `.onnx` of the same model is not there.
    case noONNX(path: String, expected: String)
    /// ONNX Runtime is what runs the model anyway.
    case nothingToCompare(path: String)
    /// The thread cannot be kept on a processor.
    case processor(number: Int, errorNumber: Int32)
    /// Only a reconstruction error's threshold can be found from normal samples.
    case thresholdsNeeded

    /// What has to be mended.
    package enum Kind: Sendable {
        case data, noInput, cannotCreate
    }

    package var kind: Kind {
        switch self {
        case .bundle(.unreadable), .bundle(.missingFile), .samples(.unreadable), .noONNX: .noInput
        case .bundle(.unwritable), .bundle(.exists): .cannotCreate
        default: .data
        }
    }

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
        case .noONNX(let path, let expected):
            "\(path): ONNX Runtime runs .onnx models only: put the same model there as \(expected)"
        case .nothingToCompare(let path):
            "\(path): ONNX Runtime is the engine that runs this model, so there is nothing to "
                + "measure it against"
        case .processor(let number, let errorNumber):
            "processor \(number): \(unsafe String(cString: strerror(errorNumber))); "
                + "'nproc' says how many there are"
        case .thresholdsNeeded:
            "thresholds: missing in the description; only for output.kind reconstructionError can "
                + "they be found from samples"
        }
    }
}
