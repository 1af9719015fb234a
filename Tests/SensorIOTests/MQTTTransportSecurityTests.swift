import Foundation
import SensorIO
import TestSupport
import Testing

@Suite(
    "A session over TLS",
    .enabled(
        if: TestBroker.isAvailable && TestCertificates.isAvailable, "no mosquitto or no openssl"))
struct MQTTTransportSecurityTests {
    private func makeBroker(
        requiresClientCertificate: Bool = false,
        serverNames: [String] = ["DNS:localhost", "IP:127.0.0.1"], extraLines: [String] = []
    ) throws -> TestBroker {
        try TestBroker { options in
            options.certificates = try TestCertificates(serverNames: serverNames)
            options.requiresClientCertificate = requiresClientCertificate
            options.extraLines = extraLines
        }
    }

    @Test("connects", arguments: [MQTTProtocolVersion.v5, .v311], [false, true])
    func connects(_ version: MQTTProtocolVersion, requiresClientCertificate: Bool) throws {
        let broker = try makeBroker(requiresClientCertificate: requiresClientCertificate)
        let session = try MQTTSessionRunner(.test(broker, "agent", version), ["in/+"])
        try session.waitUntilReady()
        try TestPublisher.publish(broker, "in/a", "x")
        try session.messages.atLeast(1)
        let took = try session.stop()
        #expect(took < 1)
        try broker.waitForLog(containing: "Received DISCONNECT from agent")
    }

    @Test("accepts an address that the certificate names")
    func address() throws {
        let broker = try makeBroker()
        var endpoint = MQTTEndpoint.test(broker, "agent")
        endpoint.host = "127.0.0.1"
        try MQTTSessionRunner(endpoint).waitUntilReady()
    }

    @Test("refuses a broker of another authority, and keeps the library's words")
    func wrongAuthority() throws {
        let broker = try makeBroker()
        let other = try TestCertificates()
        var endpoint = MQTTEndpoint.test(broker, "agent")
        endpoint.tls?.certificateAuthorityFile = other.authorityFile
        let error = try MQTTSessionRunner(endpoint).waitForError()
        guard case .tls(let text) = error else {
            Issue.record("\(error)" as Comment)
            return
        }
        #expect(text.contains("certificate verify failed"))
        #expect(!error.isTransient)
    }

    @Test("refuses a broker whose certificate names another host")
    func wrongName() throws {
        let broker = try makeBroker(serverNames: ["DNS:broker.example"])
        let error = try MQTTSessionRunner(.test(broker, "agent")).waitForError()
        guard case .tls(let text) = error else {
            Issue.record("\(error)" as Comment)
            return
        }
        #expect(text.contains("host name verification failed"))
    }

    @Test(
        "says that its own certificate is missing",
        arguments: [MQTTTransportSecurity.MinimumVersion.v12, .v13])
    func missingCertificate(_ version: MQTTTransportSecurity.MinimumVersion) throws {
        let broker = try makeBroker(
            requiresClientCertificate: true,
            extraLines: version == .v12 ? ["tls_version tlsv1.2"] : [])
        var endpoint = MQTTEndpoint.test(broker, "agent")
        endpoint.tls?.clientCertificateFile = nil
        endpoint.tls?.clientKeyFile = nil
        endpoint.tls?.minimumVersion = version
        // The alert may come too late for one attempt; not for all.
        let error = try MQTTSessionRunner(endpoint).waitForError("alert") {
            if case .tls = $0 { true } else { false }
        }
        guard case .tls(let text) = error else { return }
        #expect(text.contains("alert"), "\(text)")
    }

    @Test("names a file that it cannot read")
    func missingFile() throws {
        let broker = try makeBroker()
        var endpoint = MQTTEndpoint.test(broker, "agent")
        endpoint.tls?.certificateAuthorityFile = "/nowhere/ca.pem"
        let error = try MQTTSessionRunner(endpoint).waitForError()
        #expect(error == .unreadableFile(path: "/nowhere/ca.pem", errorNumber: ENOENT))
    }

    @Test("says that a file holds no certificate")
    func brokenFile() throws {
        let broker = try makeBroker()
        let directory = try TemporaryDirectory()
        var endpoint = MQTTEndpoint.test(broker, "agent")
        endpoint.tls?.certificateAuthorityFile = try directory.write("nonsense", to: "ca.pem")
        let error = try MQTTSessionRunner(endpoint).waitForError()
        guard case .tls(let text) = error else {
            Issue.record("\(error)" as Comment)
            return
        }
        #expect(text.contains("Unable to load CA certificates"))
    }

    @Test("refuses a key with a passphrase instead of asking the terminal for it")
    func encryptedKey() throws {
        let broker = try makeBroker(requiresClientCertificate: true)
        let directory = try TemporaryDirectory()
        var endpoint = MQTTEndpoint.test(broker, "agent")
        let key = try #require(endpoint.tls?.clientKeyFile)
        let openssl = try #require(Executables.system("openssl"))
        let encrypted = directory.file("client.key")
        try ChildProcess.run(
            openssl, ["ec", "-in", key, "-aes128", "-passout", "pass:abcd", "-out", encrypted])
        endpoint.tls?.clientKeyFile = encrypted
        let error = try MQTTSessionRunner(endpoint).waitForError()
        guard case .tls(let text) = error else {
            Issue.record("\(error)" as Comment)
            return
        }
        #expect(text.contains("Unable to load client key file"))
    }

