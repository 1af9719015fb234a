/// What reading a tree by the tables of keys has found so far.
struct ConfigurationReader {
    let context: ConfigurationContext
    var diagnostics = ConfigurationDiagnostics()
    /// Where each key that was given stands, by its path.
    var locations: [String: SourceLocation] = [:]

    init(context: ConfigurationContext) { self.context = context }
}

/// A part of the configuration: a struct whose initial values are the defaults, and the table of
/// its keys.
protocol ConfigurationSection: Sendable, Equatable {
    init()
    static var keys: KeyTable<Self> { get }
}

/// A section that has a name among its like.
protocol NamedConfigurationSection: ConfigurationSection {
    var name: String { get set }
}

/// The keys of one section: what may stand there, how it is read and how it is documented.
struct KeyTable<Root: Sendable>: Sendable {
    let keys: [Key<Root>]

    init(_ keys: [Key<Root>]) { self.keys = keys }

    var descriptions: [KeyDescription] { keys.map(\.description) }

    /// Reads a mapping into `root`; everything that is wrong goes to the reader's diagnostics.
    func read(
        _ node: YAMLNode, at path: String, into root: inout Root,
        _ reader: inout ConfigurationReader
    ) {
        reader.locations[path] = node.location
        guard case .mapping(let pairs) = node.content else {
            let what = node.isNull ? "has no value: expected a mapping" : "expected a mapping"
            let found = node.isNull ? "" : ", found \(node.found)"
            return reader.diagnostics.error(node.location, path, what + found)
        }
        var given: Set<String> = []
        for pair in pairs {
            let keyPath = path.isEmpty ? pair.key : "\(path).\(pair.key)"
            guard let key = keys.first(where: { $0.description.name == pair.key }) else {
                unknown(pair, at: keyPath, &reader)
                continue
            }
            given.insert(pair.key)
            key.read(pair.value, keyPath, &root, &reader)
        }
        for key in keys where key.description.isRequired && !given.contains(key.description.name) {
            let name = key.description.name
            reader.diagnostics.error(
                node.location, path.isEmpty ? name : "\(path).\(name)",
                "missing: expected \(key.description.expectation)")
        }
    }

    private func unknown(
        _ pair: YAMLPair, at path: String, _ reader: inout ConfigurationReader
    ) {
        let names = keys.map(\.description.name)
        let hint: String
        if let nearest = NearestKey.find(pair.key, among: names) {
            hint = "did you mean '\(nearest)'?"
        } else if let elsewhere = ConfigurationReference.path(ofKey: pair.key) {
            hint = "it belongs to '\(elsewhere)'"
        } else {
            hint = "known here: \(names.joined(separator: ", "))"
        }
        reader.diagnostics.error(
            pair.keyLocation, YAMLNode.excerptPath(path), "unknown key; \(hint)")
    }
}

extension YAMLNode {
    /// A path of keys for one line of an error, whatever the keys are.
    static func excerptPath(_ path: String) -> String {
        guard path.utf8.count > 120 || path.utf8.contains(where: { $0 < 0x20 }) else {
            return path
        }
        return excerpt(path)
    }
}
