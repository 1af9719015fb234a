/// Every value of a configuration as text under its path, told by the tables of keys by which it was read.
///
/// Values of defaults and of the environment are among them; what was left out and has no default is not.
struct ConfigurationValues {
    /// Where a value stands, as people write it and as the reference does.
    struct Path: Equatable, Sendable {
        /// As in `pipelines[pumps].budget`: elements by name, so that one more moves none.
        var text: String
        /// As in `pipelines[].budget`.
        var reference: String

        static let root = Path(text: "", reference: "")

        func key(_ name: String) -> Path {
            Path(
                text: text.isEmpty ? name : "\(text).\(name)",
                reference: reference.isEmpty ? name : "\(reference).\(name)")
        }

        /// One of a list of sections.
        func element(_ name: String) -> Path {
            Path(text: "\(text)[\(name)]", reference: "\(reference)[]")
        }

        /// One under a name of the user's.
        func entry(_ name: String) -> Path {
            Path(text: "\(text).\(name)", reference: "\(reference).<name>")
        }

        /// Whether it is this section or something in it.
        func isWithin(_ section: Path) -> Bool {
            text == section.text || text.hasPrefix("\(section.text).")
                || text.hasPrefix("\(section.text)[")
        }
    }

    struct Entry: Equatable {
        var path: Path
        /// nil: a section that might not be there.
        var value: String?
    }

    private(set) var entries: [Entry] = []

    init() {}

    init(_ configuration: Configuration) {
        Configuration.keys.note(configuration, at: .root, &self)
    }

    mutating func note(_ value: String, at path: Path) {
        entries.append(Entry(path: path, value: value))
    }

    mutating func noteSection(at path: Path) { entries.append(Entry(path: path, value: nil)) }
}

extension KeyTable {
    /// Notes all values of a section.
    func note(
        _ section: Root, at path: ConfigurationValues.Path, _ values: inout ConfigurationValues
    ) {
        for key in keys { key.note(section, path.key(key.description.name), &values) }
    }

    /// The text of one key's value.
    func text(of name: String, in section: Root) -> String {
        var values = ConfigurationValues()
        keys.first { $0.description.name == name }?.note(section, .root.key(name), &values)
        return values.entries.first?.value ?? ""
    }
}
