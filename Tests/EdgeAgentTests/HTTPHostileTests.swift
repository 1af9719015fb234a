import Foundation
import TestSupport
import Testing

/// What a hostile host may do to the agent's HTTP server, at the running agent with a pipeline at work.
@Suite(
    "Hostile HTTP, end to end", .enabled(if: TestBroker.isAvailable, "mosquitto is not installed"))
struct HTTPHostileTests {
    /// What the agent's process holds.
    private struct Held {
        var descriptors: Int
        var residentKiB: Int

        init(_ process: Int32) throws {
            descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd")
                .count
            let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
            residentKiB =
                status.firstMatch(of: /VmRSS:\s+(\d+) kB/).flatMap { Int($0.output.1) } ?? 0
        }
    }

    private static let good = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

    /// Everything at once, each on connections of its own.
    private func attack(_ port: UInt16, _ random: inout SeededGenerator) throws {
        func connect() -> RawHTTPClient? { try? RawHTTPClient(port: port) }
        let long = String(repeating: "a", count: 64 << 10)
        for text in [
            "GET /\(long) HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: localhost\r\nX: \(long)\r\n\r\n",
            "GET /metrics HTTP/1.1\r\n" + (0..<2000).map { "X\($0): y\r\n" }.joined() + "\r\n",
            "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n\(long)",
            "GET /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
            "GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
            "GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "GET /metrics\u{0}x HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "\u{0}\u{0}\u{0}\u{0}\r\n\r\n",
            "GET\r\n\r\n", "\r\n\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer wrong-token-of-mine\r\n\r\n",
            String(repeating: Self.good, count: 200),
        ] { connect()?.send(text) }
        var noise = [UInt8](repeating: 0, count: 4096)
        for index in noise.indices { noise[index] = UInt8.random(in: 0...255, using: &random) }
        connect()?.send(noise)
    }

    @Test("The pipeline loses no evaluation, and nothing of the attack is left afterwards")
    func everything() throws {
        let broker = try TestBroker()
        let port = try FreePort.find()
        let agent = try TestAgent(
            TestAgent.yaml(
                broker,
                top: "http: { enabled: true, port: \(port), tokenFile: \(Token.shared.path) }"))
        try agent.process.errors.first("the agent to listen", within: 20) {
            $0.contains("listening url=")
        }
        var random = SeededGenerator(seed: 9)
        var held: [RawHTTPClient] = []
        var before = try Held(agent.process.processIdentifier)
        for round in 0..<10 {
            try attack(port, &random)
            // A thousand connections, most of which the server refuses at once; the rest says nothing, or little.
            for index in 0..<100 {
                guard let client = try? RawHTTPClient(port: port) else { continue }
                if index.isMultiple(of: 2) { client.send("GET /metrics HTTP/1.1\r\nX-Slow: ") }
                held.append(client)
            }
            try TestPublisher.publish(broker, "plant/p\(round)/reading", TestAgent.reading(1))
            // The first rounds fill what is kept for good: the allocator's pools, the table of addresses.
            if round == 2 {
                before.residentKiB = try Held(agent.process.processIdentifier).residentKiB
            }
        }
        #expect(held.count == 1000)
        let during = try Held(agent.process.processIdentifier)
        #expect(during.descriptors < before.descriptors + 80)
        held.removeAll()

        var metrics = RawHTTPClient.Answer("")
        let deadline = ContinuousClock.now + .seconds(40)
        repeat {
            // 429 for a while: it was this address that attacked.
            metrics = try RawHTTPClient.get(
                "/metrics", port: port, headers: ["Authorization: Bearer \(Token.text)"])
            if metrics.body.contains("edge_agent_evaluations_total{pipeline=\"level\"} 10\n") {
                break
            }
            usleep(100_000)
        } while ContinuousClock.now < deadline
        #expect(
            metrics.body.contains("edge_agent_evaluations_total{pipeline=\"level\"} 10\n"),
            "\(metrics)")
        #expect(metrics.body.contains("edge_agent_stalled{pipeline=\"level\"} 0\n"))
        var after = try Held(agent.process.processIdentifier)
        while after.descriptors > before.descriptors + 2, ContinuousClock.now < deadline {
            usleep(100_000)
            after = try Held(agent.process.processIdentifier)
        }
        #expect(after.descriptors <= before.descriptors + 2)
        // What a leak of one connection's 16 KiB, of the thousand and more, would make many times over.
        #expect(after.residentKiB < before.residentKiB + 4096)
        #expect(
            !agent.process.errors.all.contains {
                $0.contains(Token.text) || $0.contains("wrong-token")
            })
        #expect(try agent.stop() == .code(0))
    }
}
