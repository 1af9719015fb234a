internal import ArgumentParser
internal import EdgeAgent

/// `edge-agent check`: would `run` start?
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check the configuration, the bundles it names and the brokers.",
        discussion: """
            Errors name file, line, column and key. Each bundle is loaded, its golden vectors are run and \
            it is measured against its share of the budget on this box. Each broker is connected to once.
            """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Do not connect to the brokers.")
    var offline = false

    func run() async throws {
        let plan = try AgentPlan(try options.load())
        for warning in plan.warnings { print(warning) }
        for report in try plan.testModels() { print(report) }
        if !offline {
            for report in try plan.testBrokers() { print(report) }
        }
        print("\(options.config): valid")
    }
}
