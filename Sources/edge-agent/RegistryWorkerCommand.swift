internal import ArgumentParser
internal import EdgeAgent

/// `edge-agent registry-worker`: started by the agent itself.
struct RegistryWorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: RegistryWorker.command,
        abstract: "Asks registries for the agent, which starts it.", shouldDisplay: false)

    func run() async throws { RegistryWorker.run() }
}
