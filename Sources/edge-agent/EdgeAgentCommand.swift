internal import ArgumentParser
internal import EdgeAgent

/// The command: parse, build, run.
@main
struct EdgeAgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edge-agent",
        abstract: "Runs quantized models on sensor topics and publishes alerts.",
        version: AgentVersion.current.description,
        subcommands: [
            RunCommand.self, CheckCommand.self, ModelCommand.self, OutboxCommand.self,
        ])
}

/// `edge-agent model …`: work with model bundles.
struct ModelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model", abstract: "Make and test model bundles.",
        subcommands: [
            ModelPackCommand.self, ModelInfoCommand.self, ModelRunCommand.self,
            ModelCheckCommand.self,
        ])
}
