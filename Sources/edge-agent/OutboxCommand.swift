internal import ArgumentParser
internal import EdgeAgent

/// `edge-agent outbox …`: what waits for the uplink.
struct OutboxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "outbox", abstract: "Look into the records that wait for the uplink.",
        discussion: """
            Records wait on the disk while the uplink is away, until its broker has confirmed them. \
            status, export, verify and quarantine list may run beside the agent; what changes something \
            needs the agent to be stopped.
            """,
        subcommands: [
            Status.self, Export.self, Verify.self, OutboxQuarantineCommand.self, Purge.self,
        ])

    /// `edge-agent outbox status`.
    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say how much waits, since when, and what was given up.")

        @OptionGroup var options: ConfigurationOptions

        func run() async throws {
            for line in try OutboxTool.status(try options.load().configuration.outbox.path) {
                print(line)
            }
        }
    }

    /// `edge-agent outbox export`.
    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the records that wait as JSON lines, in the order they are sent.",
            discussion: """
                Each line: boot, sequence, class, topic, retained, created, attempts, payload. \
                Nothing is removed.
                """)

        @OptionGroup var options: ConfigurationOptions

        @Flag(help: "The records that the broker has refused, instead of those that wait.")
        var quarantined = false

        func run() async throws {
            try OutboxTool.export(
                try options.load().configuration.outbox.path, quarantined: quarantined
            ) { print($0) }
        }
    }

    /// `edge-agent outbox verify`.
    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Look for damage: SQLite's own check, and the checksum of every record.",
            discussion:
                "Ends with status 65 if there is any. The agent salvages what is left when it starts."
        )

        @OptionGroup var options: ConfigurationOptions

        func run() async throws {
            let path = try options.load().configuration.outbox.path
            let problems = try OutboxTool.verify(path)
            guard !problems.isEmpty else { return print("\(path): no damage") }
            for problem in problems { print("\(path): \(problem)") }
            throw ExitCode(ExitStatus.data.rawValue)
        }
    }

    /// `edge-agent outbox purge`.
    struct Purge: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove every record that waits. What was decided and not delivered is lost.",
            discussion: "Export first. The agent has to be stopped.")

        @OptionGroup var options: ConfigurationOptions

        @Flag(help: "Really remove them.")
        var force = false

        func validate() throws {
            guard force else {
                throw ValidationError(
                    "purge loses alerts that nobody has received. Say --force if that is meant; "
                        + "'edge-agent outbox export' keeps a copy.")
            }
        }

        func run() async throws {
            let count = try OutboxTool.purge(try options.load().configuration.outbox.path)
            print("removed \(count) records")
        }
    }
}
