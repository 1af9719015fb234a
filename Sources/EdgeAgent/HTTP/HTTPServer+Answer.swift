internal import CMicrohttpd
internal import SensorIO

// From a request to its answer, within the library's callbacks.
extension HTTPServer {
    /// Fields of every answer. `none` and `self` only: not a script, a style or a picture of another host, no frame
    /// around the page, no form, and no request to another host with what a page has read here.
    static let headers: [HTTPField] = [
        HTTPField(
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
                + " manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        HTTPField("X-Content-Type-Options", "nosniff"),
        HTTPField("X-Frame-Options", "DENY"),
        HTTPField("Referrer-Policy", "no-referrer"),
        HTTPField("Cross-Origin-Resource-Policy", "same-origin"),
        HTTPField("Cross-Origin-Opener-Policy", "same-origin"),
        HTTPField("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
    ]

    func answer(_ connection: Connection, _ facts: HTTPAccess.Facts) {
        let now = MonotonicClock.nanoseconds
        connection.phase = .answering
        connection.since = now
        switch decide(connection, facts, now) {
        case .answer(let route, let request):
            metrics.countAnswer()
            send(route.respond(request), to: connection, isHead: facts.method == "HEAD", now)
        case .refuse(let refusal):
            metrics.count(refusal)
            send(refusal.response, to: connection, isHead: facts.method == "HEAD", now)
        }
    }

    private enum Decision {
        case answer(HTTPRoute, ServerRequest)
        case refuse(HTTPAccess.Refusal)
    }

    private func decide(_ connection: Connection, _ facts: HTTPAccess.Facts, _ now: UInt64)
        -> Decision
    {
        guard limiter.admit(connection.address, now: now) else { return .refuse(.rate) }
        if let refusal = access.refusal(of: facts) { return .refuse(refusal) }
        let parts = facts.target.utf8.split(
            separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
        var request = ServerRequest(
            path: String(decoding: parts[0], as: UTF8.self),
            query: parts.count == 2 ? String(decoding: parts[1], as: UTF8.self) : nil)
        guard let route = routes.first(where: { $0.path.matches(request.path) }) else {
            return .refuse(.path)
        }
        guard !route.requiresToken || access.isAuthorized(facts) else {
            if facts.authorization != nil { limiter.charge(connection.address, now: now) }
            return .refuse(.token)
        }
        request.accept = header(connection, "Accept")
        request.ifNoneMatch = header(connection, "If-None-Match")
        request.lastEventID = header(connection, "Last-Event-ID")
        return .answer(route, request)
    }

    private func send(
        _ response: ServerResponse, to connection: Connection, isHead: Bool, _ now: UInt64
    ) {
        switch response {
        case .bytes(let status, let contentType, let headers, let body):
            respond(connection, status, contentType, headers, body)
        case .events where isHead:
            respond(connection, 200, "text/event-stream", [], [])
        case .events(let register):
            guard readers.count < limits.streams else {
                metrics.count(.streams)
                return send(HTTPAccess.Refusal.streams.response, to: connection, isHead: false, now)
            }
            let stream = EventStream(wake: wake)
            let reader = Reader(stream, connection, self, now: now)
            readers[ObjectIdentifier(reader)] = reader
            connection.phase = .streaming
            // Released in releaseStream, which is called in any case.
            let owner = unsafe Unmanaged.passRetained(reader).toOpaque()
            let isGood = unsafe Self.withFields(Self.fields("text/event-stream", [])) {
                fields, count in
                unsafe cmhd_respond_stream(connection.handle, fields, count, owner)
            }
            if isGood { register(stream) } else { stream.close() }
        }
    }

    private func respond(
        _ connection: Connection, _ status: Int, _ contentType: String, _ headers: [HTTPField],
        _ body: [UInt8]
    ) {
        let isGood = unsafe Self.withFields(Self.fields(contentType, headers)) { fields, count in
            unsafe body.withUnsafeBytes { body in
                unsafe cmhd_respond(
                    connection.handle, UInt32(clamping: status), fields, count, body.baseAddress,
                    body.count)
            }
        }
        // Without an answer the library ends the connection.
        if !isGood { connection.isShut = true }
    }

    private static func fields(_ contentType: String, _ headers: [HTTPField]) -> [HTTPField] {
        var fields = [HTTPField("Content-Type", contentType)] + Self.headers + headers
        if !headers.contains(where: { $0.name == "Cache-Control" }) {
            fields.append(HTTPField("Cache-Control", "no-store"))
        }
        return fields
    }

    /// Lends the fields as C strings.
    private static func withFields<Result>(
        _ fields: [HTTPField], _ body: (UnsafePointer<cmhd_field>?, Int) -> Result
    ) -> Result {
        var bytes: [CChar] = []
        var offsets: [(name: Int, value: Int)] = []
        for field in fields {
            let name = bytes.count
            bytes += field.name.utf8.map { CChar(bitPattern: $0) } + [0]
            let value = bytes.count
            bytes += field.value.utf8.map { CChar(bitPattern: $0) } + [0]
            offsets.append((name, value))
        }
        // Each offset is the start of a text in `bytes` that a NUL ends.
        return unsafe bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return body(nil, 0) }
            let list = unsafe offsets.map { offset in
                unsafe cmhd_field(name: base + offset.name, value: base + offset.value)
            }
            return unsafe list.withUnsafeBufferPointer { unsafe body($0.baseAddress, $0.count) }
        }
    }

    /// A field of the request that is answered; nil where it stands more than once.
    func header(_ connection: Connection, _ name: String) -> String? {
        guard unsafe cmhd_header_count(connection.handle, name) == 1,
            let value = unsafe cmhd_header(connection.handle, name)
        else { return nil }
        return unsafe String(cString: value)
    }
}
