/// One key in which two configurations differ.
struct ConfigurationChange: Equatable {
    enum Kind: Equatable {
        case value(from: String?, to: String?)
        /// A section, one of a list for example, that was not there.
        case added
        case removed
    }

    var path: ConfigurationValues.Path
    var kind: Kind

    /// All differences, in the order of the keys. A section that came or went is one.
    static func between(_ old: Configuration, _ new: Configuration) -> [ConfigurationChange] {
        let (old, new) = (ConfigurationValues(old).entries, ConfigurationValues(new).entries)
        let before = Dictionary(old.map { ($0.path.text, $0) }) { first, _ in first }
        let after = Dictionary(new.map { ($0.path.text, $0) }) { first, _ in first }
        var changes: [ConfigurationChange] = []
        var whole: ConfigurationValues.Path?
        for entry in new {
            if let whole, entry.path.isWithin(whole) { continue }
            let was = before[entry.path.text]
            if entry.value == nil {
                guard was == nil else { continue }
                whole = entry.path
                changes.append(ConfigurationChange(path: entry.path, kind: .added))
            } else if was?.value != entry.value {
                changes.append(
                    ConfigurationChange(
                        path: entry.path, kind: .value(from: was?.value, to: entry.value)))
            }
        }
        whole = nil
        for entry in old where after[entry.path.text] == nil {
            if let whole, entry.path.isWithin(whole) { continue }
            if entry.value == nil {
                whole = entry.path
                changes.append(ConfigurationChange(path: entry.path, kind: .removed))
            } else {
                changes.append(
                    ConfigurationChange(path: entry.path, kind: .value(from: entry.value, to: nil)))
            }
        }
        return changes
    }
}
