import Foundation
import TestSupport
import Testing

@testable import EdgeAgent

/// The blocks of docs/updates.md that are run.
enum UpdateDocumentation {
    /// The blocks with this word behind the language, in order.
    static func blocks(_ tag: String) throws -> [(language: String, text: String)] {
        let url = ConfigurationSample.repository.appendingPathComponent("docs/updates.md")
        var blocks: [(language: String, text: String)] = []
        var isInside = false
        for line in try String(contentsOf: url, encoding: .utf8).components(separatedBy: "\n") {
            if line.hasPrefix("```") {
                let words = line.dropFirst(3).split(separator: " ")
                isInside = words.count == 2 && words[1] == tag
                if isInside { blocks.append((String(words[0]), "")) }
            } else if isInside {
                blocks[blocks.count - 1].text += line + "\n"
            }
        }
        return blocks
    }

    /// A directory for PATH with `edge-agent` in it, which adds arguments where a command takes them.
    static func path(_ directory: TemporaryDirectory, configuration: String? = nil) throws -> String
    {
        let tools = directory.file("tools")
        try FileManager.default.createDirectory(atPath: tools, withIntermediateDirectories: true)
        let more = configuration.map { " --config '\($0)'" } ?? ""
        let script = "#!/bin/sh\nexec '\(try TestAgent.executable())' \"$@\"\(more)\n"
        try script.write(toFile: "\(tools)/edge-agent", atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o755], ofItemAtPath: "\(tools)/edge-agent")
        let python = URL(fileURLWithPath: EventPython.executable).deletingLastPathComponent().path
        return "\(tools):\(python):/usr/local/bin:/usr/bin:/bin"
    }
}

