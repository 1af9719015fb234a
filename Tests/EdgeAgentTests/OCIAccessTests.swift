import Foundation
import TestSupport
import Testing

@testable import EdgeAgent

@Suite(
    "Access to OCI registries",
    .enabled(if: TestRegistry.isAvailable, Comment(rawValue: RegistryTesting.skipReason)))
struct OCIAccessTests {
    private let directory: TemporaryDirectory
    private let passwordFile: String

    init() throws {
        directory = try TemporaryDirectory("access")
        passwordFile = try directory.write("s3cret\n", to: "password")
    }

    /// A registry that lets `edge` in with `s3cret`.
    private func passwordRegistry(_ more: String = "") throws -> TestRegistry {
        let hash = "$2b$04$3WQy/6hqAwa0fi20SnwZf.gKcJJpCOgwnRmchZ921Y42dnZSzUnnq"
        let users = try directory.write("edge:\(hash)\n", to: "htpasswd")
        return try TestRegistry(
            top: "auth: {htpasswd: {realm: test, path: \(users)}}\n\(more)")
    }

    private func withPassword(_ url: String) -> RegistryConfiguration {
        RegistryTesting.configuration(.oci, url) {
            $0.username = "edge"
            $0.passwordFile = passwordFile
        }
    }

    private func push(_ configuration: RegistryConfiguration) throws {
        _ = try OCIPush(configuration).push(
            bundle: TestAgent.levelBundle, repository: "models/level", tags: ["1.0.0"],
            control: DownloadControl())
    }

