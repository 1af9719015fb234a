internal import Glibc
internal import Logging
internal import SensorIO
internal import ServiceLifecycle
internal import Synchronization

/// The socket in the state directory that `edge-agent status` asks: it works without HTTP and without a port, and who
/// may read there may ask.
///
/// The thread `status` answers one after the other; a peer that does not read is left after a second.
struct StatusSocket: Service {
    enum Question: UInt8 {
        case text = 0x74
        case json = 0x6A
    }

    private let path: String
    private let wake: EventDescriptor
    private let shouldStop: Stop
    private let thread: JoinedThread

    private final class Stop: Sendable {
        let isRequested = Atomic<Bool>(false)
    }

    static func path(in stateDirectory: String) -> String { "\(stateDirectory)/status" }

    /// Listens. The caller holds the state directory.
    ///
    /// - Returns: nil, and a line in the log, where that cannot be.
    init?(stateDirectory: String, view: AgentView, logger: Logger) throws(AgentError) {
        path = Self.path(in: stateDirectory)
        do throws(MQTTError) {
            wake = try EventDescriptor()
        } catch {
            throw .thread(name: "status", errorNumber: EMFILE)
        }
        _ = unsafe unlink(path)
        guard let listener = unsafe UpdateSocket.make(path, { unsafe bind($0, $1, $2) }) else {
            logger.error(
                "'edge-agent status' will find nothing: the socket cannot be made",
                metadata: ["path": "\(path)", "errno": "\(errno)"])
            return nil
        }
        _ = unsafe chmod(path, 0o660)
        _ = fcntl(listener, F_SETFL, O_NONBLOCK)
        _ = listen(listener, 8)
        let stop = Stop()
        shouldStop = stop
        let wake = wake
        thread = try JoinedThread(name: "status") {
            var poll = PollSet(capacity: 2)
            while !stop.isRequested.load(ordering: .acquiring) {
                poll.removeAll()
                poll.add(wake.fileDescriptor, .readable)
                poll.add(listener, .readable)
                poll.wait(deadlineNanoseconds: nil)
                Self.serve(listener, view)
            }
            close(listener)
        }
    }

    func run() async throws {
        try? await gracefulShutdown()
        stop()
    }

    func stop() {
        shouldStop.isRequested.store(true, ordering: .releasing)
        wake.signal()
        thread.join()
        _ = unsafe unlink(path)
    }

    private static func serve(_ listener: Int32, _ view: AgentView) {
        let peer = accept(listener, nil, nil)
        guard peer >= 0 else { return }
        defer { close(peer) }
        UpdateSocket.setTimeout(peer)
        var byte: UInt8 = 0
        guard unsafe recv(peer, &byte, 1, 0) == 1 else { return }
        switch Question(rawValue: byte) {
        case .text: UpdateSocket.write(Array(StatusReport.text(view.snapshot()).utf8), to: peer)
        case .json: UpdateSocket.write(StatusReport.json(view.snapshot()) + [0x0A], to: peer)
        case nil: break
        }
    }

    /// Asks the agent that has this state directory. Blocks, for a few seconds at most.
    ///
    /// - Returns: the answer, or the errno of the connection.
    static func ask(_ question: Question, stateDirectory: String) -> Result<
        [UInt8], IPAddress.ListenError
    > {
        let path = Self.path(in: stateDirectory)
        guard let peer = unsafe UpdateSocket.make(path, { unsafe connect($0, $1, $2) }) else {
            return .failure(IPAddress.ListenError(errorNumber: errno))
        }
        defer { close(peer) }
        UpdateSocket.setTimeout(peer, seconds: 5)
        UpdateSocket.write([question.rawValue], to: peer)
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while answer.count < 8 << 20 {
            let count = unsafe recv(peer, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                return count == 0 && !answer.isEmpty
                    ? .success(answer) : .failure(IPAddress.ListenError(errorNumber: errno))
            }
            answer += buffer[..<count]
        }
        return .success(answer)
    }
}
