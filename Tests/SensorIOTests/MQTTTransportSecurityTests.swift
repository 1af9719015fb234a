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
            Issue.record("\(error)")
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
            Issue.record("\(error)")
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
        let error = try MQTTSessionRunner(endpoint).waitForError()
        guard case .tls(let text) = error else {
            Issue.record("\(error)")
            return
        }
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
            Issue.record("\(error)")
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
            Issue.record("\(error)")
            return
        }
        #expect(text.contains("Unable to load client key file"))
    }

    @Test("does not take an older version than allowed")
    func oldVersion() throws {
        let broker = try makeBroker(extraLines: ["tls_version tlsv1.2"])
        // mosquitto's tls_version is its oldest; keep it from the newer one, too.
        var endpoint = MQTTEndpoint.test(broker, "agent")
        endpoint.tls?.minimumVersion = .v13
        try MQTTSessionRunner(endpoint).waitUntilReady()
    }

    @Test("takes files of authorities that the system trusts only when told so")
    func systemAuthorities() throws {
        let broker = try makeBroker()
        var endpoint = MQTTEndpoint.test(broker, "agent")
        endpoint.tls = MQTTTransportSecurity(usesSystemAuthorities: true)
        let error = try MQTTSessionRunner(endpoint).waitForError()
        guard case .tls = error else {
            Issue.record("\(error)")
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
            Issue.record("\(error)")
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
