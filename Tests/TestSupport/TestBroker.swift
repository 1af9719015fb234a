import Foundation

/// A real mosquitto on a free port of loopback, with a temporary directory of its own, ended by its own
/// process identifier. It can be killed, paused and restarted on the same port.
public final class TestBroker: @unchecked Sendable {
    // Proof of @unchecked Sendable: `process` is touched only with `lock` locked; the rest is constant.

    public struct Options: Sendable {
        /// Users with their passwords; empty lets everybody in.
        public var users: [String: String] = [:]
        /// Lines of mosquitto's ACL file; nil allows everything.
        public var accessRules: [String]?
        public var certificates: TestCertificates?
        /// Whether a client must show a certificate of the same authority.
        public var requiresClientCertificate = false
        /// Whether sessions and retained messages outlive the broker's process.
        public var isPersistent = false
        /// More lines for mosquitto.conf.
        public var extraLines: [String] = []

        public init() {}
    }

    /// Whether mosquitto is on this machine; tests that need it skip otherwise.
    public static var isAvailable: Bool { Executables.system("mosquitto") != nil }
    public static let skipReason = "mosquitto is not installed"

    public let port: UInt16
    public let directory: TemporaryDirectory
    public let options: Options
    private let lock = NSLock()
    private var process: ChildProcess?

    /// Starts a broker, and waits until it listens.
    public init(_ options: Options = Options()) throws {
        self.options = options
        directory = try TemporaryDirectory("mosquitto")
        var lastFailure: (any Error)?
        // Another test may take the port between looking and listening.
        for _ in 0..<5 {
            let port = try FreePort.find()
            do {
                process = try Self.launch(port, directory, options)
                self.port = port
                return
            } catch {
                lastFailure = error
            }
        }
        throw lastFailure ?? TestFailure("mosquitto does not start")
    }

    /// Starts a broker with options set in a closure.
    public convenience init(_ configure: (inout Options) throws -> Void) throws {
        var options = Options()
        try configure(&options)
        try self.init(options)
    }

    deinit {
        process?.signal(SIGCONT)
        process?.signal(SIGKILL)
    }

    private static func launch(
        _ port: UInt16, _ directory: TemporaryDirectory, _ options: Options
    ) throws -> ChildProcess {
        guard let executable = Executables.system("mosquitto") else {
            throw TestFailure(skipReason)
        }
        var lines = [
            "listener \(port) 127.0.0.1",
            "log_dest stderr", "log_type all", "connection_messages true",
            // Not 0 for any number: mosquitto 2.0.11 of Debian 12 then ends the connection of each refused PUBLISH.
            "max_queued_messages 1000000", "max_inflight_messages 200",
            "allow_anonymous \(options.users.isEmpty)",
        ]
        // mosquitto gives up root for a user that could not read the directory.
        if getuid() == 0 { lines.append("user root") }
        if !options.users.isEmpty {
            let path = directory.file("passwords")
            if !FileManager.default.fileExists(atPath: path) {
                let text = options.users.map { "\($0.key):\($0.value)\n" }.sorted().joined()
                try directory.write(text, to: "passwords")
                guard let tool = Executables.system("mosquitto_passwd") else {
                    throw TestFailure("mosquitto_passwd is not installed")
                }
                try ChildProcess.run(tool, ["-U", path])
            }
            lines.append("password_file \(path)")
        }
        if let rules = options.accessRules {
            try directory.write(rules.joined(separator: "\n") + "\n", to: "acl")
            lines.append("acl_file \(directory.file("acl"))")
        }
        if let certificates = options.certificates {
            lines += [
                "cafile \(certificates.authorityFile)", "certfile \(certificates.serverFile)",
                "keyfile \(certificates.serverKeyFile)",
                "require_certificate \(options.requiresClientCertificate)",
            ]
        }
        if options.isPersistent {
            // With 1 and "on changes" every change is on disk before anything else happens.
            lines += [
                "persistence true", "persistence_location \(directory.path)/",
                "autosave_interval 1", "autosave_on_changes true",
            ]
        }
        lines += options.extraLines
        try directory.write(lines.joined(separator: "\n") + "\n", to: "mosquitto.conf")
        let process = try ChildProcess(executable, ["-c", directory.file("mosquitto.conf")])
        process.closeInput()
        try process.errors.first("mosquitto to run", within: 15) {
            $0.contains(" running") || $0.contains("Error")
        }
        // "Error: Address already in use" comes after "running" has not.
        if !process.errors.all.contains(where: { $0.contains(" running") }) {
            try? process.kill()
            throw TestFailure("mosquitto does not start:\n\(process.transcript)")
        }
        return process
    }

    private var current: ChildProcess? {
        lock.lock()
        defer { lock.unlock() }
        return process
    }

    /// What the broker said, newest process only; `log_type all`.
    public var log: EventLog<String> { current?.errors ?? EventLog() }

    /// Waits for a line of the broker's log that contains `text`.
    @discardableResult
    public func waitForLog(containing text: String, within seconds: Double = 10) throws -> String {
        try log.first("\"\(text)\" in the broker's log", within: seconds) { $0.contains(text) }
    }

    /// Ends the broker at once: it sends nothing, saves nothing.
    public func kill() throws {
        current?.signal(SIGCONT)
        try current?.kill()
    }

    /// Ends the broker in good order: it saves, and tells its clients.
    public func terminate() throws { try current?.terminate() }

    /// Starts it again on the same port, after ``kill()`` or ``terminate()``.
    public func restart() throws {
        let process = try Self.launch(port, directory, options)
        lock.lock()
        self.process = process
        lock.unlock()
    }

    /// Stops the process in its tracks: connections stay open, nobody answers.
    public func pause() { current?.signal(SIGSTOP) }

    public func resume() { current?.signal(SIGCONT) }
}
