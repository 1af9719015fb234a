import EdgeAgent
import Foundation
import Synchronization
import TestSupport
import Testing

@Suite("Server-sent events")
struct HTTPStreamTests {
    /// Streams that a route was given.
    private final class Streams: Sendable {
        private let all = Mutex<[EventStream]>([])

        var route: HTTPRoute {
            HTTPRoute(.exact("/events")) { _ in
                .events { stream in self.all.withLock { $0.append(stream) } }
            }
        }

        func wait(for count: Int) async throws -> [EventStream] {
            let deadline = ContinuousClock.now + .seconds(60)
            while ContinuousClock.now < deadline {
                let streams = all.withLock { $0 }
                if streams.count >= count { return streams }
                try await Task.sleep(for: .milliseconds(5))
            }
            throw TestFailure("no \(count) streams within 60 s")
        }
    }

    private func open(_ http: TestHTTP) throws -> RawHTTPClient {
        let client = try RawHTTPClient(port: http.port)
        client.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return client
    }

    @Test("go out when they are put, in order, until the stream is closed")
    func order() async throws {
        let streams = Streams()
        let http = try await TestHTTP(routes: [streams.route])
        let client = try open(http)
        let stream = try await streams.wait(for: 1)[0]
        for index in 0..<100 { #expect(stream.put(Array("data: \(index)\n\n".utf8))) }
        #expect(try client.receive(until: "data: 99\n\n"))
        #expect(client.text.contains("Content-Type: text/event-stream"))
        stream.put(Array("data: last\n\n".utf8))
        stream.close()
        #expect(try client.receive(until: "0\r\n\r\n"))
        let events = client.text.matches(of: /data: (\w+)/).map { String($0.output.1) }
        #expect(events == (0..<100).map(String.init) + ["last"])
        #expect(!stream.put([0x0A]))
    }

    @Test("are not kept for a reader who does not read: it is cut off")
    func slowReader() async throws {
        let streams = Streams()
        let http = try await TestHTTP(routes: [streams.route])
        let client = try open(http)
        let stream = try await streams.wait(for: 1)[0]
        let event = Array("data: \(String(repeating: "x", count: 1000))\n\n".utf8)
        // The kernel's buffers take some megabytes before the stream's own fills up.
        var puts = 0
        while stream.put(event), puts < 100_000 { puts += 1 }
        #expect(puts < 100_000)
        #expect(!stream.isOpen)
        withExtendedLifetime(client) {}
    }

    @Test("have so many readers and no more, and a reader that has gone makes room")
    func count() async throws {
        let streams = Streams()
        let http = try await TestHTTP(["requestsPerSecond: 1000"], routes: [streams.route])
        var clients: [RawHTTPClient] = []
        for index in 0..<8 {
            clients.append(try open(http))
            _ = try await streams.wait(for: index + 1)
        }
        #expect(try http.get("/events").status == 503)
        clients.removeAll()
        // What is sent finds out that the readers are gone.
        for stream in try await streams.wait(for: 8) { stream.put(Array("data: 1\n\n".utf8)) }
        let deadline = ContinuousClock.now + .seconds(20)
        while http.metrics.streams > 0, ContinuousClock.now < deadline {
            for stream in try await streams.wait(for: 8) { stream.put(Array("data: 1\n\n".utf8)) }
            try await Task.sleep(for: .milliseconds(5))
        }
        let client = try open(http)
        #expect(try client.receive(until: "200 OK"))
    }

    @Test("of a reader who is idle carry a comment now and then; the end of the server ends them")
    func heartbeat() async throws {
        let streams = Streams()
        var limits = HTTPServer.Limits()
        limits.heartbeatNanoseconds = 100_000_000
        var http: TestHTTP? = try await TestHTTP(routes: [streams.route], limits: limits)
        let client = try open(try #require(http))
        #expect(try client.receive(until: ":\n\n"))
        http = nil
        _ = try client.receiveAll()
        #expect(try await streams.wait(for: 1)[0].isOpen == false)
    }
}

@Suite("Slow clients of the HTTP server")
struct HTTPSlowTests {
    @Test("have so long for a head, however often they send a byte; others are served meanwhile")
    func slowHeads() async throws {
        var limits = HTTPServer.Limits()
        limits.headNanoseconds = 1_000_000_000
        let http = try await TestHTTP(limits: limits)
        let clients = try (0..<10).map { _ in try RawHTTPClient(port: http.port) }
        for client in clients { client.send("GET /hello HTTP/1.1\r\nHost: localhost\r\nX-Slow: ") }
        let begin = ContinuousClock.now
        var isCut = false
        while !isCut, ContinuousClock.now - begin < .seconds(60) {
            try await Task.sleep(for: .milliseconds(50))
            isCut = !clients.map { $0.send("a") }.contains(true)
        }
        #expect(isCut)
        #expect(try http.get("/hello").status == 200)
    }

    @Test("who do not read what they asked for are cut off")
    func slowReaders() async throws {
        var limits = HTTPServer.Limits()
        limits.answerNanoseconds = 1_000_000_000
        let large = HTTPRoute(.exact("/large")) { _ in
            .bytes(
                status: 200, contentType: "text/plain",
                body: [UInt8](repeating: 0x61, count: 32 << 20))
        }
        let http = try await TestHTTP(routes: [large], limits: limits)
        let client = try RawHTTPClient(port: http.port)
        client.send("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        let deadline = ContinuousClock.now + .seconds(15)
        while http.metrics.connections == 0, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(5))
        }
        while http.metrics.connections > 0, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(http.metrics.connections == 0)
        withExtendedLifetime(client) {}
    }
}

@Suite(
    "Client certificates of the HTTP server",
    .enabled(if: TestCertificates.isAvailable, "openssl is not installed"))
struct HTTPCertificateTests {
    private static let script = """
        import http.client, ssl, sys
        port, authority, certificate, key, token = sys.argv[1:]
        context = ssl.create_default_context(cafile=authority)
        if certificate: context.load_cert_chain(certificate, key)
        try:
            connection = http.client.HTTPSConnection("localhost", int(port), context=context, timeout=20)
            connection.request("GET", "/hello", headers={"Authorization": "Bearer " + token} if token else {})
            print(connection.getresponse().status)
        except (ssl.SSLError, ConnectionError) as error:
            print("refused")
        """

    private func ask(
        _ http: TestHTTP, _ certificates: TestCertificates, _ certificate: String = "",
        _ key: String = "", token: String = ""
    ) throws -> String {
        let process = try ChildProcess(
            try #require(Executables.system("python3")),
            [
                "-c", Self.script, "\(http.port)", certificates.authorityFile, certificate, key,
                token,
            ])
        process.closeInput()
        _ = try process.waitForExit(within: 30)
        return process.output.all.joined()
    }

    @Test("open it, those of other authorities and of servers do not, and a token does as well")
    func certificates() async throws {
        let certificates = try TestCertificates()
        let strangers = try TestCertificates()
        let http = try await TestHTTP([
            "tokenFile: \(Token.shared.path)",
            "tls: { certificate: \(certificates.serverFile), key: \(certificates.serverKeyFile),"
                + " clientAuthorities: \(certificates.authorityFile) }",
        ])
        #expect(
            try ask(http, certificates, certificates.clientFile, certificates.clientKeyFile)
                == "200")
        #expect(try ask(http, certificates) == "401")
        #expect(try ask(http, certificates, token: Token.text) == "200")
        let stranger = try ask(http, certificates, strangers.clientFile, strangers.clientKeyFile)
        #expect(stranger == "401" || stranger == "refused")
    }
}
