import Foundation
import TestSupport
import Testing

/// Every secret that a test has given to the agent.
private final class SecretsInPlay {
    let directory: TemporaryDirectory
    private(set) var secrets: [String] = []

    init() throws { directory = try TemporaryDirectory("secrets") }

    /// A file with a secret of its own; its text, and what becomes of it on the wire, must not be logged.
    func file(_ name: String, _ text: String, user: String? = nil) throws -> String {
        secrets += text.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("-----") }
        if let user { secrets.append(Data("\(user):\(text)".utf8).base64EncodedString()) }
        if text.contains(":") { secrets.append(Data(text.utf8).base64EncodedString()) }
        return try directory.write(text + "\n", to: name)
    }

    /// A copy of a file with a secret, line by line.
    func copy(_ path: String, _ name: String) throws -> String {
        try file(
            name,
            String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .newlines))
    }
}

@Suite(
    "Secrets",
    .enabled(
        if: TestBroker.isAvailable && TestCertificates.isAvailable, "needs mosquitto and openssl"))
struct LogSecretTests {
    private static func agent(_ port: UInt16, broker: String, top: String = "") -> String {
        """
        agent: { id: box, stateDirectory: $STATE, logLevel: trace }
        brokers:
          local:
            host: localhost
            port: \(port)
            reconnect: { initial: 100ms, maximum: 500ms }
        \(broker.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n"))
        \(top)
        pipelines:
          - name: level
            topics: ["plant/{asset}/reading"]
            model: $BUNDLE
        """
    }

    /// Starts an agent, waits for a line, ends it, and returns everything that it said.
    private func log(
        of yaml: String, until line: String, command: [String] = []
    ) throws -> String {
        let agent = try TestAgent(yaml, waits: false)
        var said = ""
        if !command.isEmpty {
            try agent.waitUntilReady(within: 60)
            let child = try ChildProcess(
                try TestAgent.executable(), command + ["--config", agent.configuration])
            child.closeInput()
            try child.waitForExit(within: 30)
            said += (child.output.all + child.errors.all).joined(separator: "\n")
        }
        try agent.process.waitForLine(containing: line, onErrors: true, within: 60)
        _ = try agent.stop(within: 30)
        return said + (agent.process.errors.all + agent.process.output.all).joined(separator: "\n")
    }

    private func expectNone(_ play: SecretsInPlay, in log: String) {
        #expect(play.secrets.count > 0)
        for secret in play.secrets where log.contains(secret) {
            Issue.record("'\(secret)' is in the log:\n\(log)")
        }
    }

    @Test("stay out of the log of an agent that works with all of them, at the level trace")
    func working() throws {
        let certificates = try TestCertificates()
        let play = try SecretsInPlay()
        let broker = try TestBroker { options in
            options.users = ["box": "pass-of-the-broker"]
            options.certificates = certificates
            options.requiresClientCertificate = true
        }
        let yaml = Self.agent(
            broker.port,
            broker: """
                username: box
                passwordFile: \(try play.file("password", "pass-of-the-broker", user: "box"))
                tls:
                  ca: \(certificates.authorityFile)
                  certificate: \(certificates.clientFile)
                  key: \(try play.copy(certificates.clientKeyFile, "client.key"))
                """)
        let log = try log(of: yaml, until: "NOTE  ready")
        #expect(log.contains("DEBUG"))
        expectNone(play, in: log)
    }

    @Test("stay out of the log when the broker refuses them")
    func refusedByBroker() throws {
        let play = try SecretsInPlay()
        let broker = try TestBroker { $0.users = ["box": "another"] }
        let yaml = Self.agent(
            broker.port,
            broker: """
                username: box
                passwordFile: \(try play.file("password", "wrong-pass-of-the-broker", user: "box"))
                """)
        let log = try log(of: yaml, until: "session lost")
        #expect(log.contains("Not authorized") || log.contains("Bad user name"), "\(log)")
        expectNone(play, in: log)
    }

    @Test("stay out of the log when a key is none, or another certificate's", arguments: [0, 1, 2])
    func keys(kind: Int) throws {
        let certificates = try TestCertificates()
        let play = try SecretsInPlay()
        let broker = try TestBroker { $0.certificates = certificates }
        let key =
            switch kind {
            case 0: try play.file("client.key", "no-key-but-the-pass-of-something")
            case 1:
                try play.file(
                    "client.key",
                    "-----BEGIN PRIVATE KEY-----\nbm8ta2V5LWJ1dC1hLXNlY3JldA==\n-----END PRIVATE KEY-----"
                )
            default: try play.copy(certificates.serverKeyFile, "client.key")
            }
        let yaml = Self.agent(
            broker.port,
            broker: """
                tls:
                  ca: \(certificates.authorityFile)
                  certificate: \(certificates.clientFile)
                  key: \(key)
                """)
        let log = try log(of: yaml, until: "client.key")
        expectNone(play, in: log)
    }

    @Test("stay out of the log when others can read their files, or nobody")
    func files() throws {
        let play = try SecretsInPlay()
        let path = try play.file("password", "pass-for-all-to-read", user: "box")
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        let broker = try TestBroker { $0.users = ["box": "pass-for-all-to-read"] }
        let yaml = Self.agent(
            broker.port, broker: "username: box\npasswordFile: \(path)")
        expectNone(play, in: try log(of: yaml, until: "chmod 600"))
        let other = try play.file("binary", "pass-with\u{0}a-nul", user: "box")
        expectNone(
            play,
            in: try log(
                of: Self.agent(broker.port, broker: "username: box\npasswordFile: \(other)"),
                until: "contains a NUL"))
    }

