internal import Glibc
internal import SensorIO

/// The process that asks registries: opens libcurl, reads what they say, and ends.
package enum RegistryWorker {
    /// The hidden command under which the executable starts itself.
    package static let command = "registry-worker"
    private static let reportStepBytes: UInt64 = 256 << 10

    /// Reads one request from standard input, does it, and writes replies to standard output. When standard input
    /// ends, so does this: the agent has no more use for it, or is gone.
    package static func run() {
        // The agent's threads come first where the service's filter of system calls lets it say so, and if memory is
        // short this is what may go.
        _ = nice(10)
        writeOwn("/proc/self/oom_score_adj", "500")
        signal(SIGPIPE, SIG_IGN)
        let reply: RegistryReply
        do throws(RegistryError) {
            reply = try answer(to: try readRequest())
        } catch {
            reply = .failed(error)
        }
        send(reply)
    }

    private static func answer(to request: RegistryRequest) throws(RegistryError) -> RegistryReply {
        let control = DownloadControl(
            limits: request.limits, cancelDescriptor: STDIN_FILENO, reportStepBytes: reportStepBytes
        ) { present, transferred in
            send(.progress(present: present, transferred: transferred))
        }
        let registry = makeRegistry(request.configuration)
        switch request.call {
        case .resolve(let reference, let known):
            let model = try registry.resolve(reference, known: known, control: control)
            return model.map { .resolved($0) } ?? .unchanged
        case .download(let model, let directory):
            try registry.download(model, into: directory, control: control)
            send(
                .progress(
                    present: control.presentBytes, transferred: control.transferredBytes))
            return .done
        }
    }

    /// The client for a registry, in this process.
    package static func makeRegistry(_ configuration: RegistryConfiguration) -> any ModelRegistry {
        switch configuration.kind {
        case .oci: OCIRegistry(configuration)
        case .mlflow: MLflowRegistry(configuration)
        case .https: IndexRegistry(configuration)
        case .directory: DirectoryRegistry(configuration)
        }
    }

    private static func readRequest() throws(RegistryError) -> RegistryRequest {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while bytes.last != 0x0A {
            let count = unsafe read(STDIN_FILENO, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0, bytes.count < RegistryRequest.maximumBytes else {
                throw RegistryError(
                    .protocolViolation,
                    "\(command) is started by the agent itself, with a request on standard input")
            }
            bytes += chunk[..<count]
        }
        do throws(JSONError) {
            return try RegistryRequest(JSONNode(try JSONValue(parsing: bytes)))
        } catch {
            throw RegistryError(.protocolViolation, "the request: \(error)")
        }
    }

    private static func send(_ reply: RegistryReply) {
        let bytes = reply.json.line
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe write(
                    STDOUT_FILENO, $0.baseAddress.unsafelyUnwrapped + done, $0.count - done)
            }
            if count < 0, errno == EINTR { continue }
            // Nobody reads any more: standard input has ended as well.
            guard count > 0 else { return }
            done += count
        }
    }

    private static func writeOwn(_ path: String, _ text: String) {
        let descriptor = unsafe open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        _ = unsafe write(descriptor, text, text.utf8.count)
    }
}
