internal import ArgumentParser
internal import EdgeAgent

/// `edge-agent outbox quarantine …`: what the broker has refused for good.
struct OutboxQuarantineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quarantine", abstract: "Deal with the records that the broker has refused.",
        discussion: """
            A record that the broker refuses for good (not authorised, too large, a topic that it does not \
            want) is put aside with the reason, and the others go on. Mend the cause, then retry, or drop.
            """,
        subcommands: [List.self, Retry.self, Drop.self])

    /// Which records.
    struct Choice: ParsableArguments {
        @Argument(help: "The numbers that list shows first on each line.")
        var keys: [Int64] = []

        @Flag(help: "All of them.")
        var all = false

        func validate() throws {
            guard all != keys.isEmpty else { return }
            throw ValidationError("Say which: numbers from 'quarantine list', or --all.")
        }

        /// nil: all.
        var selected: [Int64]? { all ? nil : keys }
    }

    /// `edge-agent outbox quarantine list`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "One line each: number, class, boot/sequence, time, reason, topic.",
            discussion: "'edge-agent outbox export --quarantined' shows the payloads as well.")

        @OptionGroup var options: ConfigurationOptions

        func run() async throws {
            try OutboxTool.listQuarantined(try options.load().configuration.outbox.path) {
                print($0)
            }
        }
    }

    /// `edge-agent outbox quarantine retry`.
    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have refused records sent again by the next start, after all that waits.",
            discussion: """
                The agent has to be stopped. Of retained states only the newest of a topic is sent, and none \
                if a newer one waits. A state that was delivered meanwhile is not known here: retry states \
                only if their topic was refused all the time.
                """)

        @OptionGroup var options: ConfigurationOptions
        @OptionGroup var choice: Choice

        func run() async throws {
            let path = try options.load().configuration.outbox.path
            for line in try OutboxTool.retryQuarantined(path, keys: choice.selected) {
                print(line)
            }
        }
    }

    /// `edge-agent outbox quarantine drop`.
    struct Drop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove refused records for good.",
            discussion: "The agent has to be stopped. 'outbox export --quarantined' keeps a copy.")

        @OptionGroup var options: ConfigurationOptions
        @OptionGroup var choice: Choice

        func run() async throws {
            let path = try options.load().configuration.outbox.path
            let count = try OutboxTool.dropQuarantined(path, keys: choice.selected)
            print("removed \(count) records")
        }
    }
}
