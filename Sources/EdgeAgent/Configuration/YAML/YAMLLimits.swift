/// What a YAML file may be at most. The defaults are far beyond any configuration that a person
/// writes.
package struct YAMLLimits: Sendable, Equatable {
    /// - Units: bytes
    package var maximumBytes: Int
    package var maximumDepth: Int
    /// Values and keys together, with what aliases repeat counted each time.
    package var maximumNodes: Int

    package init(
        maximumBytes: Int = 1 << 20, maximumDepth: Int = 32, maximumNodes: Int = 50_000
    ) {
        self.maximumBytes = maximumBytes
        self.maximumDepth = maximumDepth
        self.maximumNodes = maximumNodes
    }
}

/// Why a text is not one YAML document that can be used, with the place.
package struct YAMLError: Error, Sendable, Equatable {
    package var location: SourceLocation
    package var message: String
}
