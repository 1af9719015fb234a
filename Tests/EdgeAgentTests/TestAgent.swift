import Foundation
import TestSupport

/// The built `edge-agent` on a configuration of the test's, with a state directory of its own.
final class TestAgent {
    /// The bundle whose score is the mean square of the reading: 1 is normal, 8 is an alarm.
    static var levelBundle: String { fixture("level/bundle") }

    /// The path of a fixture.
    static func fixture(_ name: String) -> String {
        Bundle.module.resourceURL!.appendingPathComponent("Fixtures/\(name)").path
    }

    let directory: TemporaryDirectory
    let configuration: String
    private(set) var process: ChildProcess

    /// The program under test: the release build where `make test` names it, else the one beside the tests.
    static func executable() throws -> String {
        if let path = ProcessInfo.processInfo.environment["TEST_AGENT_BINARY"] { return path }
        return try Executables.product("edge-agent")
    }

    /// Starts an agent and waits until it is ready.
    ///
    /// - Parameters:
    ///   - yaml: the configuration; `$STATE` stands for the state directory, `$BUNDLE` for the level bundle.
    ///   - waits: for readiness; false where the test has no broker yet.
    init(_ yaml: String, environment: [String: String] = [:], waits: Bool = true) throws {
        directory = try TemporaryDirectory("agent")
        let text = yaml.replacingOccurrences(of: "$STATE", with: directory.file("state"))
            .replacingOccurrences(of: "$BUNDLE", with: Self.levelBundle)
        configuration = try directory.write(text, to: "edge-agent.yaml")
        process = try Self.start(configuration, environment)
        if waits { try waitUntilReady() }
    }

    /// A configuration with one pipeline on one broker.
    static func yaml(
        _ broker: TestBroker, broker more: String = "", pipeline: String = "", top: String = ""
    ) -> String {
        """
        agent: { id: box, stateDirectory: $STATE, logLevel: debug }
        brokers:
          local:
            host: localhost
            port: \(broker.port)
            reconnect: { initial: 100ms, maximum: 500ms }
        \(indent(more, 4))
        \(top)
        pipelines:
          - name: level
            topics: ["plant/{asset}/reading"]
            model: $BUNDLE
            maximumAssets: 1000
        \(indent(pipeline, 4))
        """
    }

    private static func indent(_ text: String, _ count: Int) -> String {
        text.split(separator: "\n").map { String(repeating: " ", count: count) + $0 }
            .joined(separator: "\n")
    }

    private static func start(
        _ configuration: String, _ environment: [String: String]
    ) throws -> ChildProcess {
        let process = try ChildProcess(
            try executable(), ["run", "--config", configuration],
            environment: environment.mapValues { Optional($0) })
        process.closeInput()
        return process
    }

    func waitUntilReady(within seconds: Double = 20) throws {
        try process.errors.first("the agent to be ready", within: seconds) {
            $0.contains("NOTE  ready")
        }
    }

    /// Kills the agent as a power cut would, and starts it again.
    func killAndRestart(waits: Bool = true) throws {
        try process.kill()
        try startAgain(waits: waits)
    }

    /// Starts an agent that has ended by itself, as a supervisor does.
    func startAgain(_ environment: [String: String] = [:], waits: Bool = true) throws {
        process = try Self.start(configuration, environment)
        if waits { try waitUntilReady() }
    }

    /// Where the pipeline's windows are saved.
    var windowsFile: String { directory.file("state/windows-level.state") }

    /// Ends the agent in good order, and starts it again, perhaps with a changed configuration.
    func restart(_ change: (String) -> String = { $0 }, meanwhile: () throws -> Void = {}) throws {
        try process.terminate()
        try changeAndStart(change, meanwhile)
    }

    /// Kills the agent as a power cut would, and starts it again, perhaps with a changed configuration.
    func killAndRestart(
        changing change: (String) -> String, meanwhile: () throws -> Void = {}
    ) throws {
        try process.kill()
        try changeAndStart(change, meanwhile)
    }

    private func changeAndStart(_ change: (String) -> String, _ meanwhile: () throws -> Void) throws
    {
        try meanwhile()
        let text = try String(contentsOfFile: configuration, encoding: .utf8)
        try change(text).write(toFile: configuration, atomically: true, encoding: .utf8)
        process = try Self.start(configuration, [:])
        try waitUntilReady()
    }

    /// SIGTERM, and the end in good order.
    @discardableResult
    func stop(within seconds: Double = 10) throws -> ChildProcess.Exit {
        try process.terminate(within: seconds)
    }

    /// A reading at one level on all four channels.
    static func reading(_ level: Double) -> String {
        "{\"a\":\(level),\"b\":\(level),\"c\":\(level),\"d\":\(level)}"
    }
}

/// An event as it came to a consumer.
struct ReceivedEvent {
    let topic: String
    let json: [String: Any]
    let contentType: String
    let isRetained: Bool

    init?(_ message: TestMessage) {
        guard
            let json = try? JSONSerialization.jsonObject(with: Data(message.payload))
                as? [String: Any]
        else { return nil }
        self.json = json
        topic = message.topic
        contentType = message.contentType
        isRetained = message.isRetained
    }

    var identifier: String { json["id"] as? String ?? "" }
    var type: String { json["type"] as? String ?? "" }
    var source: String { json["source"] as? String ?? "" }
    var subject: String { json["subject"] as? String ?? "" }
    var data: [String: Any] { json["data"] as? [String: Any] ?? [:] }
    var isHistorical: Bool { data["historical"] as? Bool ?? false }
    /// The number at the end of the identifier: `<agent>/<boot>/<sequence>`.
    var sequence: Int { Int(identifier.split(separator: "/").last ?? "") ?? -1 }
}

extension TestSubscriber {
    /// All events on topics with this beginning.
    func events(_ prefix: String) -> [ReceivedEvent] {
        messages.all.filter { $0.topic.hasPrefix(prefix) }.compactMap(ReceivedEvent.init)
    }

    /// Waits for so many events on topics with this beginning.
    @discardableResult
    func waitForEvents(
        _ prefix: String, count: Int, within seconds: Double = 15
    ) throws -> [ReceivedEvent] {
        try messages.wait(for: "\(count) events on \(prefix)", within: seconds) {
            $0.filter { $0.topic.hasPrefix(prefix) }.count >= count
        }
        return events(prefix)
    }
}
