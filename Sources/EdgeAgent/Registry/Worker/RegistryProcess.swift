internal import CLinuxShims
internal import Glibc
internal import SensorIO

/// A registry that is asked by a short-lived process of the same executable: libcurl and what comes from outside
/// stay out of the process that watches the plant.
package struct RegistryProcess: ModelRegistry {
    private static let cancelGraceNanoseconds: UInt64 = 5_000_000_000

    private let configuration: RegistryConfiguration
    private let executable: String

    /// - Parameter executable: that of this process unless a test says otherwise.
    package init(_ configuration: RegistryConfiguration, executable: String = "/proc/self/exe") {
        self.configuration = configuration
        self.executable = executable
    }

    package func resolve(
        _ reference: ModelReference, known: RegistryValidator?, control: DownloadControl
    ) throws(RegistryError) -> ResolvedModel? {
        switch try run(.resolve(reference, known: known), control) {
        case .resolved(let model): return model
        case .unchanged: return nil
        case .failed(let error): throw error
        case .done, .progress: throw unexpected
        }
    }

    package func download(
        _ model: ResolvedModel, into directory: PartialDownload, control: DownloadControl
    ) throws(RegistryError) {
        switch try run(.download(model, into: directory), control) {
        case .done: return
        case .failed(let error): throw error
        case .resolved, .unchanged, .progress: throw unexpected
        }
    }

    private var unexpected: RegistryError {
        RegistryError(.protocolViolation, "the registry process answered something else")
    }

    private func run(
        _ call: RegistryRequest.Call, _ control: DownloadControl
    ) throws(RegistryError) -> RegistryReply {
        try control.checkCancelled()
        let request = RegistryRequest(
            configuration: configuration, limits: control.limits, call: call)
        let child = try Child(executable)
        child.write(request.json.line)
        return try replies(of: child, control)
    }

    /// Reads replies until the last one.
    private func replies(
        of child: Child, _ control: DownloadControl
    ) throws(RegistryError) -> RegistryReply {
        var pending: [UInt8] = []
        var last: RegistryReply?
        var killAt: UInt64?
        while let bytes = child.read() {
            if control.isCancelled, killAt == nil {
                child.closeInput()
                killAt = MonotonicClock.nanoseconds &+ Self.cancelGraceNanoseconds
            }
            if let killAt, MonotonicClock.nanoseconds > killAt { child.kill() }
            pending += bytes
            guard pending.count <= RegistryReply.maximumBytes else {
                child.kill()
                throw unexpected
            }
            while let end = pending.firstIndex(of: 0x0A) {
                do throws(JSONError) {
                    last = try RegistryReply(
                        JSONNode(try JSONValue(parsing: Array(pending[..<end]))))
                } catch {
                    child.kill()
                    throw RegistryError(.protocolViolation, "the registry process: \(error)")
                }
                pending.removeSubrange(...end)
                if case .progress(let present, let transferred)? = last {
                    control.setProgress(present: present, transferred: transferred)
                }
            }
        }
        let status = child.wait()
        try control.checkCancelled()
        guard let last, last.isFinal else {
            throw RegistryError(
                .unreachable, "the registry process ended without an answer (status \(status))")
        }
        return last
    }
}

extension RegistryReply {
    fileprivate var isFinal: Bool {
        if case .progress = self { false } else { true }
    }
}

/// A process with pipes to its standard input and output; killed and reaped with this object.
private final class Child {
    private let identifier: pid_t
    private var input: Int32
    private let output: Int32
    private var hasEnded = false

    init(_ executable: String) throws(RegistryError) {
        var process: pid_t = 0
        var input: Int32 = -1
        var output: Int32 = -1
        let code = unsafe els_spawn(
            executable, RegistryWorker.command, &process, &input, &output)
        guard code == 0 else {
            throw RegistryError(
                .storage,
                "the registry process cannot be started: \(unsafe String(cString: strerror(code)))")
        }
        identifier = process
        self.input = input
        self.output = output
    }

    deinit {
        kill()
        _ = wait()
        closeInput()
        close(output)
    }

    func write(_ bytes: [UInt8]) {
        // That it has ended already, its output says.
        _ = FileSystem.write(bytes, to: input)
    }

    func closeInput() {
        guard input >= 0 else { return }
        close(input)
        input = -1
    }

    /// What it has written; nothing if it is silent for a while; nil at its end.
    func read() -> [UInt8]? {
        var descriptor = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
        guard unsafe els_poll(&descriptor, 1, 100_000_000) > 0 else { return [] }
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        let count = unsafe Glibc.read(output, &chunk, chunk.count)
        if count < 0 { return errno == EINTR ? [] : nil }
        return count == 0 ? nil : Array(chunk[..<count])
    }

    func kill() {
        if !hasEnded { _ = Glibc.kill(identifier, SIGKILL) }
    }

    /// Reaps it, and returns the status as waitpid gives it.
    func wait() -> Int32 {
        guard !hasEnded else { return 0 }
        var status: Int32 = 0
        while unsafe waitpid(identifier, &status, 0) < 0, errno == EINTR {}
        hasEnded = true
        return status
    }
}
