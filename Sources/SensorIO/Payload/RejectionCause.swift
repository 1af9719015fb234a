/// Why a message, or one sample of it, is not used. Counted by `RejectionLedger`; never stops a
/// pipeline.
package enum RejectionCause: UInt8, Sendable, Equatable, CaseIterable {
    case empty
    case tooLarge
    case notJSON
    case notUTF8
    case tooDeep
    /// JSON, but a string, boolean, object or array where a number belongs (or no object at the
    /// top).
    case wrongType
    /// NaN or infinity, spelled out or by overflow of a single-precision float.
    case notFinite
    case missingChannel
    /// The topic names a channel that the model does not have.
    case unknownChannel
    /// A wanted key stands there twice: receivers disagree on which one counts.
    case duplicateKey
    case tooManySamples
    case outOfValidRange
    case timestampMissing
    case timestampInvalid
    case timestampTooOld
    case timestampInFuture
    /// The key of the asset is empty or longer than the table's limit.
    case invalidAssetKey
    /// All places are taken by assets that reported a moment ago.
    case tooManyAssets
    /// The process is out of memory, or a library broke its contract.
    case internalError

    /// The name for metrics and logs, as in `timestampTooOld`.
    package var name: String {
        switch self {
        case .empty: "empty"
        case .tooLarge: "tooLarge"
        case .notJSON: "notJSON"
        case .notUTF8: "notUTF8"
        case .tooDeep: "tooDeep"
        case .wrongType: "wrongType"
        case .notFinite: "notFinite"
        case .missingChannel: "missingChannel"
        case .unknownChannel: "unknownChannel"
        case .duplicateKey: "duplicateKey"
        case .tooManySamples: "tooManySamples"
        case .outOfValidRange: "outOfValidRange"
        case .timestampMissing: "timestampMissing"
        case .timestampInvalid: "timestampInvalid"
        case .timestampTooOld: "timestampTooOld"
        case .timestampInFuture: "timestampInFuture"
        case .invalidAssetKey: "invalidAssetKey"
        case .tooManyAssets: "tooManyAssets"
        case .internalError: "internalError"
        }
    }
}
