import Foundation

/// An authority, a server's certificate and a client's, made by the openssl command.
public final class TestCertificates: Sendable {
    public static var isAvailable: Bool { Executables.system("openssl") != nil }

    private let directory: TemporaryDirectory

    public var authorityFile: String { directory.file("ca.pem") }
    public var serverFile: String { directory.file("server.pem") }
    public var serverKeyFile: String { directory.file("server.key") }
    public var clientFile: String { directory.file("client.pem") }
    public var clientKeyFile: String { directory.file("client.key") }

    /// Makes all of them.
    ///
    /// - Parameter serverNames: the server's alternative names as openssl spells them.
    public init(serverNames: [String] = ["DNS:localhost", "IP:127.0.0.1"]) throws {
        directory = try TemporaryDirectory("certificates")
        try openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", directory.file("ca.key"), "-out", authorityFile, "-days", "2", "-subj",
            "/CN=Test authority")
        let extensions = "subjectAltName=\(serverNames.joined(separator: ","))\n"
        try directory.write(extensions, to: "server.ext")
        try directory.write("extendedKeyUsage=clientAuth\n", to: "client.ext")
        try issue("server", commonName: "broker")
        try issue("client", commonName: "agent")
    }

    private func issue(_ name: String, commonName: String) throws {
        try openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
            directory.file("\(name).key"), "-out", directory.file("\(name).csr"), "-subj",
            "/CN=\(commonName)")
        try openssl(
            "x509", "-req", "-in", directory.file("\(name).csr"), "-CA", authorityFile, "-CAkey",
            directory.file("ca.key"), "-CAcreateserial", "-days", "2", "-extfile",
            directory.file("\(name).ext"), "-out", directory.file("\(name).pem"))
    }

    private func openssl(_ arguments: String...) throws {
        guard let tool = Executables.system("openssl") else {
            throw TestFailure("openssl is not installed")
        }
        try ChildProcess.run(tool, arguments)
    }
}