    /// A bare TLS server; what is written to its standard input goes to the client, each write as one record.
    private func makeServer(
        _ certificates: TestCertificates, _ arguments: [String] = []
    ) throws -> (ChildProcess, UInt16) {
        let openssl = try #require(Executables.system("openssl"))
        let port = try FreePort.find()
        let server = try ChildProcess(
            openssl,
            [
                "s_server", "-accept", "127.0.0.1:\(port)", "-cert", certificates.serverFile,
                "-key",
                certificates.serverKeyFile,
            ] + arguments)
        // Without -quiet it says so, with it there is nothing to wait for but the port itself.
        if !arguments.contains("-quiet") { try server.waitForLine(containing: "ACCEPT") }
        return (server, port)
    }

    @Test("does not take an older version of TLS than allowed")
    func oldVersion() throws {
        let certificates = try TestCertificates()
        let (server, port) = try makeServer(certificates, ["-tls1_2"])
        let endpoint = MQTTEndpoint(
            host: "localhost", port: port, clientIdentifier: "agent",
            tls: MQTTTransportSecurity(
                certificateAuthorityFile: certificates.authorityFile, minimumVersion: .v13))
        let error = try MQTTSessionRunner(endpoint).waitForError()
        guard case .tls(let text) = error else {
            Issue.record("\(error)" as Comment)
            return
        }
        #expect(text.contains("version"), "\(text)")
        try server.kill()
    }

    /// mosquitto sends a record for each packet; other brokers, and proxies that end TLS, do not. What
    /// OpenSSL has decrypted is invisible to poll: an agent that waits for the socket would leave it there.
    @Test("leaves nothing in a record that holds many packets", arguments: [30, 1_000])
    func manyPacketsInARecord(count: Int) throws {
        let certificates = try TestCertificates()
        let (server, port) = try makeServer(certificates, ["-quiet"])
        var endpoint = MQTTEndpoint(
            host: "localhost", port: port, clientIdentifier: "agent",
            tls: MQTTTransportSecurity(certificateAuthorityFile: certificates.authorityFile))
        endpoint.reconnect = BackoffPolicy(
            initialNanoseconds: 50_000_000, maximumNanoseconds: 100_000_000)
        let session = try MQTTSessionRunner(endpoint, ["a"])
        // Kept in the server's standard input until there is a client.
        try server.write([0x20, 3, 0, 0, 0])
        try session.waitUntilConnected()
        try server.write([0x90, 4, 0, 1, 0, 1])
        try session.waitUntilReady()
        let packets = (1...count).flatMap { identifier -> [UInt8] in
            [0x32, 8, 0, 1, 0x61, UInt8(identifier >> 8), UInt8(identifier & 0xFF), 0, 0x68, 0x69]
        }
        #expect(packets.count <= 16_384)
        try server.write(packets)
        try session.messages.atLeast(count, within: 5)
        try server.kill()
    }

    @Test("takes files of authorities that the system trusts only when told so")
    func systemAuthorities() throws {
        let broker = try makeBroker()
        var endpoint = MQTTEndpoint.test(broker, "agent")
        endpoint.tls = MQTTTransportSecurity(usesSystemAuthorities: true)
        let error = try MQTTSessionRunner(endpoint).waitForError()
        guard case .tls = error else {
            Issue.record("\(error)" as Comment)
            return
        }
        endpoint.tls = MQTTTransportSecurity()
        #expect(throws: MQTTError.self) { try endpoint.validate() }
    }

    @Test("gives up on a server that does not speak TLS")
    func plainServer() throws {
        let server = try ScriptedServer { connection in
            connection.write(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8))
            connection.waitForEnd()
        }
        let certificates = try TestCertificates()
        let endpoint = MQTTEndpoint(
            host: "localhost", port: server.port, clientIdentifier: "agent",
            tls: MQTTTransportSecurity(certificateAuthorityFile: certificates.authorityFile))
        let error = try MQTTSessionRunner(endpoint).waitForError()
        guard case .tls = error else {
            Issue.record("\(error)" as Comment)
            return
        }
    }

    @Test("does not spin on a handshake that is cut off", arguments: [false, true])
    func cutHandshake(isReset: Bool) throws {
        let server = try ScriptedServer { connection in
            if isReset { connection.resetOnClose() }
            // The first byte of the ClientHello is enough.
            var byte: UInt8 = 0
            recv(connection.descriptor, &byte, 1, 0)
        }
        let certificates = try TestCertificates()
        let endpoint = MQTTEndpoint(
            host: "localhost", port: server.port, clientIdentifier: "agent",
            tls: MQTTTransportSecurity(certificateAuthorityFile: certificates.authorityFile))
        try MQTTSessionRunner(endpoint).waitForError(within: 5)
    }

    @Test("two sessions that start together both connect: the library sets TLS up only once")
    func together() throws {
        let broker = try makeBroker()
        let sessions = try (0..<6).map { try MQTTSessionRunner(.test(broker, "agent\($0)")) }
        for session in sessions {
            try session.waitUntilReady()
            #expect(session.states.count == 2)
        }
    }
}
