import EdgeAgent
import Foundation
import TestSupport
import Testing

@Suite("The HTTP server")
struct HTTPServerTests {
    @Test("answers what its table lists, with headers that forbid the rest")
    func answers() async throws {
        let http = try await TestHTTP()
        let answer = try http.get("/hello?a=%41")
        #expect(answer.status == 200)
        #expect(answer.body == "hello a=%41\n")
        #expect(answer.header("Content-Type") == "text/plain; charset=utf-8")
        #expect(answer.header("X-Content-Type-Options") == "nosniff")
        #expect(answer.header("Cache-Control") == "no-store")
        #expect(answer.header("Content-Security-Policy")?.hasPrefix("default-src 'none'") == true)
        #expect(answer.header("Access-Control-Allow-Origin") == nil)
        #expect(http.metrics.answered == 1)
    }

    @Test("answers HEAD as GET without the body")
    func head() async throws {
        let http = try await TestHTTP()
        let answer = try http.get("/hello", method: "HEAD")
        #expect(answer.status == 200)
        #expect(answer.header("Content-Length") == "7")
        #expect(answer.body.isEmpty)
    }

    @Test("keeps a connection for several requests, also when they come at once")
    func pipelined() async throws {
        let http = try await TestHTTP()
        let client = try RawHTTPClient(port: http.port)
        let request = "GET /open HTTP/1.1\r\nHost: localhost\r\n\r\n"
        client.send(request + request + request)
        client.send("GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        let text = try client.receiveAll()
        #expect(text.components(separatedBy: "open\n").count == 4)
        #expect(text.hasSuffix("hello \n"))
    }

    @Test(
        "refuses what is not plain reading",
        arguments: ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "X"])
    func methods(method: String) async throws {
        let http = try await TestHTTP()
        let answer = try http.get("/hello", method: method)
        #expect(answer.status == 405)
        #expect(answer.header("Allow") == "GET, HEAD")
    }

    @Test(
        "knows no path by a second spelling",
        arguments: [
            "/", "/hello/", "//hello", "/./hello", "/x/../hello", "/%68ello", "/hello%00", "/HELLO",
            "/files/../../etc/passwd", "/../etc/passwd", "/%2e%2e/etc/passwd", "/..%2fetc/passwd",
            "/hello;x", "/hello#x", "\\hello", "http://localhost/hello", "/\u{e4}",
        ])
    func paths(path: String) async throws {
        let http = try await TestHTTP()
        let answer = try http.get(path)
        // What stands below a prefix is the route's to judge; it gets it as it came.
        if path.hasPrefix("/files/") {
            #expect(answer.body == "\(path)\n")
        } else {
            #expect([400, 404, 414].contains(answer.status), "\(answer)")
        }
    }

