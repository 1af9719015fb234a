extension ConfigurationReference {
    /// The reference for people: a table a section, in the order of the file.
    package static var markdown: String {
        var text = """
            # Configuration

            <!-- Made of the tables of keys in Sources/EdgeAgent/Configuration, which a test compares: edit them, not this. -->

            One YAML file, `/etc/edge-agent/edge-agent.yaml` unless `--config` says otherwise. Over it come the \
            fragments `conf.d/*.yaml` beside it, in byte order of their names: mappings merge key by key, \
            pipelines by their `name`, everything else is replaced. Over both come environment variables: \
            `EDGE_AGENT_` and the path of a scalar in capitals, as in `EDGE_AGENT_OUTBOX_MAXIMUM_BYTES` or, \
            for the pipeline `pumps`, `EDGE_AGENT_PIPELINES_PUMPS_BUDGET`.

            Durations are a number and a unit (`20ms`, `1.5s`, `5m`, `2h`, `30d`), sizes likewise (`64KiB`, \
            `100MB`); booleans are `true` and `false`. A relative path starts at the main file's directory, \
            `${NAME}/…` at the directory that an environment variable names. An unknown key is an error.

            `edge-agent check` reads all of it and says what is wrong, with file, line and column.

            """
        section(keys, title: "Top level", summary: nil, into: &text)
        return text
    }

    private static func section(
        _ keys: [KeyDescription], title: String, summary: String?, into text: inout String
    ) {
        text += "\n## \(title)\n\n"
        if let summary { text += "\(summary).\n\n" }
        text += "| key | type | default | range | meaning |\n|---|---|---|---|---|\n"
        for key in keys {
            let cells = [
                "`\(key.name)`", key.typeText,
                key.isRequired ? "**required**" : key.defaultCell, key.rangeText ?? "",
                key.summary,
            ]
            text += "| " + cells.map(escaped).joined(separator: " | ") + " |\n"
        }
        for key in keys where !key.children.isEmpty {
            let path = title.hasPrefix("`") ? "\(title.dropFirst().dropLast())." : ""
            section(
                key.children, title: "`\(path)\(key.name)\(key.infix)`", summary: key.summary,
                into: &text)
        }
    }

    private static func escaped(_ cell: String) -> String { cell.replacingEach("|", with: "\\|") }
}

extension KeyDescription {
    /// The type in words.
    package var typeText: String {
        switch shape {
        case .scalar(let scalar): scalar.typeName
        case .list(let scalar): "list, each a \(scalar.typeName)"
        case .table(let scalar): "mapping: name → \(scalar.typeName)"
        case .section: "section"
        case .sectionList: "list of sections"
        case .sectionTable: "mapping: name → section"
        }
    }

    /// The range in words; nil where the type says it all.
    package var rangeText: String? {
        switch shape {
        case .scalar(let scalar), .list(let scalar), .table(let scalar): scalar.range
        case .section, .sectionList, .sectionTable: nil
        }
    }

    fileprivate var defaultCell: String {
        guard let defaultText else { return "" }
        return isDefaultLiteral ? "`\(defaultText)`" : defaultText
    }
}
