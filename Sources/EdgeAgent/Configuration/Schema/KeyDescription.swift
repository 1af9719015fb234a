/// One key of the configuration as its documentation shows it.
package struct KeyDescription: Sendable {
    package indirect enum Shape: Sendable {
        case scalar(ScalarDescription)
        /// A list of scalars.
        case list(ScalarDescription)
        /// A mapping from names of the user's to scalars.
        case table(ScalarDescription)
        case section([KeyDescription])
        /// A list of sections; fragments merge those whose value of the key `keyedBy` is the same.
        case sectionList([KeyDescription], keyedBy: String)
        /// A mapping from names of the user's to sections.
        case sectionTable([KeyDescription])
    }

    package var name: String
    /// One line, without a full stop.
    package var summary: String
    package var shape: Shape
    package var isRequired: Bool
    /// The default as it would be written, or a sentence in words; nil for required keys.
    package var defaultText: String?
    /// Whether `defaultText` is what one could write, and no sentence.
    package var isDefaultLiteral = false

    /// What an error says is expected.
    var expectation: String {
        switch shape {
        case .scalar(let scalar): scalar.expectation
        case .list(let scalar): "a list, each entry \(scalar.expectation)"
        case .table(let scalar): "a mapping from names to \(scalar.expectation)"
        case .section, .sectionTable: "a mapping"
        case .sectionList: "a list of mappings"
        }
    }

    /// The keys below this one.
    package var children: [KeyDescription] {
        switch shape {
        case .scalar, .list, .table: []
        case .section(let keys), .sectionList(let keys, _), .sectionTable(let keys): keys
        }
    }
}
