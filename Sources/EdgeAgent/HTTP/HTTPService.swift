internal import Glibc
package import Logging
internal import SensorIO
internal import ServiceLifecycle
internal import Synchronization

/// The HTTP server as a service: the thread `http`, from the opening of libmicrohttpd to the last connection.
///
/// Nothing of it stands in the way of the agent: without the library, or while another program has the port, the agent
/// says so once, does its work without HTTP, and tries again.
package struct HTTPService: Service {
    private static let retryNanoseconds: UInt64 = 10_000_000_000

    private let signal: Signal
    private let thread: JoinedThread

    /// What ends the thread's wait.
    private final class Signal: Sendable {
        let wake: EventDescriptor
        private let shouldStop = Atomic<Bool>(false)

        init(_ wake: EventDescriptor) { self.wake = wake }

        var isStopRequested: Bool { shouldStop.load(ordering: .acquiring) }

        func requestStop() {
            shouldStop.store(true, ordering: .releasing)
            wake.signal()
        }
    }

    /// Starts the thread, which then opens the library and listens.
    ///
    /// - Parameters:
    ///   - limits: nil: those of the plan.
    ///   - onListening: called on the thread with the port.
    /// - Throws: `.thread` when there is none to be had.
    package init(
        _ plan: HTTPPlan, routes: [HTTPRoute], limits: HTTPServer.Limits? = nil,
        metrics: HTTPMetrics, logger: Logger,
        onListening: @escaping @Sendable (UInt16) -> Void = { _ in }
    ) throws(AgentError) {
        let wake: EventDescriptor
        do throws(MQTTError) {
            wake = try EventDescriptor()
        } catch {
            throw .thread(name: "http", errorNumber: EMFILE)
        }
        let signal = Signal(wake)
        self.signal = signal
        thread = try JoinedThread(name: "http") {
            Self.serve(
                plan, routes, limits ?? plan.configuration.limits, metrics, signal, logger,
                onListening)
        }
    }

    package func run() async throws {
        try? await gracefulShutdown()
        stop()
    }

    /// Ends every connection and the thread. Blocks for a moment.
    package func stop() {
        signal.requestStop()
        thread.join()
    }

    // MARK: - The thread

    private static func serve(
        _ plan: HTTPPlan, _ routes: [HTTPRoute], _ limits: HTTPServer.Limits,
        _ metrics: HTTPMetrics, _ signal: Signal, _ logger: Logger,
        _ onListening: (UInt16) -> Void
    ) {
        var poll = PollSet(capacity: 2)
        var hasComplained = false
        while !signal.isStopRequested {
            switch open(plan, routes, limits, metrics, signal.wake) {
            case .success(let opened):
                let scheme = plan.tls == nil ? "http" : "https"
                let host = plan.configuration.address.urlHost
                logger.notice(
                    "listening", metadata: ["url": "\(scheme)://\(host):\(opened.port)/"])
                onListening(opened.port)
                while !signal.isStopRequested {
                    poll.removeAll()
                    poll.add(signal.wake.fileDescriptor, .readable)
                    poll.add(opened.server.descriptor, .readable)
                    poll.wait(
                        deadlineNanoseconds: opened.server.deadline(now: MonotonicClock.nanoseconds)
                    )
                    signal.wake.drain()
                    opened.server.run(now: MonotonicClock.nanoseconds)
                }
                opened.server.stop()
            case .failure(let failure):
                if !hasComplained { logger.error("no HTTP: \(failure.text)") }
                hasComplained = true
                guard failure.isTransient else { return }
                wait(Self.retryNanoseconds, signal, &poll)
            }
        }
    }

    private struct Failure: Error {
        var text: String
        /// Whether it may go by itself.
        var isTransient: Bool
    }

    private static func open(
        _ plan: HTTPPlan, _ routes: [HTTPRoute], _ limits: HTTPServer.Limits,
        _ metrics: HTTPMetrics, _ wake: EventDescriptor
    ) -> Result<(server: HTTPServer, port: UInt16), Failure> {
        let address = plan.configuration.address
        let port = plan.configuration.port
        switch address.listen(port: UInt16(clamping: port)) {
        case .failure(let error):
            let hint =
                error.errorNumber == EADDRINUSE
                ? "give this agent another http.port; it is tried again every 10 s"
                : "see http.address and http.port; it is tried again every 10 s"
            return .failure(
                Failure(text: "\(address) port \(port): \(error): \(hint)", isTransient: true))
        case .success(let listener):
            let server = HTTPServer(
                routes: routes, access: plan.access, limits: limits,
                metrics: metrics, wake: wake)
            do throws(HTTPServer.Failure) {
                try server.start(listener: listener.descriptor, tls: plan.tls)
            } catch {
                return .failure(Failure(text: "\(error)", isTransient: false))
            }
            return .success((server, listener.port))
        }
    }

    private static func wait(_ nanoseconds: UInt64, _ signal: Signal, _ poll: inout PollSet) {
        let deadline = MonotonicClock.nanoseconds &+ nanoseconds
        while !signal.isStopRequested, MonotonicClock.nanoseconds < deadline {
            poll.removeAll()
            poll.add(signal.wake.fileDescriptor, .readable)
            poll.wait(deadlineNanoseconds: deadline)
            signal.wake.drain()
        }
    }
}

extension IPAddress {
    /// As it stands in a URL.
    var urlHost: String { bytes.count == 4 ? description : "[\(description)]" }
}
