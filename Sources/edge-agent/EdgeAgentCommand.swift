internal import ArgumentParser
internal import EdgeAgent

/// The command: parse, build, run.
@main
struct EdgeAgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edge-agent",
        abstract: "Runs quantized models on sensor topics and publishes alerts.",
        discussion: """
            A first look, with a broker on this machine:
              edge-agent check --config edge-agent.yaml     what is wrong, with file, line and column
              edge-agent run --config edge-agent.yaml       the daemon
              mosquitto_sub -v -t 'edge/#'                  its alerts

            A model of your own becomes a bundle, and is tested on the box, by:
              edge-agent model pack model.tflite --description description.json \\
                --data samples.csv --output my-bundle
              edge-agent model check my-bundle

            Exit codes are those of sysexits(3): 64 usage, 65 data, 66 no input, 69 unavailable, \
            73 cannot create, 74 input/output, 75 in use, 77 not permitted, 78 configuration.
            """,
        version: AgentVersion.current.description,
        subcommands: [
            RunCommand.self, StatusCommand.self, CheckCommand.self, ConfigCommand.self,
            ModelCommand.self, BenchCommand.self, SimulateCommand.self, OutboxCommand.self,
            RegistryWorkerCommand.self,
        ])
}

/// `edge-agent model …`: work with model bundles.
struct ModelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model",
        abstract: "Make, test and publish model bundles; see and steer updates.",
        subcommands: [
            ModelPackCommand.self, ModelInfoCommand.self, ModelRunCommand.self,
            ModelCheckCommand.self, ModelPushCommand.self, ModelIndexCommand.self,
            ModelListCommand.self, ModelHistoryCommand.self, ModelPullCommand.self,
            ModelStageCommand.self, ModelPromoteCommand.self, ModelRollbackCommand.self,
            ModelPinCommand.self, ModelHoldCommand.self, ModelAcknowledgeCommand.self,
        ])
}
