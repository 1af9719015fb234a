import EdgeAgent
import Foundation
import TestSupport
import Testing

/// A registry that a publisher writes to with `edge-agent`'s own commands, and an agent is configured with.
private final class Publication {
    enum Kind: String, CaseIterable, CustomTestStringConvertible {
        case oci, http, https, directory
        var testDescription: String { rawValue }
    }

    /// The lines under the registry's name.
    let yaml: String
    /// What is looked for.
    let reference: String
    private let kind: Kind
    private let directory: TemporaryDirectory
    private var registry: TestRegistry?
    private var server: TestHTTPServer?
    private var secureServer: ChildProcess?

    init(_ kind: Kind) throws {
        self.kind = kind
        directory = try TemporaryDirectory("publication")
        let root = directory.file("root")
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        reference = kind == .oci ? "models/level:stable" : "level:stable"
        switch kind {
        case .oci:
            let registry = try TestRegistry()
            self.registry = registry
            yaml = "{ type: oci, url: \"\(registry.url)\", proxy: none }"
        case .http:
            let server = try TestHTTPServer.files(root)
            self.server = server
            yaml = "{ type: https, url: \"\(server.url)\", proxy: none }"
        case .https:
            let certificates = try TestCertificates()
            let port = try FreePort.find()
            let program = """
                import functools, http.server, ssl, sys
                handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
                server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), handler)
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(sys.argv[3], sys.argv[4])
                server.socket = context.wrap_socket(server.socket, server_side=True)
                print("serving", flush=True)
                server.serve_forever()
                """
            let server = try ChildProcess(
                try #require(Executables.system("python3")),
                [
                    "-c", program, root, "\(port)", certificates.serverFile,
                    certificates.serverKeyFile,
                ])
            secureServer = server
            try server.waitForLine(containing: "serving")
            // The files of the authority go with it.
            let authority = directory.file("ca.pem")
            try FileManager.default.copyItem(atPath: certificates.authorityFile, toPath: authority)
            yaml =
                "{ type: https, url: \"https://127.0.0.1:\(port)\", proxy: none, tls: { ca: \(authority) } }"
        case .directory:
            yaml = "{ type: directory, path: \(root) }"
        }
    }

    deinit {
        try? secureServer?.kill()
        try? registry?.stop()
    }

    /// Publishes a bundle and lets the channel `stable` name it.
    func publish(_ bundle: String, _ version: String) throws {
        if let registry {
            try ChildProcess.run(
                try TestAgent.executable(),
                [
                    "model", "push", bundle, "\(registry.address)/models/level:\(version)",
                    "--plain-http", "--also-tag", "stable",
                ], environment: ["http_proxy": nil])
            return
        }
        let root = directory.file("root")
        try FileManager.default.createDirectory(
            atPath: "\(root)/level", withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: bundle, toPath: "\(root)/level/\(version)")
        try ChildProcess.run(
            try TestAgent.executable(),
            ["model", "index", root, "--channel", "level:stable=\(version)"])
    }
}

@Suite(
    "Updates of the running agent from a registry",
    .enabled(
        if: TestBroker.isAvailable && TestSigner.isAvailable && TestRegistry.isAvailable,
        "needs mosquitto, openssl and docker-registry"))
struct RegistryUpdateEndToEndTests {
    private let broker: TestBroker
    private let subscriber: TestSubscriber
    private let signer: TestSigner
    private let bundles: TemporaryDirectory

    init() throws {
        broker = try TestBroker()
        subscriber = try TestSubscriber(broker, ["edge/#"])
        signer = try TestSigner()
        bundles = try TemporaryDirectory("bundles")
    }

    private func bundle(_ release: Int, _ change: (String) throws -> Void = { _ in }) throws
        -> String
    {
        let path = bundles.file("\(release)")
        try TestBundle.make(path, release: release)
        try change(path)
        try signer.sign(path)
        return path
    }

    /// What became of a version, in order.
    private func steps(_ version: String) -> [String] {
        subscriber.events("edge/box/models/level").compactMap { event in
            guard (event.data["model"] as? [String: Any])?["version"] as? String == version else {
                return nil
            }
            return event.type.replacingOccurrences(of: "edge.model.", with: "")
        }
    }

    /// Publishes one reading after the other until something has happened to a version.
    private func feed(until step: String, of version: String) throws {
        let deadline = Date().addingTimeInterval(30)
        while !steps(version).contains(step) {
            guard Date() < deadline else {
                throw TestFailure("\(step) of \(version) does not come: \(steps(version))")
            }
            let count = predictions.count
            try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(1))
            try subscriber.waitForEvents("edge/box/predictions/level/p1", count: count + 1)
        }
    }

    private var predictions: [ReceivedEvent] { subscriber.events("edge/box/predictions/level/p1") }

    private func waitForState(_ label: String, _ state: String) throws -> ReceivedEvent {
        let topic = "edge/box/state/level:\(label)"
        try subscriber.messages.wait(for: "\(label) \(state)", within: 20) { messages in
            messages.contains { $0.topic == topic && $0.text.contains("\"state\":\"\(state)\"") }
        }
        return try #require(
            subscriber.events("edge/box/alerts").last { $0.data["label"] as? String == label })
    }

    @Test(
        "What is published is found, proves itself and is committed; a bad one is refused with an alert, which the next good one ends",
        arguments: Publication.Kind.allCases)
    fileprivate func updates(from kind: Publication.Kind) throws {
        let publication = try Publication(kind)
        try publication.publish(try bundle(2), "1.2.0")
        let agent = try TestAgent(
            TestAgent.yaml(
                broker,
                pipeline: """
                    predictions: { mode: full }
                    update: { registry: plant, model: "\(publication.reference)" }
                    """,
                top: """
                    registries:
                      plant: \(publication.yaml)
                    updates:
                      keys: [\(signer.publicKeyFile)]
                      pollInterval: 1s
                      shadow: { minimumTime: 0s, windows: 5 }
                      trial: { minimumTime: 0s, windows: 5, judgedAfter: 5 }
                    """))
        try feed(until: "committed.v1", of: "1.2.0")
        #expect(
            steps("1.2.0") == [
                "verified.v1", "staged.v1", "self-tested.v1", "shadow-started.v1",
                "trial-started.v1", "committed.v1",
            ])
        // The next one holds a golden vector that its model never gives; the running agent polls and finds it.
        let bad = try bundle(3) { path in
            try Data(#"{"input":[8,8,8,8],"output":[1,2,3,4]}"#.utf8)
                .write(to: URL(fileURLWithPath: "\(path)/golden.jsonl"))
        }
        try publication.publish(bad, "1.3.0")
        let raised = try waitForState("update-refused", "raised")
        #expect(raised.data["cause"] as? String == "golden-mismatch")
        #expect((raised.data["model"] as? [String: Any])?["version"] as? String == "1.3.0")
        #expect(steps("1.3.0") == ["verified.v1", "staged.v1", "refused.v1"])
        try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(8))
        let alert = try #require(
            try subscriber.waitForEvents("edge/box/alerts/level/p1", count: 1).first)
        #expect((alert.data["model"] as? [String: Any])?["version"] as? String == "1.2.0")
        try publication.publish(try bundle(4), "1.4.0")
        try feed(until: "committed.v1", of: "1.4.0")
        let cleared = try waitForState("update-refused", "cleared")
        #expect(cleared.data["reason"] as? String == "recovered")
        #expect(cleared.data["raisedBy"] as? String == raised.identifier)
        #expect(!steps("1.3.0").contains("committed.v1"))
        try agent.stop()
    }
}
