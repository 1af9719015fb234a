extension MetricFamily {
    /// The table of docs/monitoring.md.
    package static var markdown: String {
        "| metric | type | labels | what it says |\n|---|---|---|---|\n"
            + all.map { family in
                let labels = family.labels.map { "`\($0)`" }.joined(separator: ", ")
                return
                    "| `\(family.name)` | \(family.kind.rawValue) | \(labels) | \(family.help) |\n"
            }.joined()
    }
}
