import Foundation
import TestSupport

/// Where the commands of one page run: an empty directory, the built agent, a broker of its own.
///
/// What a reader's machine has on well-known ports and places is put there by the environment: the configuration's
/// broker `plant` and the commands of mosquitto get the private broker's port.
final class DocumentationSandbox {
    private let directory: TemporaryDirectory
    private let broker: TestBroker
    private let environment: [String: String]
    private var children: [ChildProcess] = []

    init() throws {
        directory = try TemporaryDirectory("docs")
        broker = try TestBroker()
        let programs = directory.file("bin")
        try FileManager.default.createDirectory(
            atPath: programs, withIntermediateDirectories: true)
        let port = broker.port
        let agent = URL(fileURLWithPath: try TestAgent.executable()).path
        try Self.script(
            "\(programs)/edge-agent",
            """
            case "$1" in simulate) case " $* " in *" --host "*) set -- "$@" --port \(port) ;; esac ;; esac
            exec '\(agent)' "$@"
            """)
        for name in ["mosquitto_sub", "mosquitto_pub"] {
            guard let path = Executables.system(name) else { continue }
            try Self.script("\(programs)/\(name)", "exec \(path) -p \(port) \"$@\"")
        }
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        environment = [
            "PATH": "\(programs):\(path)", "HOME": directory.path,
            "EDGE_AGENT_BROKERS_PLANT_PORT": "\(port)",
        ]
        // The pages name the repository's files from its root.
        for name in ["config", "scripts"] {
            try FileManager.default.createSymbolicLink(
                atPath: directory.file(name),
                withDestinationPath: ConfigurationSample.repository.path + "/" + name)
        }
        try FileManager.default.createDirectory(
            atPath: directory.file(".build-venv/bin"), withIntermediateDirectories: true)
        try Self.script(
            directory.file(".build-venv/bin/python"), "exec '\(EventPython.executable)' \"$@\"")
    }

    deinit {
        // Each is the leader of a group with all that it has started.
        for child in children { kill(-child.processIdentifier, SIGKILL) }
    }

    private static func script(_ path: String, _ text: String) throws {
        try "#!/bin/sh\n\(text)\n".write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    }

    /// Does with a block what its reader does.
    func follow(_ block: DocumentedFile.Block) throws {
        switch (block.language, block.directive) {
        case (_, .skipped): return
        case (_, .file(let name)): try directory.write(block.text, to: name, permissions: 0o644)
        case ("sh", .background(let text)):
            let child = try start(block.text)
            try child.waitForSomeLine(containing: text, within: 30)
        case ("sh", .none): try run(block.text)
        case ("console", .none): try converse(block.text)
        case ("sh", _), ("console", _):
            throw TestFailure("a block of this language cannot be run so")
        default: return
        }
    }

    private func start(_ commands: String) throws -> ChildProcess {
        let setsid = Executables.system("setsid") ?? "/usr/bin/setsid"
        let child = try ChildProcess(
            setsid, ["bash", "-euo", "pipefail", "-c", commands],
            environment: environment.mapValues { Optional($0) }, workingDirectory: directory.path)
        child.closeInput()
        children.append(child)
        return child
    }

    @discardableResult
    private func run(_ commands: String) throws -> [String] {
        let child = try start(commands)
        let exit = try child.waitForExit(within: 40)
        guard exit == .code(0) else {
            throw TestFailure("ends with \(exit):\n\(commands)\n\(child.transcript)")
        }
        return child.output.all + child.errors.all
    }

    /// Runs what stands behind `$ `, and holds what it prints against what stands below.
    private func converse(_ text: String) throws {
        var command = ""
        var expected: [String] = []
        func finish() throws {
            guard !command.isEmpty else { return }
            let output = try run(command)
            guard Self.matches(output[...], expected[...]) else {
                throw TestFailure(
                    "\(command) prints\n\(output.joined(separator: "\n"))\nand not\n"
                        + expected.joined(separator: "\n"))
            }
        }
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if line.hasPrefix("$ ") {
                try finish()
                (command, expected) = (String(line.dropFirst(2)), [])
            } else if command.hasSuffix("\\"), expected.isEmpty {
                command += "\n" + line
            } else {
                expected.append(line)
            }
        }
        while expected.last?.isEmpty == true { expected.removeLast() }
        try finish()
    }

    /// Whether the lines are these: `…` stands for any text in a line, and alone for any lines.
    static func matches(_ lines: ArraySlice<String>, _ patterns: ArraySlice<String>) -> Bool {
        guard let pattern = patterns.first else { return lines.allSatisfy(\.isEmpty) }
        if pattern.trimmingCharacters(in: .whitespaces) == "…" {
            return (lines.startIndex...lines.endIndex).contains {
                matches(lines[$0...], patterns.dropFirst())
            }
        }
        guard let line = lines.first, contains(line, pattern) else { return false }
        return matches(lines.dropFirst(), patterns.dropFirst())
    }

    private static func contains(_ line: String, _ pattern: String) -> Bool {
        let parts = pattern.components(separatedBy: "…")
        guard parts.count > 1 else { return line == pattern }
        guard line.hasPrefix(parts[0]), line.hasSuffix(parts[parts.count - 1]) else { return false }
        var rest = line[...]
        for part in parts where !part.isEmpty {
            guard let range = rest.range(of: part) else { return false }
            rest = rest[range.upperBound...]
        }
        return true
    }
}

extension ChildProcess {
    /// Waits for a line with this text, on either of its outputs.
    fileprivate func waitForSomeLine(containing text: String, within seconds: Double) throws {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while !(output.all + errors.all).contains(where: { $0.contains(text) }) {
            guard Date() < deadline, isRunning else {
                throw TestFailure("never says \"\(text)\":\n\(transcript)")
            }
            Thread.sleep(forTimeInterval: 0.05)
        }
    }
}
