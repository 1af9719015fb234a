internal import ArgumentParser
internal import EdgeAgent
internal import Logging

/// `edge-agent run`: the daemon.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run the agent until SIGTERM or SIGINT.")

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        let loaded = try options.load()
        let settings = loaded.configuration.agent
        let log = StderrLogHandler(
            level: settings.logLevel.loggerLevel,
            format: settings.logFormat == .json ? .json : .text,
            environment: ConfigurationOptions.environment)
        let logger = Logger(label: "edge-agent") { _ in log }
        let plan = try AgentPlan(loaded)
        for warning in plan.warnings { logger.warning("\(warning)") }
        try await Agent(plan: plan, log: log, environment: ConfigurationOptions.environment).run()
    }
}
