/// A value of a YAML file with the place where it stands.
package struct YAMLNode: Sendable, Equatable {
    package enum Content: Sendable, Equatable {
        /// `isPlain`: written without quotes, so that it may mean a number, a boolean or nothing.
        case scalar(String, isPlain: Bool)
        case sequence([YAMLNode])
        /// Keys in the order of the file. The parser reports a key that stands there twice.
        case mapping([YAMLPair])
    }

    package var content: Content
    package var location: SourceLocation
    /// How many nodes this one is, itself and keys included: what an alias to it costs.
    let weight: Int

    /// Makes a node from parts of others.
    init(_ content: Content, at location: SourceLocation) {
        self.content = content
        self.location = location
        weight =
            switch content {
            case .scalar: 1
            case .sequence(let elements): elements.reduce(1) { $0 &+ $1.weight }
            case .mapping(let pairs): pairs.reduce(1) { $0 &+ 1 &+ $1.value.weight }
            }
    }

    /// The type as an error message says it, with the text of a scalar.
    var found: String {
        switch content {
        case .scalar("", isPlain: true): "nothing"
        case .scalar(let text, isPlain: true): "'\(Self.excerpt(text))'"
        case .scalar(let text, isPlain: false): "the text '\(Self.excerpt(text))'"
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }

    /// Whether the value is left out, which YAML spells as nothing, `~` or `null`.
    var isNull: Bool {
        guard case .scalar(let text, isPlain: true) = content else { return false }
        return text.isEmpty || text == "~" || text == "null"
    }

    /// At most 40 characters of a text, with control characters made visible: for one line of an
    /// error.
    static func excerpt(_ text: String) -> String {
        var excerpt = ""
        for (index, scalar) in text.unicodeScalars.enumerated() {
            guard index < 40 else { return excerpt + "…" }
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned,
                .privateUse, .surrogate:
                excerpt += "\\u{\(String(scalar.value, radix: 16))}"
            default: excerpt.unicodeScalars.append(scalar)
            }
        }
        return excerpt
    }
}

/// One key of a mapping with its value.
package struct YAMLPair: Sendable, Equatable {
    package var key: String
    package var keyLocation: SourceLocation
    package var value: YAMLNode
}
