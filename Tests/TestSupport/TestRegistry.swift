import Foundation
import Synchronization

/// Debian's docker-registry (CNCF distribution) on loopback, with storage of its own.
public final class TestRegistry: Sendable {
    public static let executable = Executables.system("docker-registry")
    public static var isAvailable: Bool { executable != nil }

    public let port: UInt16
    public let storage: TemporaryDirectory
    private let configuration: String
    private let process: Mutex<ChildProcess>

    /// Starts a registry.
    ///
    /// - Parameters:
    ///   - http: more lines of the `http` section, unindented.
    ///   - storage: more lines of the `storage` section.
    ///   - top: more sections.
    ///   - port: nil: a free one.
    public init(
        http: String = "", storage more: String = "", top: String = "", port: UInt16? = nil
    ) throws {
        guard let executable = Self.executable else {
            throw TestFailure("docker-registry is not installed")
        }
        let port = try port ?? FreePort.find()
        self.port = port
        storage = try TemporaryDirectory("registry")
        func indented(_ text: String) -> String {
            text.split(separator: "\n").map { "  \($0)\n" }.joined()
        }
        configuration = try storage.write(
            """
            version: 0.1
            log: {level: warn, accesslog: {disabled: true}}
            storage:
              filesystem: {rootdirectory: \(storage.file("data"))}
              delete: {enabled: true}
            \(indented(more))
            http:
              addr: 127.0.0.1:\(port)
              secret: for-tests
            \(indented(http))
            \(top)
            """, to: "config.yml")
        process = Mutex(try ChildProcess(executable, ["serve", configuration]))
        try waitUntilReady()
    }

    public var address: String { "127.0.0.1:\(port)" }
    public var url: String { "http://\(address)" }

    /// Ends it without a chance to say goodbye, and starts it again on the same port and storage.
    public func killAndRestart() throws {
        let child = process.withLock { $0 }
        try child.kill()
        let next = try ChildProcess(Self.executable ?? "", ["serve", configuration])
        process.withLock { $0 = next }
        try waitUntilReady()
    }

    public func stop() throws {
        let child = process.withLock { $0 }
        try child.kill()
    }

    /// Where the bytes of a blob are on the disk.
    public func blobPath(_ hexadecimal: String) -> String {
        storage.file(
            "data/docker/registry/v2/blobs/sha256/\(hexadecimal.prefix(2))/\(hexadecimal)/data")
    }

    private func waitUntilReady() throws {
        let child = process.withLock { $0 }
        let deadline = Date().addingTimeInterval(10)
        while !FreePort.answers(port) {
            guard child.isRunning, Date() < deadline else {
                throw TestFailure("the registry does not start:\n\(child.transcript)")
            }
            usleep(5_000)
        }
    }
}
