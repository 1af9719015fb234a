internal import CLinuxShims
internal import CMosquitto
internal import Glibc

/// One connection of libmosquitto, from `mosquitto_new` to `mosquitto_destroy`. Together with
/// `MosquittoCallbacks.swift` and `MosquittoProperties.swift` the only code that talks to the library.
///
/// A connection is used once: after a loss a new one is made. So nothing that the library had queued
/// is sent behind our back, and certificates and passwords are read afresh.
///
/// - Thread: one thread at a time. ``ConnectAttempt`` connects it on a thread of its own, and
///   then gives it to the session's.
@safe final class MosquittoConnection: @unchecked Sendable {
    // Proof of @unchecked Sendable: never shared, only handed over: the attempt's mutex orders the
    // connecting thread's last use before the session's first. libmosquitto has no thread affinity.
    // Proof of @safe: `handle` is live from init to deinit and private to this object; what callbacks
    // point to is this object, which outlives the handle.

    private let handle: OpaquePointer
    private let endpoint: MQTTEndpoint
    /// Errors that the library told to its log callback; TLS errors are told nowhere else.
    var log = MosquittoLog()
    /// Who gets the events; nil until the session has taken the connection over.
    unowned(unsafe) var session: MQTTSession?
    /// Lists of MQTT 5 properties, by ``MQTTContentType``; made once, copied by the library.
    private var contentTypeProperties: [MosquittoProperties] = []
    /// The last list with an expiry, and what it was made for.
    private var expiryProperties = MosquittoProperties()
    private var expiryPropertiesFor: (MQTTContentType, UInt32) = (.none, 0)
    /// Packets that wait for ``write()``, about.
    var queuedPackets = 0
    /// The first outcome that the disconnect callback told.
    var disconnectCode: Int32?
    /// `errno` after the last read or write that failed.
    private(set) var errorNumber: Int32 = 0

    /// Makes a handle and sets everything but the connection itself.
    ///
    /// - Throws: ``MQTTError/invalidEndpoint(field:problem:)``, ``MQTTError/unreadableFile(path:errorNumber:)``
    ///   or ``MQTTError/library(code:text:)``.
    init(endpoint: MQTTEndpoint) throws(MQTTError) {
        try MosquittoLibrary.prepare(usesTLS: endpoint.tls != nil)
        guard let handle = unsafe mosquitto_new(endpoint.clientIdentifier, endpoint.cleanStart, nil)
        else {
            throw .system(operation: "mosquitto_new", errorNumber: errno)
        }
        unsafe self.handle = handle
        self.endpoint = endpoint
        // From here on a throw runs deinit: every stored property is set.
        unsafe mosquitto_user_data_set(handle, Unmanaged.passUnretained(self).toOpaque())
        unsafe mosquitto_log_callback_set(handle, mosquittoDidLog)
        try configure()
    }

    deinit {
        // The callback's pointer leads here: it must not be followed any more.
        unsafe mosquitto_log_callback_set(handle, nil)
        unsafe mosquitto_destroy(handle)
    }

    private func configure() throws(MQTTError) {
        let version =
            endpoint.protocolVersion == .v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311
        try check(unsafe mosquitto_int_option(handle, MOSQ_OPT_PROTOCOL_VERSION, Int32(version)))
        try check(unsafe mosquitto_int_option(handle, MOSQ_OPT_TCP_NODELAY, 1))
        // 1...65535: 0 would mean no limit to the library.
        try check(
            unsafe mosquitto_int_option(
                handle, MOSQ_OPT_RECEIVE_MAXIMUM, max(1, Int32(endpoint.receiveMaximum))))
        try check(
            unsafe mosquitto_int_option(
                handle, MOSQ_OPT_SEND_MAXIMUM, max(1, Int32(endpoint.sendMaximum))))
        // Makes the library queue instead of write: a PUBACK leaves after the callback, not before it.
        try check(unsafe mosquitto_threaded_set(handle, true))
        if endpoint.username != nil || endpoint.password != nil {
            try check(setCredentials())
        }
        if let will = endpoint.will { try setWill(will) }
        if let tls = endpoint.tls { try setTransportSecurity(tls) }
        if endpoint.protocolVersion == .v5 {
            for contentType in MQTTContentType.allCases {
                let properties = MosquittoProperties()
                try check(properties.add(contentType))
                contentTypeProperties.append(properties)
            }
        }
    }

