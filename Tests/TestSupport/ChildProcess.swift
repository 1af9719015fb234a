import Foundation

/// A program that a test runs beside itself: its output is kept line by line, it is ended by its own process
/// identifier, and at the latest with this object.
///
/// - Thread: any.
public final class ChildProcess: @unchecked Sendable {
    // Proof of @unchecked Sendable: what changes after init is behind `exitLog` (locked itself) and `lock`.

    public enum Exit: Sendable, Equatable {
        case code(Int32)
        case signal(Int32)
    }

    public let processIdentifier: pid_t
    /// Lines of standard output, without their ends.
    public let output = EventLog<String>()
    /// Lines of standard error.
    public let errors = EventLog<String>()
    private let exitLog = EventLog<Exit>()
    private let lock = NSLock()
    private var inputDescriptor: Int32
    private let name: String
    private static let spawning = NSLock()

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - executable: a path; no search.
    ///   - environment: added to the test's own; nil as a value removes a variable.
    ///   - workingDirectory: nil is the test's own.
    public init(
        _ executable: String, _ arguments: [String] = [], environment: [String: String?] = [:],
        workingDirectory: String? = nil
    ) throws {
        name = (executable as NSString).lastPathComponent
        var variables = ProcessInfo.processInfo.environment
        for (key, value) in environment { variables[key] = value }
        var inputPipe: [Int32] = [-1, -1]
        var outputPipe: [Int32] = [-1, -1]
        var errorPipe: [Int32] = [-1, -1]
        // One at a time: a child that is started between a pipe's making and its marking would inherit it.
        Self.spawning.lock()
        defer { Self.spawning.unlock() }
        guard pipe(&inputPipe) == 0, pipe(&outputPipe) == 0, pipe(&errorPipe) == 0
        else { throw TestFailure("pipe: \(String(cString: strerror(errno)))") }
        for end in inputPipe + outputPipe + errorPipe { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { for end in [inputPipe[0], outputPipe[1], errorPipe[1]] { close(end) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, inputPipe[0], 0)
        posix_spawn_file_actions_adddup2(&actions, outputPipe[1], 1)
        posix_spawn_file_actions_adddup2(&actions, errorPipe[1], 2)
        // The test process may block or ignore signals; a child starts with the defaults.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var all = sigset_t()
        var none = sigset_t()
        sigfillset(&all)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        var command = [executable] + arguments
        if let workingDirectory { command = ["/usr/bin/env", "-C", workingDirectory] + command }
        let argumentList = command.map { strdup($0) } + [nil]
        let environmentList = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in argumentList + environmentList { free(pointer) } }
        var identifier = pid_t()
        let code = posix_spawn(
            &identifier, command[0], &actions, &attributes, argumentList, environmentList)
        guard code == 0 else {
            for end in [inputPipe[1], outputPipe[0], errorPipe[0]] { close(end) }
            throw TestFailure("cannot start \(executable): \(String(cString: strerror(code)))")
        }
        self.processIdentifier = identifier
        inputDescriptor = inputPipe[1]
        let readers = DispatchGroup()
        Self.readLines(outputPipe[0], into: output, readers)
        Self.readLines(errorPipe[0], into: errors, readers)
        let exitLog = exitLog
        let processIdentifier = identifier
        Thread.detachNewThread {
            var status: Int32 = 0
            while waitpid(processIdentifier, &status, 0) < 0, errno == EINTR {}
            // Let the readers have the last lines first; a grandchild may hold the pipes open.
            _ = readers.wait(timeout: .now() + 1)
            let signal = status & 0x7F
            exitLog.append(signal == 0 ? .code((status >> 8) & 0xFF) : .signal(signal))
        }
    }

    deinit {
        if exit == nil { Glibc.kill(processIdentifier, SIGKILL) }
        closeInput()
    }

    private static func readLines(
        _ descriptor: Int32, into log: EventLog<String>, _ group: DispatchGroup
    ) {
        group.enter()
        Thread.detachNewThread {
            var pending: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = read(descriptor, &chunk, chunk.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                for byte in chunk[..<count] {
                    if byte == 0x0A {
                        log.append(String(decoding: pending, as: UTF8.self))
                        pending.removeAll(keepingCapacity: true)
                    } else {
                        pending.append(byte)
                    }
                }
            }
            if !pending.isEmpty { log.append(String(decoding: pending, as: UTF8.self)) }
            close(descriptor)
            group.leave()
        }
    }

    /// How the program ended; nil while it runs.
    public var exit: Exit? { exitLog.all.first }

    public var isRunning: Bool { exit == nil }

    /// Waits until the program has ended, and all its output has been read.
    @discardableResult
    public func waitForExit(within seconds: Double = 10) throws -> Exit {
        do {
            return try exitLog.first("end of \(name)", within: seconds) { _ in true }
        } catch {
            throw TestFailure("\(error)\n\(transcript)")
        }
    }

    /// Waits for a line of standard output or standard error that contains `text`, and returns it.
    @discardableResult
    public func waitForLine(
        containing text: String, onErrors: Bool = false, within seconds: Double = 10
    ) throws -> String {
        do {
            return try (onErrors ? errors : output).first(
                "line with \"\(text)\" from \(name)", within: seconds
            ) { $0.contains(text) }
        } catch {
            throw TestFailure("\(error)\n\(transcript)")
        }
    }

    /// Sends a signal to this very process.
    public func signal(_ number: Int32) {
        if isRunning { Glibc.kill(processIdentifier, number) }
    }

    /// Ends the program as a power cut would, and waits until it is gone.
    public func kill() throws {
        signal(SIGKILL)
        try waitForExit()
    }

    /// Asks the program to end, and waits until it has.
    @discardableResult
    public func terminate(within seconds: Double = 10) throws -> Exit {
        signal(SIGTERM)
        return try waitForExit(within: seconds)
    }

    /// Writes to the program's standard input.
    public func write(_ text: String) throws {
        try write(Array(text.utf8))
    }

    /// Writes to the program's standard input.
    public func write(_ all: [UInt8]) throws {
        var bytes = all[...]
        lock.lock()
        defer { lock.unlock() }
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes {
                Glibc.write(inputDescriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw TestFailure("\(name) does not take its input") }
            bytes = bytes.dropFirst(count)
        }
    }

    /// Ends the program's standard input.
    public func closeInput() {
        lock.lock()
        defer { lock.unlock() }
        if inputDescriptor >= 0 { close(inputDescriptor) }
        inputDescriptor = -1
    }

    /// What the program wrote, for a failure's text.
    public var transcript: String {
        (output.all.suffix(30).map { "out: \($0)" } + errors.all.suffix(30).map { "err: \($0)" })
            .joined(separator: "\n")
    }

    /// Runs a program to its end and returns its standard output; throws if it fails.
    @discardableResult
    public static func run(
        _ executable: String, _ arguments: [String], environment: [String: String?] = [:],
        within seconds: Double = 30
    ) throws -> [String] {
        let child = try ChildProcess(executable, arguments, environment: environment)
        child.closeInput()
        guard try child.waitForExit(within: seconds) == .code(0) else {
            throw TestFailure(
                "\(executable) \(arguments.joined(separator: " ")) failed:\n\(child.transcript)")
        }
        return child.output.all
    }
}

/// The programs that tests run.
public enum Executables {
    /// A product of this package, built beside the running test bundle.
    public static func product(_ name: String) throws -> String {
        // The bundle is <build>/edge-agentPackageTests.xctest; with Swift Testing's own runner the first
        // argument is another program and the bundle's path follows.
        let candidates =
            ([CommandLine.arguments[0]] + CommandLine.arguments + [Bundle.main.bundlePath])
            .map { URL(fileURLWithPath: $0).deletingLastPathComponent() }
        for directory in candidates + [Bundle(for: BundleMarker.self).bundleURL] {
            let path = directory.appendingPathComponent(name).path
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw TestFailure("no \(name) beside the test bundle; is it built?")
    }

    /// The first of the paths that can be executed.
    public static func first(of paths: [String]) -> String? {
        paths.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// A program of the system, by its name.
    public static func system(_ name: String) -> String? {
        first(of: ["/usr/sbin/\(name)", "/usr/bin/\(name)", "/usr/local/bin/\(name)"])
    }
}

private final class BundleMarker {}
