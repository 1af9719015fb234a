import SensorIO
import Testing

@Suite("An endpoint")
struct MQTTEndpointTests {
    private typealias Change = @Sendable (inout MQTTEndpoint) -> Void

    private static let mistakes: [(String, Change)] = [
        ("host", { $0.host = "" }), ("host", { $0.host = "a\0b" }),
        ("host", { $0.host = String(repeating: "x", count: 254) }), ("port", { $0.port = 0 }),
        ("keepAliveSeconds", { $0.keepAliveSeconds = 4 }),
        ("receiveMaximum", { $0.receiveMaximum = 0 }), ("sendMaximum", { $0.sendMaximum = 0 }),
        ("clientIdentifier", { $0.clientIdentifier = "" }),
        ("clientIdentifier", { $0.clientIdentifier = "a\0" }),
        ("clientIdentifier", { $0.clientIdentifier = String(repeating: "x", count: 65_536) }),
        ("password", { $0.password = [0x61, 0] }),
        ("password", { $0.password = Array(repeating: 0x61, count: 65_536) }),
        (
            "password",
            {
                $0.protocolVersion = .v311
                $0.password = [0x61]
            }
        ), ("tls", { $0.tls = MQTTTransportSecurity() }),
        (
            "tls",
            {
                $0.tls = MQTTTransportSecurity(
                    certificateAuthorityFile: "/ca.pem", clientCertificateFile: "/client.pem")
            }
        ), ("will.topic", { $0.will = MQTTWill(topic: "a/+", payload: []) }),
        ("will.topic", { $0.will = MQTTWill(topic: "", payload: []) }),
        (
            "will.payload",
            { $0.will = MQTTWill(topic: "a", payload: Array(repeating: 0, count: 65_536)) }
        ), ("connectTimeoutNanoseconds", { $0.connectTimeoutNanoseconds = .max }),
    ]

    @Test("names the field that cannot work", arguments: 0..<19)
    func mistakes(index: Int) throws {
        let (field, change) = Self.mistakes[index]
        var endpoint = MQTTEndpoint(host: "localhost", clientIdentifier: "agent")
        try endpoint.validate()
        change(&endpoint)
        let error = #expect(throws: MQTTError.self) { try endpoint.validate() }
        guard case .invalidEndpoint(field, _) = error else {
            Issue.record("\(index): \(String(describing: error))")
            return
        }
        #expect(error?.isTransient == false)
        #expect(throws: MQTTError.self) { _ = try MQTTSession(endpoint: endpoint) }
    }

    @Test("all mistakes are tried")
    func count() {
        #expect(Self.mistakes.count == 19)
    }
}