    @Test("A password opens a registry; a wrong one, or none, is said so and tried once")
    func password() throws {
        let server = try passwordRegistry()
        try push(withPassword(server.url))
        #expect(
            try RegistryTesting.pull(
                OCIRegistry(withPassword(server.url)), "models/level:1.0.0",
                into: directory.file("a")) == RegistryTesting.levelContents)
        let wrong = try directory.write("wr0ng", to: "wrong")
        for change in [wrong, nil] {
            var configuration = withPassword(server.url)
            configuration.passwordFile = change
            if change == nil { configuration.username = nil }
            let error = try RegistryTesting.kind {
                _ = try OCIRegistry(configuration).resolve(
                    RegistryTesting.reference("models/level:1.0.0"), known: nil,
                    control: DownloadControl())
            }
            #expect(error.kind == .unauthorized, "\(error)")
            #expect(!error.message.contains("wr0ng") && !error.message.contains("s3cret"))
        }
    }

    @Test("A redirect of a blob to another server is followed without the password")
    func redirect() throws {
        let storage = EventLog<String>()
        let target = try TestHTTPServer { request in
            storage.all.first.map { TestHTTPServer.file($0, request) } ?? .text("", status: 500)
        }
        let server = try passwordRegistry(
            "middleware: {storage: [{name: redirect, options: {baseurl: \"\(target.url)/\"}}]}")
        storage.append(server.storage.file("data"))
        try push(withPassword(server.url))
        #expect(
            try RegistryTesting.pull(
                OCIRegistry(withPassword(server.url)), "models/level:1.0.0",
                into: directory.file("a")) == RegistryTesting.levelContents)
        let fetched = target.requests.all.filter { $0.method == "GET" }
        #expect(fetched.count == (try RegistryTesting.levelContents.count))
        #expect(target.requests.all.allSatisfy { $0.headers["authorization"] == nil })
    }

    @Test(
        "TLS with an authority of one's own, and a client's certificate where the registry wants one"
    )
    func transportSecurity() throws {
        let certificates = try TestCertificates()
        let server = try TestRegistry(
            http:
                "tls: {certificate: \(certificates.serverFile), key: \(certificates.serverKeyFile),"
                + " clientcas: [\(certificates.authorityFile)]}")
        let url = "https://localhost:\(server.port)"
        var tls = TLSConfiguration()
        tls.ca = certificates.authorityFile
        tls.certificate = certificates.clientFile
        tls.key = certificates.clientKeyFile
        let configuration = RegistryTesting.configuration(.oci, url) { $0.tls = tls }
        try push(configuration)
        #expect(
            try RegistryTesting.pull(
                OCIRegistry(configuration), "models/level:1.0.0", into: directory.file("a"))
                == RegistryTesting.levelContents)
        var withoutCertificate = configuration
        withoutCertificate.tls?.certificate = nil
        withoutCertificate.tls?.key = nil
        var withoutAuthority = configuration
        withoutAuthority.tls?.ca = nil
        for (configuration, text) in [
            (withoutCertificate, "localhost"), (withoutAuthority, "tls.ca"),
        ] {
            let error = try RegistryTesting.kind {
                _ = try OCIRegistry(configuration).resolve(
                    RegistryTesting.reference("models/level:1.0.0"), known: nil,
                    control: DownloadControl())
            }
            #expect(error.kind == .unreachable && error.message.contains(text), "\(error)")
        }
    }

    @Test("A token is fetched for the password, once for a whole download")
    func token() throws {
        let issuer = try TokenIssuer(directory)
        let server = try TestRegistry(top: issuer.registrySection)
        try push(withPassword(server.url))
        let before = issuer.server.requests.count
        let registry = OCIRegistry(withPassword(server.url))
        let model = try #require(
            try registry.resolve(
                RegistryTesting.reference("models/level:1.0.0"), known: nil,
                control: DownloadControl()))
        #expect(issuer.server.requests.count == before + 1)
        try registry.download(
            model, into: PartialDownload(path: directory.file("a")), control: DownloadControl())
        #expect(issuer.server.requests.count == before + 2)
        #expect(
            try RegistryTesting.contents(of: directory.file("a")) == RegistryTesting.levelContents)
        let last = try #require(issuer.server.requests.all.last)
        #expect(last.target.contains("scope=repository%3Amodels%2Flevel%3Apull"))
        // edge:s3cret
        #expect(last.headers["authorization"] == "Basic ZWRnZTpzM2NyZXQ=")
    }

    @Test(
        "The password goes to no token server on another host that the configuration does not name")
    func foreignTokenServer() throws {
        let foreign = try TestHTTPServer { _ in .text("{\"token\": \"t\"}") }
        let realm = "http://localhost:\(foreign.port)/token"
        let server = try TestHTTPServer { request in
            request.headers["authorization"] == "Bearer t"
                ? .text("{}", status: 404)
                : .text("", status: 401, ["WWW-Authenticate": "Bearer realm=\"\(realm)\""])
        }
        func resolve(_ configuration: RegistryConfiguration) throws -> RegistryError {
            try RegistryTesting.kind {
                _ = try OCIRegistry(configuration).resolve(
                    RegistryTesting.reference("models/level:1.0.0"), known: nil,
                    control: DownloadControl())
            }
        }
        let refused = try resolve(withPassword(server.url))
        #expect(refused.kind == .configuration && refused.message.contains("tokenServer"))
        #expect(foreign.requests.count == 0)
        var named = withPassword(server.url)
        named.tokenServer = "http://localhost:\(foreign.port)"
        #expect(try resolve(named).kind == .notFound)
        #expect(foreign.requests.all.first?.headers["authorization"] != nil)
    }

    @Test("A proxy carries what goes to the registry, with credentials of its own")
    func proxy() throws {
        let proxy = try TestHTTPServer { request in
            request.headers["proxy-authorization"] == "Basic cDpx"
                ? .text("{}", status: 404)
                : .text("", status: 407)
        }
        let configuration = RegistryTesting.configuration(.oci, "http://registry.example") {
            $0.proxy = proxy.url
            $0.username = "edge"
            $0.passwordFile = passwordFile
        }
        func resolve(_ configuration: RegistryConfiguration) throws -> RegistryError {
            try RegistryTesting.kind {
                _ = try OCIRegistry(configuration).resolve(
                    RegistryTesting.reference("models/level:1.0.0"), known: nil,
                    control: DownloadControl())
            }
        }
        #expect(try resolve(configuration).kind == .configuration)
        var known = configuration
        known.proxyCredentialsFile = try directory.write("p:q\n", to: "proxy")
        #expect(try resolve(known).kind == .notFound)
        #expect(
            proxy.requests.all.last?.target
                == "http://registry.example/v2/models/level/manifests/1.0.0")
    }

    @Test(
        "Challenges are read as RFC 9110 writes them",
        arguments: [
            (
                "Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:m/v:pull,push\"",
                [
                    HTTPChallenge(
                        scheme: "bearer",
                        parameters: [
                            "realm": "https://a/t", "service": "s",
                            "scope": "repository:m/v:pull,push",
                        ])
                ]
            ),
            (
                "Negotiate, Basic realm = \"a \\\"b\\\"\" , charset=UTF-8",
                [
                    HTTPChallenge(scheme: "negotiate", parameters: [:]),
                    HTTPChallenge(
                        scheme: "basic", parameters: ["realm": "a \"b\"", "charset": "UTF-8"]),
                ]
            ),
            ("Basic realm=\"open", [HTTPChallenge(scheme: "basic", parameters: [:])]),
            ("", []), (",,, \"", []),
        ] as [(String, [HTTPChallenge])])
    func challenges(text: String, expected: [HTTPChallenge]) {
        #expect(HTTPChallenge.parse(text) == expected)
    }
}

