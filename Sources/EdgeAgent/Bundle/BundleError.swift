package import SensorIO
internal import Glibc

/// Why a model bundle cannot be used. Each message names the file and, inside it, the place.
package enum BundleError: Error, CustomStringConvertible {
    case unreadable(path: String, errorNumber: Int32)
    /// Something is there that no bundle has: a directory, a link, a file that is not listed.
    case unexpectedEntry(path: String, reason: String)
    case missingFile(path: String)
    case tooLarge(path: String, bytes: Int, maximum: Int)
    case json(path: String, line: Int?, JSONError)
    /// The bundle needs an agent newer than this one.
    case agentTooOld(path: String, needed: SemanticVersion, actual: SemanticVersion)
    case alarm(path: String, AlarmRuleError)
    case unwritable(path: String, errorNumber: Int32)
    case exists(path: String)

    package var description: String {
        switch self {
        case .unreadable(let path, let number): "\(path): cannot be read: \(Self.text(number))"
        case .unexpectedEntry(let path, let reason): "\(path): \(reason)"
        case .missingFile(let path): "\(path): missing; a bundle has this file"
        case .tooLarge(let path, let bytes, let maximum):
            "\(path): \(bytes) bytes, at most \(maximum) are allowed"
        case .json(let path, let line?, let error): "\(path):\(line): \(error)"
        case .json(let path, nil, let error): "\(path): \(error)"
        case .agentTooOld(let path, let needed, let actual):
            "\(path): minimumAgentVersion: the bundle needs agent \(needed), this is \(actual): "
                + "update the agent first"
        case .alarm(let path, let error): "\(path): thresholds: \(error)"
        case .unwritable(let path, let number): "\(path): cannot be written: \(Self.text(number))"
        case .exists(let path):
            "\(path): exists and is not empty; a bundle is never changed, name another directory"
        }
    }

    private static func text(_ errorNumber: Int32) -> String {
        unsafe String(cString: strerror(errorNumber))
    }
}
