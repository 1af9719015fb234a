import EdgeAgent
import Foundation
import TestSupport
import Testing

@Suite(
    "Commands over MQTT to the running agent",
    .enabled(if: TestBroker.isAvailable && TestSigner.isAvailable, "needs mosquitto and openssl"))
struct UpdateCommandEndToEndTests {
    /// The rights that docs/updates.md gives, and somebody who has none to command.
    private static func rules() throws -> [String] {
        let text = try UpdateDocumentation.blocks("acl")[0].text
        return text.replacingOccurrences(of: "line-3", with: "box").components(separatedBy: "\n")
            + ["user eve", "topic readwrite plant/#", "topic read edge/#"]
    }

    private let broker: TestBroker
    private let signer: TestSigner
    private let agent: TestAgent
    private let answers: TestSubscriber

    init() throws {
        broker = try TestBroker { options in
            options.users = ["box": "a", "anna": "secret", "eve": "c"]
            options.accessRules = try Self.rules()
        }
        signer = try TestSigner()
        let password = broker.directory.file("agent-password")
        try Data("a".utf8).write(to: URL(fileURLWithPath: password))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: password)
        agent = try TestAgent(
            TestAgent.yaml(
                broker, broker: "username: box\npasswordFile: \(password)",
                top: """
                    updates:
                      keys: [\(signer.publicKeyFile)]
                      commands: { allow: [list, history, hold, unhold, pull], maximumPerMinute: 60 }
                    """))
        answers = try TestSubscriber(
            broker, ["edge/+/response/anna"], arguments: ["-u", "anna", "-P", "secret"])
        try waitForCommands()
    }

    private func waitForCommands() throws {
        try agent.process.errors.first("the agent to take commands", within: 20) {
            $0.contains("subscribed") && $0.contains("edge/box/command/+")
        }
    }

    private func send(
        _ command: String, _ payload: String = "{}", correlation: String?, as user: String = "anna",
        responseTopic: String? = "edge/box/response/anna", isRetained: Bool = false
    ) throws {
        var arguments = ["-V", "5", "-u", user, "-P", user == "anna" ? "secret" : "c"]
        if let responseTopic {
            arguments += ["-D", "publish", "response-topic", responseTopic]
        }
        if let correlation { arguments += ["-D", "publish", "correlation-data", correlation] }
        try TestPublisher.publish(
            broker, "edge/box/command/\(command)", payload, isRetained: isRetained,
            arguments: arguments)
    }

    private func answer(_ correlation: String, count: Int = 1, within seconds: Double = 20) throws
        -> (
            accepted: Bool, text: String
        )
    {
        try answers.messages.wait(for: "an answer to \(correlation)", within: seconds) { messages in
            messages.filter { $0.correlation == correlation }.count >= count
        }
        let message = try #require(answers.messages.all.last { $0.correlation == correlation })
        #expect(message.contentType == "application/json" && !message.isRetained)
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(message.payload)) as? [String: Any])
        return (json["accepted"] as? Bool ?? false, json["text"] as? String ?? "")
    }

    @Test(
        "Who has the right is obeyed once and answered; who has not gets nothing done; nothing retained runs"
    )
    func rights() throws {
        try send("hold", correlation: "c1")
        #expect(
            try answer("c1") == (
                true, "held: nothing new is looked for, and nothing new goes to work"
            ))
        // Again, as a client repeats what it has no answer to.
        try send("hold", correlation: "c1")
        #expect(try answer("c1", count: 2).accepted)
        // The broker's rules keep eve from commanding, whatever she says about herself.
        try send("unhold", correlation: "e1", as: "eve")
        try send("unhold", correlation: "e2", as: "eve", responseTopic: "edge/box/response/eve")
        // A retained one is refused, and stays with the broker.
        try send("unhold", correlation: "c2", isRetained: true)
        #expect(try answer("c2") == (false, "a command must not be retained"))
        try send("promote", correlation: "c3")
        #expect(try answer("c3").text.contains("updates.commands.allow"))
        try send("format", correlation: "c4")
        #expect(try answer("c4").text.contains("there is no command 'format'"))
        try send("unhold", correlation: nil)
        try send("unhold", correlation: "c5", responseTopic: nil)
        try send("unhold", correlation: "c6", responseTopic: "plant/valve/set")
        try send("pull", #"{"argument":"/etc"}"#, correlation: "c7")
        #expect(try answer("c7").text.contains("names no model"))
        // What is long is not written whole into the log.
        let long = String(repeating: "x", count: 7000)
        try send("pull", "{\"argument\":\"\(long)\"}", correlation: "long")
        #expect(try answer("long").text.contains("names no model"))
        try send("list", correlation: "c8")
        let list = try answer("c8")
        #expect(
            list.accepted && list.text.contains("level: the configured bundle")
                && list.text.contains("held"))
        // As docs/updates.md types it; there is no registry.
        let command = try UpdateDocumentation.blocks("command")[0].text
            .replacingOccurrences(of: "line-3", with: "box")
            .replacingOccurrences(
                of: "-h broker.example", with: "-h localhost -p \(broker.port) -W 20")
        let printed = try ChildProcess.run("/bin/sh", ["-c", command])
        #expect(
            printed.joined() == #"{"accepted":true,"text":"looking for models/vibration:1.4.0"}"#)
        try send("history", #"{"argument":"50"}"#, correlation: "c9")
        let history = try answer("c9").text.split(separator: "\n")
        #expect(history.allSatisfy { $0.utf8.count < 2000 })
        let commanded = history.filter { $0.contains("\"what\":\"commanded\"") }
        #expect(commanded.filter { $0.contains("hold: held") }.count == 1, "\(history)")
        #expect(commanded[0].contains("\"who\":\"mqtt edge/box/response/anna c1\""), "\(history)")
        // A flood is answered once; when it is over the next command is due within a second.
        try TestPublisher.publish(
            broker, "edge/box/command/list", lines: [String](repeating: "{}", count: 300),
            arguments: [
                "-V", "5", "-u", "anna", "-P", "secret", "-D", "publish", "response-topic",
                "edge/box/response/anna", "-D", "publish", "correlation-data", "flood",
            ])
        for attempt in 0..<20 {
            try send("list", correlation: "after-\(attempt)")
            if (try? answer("after-\(attempt)", within: 1))?.accepted == true { break }
        }
        #expect(
            answers.messages.all.contains {
                $0.correlation.hasPrefix("after-") && $0.text.contains("level:")
            })
        #expect((1...61).contains(answers.messages.all.filter { $0.correlation == "flood" }.count))
        // Over a restart: the retained command is still there, and does not run.
        try agent.killAndRestart()
        try waitForCommands()
        try send("list", correlation: "c10")
        #expect(try answer("c10").text.contains("held"))
        try send("unhold", correlation: "c11")
        #expect(try answer("c11") == (true, "updates go on"))
        // eve was never answered, and nothing went where it should not.
        #expect(!answers.messages.all.contains { $0.correlation.hasPrefix("e") })
        try agent.stop()
    }
}
