/// Why a JSON document cannot be used, with the place.
///
/// Paths are written as in `inputs.channels[2].unit`; the document itself is `$`.
package enum JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    case empty
    /// - Units: bytes
    case tooLarge(actual: Int, maximum: Int)
    case tooDeep(maximum: Int)
    case notUTF8
    /// Line and column (in bytes) count from 1; both are 0 where the parser cannot say.
    case syntax(line: Int, column: Int)
    /// A number beyond the range of a double.
    case numberOutOfRange(line: Int, column: Int)
    /// One object has a key twice. Readers disagree on which one counts, so none does.
    case duplicateKey(path: String, key: String)
    case outOfMemory

    case missing(path: String)
    case wrongType(path: String, expected: String, found: String)
    /// A value of the right type that cannot be taken; `reason` completes "must …".
    case invalid(path: String, reason: String)
    case unknownKey(path: String, key: String)

    package var description: String {
        switch self {
        case .empty: "the document is empty"
        case .tooLarge(let actual, let maximum):
            "the document has \(actual) bytes, more than \(maximum)"
        case .tooDeep(let maximum): "nested deeper than \(maximum)"
        case .notUTF8: "not valid UTF-8"
        case .syntax(0, _): "not valid JSON"
        case .syntax(let line, let column): "\(line):\(column): not valid JSON"
        case .numberOutOfRange(let line, let column): "\(line):\(column): number out of range"
        case .duplicateKey(let path, let key): "\(path): key '\(key)' stands there twice"
        case .outOfMemory: "out of memory"
        case .missing(let path): "\(path): missing"
        case .wrongType(let path, let expected, let found):
            "\(path): expected \(expected), found \(found)"
        case .invalid(let path, let reason): "\(path): must \(reason)"
        case .unknownKey(let path, let key): "\(path): unknown key '\(key)'"
        }
    }
}