@Suite("docs/updates.md")
struct UpdateDocumentationTests {
    private static let needsPython: Comment =
        "EDGE_AGENT_PYTHON names no Python with model_signing and oras"
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("documentation") }

    @Test(
        "Every way of publishing that is typed out there brings the signed bundle to a box",
        .enabled(if: TestRegistry.isAvailable && TestSigner.isAvailable, "needs docker-registry"),
        .enabled(if: EventPython.has("model_signing", "OpenSSL", "oras"), needsPython))
    func publish() throws {
        let server = try TestRegistry()
        let bundle = directory.file("my-bundle")
        try TestBundle.make(bundle, release: 4, name: "vibration")
        let path = try UpdateDocumentation.path(directory)
        let blocks = try UpdateDocumentation.blocks("publish")
        #expect(blocks.count == 6)
        for block in blocks {
            let isShell = block.language == "sh"
            var text = block.text
            for (from, to) in [
                ("/srv/models", directory.file("srv")), ("/media/usb", directory.file("usb")),
                (" --also-tag", " --plain-http --also-tag"),
                (
                    #"hostname="registry.example:5000""#,
                    #"hostname="\#(server.address)", insecure=True"#
                ),
                ("registry.example:5000", server.address),
            ] { text = text.replacingOccurrences(of: from, with: to) }
            let script = directory.file(isShell ? "block.sh" : "block.py")
            try text.write(toFile: script, atomically: true, encoding: .utf8)
            let program =
                isShell ? "bash -eu '\(script)'" : "'\(EventPython.executable)' '\(script)'"
            try ChildProcess.run(
                "/bin/sh", ["-c", "cd '\(directory.path)' && exec \(program)"],
                environment: ["PATH": path, "http_proxy": nil])
        }
        let files = try RegistryTesting.contents(of: bundle)
        #expect(files["model.sig"] != nil)
        let oci = OCIRegistry(RegistryTesting.configuration(.oci, server.url))
        for tag in ["1.4.0", "stable", "1.4.0-oras"] {
            let pulled = directory.file("pulled-\(tag)")
            #expect(try RegistryTesting.pull(oci, "models/vibration:\(tag)", into: pulled) == files)
        }
        let web = try TestHTTPServer.files(directory.file("srv"))
        let index = IndexRegistry(RegistryTesting.configuration(.https, web.url))
        #expect(
            try RegistryTesting.pull(index, "vibration:stable", into: directory.file("web"))
                == files)
        let stick = DirectoryRegistry(
            RegistryTesting.configuration(.directory) { $0.path = directory.file("usb") })
        let carried = directory.file("carried")
        #expect(try RegistryTesting.pull(stick, "vibration:1.4.0", into: carried) == files)
        // And what was pulled is what a box with that key takes.
        let key = try SigningKey(
            name: "signing.pub",
            pem: [UInt8](try Data(contentsOf: URL(fileURLWithPath: directory.file("signing.pub")))))
        let verifier = BundleVerifier(
            keys: [key], name: "vibration", agentVersion: AgentVersion.current)
        let clock = ClockReading(
            wallNanoseconds: BundleVerifierTests.now, state: .synchronised, floorNanoseconds: 0)
        guard
            case .verified = try verifier.verify(
                directory: carried, highestRelease: 3, clock: clock)
        else { throw TestFailure("the signature is not taken") }
    }

    @Test("Every configuration there is read without an error")
    func configurations() throws {
        let blocks = try UpdateDocumentation.blocks("config")
        #expect(blocks.count == 4)
        try directory.write("x", to: "registry")
        for block in blocks {
            var text = "brokers: { plant: { host: localhost } }\n" + block.text
            if !text.contains("registries:") {
                text += "registries: { plant: { type: directory, path: /media/usb } }\n"
            }
            if !text.contains("pipelines:") {
                text += "pipelines: [{ name: a, topics: [\"plant/{asset}\"], model: /a }]\n"
            }
            _ = try ConfigurationText.read(
                text, environment: ["CREDENTIALS_DIRECTORY": directory.path])
        }
    }

    @Test(
        "The commands of a box do what stands beside them",
        .enabled(
            if: TestBroker.isAvailable && TestSigner.isAvailable, "needs mosquitto and openssl"))
    func box() throws {
        let broker = try TestBroker()
        let signer = try TestSigner()
        let subscriber = try TestSubscriber(broker, ["edge/box/models/#"])
        let stick = directory.file("usb")
        try FileManager.default.createDirectory(
            atPath: "\(stick)/vibration", withIntermediateDirectories: true)
        let bundle = try TestBundle.make("\(stick)/vibration/1.4.0", release: 4, name: "level")
        try signer.sign(bundle)
        let agent = try TestAgent(
            TestAgent.yaml(
                broker,
                pipeline: """
                    budget: 4s
                    update: { registry: stick, model: "vibration:1.0.0" }
                    """,
                top: """
                    registries:
                      stick: { type: directory, path: \(stick) }
                    updates:
                      keys: [\(signer.publicKeyFile)]
                    """))
        let path = try UpdateDocumentation.path(directory, configuration: agent.configuration)
        let lines = try UpdateDocumentation.blocks("box").flatMap {
            $0.text.split(separator: "\n").map {
                String($0.prefix { $0 != "#" }).trimmingCharacters(in: .whitespaces)
            }
        }
        /// How often a step has been seen, and what is waited for after which command.
        func wait(_ step: String, _ count: Int = 1) throws {
            try subscriber.messages.wait(for: "\(count) \(step)", within: 20) { messages in
                messages.filter { $0.text.contains("\"step\":\"\(step)\"") }.count >= count
            }
        }
        // The registry has nothing by the names that are pulled: at the start, and after each command.
        var (failures, promotions) = (1, 0)
        try wait("failed", failures)
        for line in lines {
            // There is nothing to see to: nothing was refused.
            let fails = line.hasSuffix("acknowledge")
            let child = try ChildProcess(
                "/bin/sh", ["-c", line.replacingOccurrences(of: "/media/usb", with: stick)],
                environment: ["PATH": path])
            child.closeInput()
            #expect(
                try child.waitForExit(within: 30) == .code(fails ? 1 : 0),
                "\(line): \(child.transcript)")
            switch line.split(separator: " ").dropFirst(2).first {
            case "pull":
                failures += 1
                try wait("failed", failures)
            case "stage": try wait("shadowStarted")
            case "promote":
                promotions += 1
                try wait(promotions == 1 ? "trialStarted" : "committed")
            case "rollback": try wait("rolledBack")
            default: break
            }
        }
        #expect(lines.count == 13 && promotions == 2)
        try agent.stop()
    }
}
