import EdgeAgent
import Foundation
import TestSupport
import Testing

/// A registry that a publisher writes to with `edge-agent`'s own commands, and an agent is configured with.
private final class Publication {
    enum Kind: String, CaseIterable { case oci, cachedOCI, http, https, directory }

    /// The registry's section.
    let yaml: String
    /// What is looked for.
    let reference: String
    let kind: Kind
    private let directory: TemporaryDirectory
    private var registry: TestRegistry?
    private(set) var cache: TestRegistry?
    private var server: TestHTTPServer?
    private var secureServer: ChildProcess?

    init(_ kind: Kind) throws {
        self.kind = kind
        directory = try TemporaryDirectory("publication")
        let root = directory.file("root")
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        reference = kind == .oci || kind == .cachedOCI ? "models/level:stable" : "level:stable"
        switch kind {
        case .oci:
            let registry = try TestRegistry()
            self.registry = registry
            yaml = "{ type: oci, url: \"\(registry.url)\", proxy: none }"
        case .cachedOCI:
            let registry = try TestRegistry()
            self.registry = registry
            // As docs/updates.md types it.
            let text = try UpdateDocumentation.blocks("cache")[0].text
            let proxy = try #require(text.range(of: "proxy:"))
            let cache = try TestRegistry(
                top: text[proxy.lowerBound...].replacingOccurrences(
                    of: "https://registry.example:5000", with: registry.url))
            self.cache = cache
            yaml =
                "{ type: oci, url: \"\(registry.url)\", mirrors: [\"\(cache.url)\"], proxy: none }"
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
        try? cache?.stop()
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

    /// What became of a version in the pipeline of that registry, in order.
    private func steps(_ kind: Publication.Kind, _ version: String) -> [String] {
        subscriber.events("edge/box/models").compactMap { event in
            guard event.subject == "\(kind)", self.version(event) == version else { return nil }
            return event.type.replacingOccurrences(of: "edge.model.", with: "")
        }
    }

    /// Publishes one reading after the other until a version is committed everywhere.
    private func feed(untilCommitted version: String) throws {
        let deadline = Date().addingTimeInterval(40)
        func missing() -> [Publication.Kind] {
            Publication.Kind.allCases.filter { !steps($0, version).contains("committed.v1") }
        }
        while !missing().isEmpty {
            guard Date() < deadline else {
                let found = missing().map { "\($0): \(steps($0, version))" }
                throw TestFailure("\(version) is not committed: \(found)")
            }
            // One at a time: the shadow looks at what time is left for.
            let count = subscriber.events("edge/box/predictions").count
            try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(1))
            try subscriber.waitForEvents(
                "edge/box/predictions", count: count + Publication.Kind.allCases.count)
        }
    }

    /// The last event of a pipeline's alert, once its retained state is this.
    private func waitForState(_ kind: Publication.Kind, _ state: String) throws -> ReceivedEvent {
        let topic = "edge/box/state/\(kind):update-refused"
        try subscriber.messages.wait(for: "\(state) on \(topic)", within: 20) { messages in
            messages.contains { $0.topic == topic && $0.text.contains("\"state\":\"\(state)\"") }
        }
        return try #require(
            subscriber.events("edge/box/alerts").last {
                $0.source == "/agents/box" && $0.subject == "\(kind)"
            })
    }

    private func version(_ event: ReceivedEvent) -> String? {
        (event.data["model"] as? [String: Any])?["version"] as? String
    }

    /// One pipeline for each kind of registry.
    private func yaml(_ publications: [Publication]) -> String {
        let registries = publications.map { "  \($0.kind): \($0.yaml)\n" }.joined()
        let pipelines = publications.map {
            """
              - name: \($0.kind)
                topics: ["plant/{asset}/reading"]
                model: $BUNDLE
                budget: 4s
                predictions: { mode: full }
                update: { registry: \($0.kind), model: "\($0.reference)" }

            """
        }.joined()
        return """
            agent: { id: box, stateDirectory: $STATE }
            brokers:
              local: { host: localhost, port: \(broker.port) }
            registries:
            \(registries)
            updates:
              keys: [\(signer.publicKeyFile)]
              pollInterval: 1s
              shadow: { minimumTime: 0s, windows: 5 }
              trial: { minimumTime: 0s, windows: 5, judgedAfter: 5 }
            pipelines:
            \(pipelines)
            """
    }

    @Test(
        "What is published is found, proves itself and is committed; a bad one is refused with an alert, which the next good one ends"
    )
    func updates() throws {
        let publications = try Publication.Kind.allCases.map(Publication.init)
        func publish(_ bundle: String, _ version: String) throws {
            for publication in publications { try publication.publish(bundle, version) }
        }
        try publish(try bundle(2), "1.2.0")
        let agent = try TestAgent(yaml(publications))
        try feed(untilCommitted: "1.2.0")
        for kind in Publication.Kind.allCases {
            #expect(
                steps(kind, "1.2.0") == [
                    "verified.v1", "staged.v1", "self-tested.v1", "shadow-started.v1",
                    "trial-started.v1", "committed.v1",
                ], "\(kind)")
        }
        // The next one holds a golden vector that its model never gives; the running agent polls and finds it.
        let bad = try bundle(3) { path in
            try Data(#"{"input":[8,8,8,8],"output":[1,2,3,4]}"#.utf8)
                .write(to: URL(fileURLWithPath: "\(path)/golden.jsonl"))
        }
        try publish(bad, "1.3.0")
        var raised: [ReceivedEvent] = []
        for kind in Publication.Kind.allCases {
            let alert = try waitForState(kind, "raised")
            #expect(alert.data["cause"] as? String == "golden-mismatch", "\(kind)")
            #expect(version(alert) == "1.3.0", "\(kind)")
            #expect(steps(kind, "1.3.0") == ["verified.v1", "staged.v1", "refused.v1"], "\(kind)")
            raised.append(alert)
        }
        try TestPublisher.publish(broker, "plant/p1/reading", TestAgent.reading(8))
        for kind in Publication.Kind.allCases {
            let alert = try #require(
                try subscriber.waitForEvents("edge/box/alerts/\(kind)/p1", count: 1).first)
            #expect(version(alert) == "1.2.0", "\(kind)")
        }
        try publish(try bundle(4), "1.4.0")
        try feed(untilCommitted: "1.4.0")
        for (kind, alert) in zip(Publication.Kind.allCases, raised) {
            let cleared = try waitForState(kind, "cleared")
            #expect(cleared.data["reason"] as? String == "recovered", "\(kind)")
            #expect(cleared.data["raisedBy"] as? String == alert.identifier, "\(kind)")
            #expect(!steps(kind, "1.3.0").contains("committed.v1"), "\(kind)")
        }
        let cache = try #require(publications.compactMap(\.cache).first)
        let model = try Data(
            contentsOf: URL(fileURLWithPath: "\(TestAgent.levelBundle)/model.tflite"))
        let digest = SHA256Digest(of: [UInt8](model)).hexadecimal
        #expect(
            FileManager.default.fileExists(atPath: cache.blobPath(digest)),
            "it came through the cache")
        try agent.stop()
    }
}
