import Foundation
import SensorIO
import TestSupport
import Testing

@Suite("A session with a server that does as it likes")
struct MQTTScriptedServerTests {
    /// CONNACK of MQTT 5 without properties.
    private static func connack(_ reason: UInt8, properties: [UInt8] = []) -> [UInt8] {
        [0x20, UInt8(3 + properties.count), 0, reason, UInt8(properties.count)] + properties
    }

    private func endpoint(
        _ port: UInt16, version: MQTTProtocolVersion = .v5, timeoutMilliseconds: UInt64 = 15_000
    ) -> MQTTEndpoint {
        MQTTEndpoint(
            host: "127.0.0.1", port: port, protocolVersion: version, clientIdentifier: "agent",
            reconnect: BackoffPolicy(
                initialNanoseconds: 50_000_000, maximumNanoseconds: 200_000_000),
            connectTimeoutNanoseconds: timeoutMilliseconds * 1_000_000)
    }

    @Test(
        "names the reason of a refusal, and says whether waiting may help",
        arguments: [
            (0x80, true), (0x84, false), (0x85, false), (0x86, false), (0x87, false), (0x88, true),
            (0x89, true), (0x8A, false), (0x97, true), (0x9F, true),
        ] as [(UInt8, Bool)])
    func refusal(code: UInt8, isTransient: Bool) throws {
        let server = try ScriptedServer { connection in
            _ = connection.readPacket(kind: 0x10)
            connection.write(Self.connack(code, properties: [0x1F, 0, 2, 0x6E, 0x6F]))
            connection.waitForEnd()
        }
        let error = try MQTTSessionRunner(endpoint(server.port)).waitForError()
        #expect(error == .connectionRefused(MQTTReasonCode(rawValue: code), reasonString: "no"))
        #expect(error.isTransient == isTransient)
    }

    @Test(
        "translates the refusals of MQTT 3.1.1",
        arguments: [
            (1, .unsupportedProtocolVersion), (2, .clientIdentifierNotValid),
            (3, .serverUnavailable), (4, .badUserNameOrPassword), (5, .notAuthorized),
        ] as [(UInt8, MQTTReasonCode)])
    func oldRefusal(code: UInt8, reason: MQTTReasonCode) throws {
        let server = try ScriptedServer { connection in
            _ = connection.readPacket(kind: 0x10)
            connection.write([0x20, 2, 0, code])
            connection.waitForEnd()
        }
        let error = try MQTTSessionRunner(endpoint(server.port, version: .v311)).waitForError()
        #expect(error == .connectionRefused(reason, reasonString: nil))
    }

    @Test(
        "knows why the server ended the connection",
        arguments: [
            .sessionTakenOver, .serverShuttingDown, .keepAliveTimeout, .packetTooLarge,
            .administrativeAction, .success,
        ] as [MQTTReasonCode])
    func serverDisconnect(reason: MQTTReasonCode) throws {
        let server = try ScriptedServer { connection in
            _ = connection.readPacket(kind: 0x10)
            connection.write(Self.connack(0) + [0xE0, 1, reason.rawValue])
            connection.waitForEnd()
        }
        let error = try MQTTSessionRunner(endpoint(server.port)).waitForError()
        #expect(error == .disconnectedByServer(reason))
    }

    enum Loss: CaseIterable { case noAnswerToPing, noAnswerToSubscribe, thrownAway }

    @Test(
        "A connection that is given up takes what was not sent with it: nothing arrives after what is newer",
        arguments: Loss.allCases)
    func unsentBytes(_ loss: Loss) throws {
        let isLost = EventLog<Bool>()
        let wasReset = EventLog<Bool>()
        let server = try ScriptedServer { connection in
            guard connection.index == 0 else { return }
            _ = connection.readPacket(kind: 0x10)
            // Server Keep Alive: 1 s. Then nothing is read until the session has given up.
            connection.write(Self.connack(0, properties: [0x13, 0, 1]))
            _ = try? isLost.first("loss", within: 20) { _ in true }
            wasReset.append(connection.readToReset())
        }
        let runner = try MQTTSessionRunner(
            endpoint(server.port, timeoutMilliseconds: 500),
            loss == .noAnswerToSubscribe ? ["in/#"] : [])
        try runner.states.first("connection", within: 10) {
            if case .connected = $0 { true } else { false }
        }
        // More than the kernel's buffers of both sides hold.
        let outcome = try runner.perform { session in
            let payload = [UInt8](repeating: 7, count: 32 << 20)
            defer { session.flush() }
            return "a/b".withCString { topic in
                payload.withUnsafeBytes {
                    session.publish(topic: topic, payload: $0, qualityOfService: .atLeastOnce)
                }
            }
        }
        if case .sent = outcome {} else { Issue.record("\(outcome)") }
        switch loss {
        case .noAnswerToPing, .noAnswerToSubscribe: _ = try runner.waitForError()
        case .thrownAway: try runner.abandon()
        }
        isLost.append(true)
        #expect(try wasReset.first("end of the stream", within: 10) { _ in true })
    }

