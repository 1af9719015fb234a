/// Scalars that environment variables set over the files: `EDGE_AGENT_OUTBOX_MAXIMUM_BYTES`,
/// `EDGE_AGENT_PIPELINES_PUMPS_BUDGET` (for the pipeline named `pumps`).
///
/// Brokers and pipelines are made in files alone; a variable changes one that is there.
struct EnvironmentOverrides {
    static let prefix = "EDGE_AGENT"
    /// Variables that are read elsewhere and are no settings.
    static let reserved: Set<String> = [
        "EDGE_AGENT_ISA", "EDGE_AGENT_WARNINGS", "EDGE_AGENT_SHARED", "EDGE_AGENT_PYTHON",
        "EDGE_AGENT_BENCH", "EDGE_AGENT_CONFIG", "EDGE_AGENT_BOOT_ID",
    ]

    private let environment: [String: String]
    /// Every variable that would mean something here, with the key that it sets.
    private var known: [String: String] = [:]
    private(set) var diagnostics = ConfigurationDiagnostics()

    /// Returns the tree with the overrides in it.
    static func apply(
        _ environment: [String: String], to root: YAMLNode, keys: [KeyDescription],
        _ diagnostics: inout ConfigurationDiagnostics
    ) -> YAMLNode {
        let ours = environment.filter { $0.key.hasPrefix("\(prefix)_") }
        guard !ours.isEmpty else { return root }
        var overrides = EnvironmentOverrides(environment: ours)
        let changed = overrides.section(root, keys, prefix, "") ?? root
        overrides.reportUnknown()
        diagnostics.append(contentsOf: overrides.diagnostics.all)
        return changed
    }

    private init(environment: [String: String]) { self.environment = environment }

    /// `maximumBytes` → `MAXIMUM_BYTES`, `pump-1` → `PUMP_1`.
    static func snake(_ name: String) -> String {
        var snake = ""
        var previousIsLower = false
        for character in name.unicodeScalars {
            let isUpper = ("A"..."Z").contains(character)
            let isLowerOrDigit =
                ("a"..."z").contains(character) || ("0"..."9").contains(character)
            if isUpper && previousIsLower { snake += "_" }
            snake += isUpper || isLowerOrDigit ? String(character).uppercased() : "_"
            previousIsLower = isLowerOrDigit
        }
        return snake
    }

    /// Returns the changed section; nil if there is none and none is needed.
    private mutating func section(
        _ node: YAMLNode?, _ keys: [KeyDescription], _ variable: String, _ path: String
    ) -> YAMLNode? {
        var pairs: [YAMLPair] = []
        if let node {
            // Something else stands where a section should: that is reported when it is read.
            guard case .mapping(let existing) = node.content else { return node }
            pairs = existing
        }
        for key in keys {
            let variable = "\(variable)_\(Self.snake(key.name))"
            let path = path.isEmpty ? key.name : "\(path).\(key.name)"
            let place = pairs.firstIndex { $0.key == key.name }
            let old = place.map { pairs[$0].value }
            guard let new = value(old, key, variable, path) else { continue }
            if let place {
                pairs[place].value = new
            } else {
                pairs.append(YAMLPair(key: key.name, keyLocation: new.location, value: new))
            }
        }
        guard let first = pairs.first else { return node }
        return YAMLNode(.mapping(pairs), at: node?.location ?? first.value.location)
    }

    private mutating func value(
        _ old: YAMLNode?, _ key: KeyDescription, _ variable: String, _ path: String
    ) -> YAMLNode? {
        switch key.shape {
        case .scalar:
            if let other = known[variable], environment[variable] != nil {
                diagnostics.error(
                    .environment(variable), path, "means this key and \(other): rename one of them")
            }
            known[variable] = path
            guard let text = environment[variable] else { return nil }
            return YAMLNode(.scalar(text, isPlain: true), at: .environment(variable))
        case .section(let keys):
            return section(old, keys, variable, path)
        case .sectionTable(let keys):
            guard let old, case .mapping(var pairs) = old.content else { return nil }
            for index in pairs.indices {
                let name = pairs[index].key
                let changed = section(
                    pairs[index].value, keys, "\(variable)_\(Self.snake(name))", "\(path).\(name)")
                if let changed { pairs[index].value = changed }
            }
            return YAMLNode(.mapping(pairs), at: old.location)
        case .sectionList(let keys, let nameKey):
            guard let old, case .sequence(var elements) = old.content else { return nil }
            // What names an element is not to be changed from outside.
            let keys = keys.filter { $0.name != nameKey }
            for index in elements.indices {
                guard let name = elements[index].text(of: nameKey) else { continue }
                let changed = section(
                    elements[index], keys, "\(variable)_\(Self.snake(name))", "\(path)[\(index)]")
                if let changed { elements[index] = changed }
            }
            return YAMLNode(.sequence(elements), at: old.location)
        case .list, .table:
            return nil
        }
    }

    private mutating func reportUnknown() {
        for variable in environment.keys.sorted()
        where known[variable] == nil && !Self.reserved.contains(variable) {
            let nearest = NearestKey.find(variable, among: known.keys.sorted())
            let hint = nearest.map { "; did you mean \($0)?" } ?? ""
            diagnostics.warning(
                .environment(YAMLNode.excerpt(variable)), "", "sets nothing\(hint)")
        }
    }
}
