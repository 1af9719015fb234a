internal import ArgumentParser
internal import EdgeAgent
internal import Glibc

/// `edge-agent status`: how the running agent is.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "How the running agent is: pipelines, latencies, alarms, outbox, last problems.",
        discussion: """
            Asks the agent over a socket in its state directory; HTTP is not needed. Rates and the 99th percentile are \
            those of the last minute. Ends with status 69 if no agent answers.
            """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "One line of JSON, the same as /api/v1/status answers.")
    var json = false

    @Flag(name: .shortAndLong, help: "Again every two seconds, until Ctrl-C.")
    var watch = false

    func run() async throws {
        let loaded = try options.load()
        repeat {
            let text = try StatusTool.ask(loaded, isJSON: json)
            // Home, and clear what follows: the screen does not flicker.
            if watch, !json { print("\u{1B}[H\u{1B}[2J", terminator: "") }
            print(text, terminator: "")
            fflush(nil)
            if watch { try await Task.sleep(for: .seconds(2)) }
        } while watch
    }
}
