internal import CLinuxShims
internal import Glibc
internal import Synchronization

/// One try at a connection, on a short-lived thread of its own: DNS and TCP block, and so does
/// libmosquitto's connect; a pipeline must not.
///
/// The attempt ends in an outcome that the session takes after its eventfd was signalled, or the
/// session abandons it; then the thread throws away whatever it gets.
final class ConnectAttempt: Sendable {
    private enum Phase: Sendable {
        case running
        case finished(Result<MosquittoConnection, MQTTError>)
        case left
    }

    /// So much stack for the resolver and OpenSSL; musl's resolver and glibc's NSS want most of it.
    private static let stackBytes = 512 * 1024

    private let endpoint: MQTTEndpoint
    private let deadlineNanoseconds: UInt64
    private let done: EventDescriptor
    private let phase = Mutex(Phase.running)
    private let threads: ConnectThreadCount

    /// Starts the thread.
    ///
    /// - Parameter done: signalled when there is an outcome.
    /// - Throws: ``MQTTError/system(operation:errorNumber:)`` when no thread can be had.
    init(
        endpoint: MQTTEndpoint, deadlineNanoseconds: UInt64, done: EventDescriptor,
        threads: ConnectThreadCount
    ) throws(MQTTError) {
        self.endpoint = endpoint
        self.deadlineNanoseconds = deadlineNanoseconds
        self.done = done
        self.threads = threads
        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        defer { unsafe pthread_attr_destroy(&attributes) }
        unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        unsafe pthread_attr_setstacksize(&attributes, Self.stackBytes)
        threads.count.add(1, ordering: .relaxed)
        var thread = pthread_t()
        // Proof: the retain is balanced in the thread's function, or below if there is no thread.
        let argument = unsafe Unmanaged.passRetained(self).toOpaque()
        let code = unsafe pthread_create(&thread, &attributes, connectThread, argument)
        if code != 0 {
            threads.count.subtract(1, ordering: .relaxed)
            unsafe Unmanaged<ConnectAttempt>.fromOpaque(argument).release()
            throw .system(operation: "pthread_create", errorNumber: code)
        }
    }

    /// The outcome, once.
    func take() -> Result<MosquittoConnection, MQTTError>? {
        phase.withLock { phase in
            guard case .finished(let outcome) = phase else { return nil }
            phase = .left
            return outcome
        }
    }

    /// Leaves the attempt to itself; its thread ends when the system's own time limits say so.
    func abandon() {
        // Out of the lock, so that a connection is destroyed outside of it.
        let outcome = take()
        phase.withLock { $0 = .left }
        _ = outcome
    }

    fileprivate func run() {
        unsafe els_set_thread_name("mqtt-connect")
        let outcome: Result<MosquittoConnection, MQTTError>
        do throws(MQTTError) {
            let connection = try MosquittoConnection(endpoint: endpoint)
            try connection.connectBlocking()
            try connection.handshakeBlocking(deadlineNanoseconds: deadlineNanoseconds)
            outcome = .success(connection)
        } catch {
            outcome = .failure(error)
        }
        let isWanted = phase.withLock { phase in
            guard case .running = phase else { return false }
            phase = .finished(outcome)
            return true
        }
        threads.count.subtract(1, ordering: .relaxed)
        if isWanted { done.signal() }
    }
}

/// How many connecting threads a session has, abandoned ones included: they are bounded.
final class ConnectThreadCount: Sendable {
    /// More are not started: a name server or host that swallows everything holds a thread for up to
    /// two minutes (the kernel's limit for SYN).
    static let maximum = 4
    // Relaxed is enough: a bound, which orders nothing.
    fileprivate let count = Atomic<Int>(0)

    var hasRoom: Bool { count.load(ordering: .relaxed) < Self.maximum }
}

private func connectThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let argument = unsafe argument {
        // Proof: balances the retain of init; this thread is the only one that gets the pointer.
        unsafe Unmanaged<ConnectAttempt>.fromOpaque(argument).takeRetainedValue().run()
    }
    return nil
}