    @Test("takes no NUL for the end of a path")
    func nul() async throws {
        let http = try await TestHTTP(["tokenFile: \(Token.shared.path)"])
        let client = try RawHTTPClient(port: http.port)
        client.send(
            Array(
                "GET /open\u{0}/../hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                    .utf8))
        let text = try client.receiveAll()
        #expect(!text.contains("hello"))
        #expect(try http.get("/open").status == 200)
    }

    @Test(
        "on loopback answers no name but its own: a page of another site may have it resolved to this box",
        arguments: [
            ("localhost", 200), ("localhost:9847", 200), ("127.0.0.1:1", 200), ("127.3.2.1", 200),
            ("[::1]:80", 200), ("LOCALHOST", 200), ("evil.example", 403),
            ("evil.example:9847", 403),
            ("localhost.evil.example", 403), ("127.0.0.1.evil.example", 403), ("[::2]", 403),
            ("localhost:9847@evil", 403), ("192.0.2.1", 403),
        ])
    func hosts(host: String, status: Int) async throws {
        let http = try await TestHTTP()
        #expect(try http.get("/hello", host: host).status == status)
    }

    @Test("wants exactly one Host")
    func twoHosts() async throws {
        let http = try await TestHTTP()
        let status = try http.get("/hello", "Host: evil.example").status
        #expect(status == 403 || status == 400)
    }

    @Test("refuses a request with a body, and does not read it")
    func bodies() async throws {
        let http = try await TestHTTP()
        #expect(try http.get("/hello", "Content-Length: 4000000000").status == 413)
        #expect(try http.get("/hello", "Transfer-Encoding: chunked").status == 413)
        #expect(try http.get("/hello", "Content-Length: 0").status == 200)
    }

    @Test("gives up on a head that does not fit")
    func heads() async throws {
        let http = try await TestHTTP()
        let answers = [
            try http.get("/" + String(repeating: "a", count: 1100)).status,
            try http.get("/" + String(repeating: "a", count: 100_000)).status,
            try http.get("/hello", "X: " + String(repeating: "a", count: 100_000)).status,
        ]
        #expect(answers[0] == 414)
        #expect(answers[1] == 414)
        #expect(answers[2] == 431)
        #expect(try http.get("/hello").status == 200)
    }

    @Test("lets an address ask only so often, and again after a while")
    func rate() async throws {
        let http = try await TestHTTP(["requestsPerSecond: 5"])
        let statuses = try (0..<25).map { _ in try http.get("/open").status }
        #expect(statuses.prefix(15).allSatisfy { $0 == 200 })
        #expect(statuses.contains(429))
        #expect(http.metrics.refused(.rate) > 0)
    }
}

@Suite("The token of the HTTP server")
struct HTTPTokenTests {
    @Test("is asked for, but not for what tells nothing")
    func required() async throws {
        let http = try await TestHTTP(["tokenFile: \(Token.shared.path)"])
        let refused = try http.get("/hello")
        #expect(refused.status == 401)
        #expect(refused.header("WWW-Authenticate") == "Bearer realm=\"edge-agent\"")
        #expect(try http.get("/hello", "Authorization: Bearer \(Token.text)").status == 200)
        #expect(try http.get("/hello", "authorization: bearer \(Token.text)").status == 200)
        #expect(try http.get("/open").status == 200)
    }

    @Test(
        "is nothing less than itself",
        arguments: [
            "Bearer ", "Bearer", "", "Basic \(Token.text)", Token.text, "Bearer \(Token.text)x",
            "Bearer \(Token.text.dropLast())", "Bearer  \(Token.text)",
        ])
    func wrong(authorization: String) async throws {
        let http = try await TestHTTP(["tokenFile: \(Token.shared.path)"])
        #expect(try http.get("/hello", "Authorization: \(authorization)").status == 401)
        let good = "Authorization: Bearer \(Token.text)"
        #expect(try http.get("/hello", good, good).status == 401)
    }

    @Test("cannot be guessed quickly")
    func guessing() async throws {
        let http = try await TestHTTP(["tokenFile: \(Token.shared.path)", "requestsPerSecond: 20"])
        let statuses = try (0..<12).map {
            try http.get("/hello", "Authorization: Bearer guess-\($0)-of-a-token").status
        }
        #expect(statuses.first == 401)
        #expect(statuses.last == 429)
    }

    @Test("is needed beyond loopback, or client certificates are")
    func network() {
        let lines = ConfigurationText.lines(
            ConfigurationText.minimal + "\nhttp:\n  enabled: true\n  address: 0.0.0.0\n")
        #expect(
            lines == [
                "edge-agent.yaml:10:12: http.address: whoever reaches 0.0.0.0 could read everything: give tokenFile or"
                    + " tls.clientAuthorities, or listen on 127.0.0.1"
            ])
        let clear = ConfigurationText.lines(
            ConfigurationText.minimal
                + "\nhttp:\n  enabled: true\n  address: 192.0.2.1\n  tokenFile: token\n")
        #expect(
            clear == [
                "edge-agent.yaml:11:14: warning: http.tokenFile: the token goes over the network in clear text: use tls"
            ])
        #expect(
            ConfigurationText.lines(ConfigurationText.minimal + "\nhttp:\n  address: 0.0.0.0\n")
                .isEmpty)
    }

    @Test("has to be long enough, and readable")
    func unusable() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("short\n", to: "token")
        let error = #expect(throws: ConfigurationError.self) {
            try HTTPPlan(try TestHTTP.load(["tokenFile: \(path)"]))
        }
        #expect(
            try #require(error).description
                == "edge-agent.yaml:10:14: http.tokenFile: the token has 5 characters, at least 16 are needed:"
                + " openssl rand -hex 32 makes one")
        let missing = #expect(throws: ConfigurationError.self) {
            try HTTPPlan(try TestHTTP.load(["tokenFile: \(path)x"]))
        }
        #expect(try #require(missing).description.contains("cannot be read"))
    }
}

/// A token in a file.
struct Token {
    static let text = "0123456789abcdef0123456789abcdef"
    let path: String
    private let directory: TemporaryDirectory

    static let shared = Token()

    private init() {
        do {
            directory = try TemporaryDirectory()
            path = try directory.write(Self.text + "\n", to: "token")
        } catch {
            preconditionFailure("a temporary file cannot be written: \(error)")
        }
    }
}
