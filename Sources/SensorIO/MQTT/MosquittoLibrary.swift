internal import CMosquitto
internal import Glibc

/// The library as a whole: set up once, and the one place where its codes become errors.
enum MosquittoLibrary {
    // Evaluated once, by whoever comes first; others wait. Never cleaned up: it lives as long as
    // the process.
    private static let initialisation: Int32 = mosquitto_lib_init()
    private static let tlsInitialisation: Void = warmUpTLS()

    /// Sets the library up; cheap after the first time.
    static func prepare(usesTLS: Bool) throws(MQTTError) {
        if initialisation != 0 { throw MQTTError(libraryCode: initialisation, errorNumber: 0) }
        if usesTLS { tlsInitialisation }
    }

    /// Runs the library's TLS set-up once, alone.
    ///
    /// libmosquitto 2.0.11 does it in the first TLS connection, unguarded: two sessions that start
    /// together can take two indices for the same slot, and then one of the two handshakes fails with
    /// "certificate verify failed". So a connection to a listener of our own goes first; what becomes
    /// of it does not matter.
    private static func warmUpTLS() {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard listener >= 0 else { return }
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        // Proof: a sockaddr_in is passed as the sockaddr that it starts with, with its own size.
        let isListening = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe bind(listener, generic, size) == 0 && listen(listener, 1) == 0
                    && getsockname(listener, generic, &size) == 0
            }
        }
        guard isListening, let handle = unsafe mosquitto_new("warm-up", true, nil) else { return }
        // A directory needs no reading of certificates.
        if unsafe mosquitto_tls_set(handle, nil, "/", nil, nil, nil) == 0 {
            _ = unsafe mosquitto_connect(
                handle, "127.0.0.1", Int32(UInt16(bigEndian: address.sin_port)), 60)
        }
        unsafe mosquitto_destroy(handle)
    }
}

extension MQTTError {
    /// The error for a return code of libmosquitto.
    ///
    /// - Parameters:
    ///   - errorNumber: `errno` right after the call; the resolver's code for `MOSQ_ERR_EAI`.
    ///   - log: what the log callback was told.
    ///   - connectingTo: the host, while no connection has been made yet.
    init(
        libraryCode code: Int32, errorNumber: Int32, log: String = "",
        connectingTo host: String? = nil
    ) {
        let text = unsafe String(cString: mosquitto_strerror(code))
        switch UInt32(bitPattern: code) {
        case UInt32(bitPattern: MOSQ_ERR_EAI.rawValue):
            // Proof: gai_strerror returns a static string for every number.
            let reason = unsafe String(cString: gai_strerror(errorNumber))
            self = .nameNotResolved(host: host ?? "", text: reason)
        case UInt32(bitPattern: MOSQ_ERR_TLS.rawValue):
            self = .tls(text: log.isEmpty ? text : log)
        case UInt32(bitPattern: MOSQ_ERR_ERRNO.rawValue):
            if host != nil {
                self = .connectFailed(errorNumber: errorNumber)
            } else if errorNumber == EPROTO, !log.isEmpty {
                self = .tls(text: log)
            } else {
                self = .connectionLost(errorNumber: errorNumber, text: log.isEmpty ? nil : log)
            }
        case UInt32(bitPattern: MOSQ_ERR_CONN_LOST.rawValue):
            self =
                log.isEmpty
                ? .connectionLost(errorNumber: 0, text: nil) : .tls(text: log)
        case UInt32(bitPattern: MOSQ_ERR_NO_CONN.rawValue):
            self = .connectionLost(errorNumber: 0, text: log.isEmpty ? nil : log)
        case UInt32(bitPattern: MOSQ_ERR_KEEPALIVE.rawValue):
            self = .keepAliveTimedOut
        case UInt32(bitPattern: MOSQ_ERR_PROTOCOL.rawValue),
            UInt32(bitPattern: MOSQ_ERR_MALFORMED_PACKET.rawValue),
            UInt32(bitPattern: MOSQ_ERR_DUPLICATE_PROPERTY.rawValue):
            self = .protocolViolation(text: text)
        default:
            self = .library(code: code, text: text)
        }
    }
}
