/// The configuration's documentation, made of the tables by which it is read.
package enum ConfigurationReference {
    /// Every key, from the root.
    package static var keys: [KeyDescription] { Configuration.keys.descriptions }

    /// The path of the one key that is called so, as in `pipelines[].budget`; nil if there is none
    /// or several.
    static func path(ofKey name: String) -> String? {
        var paths: [String] = []
        func visit(_ keys: [KeyDescription], _ prefix: String) {
            for key in keys {
                let path = prefix.isEmpty ? key.name : "\(prefix).\(key.name)"
                if key.name == name { paths.append(path) }
                visit(key.children, path + key.infix)
            }
        }
        visit(keys, "")
        return paths.count == 1 ? paths.first : nil
    }
}

extension KeyDescription {
    /// What stands between this key's path and that of one below it.
    var infix: String {
        switch shape {
        case .sectionList: "[]"
        case .sectionTable: ".<name>"
        case .scalar, .list, .table, .section: ""
        }
    }
}