    @Test("of the HTTP server stay out of the log: right and wrong tokens, and a key that is none")
    func http() throws {
        let play = try SecretsInPlay()
        let broker = try TestBroker()
        let port = try FreePort.find()
        let token = try play.file("http-token", "token-for-the-status-page")
        let agent = try TestAgent(
            Self.agent(
                broker.port, broker: "",
                top: "http: { enabled: true, port: \(port), tokenFile: \(token) }"))
        for line in [
            "Bearer token-for-the-status-page", "Bearer token-that-is-wrong-here", "Basic b25l",
            "token-for-the-status-page",
        ] {
            _ = try RawHTTPClient.get(
                "/api/v1/alarms", port: port, headers: ["Authorization: \(line)"])
        }
        let wrong = try RawHTTPClient.get(
            "/api/v1/alarms?token=token-for-the-status-page", port: port,
            headers: ["Authorization: Bearer token-that-is-wrong-here"])
        #expect(wrong.status == 401, "\(wrong)")
        _ = try agent.stop(within: 30)
        let log = agent.process.errors.all.joined(separator: "\n")
        expectNone(play, in: log)
        #expect(!log.contains("token-that-is-wrong-here"))
        let key = try play.file("http.key", "no-key-but-the-pass-of-something")
        let certificates = try TestCertificates()
        let tls = "tls: { certificate: \(certificates.serverFile), key: \(key) }"
        let yaml = Self.agent(
            broker.port, broker: "",
            top: "http: { enabled: true, port: \(port), tokenFile: \(token), \(tls) }")
        expectNone(play, in: try self.log(of: yaml, until: "http"))
    }

    @Test("that stand where they do not belong are not shown by the errors about that")
    func inTheConfiguration() throws {
        for line in [
            "password: hunter-2-in-the-file", "tls: { key: { pem: hunter-2-in-the-file } }",
            "passwordFile: { text: hunter-2-in-the-file }",
        ] {
            let log = try log(of: Self.agent(1, broker: line), until: "edge-agent.yaml:")
            #expect(!log.contains("hunter-2"), "\(log)")
        }
        for url in ["https://box:hunter-2@registry.example", "https://box:hunter-2@[::1"] {
            for key in [
                "url: \(url)", "url: https://registry.example, mirrors: [\"\(url)\"]",
                "url: https://registry.example, proxy: \"\(url)\"",
                "url: https://registry.example, tokenServer: \"\(url)\"",
            ] {
                let log = try log(
                    of: Self.agent(1, broker: "", top: "registries: { r: { type: oci, \(key) } }"),
                    until: "edge-agent.yaml:")
                #expect(!log.contains("hunter-2"), "\(log)")
            }
        }
    }

    @Test(
        "stay out of the log when a registry refuses them and says them back, in the end to a proxy",
        arguments: ["oci", "mlflow", "https", "token", "proxy"])
    func registries(kind: String) throws {
        let play = try SecretsInPlay()
        let broker = try TestBroker()
        // A server that is as careless as can be.
        let server = try TestHTTPServer { request in
            func heard(_ header: String) -> String {
                let value = request.headers[header] ?? ""
                let pair = Data(base64Encoded: String(value.split(separator: " ").last ?? ""))
                return value
                    + (pair.map { " which is " + String(decoding: $0, as: UTF8.self) } ?? "")
            }
            let told = heard("authorization")
            let proxy = heard("proxy-authorization")
            if kind == "proxy" {
                return .text(
                    "no \(proxy)", status: 407, ["Proxy-Authenticate": "Basic realm=\"\(proxy)\""])
            }
            if kind == "oci", request.headers["authorization"] == nil {
                return .text("", status: 401, ["WWW-Authenticate": "Basic realm=\"x\""])
            }
            let body =
                "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no \(told)\"}],"
                + "\"error_code\":\"\(told)\",\"message\":\"no \(told)\"}"
            return .text(
                body, status: 403,
                ["Content-Type": "application/json", "WWW-Authenticate": "Basic realm=\"\(told)\""])
        }
        let settings =
            switch kind {
            case "proxy":
                """
                url: http://registry.invalid
                    type: oci
                    proxy: \(server.url)
                    proxyCredentialsFile: \(try play.file("proxy", "box:pass-of-the-proxy"))
                """
            case "mlflow", "token":
                """
                url: \(server.url)
                    type: \(kind == "token" ? "https" : "mlflow")
                    tokenFile: \(try play.file("token", "token-of-the-registry"))
                """
            default:
                """
                url: \(server.url)
                    type: \(kind)
                    username: box
                    passwordFile: \(try play.file("password", "pass-of-the-registry", user: "box"))
                """
            }
        let yaml =
            Self.agent(
                broker.port, broker: "",
                top: """
                    registries:
                      central:
                        \(settings)
                    updates: { signature: off }
                    """) + "\n    update: { registry: central, model: models/level }\n"
        let log = try log(of: yaml, until: "model failed", command: ["model", "pull"])
        let asked = server.requests.all.contains {
            $0.headers["authorization"] != nil || $0.headers["proxy-authorization"] != nil
        }
        #expect(asked, "no secret was sent: \(server.requests.all.map(\.headers))\n\(log)")
        expectNone(play, in: log)
    }
}
