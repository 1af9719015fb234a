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
        let listener: LocalSocket
        do throws(SocketError) {
            listener = try .listen(path)
        } catch {
            logger.error(
                "'edge-agent status' will find nothing: the socket cannot be made",
                metadata: ["path": "\(path)", "errno": "\(error.errorNumber)"])
            return nil
        }
        let stop = Stop()
        shouldStop = stop
        let wake = wake
        thread = try JoinedThread(name: "status") {
            var poll = PollSet(capacity: 2)
            while !stop.isRequested.load(ordering: .acquiring) {
                poll.removeAll()
                poll.add(wake.fileDescriptor, .readable)
                poll.add(listener.descriptor, .readable)
                poll.wait(deadlineNanoseconds: nil)
                Self.serve(listener, view)
            }
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
    }

    private static func serve(_ listener: borrowing LocalSocket, _ view: AgentView) {
        guard let peer = listener.accept() else { return }
        var byte: [UInt8] = [0]
        guard peer.read(into: &byte) == 1 else { return }
        switch Question(rawValue: byte[0]) {
        case .text: peer.write(Array(StatusReport.text(view.snapshot()).utf8))
        case .json: peer.write(StatusReport.json(view.snapshot()) + [0x0A])
        case nil: break
        }
    }

    /// Asks the agent that has this state directory. Blocks, for a few seconds at most.
    ///
    /// - Throws: when none answers.
    static func ask(
        _ question: Question, stateDirectory: String
    ) throws(SocketError) -> [UInt8] {
        let peer = try LocalSocket.connect(path(in: stateDirectory), seconds: 5)
        peer.write([question.rawValue])
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while answer.count < 8 << 20 {
            let count = peer.read(into: &buffer)
            guard count > 0 else {
                if count == 0, !answer.isEmpty { break }
                throw SocketError(errorNumber: errno)
            }
            answer += buffer[..<count]
        }
        return answer
    }
}
