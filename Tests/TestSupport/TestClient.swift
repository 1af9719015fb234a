import Foundation

/// A message as a ``TestSubscriber`` got it.
public struct TestMessage: Sendable, Equatable, CustomStringConvertible {
    public let topic: String
    public let payload: [UInt8]
    public let qualityOfService: Int
    public let isRetained: Bool
    /// Properties of MQTT 5 by the names that mosquitto_sub gives them; empty with 3.1.1.
    public let contentType: String
    public let correlation: String

    public var text: String { String(decoding: payload, as: UTF8.self) }

    public var description: String { "\(topic): \(text.prefix(200))" }
}

/// mosquitto_sub on a ``TestBroker``: collects messages.
public final class TestSubscriber: Sendable {
    public static var isAvailable: Bool {
        Executables.system("mosquitto_sub") != nil && Executables.system("stdbuf") != nil
    }

    /// Messages in the order in which they came.
    public let messages = EventLog<TestMessage>()
    private let process: ChildProcess

    /// Subscribes, and waits until the broker has accepted it.
    ///
    /// - Parameters:
    ///   - clientIdentifier: with one, the session is kept while the subscriber is away.
    ///   - arguments: more for mosquitto_sub, such as user and password.
    public init(
        _ broker: TestBroker, _ filters: [String], qualityOfService: Int = 1,
        clientIdentifier: String? = nil, version: String = "5", arguments: [String] = []
    ) throws {
        guard let stdbuf = Executables.system("stdbuf"),
            let tool = Executables.system("mosquitto_sub")
        else { throw TestFailure("mosquitto_sub is not installed") }
        var all = [
            "-oL", tool, "-d", "-h", "localhost", "-p", "\(broker.port)", "-V", version, "-q",
            "\(qualityOfService)", "-F", "MSG %q %r <%D> %C %X %t",
        ]
        for filter in filters { all += ["-t", filter] }
        if let clientIdentifier {
            all += ["-i", clientIdentifier, "-c"]
            if version == "5" { all += ["-x", "3600"] }
        }
        if let certificates = broker.options.certificates {
            all += ["--cafile", certificates.authorityFile]
            if broker.options.requiresClientCertificate {
                all += ["--cert", certificates.clientFile, "--key", certificates.clientKeyFile]
            }
        }
        process = try ChildProcess(stdbuf, all + arguments)
        let process = process
        let messages = messages
        let reader = Thread {
            var seen = 0
            while true {
                let lines = try? process.output.wait(for: "a line", within: 3_600) {
                    $0.count > seen
                }
                guard let lines else { return }
                for line in lines[seen...] {
                    if line == "MSG end" { return }
                    if let message = Self.parse(line) { messages.append(message) }
                }
                seen = lines.count
            }
        }
        reader.start()
        try process.waitForLine(containing: "Subscribed (mid")
    }

    deinit {
        process.signal(SIGKILL)
        process.output.append("MSG end")
    }

    /// Ends the subscriber at once.
    public func kill() throws { try process.kill() }

    private static func parse(_ line: String) -> TestMessage? {
        guard line.hasPrefix("MSG ") else { return nil }
        let fields = line.split(
            separator: " ", maxSplits: 4, omittingEmptySubsequences: false)
        guard fields.count == 5, let qualityOfService = Int(fields[1]) else { return nil }
        // "<content type> <hex> <topic>": a content type may hold blanks, the hex and a topic of a
        // test do not.
        let tail = fields[4].split(separator: " ", omittingEmptySubsequences: false)
        guard tail.count >= 3 else { return nil }
        let hex = Array(tail[tail.count - 2].utf8)
        let payload = stride(from: 0, to: hex.count - hex.count % 2, by: 2).compactMap {
            UInt8(String(decoding: hex[$0..<($0 + 2)], as: UTF8.self), radix: 16)
        }
        return TestMessage(
            topic: String(tail[tail.count - 1]), payload: payload,
            qualityOfService: qualityOfService, isRetained: fields[2] == "1",
            contentType: tail[..<(tail.count - 2)].joined(separator: " "),
            correlation: String(fields[3].dropFirst().dropLast()))
    }
}

/// mosquitto_pub on a ``TestBroker``.
public enum TestPublisher {
    /// Publishes one message and waits until the broker has it.
    public static func publish(
        _ broker: TestBroker, _ topic: String, _ payload: String, qualityOfService: Int = 1,
        isRetained: Bool = false, arguments: [String] = []
    ) throws {
        try run(
            broker, topic, qualityOfService,
            (isRetained ? ["-r"] : []) + ["-m", payload] + arguments)
    }

    /// Publishes each line of `payloads` as a message, as fast as it goes, and waits until the broker has them.
    ///
    /// With QoS 1 at most 20 000 lines: mosquitto 2.0.11 throws a client that sends many more at once out.
    public static func publish(
        _ broker: TestBroker, _ topic: String, lines payloads: [String], qualityOfService: Int = 1,
        arguments: [String] = []
    ) throws {
        let text = payloads.map { $0 + "\n" }.joined()
        let file = try TemporaryDirectory("publish")
        let path = try file.write(text, to: "lines")
        guard let shell = Executables.system("sh") else { throw TestFailure("no sh") }
        // The lines come from a file: a pipe would have to be fed by a thread.
        try ChildProcess.run(
            shell,
            [
                "-c", "exec \"$0\" \"$@\" < '\(path)'",
            ] + command(broker, topic, qualityOfService, ["-l"] + arguments), within: 60)
    }

    private static func run(
        _ broker: TestBroker, _ topic: String, _ qualityOfService: Int, _ arguments: [String]
    ) throws {
        let all = try command(broker, topic, qualityOfService, arguments)
        try ChildProcess.run(all[0], Array(all.dropFirst()))
    }

    private static func command(
        _ broker: TestBroker, _ topic: String, _ qualityOfService: Int, _ arguments: [String]
    ) throws -> [String] {
        guard let tool = Executables.system("mosquitto_pub") else {
            throw TestFailure("mosquitto_pub is not installed")
        }
        var all = [
            tool, "-h", "localhost", "-p", "\(broker.port)", "-V", "5", "-t", topic, "-q",
            "\(qualityOfService)",
        ]
        if let certificates = broker.options.certificates {
            all += ["--cafile", certificates.authorityFile]
            if broker.options.requiresClientCertificate {
                all += ["--cert", certificates.clientFile, "--key", certificates.clientKeyFile]
            }
        }
        return all + arguments
    }
}
