internal import ArgumentParser
internal import EdgeAgent

@main
struct EdgeAgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edge-agent",
        abstract: "Runs quantized models on sensor topics and publishes alerts.")
}