    @Test("waits only so long for the answer to its CONNECT")
    func noConnack() throws {
        let server = try ScriptedServer { $0.waitForEnd() }
        let error = try MQTTSessionRunner(endpoint(server.port, timeoutMilliseconds: 300))
            .waitForError()
        #expect(error == .timedOut(waitingFor: .acknowledgedConnection, afterSeconds: 0.3))
    }

    @Test("waits only so long for the answer to its SUBSCRIBE")
    func noSuback() throws {
        let server = try ScriptedServer { connection in
            _ = connection.readPacket(kind: 0x10)
            connection.write(Self.connack(0))
            connection.waitForEnd()
        }
        let runner = try MQTTSessionRunner(
            endpoint(server.port, timeoutMilliseconds: 300), ["in/#"])
        #expect(
            try runner.waitForError()
                == .timedOut(waitingFor: .acknowledgedSubscription, afterSeconds: 0.3))
    }

    @Test(
        "asks again for a subscription that was refused",
        arguments: [MQTTProtocolVersion.v5, .v311])
    func refusedSubscription(_ version: MQTTProtocolVersion) throws {
        let server = try ScriptedServer { connection in
            _ = connection.readPacket(kind: 0x10)
            connection.write(version == .v5 ? Self.connack(0) : [0x20, 2, 0, 0])
            var refusals = 0
            while let packet = connection.readPacket(kind: 0x80) {
                refusals += 1
                let code: UInt8 = refusals <= 2 ? (version == .v5 ? 0x87 : 0x80) : 1
                connection.write(
                    version == .v5
                        ? [0x90, 4, packet[2], packet[3], 0, code]
                        : [0x90, 3, packet[2], packet[3], code])
            }
        }
        let runner = try MQTTSessionRunner(endpoint(server.port, version: version), ["in/#"])
        let events = try runner.subscriptions.atLeast(3)
        guard case .refused(let subscription, let error, _) = events[0] else {
            Issue.record("\(events)")
            return
        }
        #expect(subscription.filter == "in/#")
        #expect(
            error
                == .subscriptionRefused(
                    filter: "in/#", version == .v5 ? .notAuthorized : .unspecifiedError))
        #expect(events[2] == .granted(MQTTSubscription(filter: "in/#"), .atLeastOnce))
        #expect(try runner.perform { $0.isReady })
        #expect(runner.states.count == 2)
    }

    @Test("subscribes in each connection, even if the broker says that it has kept the session")
    func sessionPresent() throws {
        let subscribes = EventLog<Int>()
        let server = try ScriptedServer { connection in
            _ = connection.readPacket(kind: 0x10)
            connection.write([0x20, 3, 1, 0, 0])
            while let packet = connection.readPacket() {
                guard packet[0] & 0xF0 == 0x80 else { continue }
                subscribes.append(connection.index)
                connection.write([0x90, 4, packet[2], packet[3], 0, 1])
                if connection.index == 0 { break }
            }
        }
        let runner = try MQTTSessionRunner(endpoint(server.port), ["in/#"])
        #expect(try runner.waitUntilConnected(times: 2))
        #expect(try subscribes.atLeast(2) == [0, 1])
    }

    @Test("never has more in flight than the server takes")
    func receiveMaximum() throws {
        let server = try ScriptedServer { connection in
            _ = connection.readPacket(kind: 0x10)
            // Receive maximum 3, maximum packet size 64.
            connection.write(Self.connack(0, properties: [0x21, 0, 3, 0x27, 0, 0, 0, 64]))
            connection.waitForEnd()
        }
        let runner = try MQTTSessionRunner(endpoint(server.port))
        try runner.waitUntilConnected()
        #expect(try runner.perform { $0.sendWindow } == 3)
        for _ in 0..<3 {
            guard case .sent = try runner.publish("out", "x") else {
                Issue.record("not sent")
                return
            }
        }
        #expect(try runner.publish("out", "x") == .windowFull)
        // 1 + 1 + 2 + 3 + 2 + 1 + 55 = 65
        #expect(
            try runner.perform { session in
                Array(repeating: UInt8(0), count: 55).withUnsafeBytes {
                    session.publish(
                        topic: "out", payload: $0, qualityOfService: .atMostOnce)
                }
            } == .sent(messageIdentifier: 4))
        #expect(try runner.publish("out", "x") == .windowFull)
    }

    @Test(
        "survives what is no MQTT",
        arguments: [
            [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [0x00, 0x00], [0x20, 0x00],
            Array("SSH-2.0-OpenSSH_9.2p1 Debian\r\n".utf8), [0x30, 0x03, 0xFF, 0xFF, 0x61],
            [0x20, 0x06, 0x00, 0x00, 0x03, 0x21, 0x00],
        ] as [[UInt8]])
    func nonsense(_ bytes: [UInt8]) throws {
        let server = try ScriptedServer { connection in
            _ = connection.readPacket(kind: 0x10)
            connection.write(bytes)
        }
        try MQTTSessionRunner(endpoint(server.port)).waitForError()
    }

    @Test(
        "survives malformed packets behind a good CONNACK",
        arguments: [
            // PUBLISH with an empty topic, with a topic longer than the packet, with bad UTF-8.
            [0x30, 0x03, 0x00, 0x00, 0x00], [0x30, 0x04, 0x00, 0x20, 0x61, 0x00],
            [0x30, 0x05, 0x00, 0x02, 0xC3, 0x28, 0x00],
            // QoS 3, packet identifier 0, truncated properties.
            [0x36, 0x06, 0x00, 0x01, 0x61, 0x00, 0x01, 0x00],
            [0x32, 0x06, 0x00, 0x01, 0x61, 0x00, 0x00, 0x00],
            [0x32, 0x06, 0x00, 0x01, 0x61, 0x00, 0x01, 0x7F],
            // PUBACK of nothing, SUBACK of nothing, CONNECT from a server.
            [0x40, 0x01, 0x00], [0x90, 0x03, 0x00, 0x00, 0x00], [0x10, 0x00],
        ] as [[UInt8]])
    func malformed(_ bytes: [UInt8]) throws {
        let server = try ScriptedServer { connection in
            _ = connection.readPacket(kind: 0x10)
            connection.write(Self.connack(0) + bytes)
        }
        let runner = try MQTTSessionRunner(endpoint(server.port))
        try runner.waitForError()
        #expect(runner.messages.count == 0)
    }

    @Test("ignores acknowledgements of what it never sent")
    func strayAcknowledgements() throws {
        let server = try ScriptedServer { connection in
            _ = connection.readPacket(kind: 0x10)
            connection.write(
                Self.connack(0) + [0x40, 2, 0, 9, 0x90, 4, 0, 9, 0, 1]
                    + [0x30, 6, 0, 1, 0x61, 0, 0x68, 0x69])
            connection.waitForEnd()
        }
        let runner = try MQTTSessionRunner(endpoint(server.port))
        #expect(try runner.messages.atLeast(1)[0].payload == "hi")
        #expect(runner.acknowledgements.count == 0)
        #expect(try runner.perform { $0.inFlightCount } == 0)
    }

    @Test("hears of a port where nobody listens at once")
    func refusedPort() throws {
        let error = try MQTTSessionRunner(endpoint(FreePort.find())).waitForError(within: 3)
        #expect(error == .connectFailed(errorNumber: ECONNREFUSED))
        #expect(error.isTransient)
    }

    @Test("names a host that has no address")
    func unknownHost() throws {
        var endpoint = endpoint(1883)
        endpoint.host = "no-such-host.invalid"
        let error = try MQTTSessionRunner(endpoint).waitForError(within: 30)
        guard case .nameNotResolved("no-such-host.invalid", let text) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(!text.isEmpty)
    }

    @Test("goes on while a connect hangs, gives up in time, and stops at once")
    func blackHole() throws {
        let hole = try BlackHole()
        let runner = try MQTTSessionRunner(endpoint(hole.port, timeoutMilliseconds: 400))
        try runner.states.first("connecting") { $0 == .connecting }
        #expect(try runner.perform { $0.state } == .connecting)
        #expect(
            try runner.waitForError()
                == .timedOut(waitingFor: .connection, afterSeconds: 0.4))
        // Threads that hang are bounded: it goes on saying that it timed out.
        try runner.states.wait(for: "six failures", within: 20) {
            $0.count { if case .disconnected = $0 { true } else { false } } >= 6
        }
        #expect(try runner.stop() < 0.5)
    }
}
