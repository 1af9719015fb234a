internal import ArgumentParser
internal import EdgeAgent

/// `edge-agent model check`: would this box run the bundle?
struct ModelCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Test a bundle on this box: files, golden vectors, speed.")

    @Argument(help: "The bundle's directory.")
    var bundle: String

    @Option(help: "What one inference may take, as in 2ms.")
    var limit = "10ms"

    @OptionGroup var engines: EngineOptions

    func run() async throws {
        guard let duration = DurationText.parse(limit), duration > .zero else {
            throw ValidationError("--limit: '\(limit)' is not a duration as in 2ms.")
        }
        let report = try PackTool.check(
            bundlePath: bundle, limit: duration, engines: engines.selection)
        print("\(bundle): \(report.name) \(report.version), release \(report.release)")
        print("  digest      \(report.digest)")
        print("  engine      \(report.engine)")
        print("  golden      \(report.goldenVectors) vectors, as expected")
        print("  inference   p99 \(Double(report.p99Nanoseconds) / 1000) µs on this box")
        print("  memory      \(report.memory)")
    }
}