    private func setCredentials() -> Int32 {
        guard let password = endpoint.password else {
            return unsafe mosquitto_username_pw_set(handle, endpoint.username, nil)
        }
        var terminated = password.map { CChar(bitPattern: $0) }
        terminated.append(0)
        return unsafe mosquitto_username_pw_set(handle, endpoint.username, terminated)
    }

    private func setWill(_ will: MQTTWill) throws(MQTTError) {
        let properties = MosquittoProperties()
        if endpoint.protocolVersion == .v5 { try check(properties.add(will.contentType)) }
        let code = unsafe mosquitto_will_set_v5(
            handle, will.topic, Int32(will.payload.count), will.payload,
            will.qualityOfService.rawValue, will.isRetained, properties.head)
        // The library owns the list from a success on.
        if code == 0 { properties.giveUp() }
        try check(code)
    }

    private func setTransportSecurity(_ tls: MQTTTransportSecurity) throws(MQTTError) {
        // The library says only "invalid" of a file that it cannot open.
        for path in [
            tls.certificateAuthorityFile, tls.clientCertificateFile, tls.clientKeyFile,
        ] {
            guard let path else { continue }
            let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw .unreadableFile(path: path, errorNumber: errno) }
            close(descriptor)
        }
        if tls.usesSystemAuthorities || tls.certificateAuthorityFile == nil {
            try check(unsafe mosquitto_int_option(handle, MOSQ_OPT_TLS_USE_OS_CERTS, 1))
        }
        // Without a file of authorities the library wants a directory before it takes a certificate.
        let directory = tls.certificateAuthorityFile == nil ? "/etc/ssl/certs" : nil
        try check(
            unsafe mosquitto_tls_set(
                handle, tls.certificateAuthorityFile, directory, tls.clientCertificateFile,
                tls.clientKeyFile, mosquittoWantsPassphrase))
        let version = tls.minimumVersion == .v13 ? "tlsv1.3" : "tlsv1.2"
        // 1: the broker's certificate must be valid. Its name is checked unless told otherwise.
        try check(unsafe mosquitto_tls_opts_set(handle, 1, version, nil))
    }

    private func check(_ code: Int32) throws(MQTTError) {
        if code != 0 { throw MQTTError(libraryCode: code, errorNumber: errno, log: log.text) }
    }

    // MARK: - Connecting

    /// Resolves the name and connects; blocks for as long as both take. The CONNECT packet is queued,
    /// not sent.
    func connectBlocking() throws(MQTTError) {
        let properties = MosquittoProperties()
        if endpoint.protocolVersion == .v5 {
            try check(
                properties.add(MQTT_PROP_SESSION_EXPIRY_INTERVAL, endpoint.sessionExpirySeconds))
            try check(
                properties.add(
                    MQTT_PROP_MAXIMUM_PACKET_SIZE, max(1_024, endpoint.maximumPacketBytes)))
        }
        let code = unsafe mosquitto_connect_bind_v5(
            handle, endpoint.host, Int32(endpoint.port), Int32(endpoint.keepAliveSeconds), nil,
            properties.head)
        let errorNumber = errno
        if code != 0 {
            throw MQTTError(
                libraryCode: code, errorNumber: errorNumber, log: log.text,
                connectingTo: endpoint.host)
        }
    }

    /// Runs the TLS handshake to its end or to the deadline; nothing to do without TLS.
    func handshakeBlocking(deadlineNanoseconds: UInt64) throws(MQTTError) {
        guard endpoint.tls != nil else { return }
        var set = PollSet(capacity: 1)
        // The CONNECT packet is queued: as soon as the handshake is done the library wants to write.
        while !wantsWrite {
            set.removeAll()
            set.add(socket, .readable)
            set.wait(deadlineNanoseconds: deadlineNanoseconds)
            let readiness = set.readiness(at: 0)
            if readiness.isEmpty {
                guard MonotonicClock.nanoseconds < deadlineNanoseconds else {
                    throw .timedOut(
                        waitingFor: .connection,
                        afterSeconds: Double(endpoint.connectTimeoutNanoseconds) / 1e9)
                }
                continue
            }
            let code = read()
            // A reset within the handshake is a success to the library, for ever.
            let isDead = !readiness.isDisjoint(with: [.failed, .hungUp, .invalid]) && !wantsWrite
            if code != 0 || socket < 0 || isDead {
                throw MQTTError(
                    libraryCode: code == 0 ? Int32(MOSQ_ERR_CONN_LOST.rawValue) : code,
                    errorNumber: errno, log: log.text)
            }
        }
    }

    /// Has the kernel forget at the close what it has not sent yet, whoever closes: the library does on its own when no
    /// answer to a ping comes, and the kernel when the process is killed.
    ///
    /// It would go on sending after the close, for minutes where a link comes back: a state that has been
    /// published again since, and changed, would arrive once more at the end. An orderly end waits until the broker has
    /// all of it; see ``disconnectBlocking(deadlineNanoseconds:)``.
    private func discardUnsentAtClose() {
        var option = linger(l_onoff: 1, l_linger: 0)
        _ = unsafe setsockopt(
            socket, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    /// From here on `session` gets the events.
    func attach(to session: MQTTSession) {
        // The library does not; a child process has no business with the broker.
        _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
        discardUnsentAtClose()
        unsafe self.session = session
        unsafe mosquitto_connect_v5_callback_set(handle, mosquittoDidConnect)
        unsafe mosquitto_disconnect_v5_callback_set(handle, mosquittoDidDisconnect)
        if session.onRequest == nil {
            unsafe mosquitto_message_callback_set(handle, mosquittoDidReceive)
        } else {
            unsafe mosquitto_message_v5_callback_set(handle, mosquittoDidReceiveRequest)
        }
        unsafe mosquitto_publish_v5_callback_set(handle, mosquittoDidPublish)
        unsafe mosquitto_subscribe_v5_callback_set(handle, mosquittoDidSubscribe)
    }

    /// Ends logging: with a log callback the library formats a line for every packet.
    func stopLogging() {
        unsafe mosquitto_log_callback_set(handle, nil)
    }

    // MARK: - Running

    /// The socket, or -1 when the library has closed it.
    var socket: Int32 { unsafe mosquitto_socket(handle) }

    /// Whether packets wait to be written.
    var wantsWrite: Bool { unsafe mosquitto_want_write(handle) }

    /// Reads packets; one, or as many as the library thinks fit. Returns the library's code.
    func read() -> Int32 {
        let code = unsafe mosquitto_loop_read(handle, 1)
        if code != 0 { errorNumber = errno }
        return code
    }

    /// Has the kernel acknowledge at once what has been read.
    ///
    /// A stock broker waits for the acknowledgement of its last segment before it sends the next one,
    /// and the kernel delays that by 40 ms unless told so after the reads.
    func acknowledgeSegments() {
        let descriptor = socket
        if descriptor >= 0 { els_tcp_quick_ack(descriptor) }
    }

    /// Has the kernel note when segments arrive, for ``receiveAgeNanoseconds``.
    func noteArrivals() { els_enable_receive_time(socket) }

    /// How long ago the first unread byte arrived, at least; nil if that is not known.
    var receiveAgeNanoseconds: UInt64? { UInt64(exactly: els_receive_age(socket)) }

    /// The bytes received on this connection so far, and how many of them are unread.
    var streamPosition: (received: UInt64, unread: UInt64)? {
        var received: UInt64 = 0
        var unread: UInt64 = 0
        // Proof: both are live local variables.
        guard unsafe els_stream_position(socket, &received, &unread) == 0 else { return nil }
        return (received, unread)
    }

    /// Writes all packets that the socket takes. Returns the library's code.
    ///
    /// The library makes a system call for each packet. Several leave in one segment all the same: sending one
    /// through the kernel costs more than anything else that is done for a message.
    func write() -> Int32 {
        let descriptor = socket
        let isCorked = queuedPackets > 1 && descriptor >= 0
        if isCorked { els_tcp_cork(descriptor, 1) }
        let code = unsafe mosquitto_loop_write(handle, 1)
        if code != 0 { errorNumber = errno }
        if isCorked, socket == descriptor { els_tcp_cork(descriptor, 0) }
        queuedPackets = wantsWrite ? queuedPackets : 0
        return code
    }

    /// Sends pings and notices a peer that does not answer them. Returns the library's code.
    func keepAlive() -> Int32 { unsafe mosquitto_loop_misc(handle) }

    /// Writes what is queued and a DISCONNECT, upon which the broker drops the will, and closes.
    ///
    /// The library closes the socket right behind the DISCONNECT. If anything unread is there then, and in a
    /// flow of messages something always is, the kernel resets the connection, and the broker may never
    /// see the last PUBACKs and the DISCONNECT. So a second descriptor keeps the socket open until the broker
    /// has closed its side.
    func disconnectBlocking(deadlineNanoseconds: UInt64) {
        let lingering = fcntl(socket, F_DUPFD_CLOEXEC, 0)
        defer { if lingering >= 0 { close(lingering) } }
        guard unsafe mosquitto_disconnect_v5(handle, 0, nil) == 0 else { return }
        var set = PollSet(capacity: 1)
        while write() == 0, socket >= 0, MonotonicClock.nanoseconds < deadlineNanoseconds {
            set.removeAll()
            set.add(socket, .writable)
            set.wait(deadlineNanoseconds: deadlineNanoseconds)
        }
        guard lingering >= 0, socket < 0 else { return }
        shutdown(lingering, Int32(SHUT_WR))
        while MonotonicClock.nanoseconds < deadlineNanoseconds {
            set.removeAll()
            set.add(lingering, .readable)
            set.wait(deadlineNanoseconds: deadlineNanoseconds)
            guard !set.readiness(at: 0).isEmpty else { continue }
            // Proof: at most 4096 bytes go into 4096 bytes of its own.
            let count = unsafe withUnsafeTemporaryAllocation(byteCount: 4_096, alignment: 1) {
                unsafe recv(lingering, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT))
            }
            if count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR) { return }
        }
    }

    /// Queues a SUBSCRIBE; sets the identifier under which its SUBACK comes.
    func subscribe(_ subscription: MQTTSubscription, messageIdentifier: inout Int32) -> Int32 {
        let options = endpoint.protocolVersion == .v5 ? subscription.options : 0
        return unsafe mosquitto_subscribe_v5(
            handle, &messageIdentifier, subscription.filter,
            subscription.qualityOfService.rawValue, options, nil)
    }

    /// Queues a PUBLISH; sets its identifier. The library copies topic and payload.
    func publish(
        topic: UnsafePointer<CChar>, payload: UnsafeRawBufferPointer, qualityOfService: Int32,
        isRetained: Bool, contentType: MQTTContentType, messageExpirySeconds: UInt32,
        messageIdentifier: inout Int32
    ) -> Int32 {
        guard let count = Int32(exactly: payload.count) else {
            return Int32(MOSQ_ERR_PAYLOAD_SIZE.rawValue)
        }
        var properties: MosquittoProperties?
        if endpoint.protocolVersion == .v5 {
            if messageExpirySeconds == 0 {
                properties = contentTypeProperties[contentType.rawValue]
            } else {
                let code = prepareExpiry(contentType, messageExpirySeconds)
                if code != 0 { return code }
                properties = expiryProperties
            }
        }
        queuedPackets += 1
        return unsafe mosquitto_publish_v5(
            handle, &messageIdentifier, topic, count, payload.baseAddress, qualityOfService,
            isRetained, properties?.head)
    }

    /// Queues the answer to a request at QoS 1; sets its identifier. The library copies everything.
    func respond(
        topic: String, payload: [UInt8], correlation: [UInt8]?, expirySeconds: UInt32,
        messageIdentifier: inout Int32
    ) -> Int32 {
        let properties = MosquittoProperties()
        var code = properties.add(.json)
        if code == 0 { code = properties.add(MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, expirySeconds) }
        if code == 0, let correlation { code = properties.add(correlation: correlation) }
        guard code == 0 else { return code }
        return unsafe mosquitto_publish_v5(
            handle, &messageIdentifier, topic, Int32(clamping: payload.count), payload,
            MQTTQualityOfService.atLeastOnce.rawValue, false, properties.head)
    }

    /// Makes ``expiryProperties`` say what is asked for; does nothing when they say it already.
    private func prepareExpiry(_ contentType: MQTTContentType, _ seconds: UInt32) -> Int32 {
        if expiryPropertiesFor == (contentType, seconds) { return 0 }
        let properties = MosquittoProperties()
        var code = properties.add(MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, seconds)
        if code == 0 { code = properties.add(contentType) }
        guard code == 0 else { return code }
        expiryProperties = properties
        expiryPropertiesFor = (contentType, seconds)
        return 0
    }
}