/// A token server: signs what is asked for, for `edge` with `s3cret`.
private struct TokenIssuer {
    let server: TestHTTPServer
    private let certificate: String

    /// The registry's configuration that trusts it.
    var registrySection: String {
        "auth: {token: {realm: \"\(server.url)/token\", service: test, issuer: test-issuer,"
            + " rootcertbundle: \(certificate)}}"
    }

    init(_ directory: TemporaryDirectory) throws {
        guard let openssl = Executables.system("openssl") else {
            throw TestFailure("openssl is not installed")
        }
        let key = directory.file("issuer.key")
        certificate = directory.file("issuer.pem")
        try ChildProcess.run(
            openssl,
            [
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out",
                certificate, "-days", "2", "-subj", "/CN=issuer",
            ])
        let body = try String(contentsOfFile: certificate, encoding: .utf8)
            .split(separator: "\n").filter { !$0.hasPrefix("-----") }.joined()
        server = try TestHTTPServer { request in
            guard request.headers["authorization"] == "Basic ZWRnZTpzM2NyZXQ=",
                let query = URLComponents(string: request.target)?.queryItems,
                let scope = query.first(where: { $0.name == "scope" })?.value?
                    .split(separator: ":").map(String.init), scope.count == 3
            else { return .text("{}", status: 401) }
            let now = Int(Date().timeIntervalSince1970)
            let header = "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"x5c\":[\"\(body)\"]}"
            let actions = scope[2].split(separator: ",").map { "\"\($0)\"" }.joined(separator: ",")
            let claims = """
                {"iss":"test-issuer","sub":"edge","aud":"test","exp":\(now + 60),"nbf":\(now - 60),\
                "iat":\(now),"jti":"\(UUID().uuidString)","access":[{"type":"repository",\
                "name":"\(scope[1])","actions":[\(actions)]}]}
                """
            let text = "\(Self.base64URL(Data(header.utf8))).\(Self.base64URL(Data(claims.utf8)))"
            let name = directory.file(UUID().uuidString)
            guard FileManager.default.createFile(atPath: name, contents: Data(text.utf8)),
                (try? ChildProcess.run(
                    openssl, ["dgst", "-sha256", "-sign", key, "-out", "\(name).sig", name]))
                    != nil,
                let signature = FileManager.default.contents(atPath: "\(name).sig")
            else { return .text("{}", status: 500) }
            return .text("{\"token\":\"\(text).\(Self.base64URL(signature))\",\"expires_in\":60}")
        }
    }

    private static func base64URL(_ data: Data) -> String {
        data.base64EncodedString().replacingOccurrences(of: "+", with: "-")
            .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
    }
}
