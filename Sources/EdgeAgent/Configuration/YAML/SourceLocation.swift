/// Where a setting comes from, as an error shows it.
package enum SourceLocation: Sendable, Equatable, CustomStringConvertible {
    /// A place in a file; both numbers count from 1, columns in characters.
    case file(String, line: Int, column: Int)
    /// A file as a whole.
    case wholeFile(String)
    /// An environment variable.
    case environment(String)

    package var description: String {
        switch self {
        case .file(let name, let line, let column): "\(name):\(line):\(column)"
        case .wholeFile(let name): name
        case .environment(let name): name
        }
    }
}
