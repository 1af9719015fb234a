internal import CMicrohttpd
internal import Glibc
package import SensorIO

/// Answers HTTP requests by a table of routes: libmicrohttpd without a thread of its own.
///
/// - Thread: one; what it calls is called on it.
// `server` comes from cmhd_start and is given back by `stop`. The connections' states and streams are retained where
// they are handed to the library, and released in the one call that it makes for each at its end.
@safe
package final class HTTPServer {
    /// What a server holds on to, and for how long.
    package struct Limits: Sendable, Equatable {
        package var connections = 64
        package var connectionsPerAddress = 16
        package var requestsPerSecond = 20
        /// Readers of events at once.
        package var streams = 8
        /// How long a connection may take for the head of its next request, however slowly it comes, idling included.
        package var headNanoseconds: UInt64 = 15_000_000_000
        /// How long it may take to read an answer.
        package var answerNanoseconds: UInt64 = 30_000_000_000
        /// After how much silence a stream is sent an empty comment, so that a dead reader is noticed.
        package var heartbeatNanoseconds: UInt64 = 15_000_000_000

        package init() {}
    }

    /// PEM.
    package struct TLS: Sendable {
        package var certificate: [UInt8]
        package var key: [UInt8]
        /// nil: no client certificates are asked for.
        package var clientAuthorities: [UInt8]?

        package init(certificate: [UInt8], key: [UInt8], clientAuthorities: [UInt8]?) {
            self.certificate = certificate
            self.key = key
            self.clientAuthorities = clientAuthorities
        }
    }

    /// What a connection does, and since when.
    // The handle is the library's, valid until it says that the connection is closed.
    @safe
    final class Connection {
        enum Phase { case waiting, answering, streaming }

        let handle: OpaquePointer
        let address: RequestLimiter.Address
        var phase = Phase.waiting
        var since: UInt64
        var isShut = false

        init(_ handle: OpaquePointer, address: RequestLimiter.Address, since: UInt64) {
            unsafe self.handle = handle
            self.address = address
            self.since = since
        }
    }

    /// A stream of events and the connection that it goes to.
    final class Reader {
        let stream: EventStream
        let connection: Connection
        unowned let server: HTTPServer
        /// The library waits until it is told to go on.
        var isSuspended = false
        var lastSentAt: UInt64

        init(_ stream: EventStream, _ connection: Connection, _ server: HTTPServer, now: UInt64) {
            self.stream = stream
            self.connection = connection
            self.server = server
            lastSentAt = now
        }
    }

    let routes: [HTTPRoute]
    let access: HTTPAccess
    let limits: Limits
    let metrics: HTTPMetrics
    let wake: EventDescriptor
    var limiter: RequestLimiter
    var connections: [ObjectIdentifier: Connection] = [:]
    var readers: [ObjectIdentifier: Reader] = [:]
    private var server: OpaquePointer?
    private var sweptAt: UInt64 = 0

    /// - Parameter wake: signalled when a stream has something to send; whoever waits for it calls `run`.
    package init(
        routes: [HTTPRoute], access: HTTPAccess, limits: Limits, metrics: HTTPMetrics,
        wake: EventDescriptor
    ) {
        self.routes = routes
        self.access = access
        self.limits = limits
        self.metrics = metrics
        self.wake = wake
        limiter = RequestLimiter(requestsPerSecond: limits.requestsPerSecond)
    }

    deinit { stop() }

    /// Why there is no server.
    package enum Failure: Error, CustomStringConvertible {
        case library(String)
        case refused(isTLS: Bool)

        package var description: String {
            switch self {
            case .library(let text): text
            case .refused(isTLS: true):
                "libmicrohttpd takes http.tls.certificate or key for none: PEM, without a passphrase, and of one pair"
            case .refused(isTLS: false):
                "libmicrohttpd cannot start: are descriptors or memory short?"
            }
        }
    }

    /// Opens the library. Takes some milliseconds in the first call of a process. - Thread: any.
    package static func loadLibrary() throws(Failure) {
        if let text = unsafe cmhd_load() {
            throw .library(unsafe String(cString: text))
        }
    }

    /// Serves what connects to a listening socket, which is the server's from then on.
    ///
    /// - Throws: `Failure`; the socket is then closed.
    package func start(listener: Int32, tls: TLS?) throws(Failure) {
        precondition(unsafe server == nil, "A server is started once.")
        do throws(Failure) {
            try Self.loadLibrary()
        } catch {
            close(listener)
            throw error
        }
        // GnuTLS reads the texts during the start; the NUL ends them.
        func text(_ bytes: [UInt8]?) -> [CChar]? {
            bytes.map { $0.map { CChar(bitPattern: $0) } + [0] }
        }
        var callbacks = unsafe makeCallbacks()
        let made = unsafe Self.withTexts(
            text(tls?.certificate), text(tls?.key), text(tls?.clientAuthorities)
        ) { certificate, key, authorities in
            var settings = unsafe cmhd_settings(
                listener: listener, connections: UInt32(limits.connections),
                connections_per_address: UInt32(limits.connectionsPerAddress),
                memory_bytes: 16 << 10,
                timeout_seconds: UInt32(clamping: limits.headNanoseconds / 1_000_000_000),
                certificate: certificate, key: key, client_authorities: authorities)
            return unsafe cmhd_start(&settings, &callbacks)
        }
        guard let made = unsafe made else {
            close(listener)
            throw .refused(isTLS: tls != nil)
        }
        unsafe server = made
    }

    private static func withTexts<Result>(
        _ first: [CChar]?, _ second: [CChar]?, _ third: [CChar]?,
        _ body: (UnsafePointer<CChar>?, UnsafePointer<CChar>?, UnsafePointer<CChar>?) -> Result
    ) -> Result {
        func lend<Inner>(_ text: [CChar]?, _ use: (UnsafePointer<CChar>?) -> Inner) -> Inner {
            guard let text else { return use(nil) }
            return unsafe text.withUnsafeBufferPointer { unsafe use($0.baseAddress) }
        }
        return unsafe lend(first) { first in
            unsafe lend(second) { second in
                unsafe lend(third) { third in unsafe body(first, second, third) }
            }
        }
    }

    /// Readable when `run` has something to do.
    package var descriptor: Int32 {
        guard let server = unsafe server else { return -1 }
        return unsafe cmhd_descriptor(server)
    }

    /// When `run` is due at the latest. - Units: nanoseconds, monotonic.
    package func deadline(now: UInt64) -> UInt64 {
        guard let server = unsafe server else { return now &+ 1_000_000_000 }
        let timeout = unsafe cmhd_timeout(server)
        // A second: what libmicrohttpd does not time, the sweep does.
        return now &+ UInt64(timeout < 0 ? 1000 : min(timeout, 1000)) &* 1_000_000
    }

    /// Does what there is to do, without waiting.
    package func run(now: UInt64) {
        guard let server = unsafe server else { return }
        resumeReaders(now)
        unsafe cmhd_run(server)
        if now &- sweptAt >= 500_000_000 {
            sweptAt = now
            sweep(now)
        }
        metrics.show(connections: connections.count, streams: readers.count)
    }

    /// Ends every connection at once.
    package func stop() {
        guard let server = unsafe server else { return }
        for reader in readers.values { reader.stream.close() }
        resumeReaders(MonotonicClock.nanoseconds)
        unsafe cmhd_run(server)
        resumeReaders(MonotonicClock.nanoseconds)
        unsafe self.server = nil
        unsafe cmhd_stop(server)
        metrics.show(connections: 0, streams: 0)
    }

    private func resumeReaders(_ now: UInt64) {
        for reader in readers.values where reader.isSuspended && reader.stream.hasNews {
            reader.isSuspended = false
            reader.lastSentAt = now
            unsafe cmhd_resume(reader.connection.handle)
        }
    }

    /// Ends connections that take too long: libmicrohttpd's own time-out begins anew with each byte.
    private func sweep(_ now: UInt64) {
        for reader in readers.values
        where reader.isSuspended && now &- reader.lastSentAt >= limits.heartbeatNanoseconds {
            reader.stream.put(Array(":\n\n".utf8))
        }
        for connection in connections.values where !connection.isShut {
            let patience: UInt64
            switch connection.phase {
            case .waiting: patience = limits.headNanoseconds
            case .answering: patience = limits.answerNanoseconds
            case .streaming: continue
            }
            guard now &- min(connection.since, now) >= patience else { continue }
            connection.isShut = true
            unsafe cmhd_shut(connection.handle)
        }
    }
}
