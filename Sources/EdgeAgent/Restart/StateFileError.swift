internal import Glibc

/// Why saved windows cannot be used, or not be written. The agent goes on without them.
package enum StateFileError: Error, Equatable, CustomStringConvertible {
    case system(operation: String, errorNumber: Int32)
    case notAFile
    case tooLarge(bytes: Int, maximum: Int)
    case notAState
    case unknownVersion(UInt16)
    case truncated
    case wrongChecksum
    case invalidEntry(offset: Int)
    /// The thread whose windows they are did not hand them over.
    case noAnswer
    /// What was decided on these windows is neither confirmed by a broker nor on the disk.
    case eventsNotSafe

    package var description: String {
        switch self {
        case .system(let operation, let number):
            "\(operation): \(unsafe String(cString: strerror(number)))"
        case .notAFile: "it is no regular file"
        case .tooLarge(let bytes, let maximum):
            "it has \(bytes) bytes, such windows have \(maximum) at most"
        case .notAState: "this is not a file of saved windows"
        case .unknownVersion(let version): "it was written in version \(version) of its format"
        case .truncated: "it ends early"
        case .wrongChecksum: "it is damaged: its checksum is wrong"
        case .invalidEntry(let offset): "it has an impossible entry at byte \(offset)"
        case .noAnswer: "the pipeline's thread does not answer"
        case .eventsNotSafe: "their events are neither confirmed nor on the disk yet"
        }
    }

    /// Whether there is no file, as before the first start.
    var isMissing: Bool {
        if case .system(_, ENOENT) = self { true } else { false }
    }
}
