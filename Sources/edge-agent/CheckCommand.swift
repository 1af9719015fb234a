internal import ArgumentParser
internal import EdgeAgent

/// `edge-agent check`: would `run` start?
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check the configuration and the bundles it names, without connecting.")

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        let plan = try AgentPlan(try options.load())
        for warning in plan.warnings { print(warning) }
        for report in try plan.testModels() { print(report) }
        print("\(options.config): valid")
    }
}
