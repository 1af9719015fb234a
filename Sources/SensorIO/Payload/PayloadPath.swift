/// The way to a value in a JSON document: `motor.bearing.temperature`, `acceleration.0`.
///
/// Components are separated by dots. `\.` is a dot that belongs to a key and `\\` a backslash. A
/// component that is a decimal number without leading zeros also selects the element of an array
/// (from 0).
package struct PayloadPath: Sendable, Equatable, Hashable, CustomStringConvertible {
    /// Keys from the outside in; never empty, none of them empty.
    package let components: [String]

    /// The most components that a path may have.
    package static let maximumComponents = 16

    /// Parses the dotted form.
    ///
    /// - Throws: `PayloadPathError` with the position of the first thing that is wrong.
    package init(_ dotted: String) throws(PayloadPathError) {
        var components: [String] = []
        var component = ""
        var isEscaped = false
        for (position, character) in dotted.enumerated() {
            if isEscaped {
                guard character == "." || character == "\\" else {
                    throw .invalidEscape(position: position)
                }
                component.append(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == "." {
                guard !component.isEmpty else { throw .emptyComponent(position: position) }
                components.append(component)
                component = ""
            } else {
                component.append(character)
            }
        }
        guard !isEscaped else { throw .invalidEscape(position: dotted.count) }
        guard !component.isEmpty else { throw .emptyComponent(position: dotted.count) }
        components.append(component)
        guard components.count <= Self.maximumComponents else {
            throw .tooManyComponents(maximum: Self.maximumComponents)
        }
        self.components = components
    }

    /// The path of one key at the top of the document; dots in `key` belong to the key.
    ///
    /// - Throws: `.emptyComponent` for an empty key.
    package init(key: String) throws(PayloadPathError) {
        guard !key.isEmpty else { throw .emptyComponent(position: 0) }
        components = [key]
    }

    /// The dotted form that `init(_:)` reads.
    package var description: String {
        components.map { component in
            component.reduce(into: "") { text, character in
                if character == "." || character == "\\" { text.append("\\") }
                text.append(character)
            }
        }.joined(separator: ".")
    }

    /// Whether `other` is this path or leads through the value at this path.
    package func isPrefix(of other: PayloadPath) -> Bool {
        components.count <= other.components.count
            && zip(components, other.components).allSatisfy(==)
    }
}

/// Why a dotted path cannot be read. Positions count characters from 0.
package enum PayloadPathError: Error, Sendable, Equatable, CustomStringConvertible {
    case emptyComponent(position: Int)
    case invalidEscape(position: Int)
    case tooManyComponents(maximum: Int)

    package var description: String {
        switch self {
        case .emptyComponent(let position): "empty component at character \(position + 1)"
        case .invalidEscape(let position):
            "a backslash must be followed by '.' or '\\' (character \(position + 1))"
        case .tooManyComponents(let maximum): "more than \(maximum) components"
        }
    }
}
