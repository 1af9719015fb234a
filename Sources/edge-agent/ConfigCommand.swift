internal import ArgumentParser
internal import EdgeAgent

/// `edge-agent config …`: what can be configured.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "What can be configured: for editors and for people.",
        discussion: """
            'edge-agent check' says whether a configuration is valid. An editor that knows YAML language \
            servers marks mistakes while they are made, with this as the file's first line:
              # yaml-language-server: $schema=/etc/edge-agent/edge-agent.schema.json
            """,
        subcommands: [Schema.self, Reference.self])

    struct Schema: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "schema", abstract: "Print the JSON Schema (2020-12) of the configuration."
        )

        func run() { print(ConfigurationReference.jsonSchema, terminator: "") }
    }

    struct Reference: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "reference",
            abstract: "Print every key with its type, default, range and meaning, as Markdown.")

        func run() { print(ConfigurationReference.markdown, terminator: "") }
    }
}
