internal import CMicrohttpd
internal import SensorIO

// What libmicrohttpd calls, on the server's thread and within its calls.
extension HTTPServer {
    /// The server outlives what is made of it: `stop` ends the last connection.
    func makeCallbacks() -> cmhd_callbacks {
        unsafe cmhd_callbacks(
            context: Unmanaged.passUnretained(self).toOpaque(), opened: connectionOpened,
            closed: connectionClosed, answer: requestComplete,
            completed: requestAnswered, read_stream: readStream, release_stream: releaseStream)
    }

    fileprivate func open(_ handle: OpaquePointer) -> Connection {
        var address = [UInt8](repeating: 0, count: 16)
        unsafe cmhd_address(handle, &address)
        let connection = unsafe Connection(
            handle, address: RequestLimiter.Address(bytes: address),
            since: MonotonicClock.nanoseconds)
        connections[ObjectIdentifier(connection)] = connection
        return connection
    }

    fileprivate func complete(
        _ connection: Connection, _ method: UnsafePointer<CChar>?, _ target: UnsafePointer<CChar>?,
        hasBody: Bool
    ) {
        var facts = HTTPAccess.Facts()
        facts.method = unsafe method.map { unsafe String(cString: $0) } ?? ""
        facts.target = unsafe target.map { unsafe String(cString: $0) } ?? ""
        facts.hasBody = hasBody
        facts.host = header(connection, "Host")
        facts.authorization = header(connection, "Authorization")
        facts.hasClientCertificate = unsafe cmhd_has_client_certificate(connection.handle)
        answer(connection, facts)
    }
}

/// The server that a callback is for.
private func server(_ context: UnsafeMutableRawPointer?) -> HTTPServer? {
    unsafe context.map { unsafe Unmanaged<HTTPServer>.fromOpaque($0).takeUnretainedValue() }
}

private func connection(_ state: UnsafeMutableRawPointer?) -> HTTPServer.Connection? {
    unsafe state.map {
        unsafe Unmanaged<HTTPServer.Connection>.fromOpaque($0).takeUnretainedValue()
    }
}

private func connectionOpened(
    _ context: UnsafeMutableRawPointer?, _ handle: OpaquePointer?
) -> UnsafeMutableRawPointer? {
    guard let server = unsafe server(context), let handle = unsafe handle else { return nil }
    // Released in connectionClosed.
    return unsafe Unmanaged.passRetained(server.open(handle)).toOpaque()
}

private func connectionClosed(
    _ context: UnsafeMutableRawPointer?, _ state: UnsafeMutableRawPointer?
) {
    guard let server = unsafe server(context), let state = unsafe state else { return }
    let connection = unsafe Unmanaged<HTTPServer.Connection>.fromOpaque(state).takeRetainedValue()
    server.connections[ObjectIdentifier(connection)] = nil
}

private func requestComplete(
    _ context: UnsafeMutableRawPointer?, _ state: UnsafeMutableRawPointer?,
    _ handle: OpaquePointer?,
    _ method: UnsafePointer<CChar>?, _ target: UnsafePointer<CChar>?, _ length: Int, _ hasBody: Bool
) {
    guard let server = unsafe server(context), let connection = unsafe connection(state) else {
        return
    }
    unsafe server.complete(connection, method, target, hasBody: hasBody)
}

private func requestAnswered(_ context: UnsafeMutableRawPointer?, _ state: UnsafeMutableRawPointer?)
{
    guard let connection = unsafe connection(state) else { return }
    connection.phase = .waiting
    connection.since = MonotonicClock.nanoseconds
}

private func readStream(
    _ owner: UnsafeMutableRawPointer?, _ bytes: UnsafeMutablePointer<CChar>?, _ capacity: Int
) -> Int {
    guard let owner = unsafe owner, let bytes = unsafe bytes else { return -1 }
    let reader = unsafe Unmanaged<HTTPServer.Reader>.fromOpaque(owner).takeUnretainedValue()
    let buffer = unsafe UnsafeMutableRawBufferPointer(start: bytes, count: capacity)
    guard let count = unsafe reader.stream.take(into: buffer) else { return -1 }
    reader.isSuspended = count == 0
    reader.lastSentAt = MonotonicClock.nanoseconds
    return count
}

private func releaseStream(_ owner: UnsafeMutableRawPointer?) {
    guard let owner = unsafe owner else { return }
    let reader = unsafe Unmanaged<HTTPServer.Reader>.fromOpaque(owner).takeRetainedValue()
    reader.stream.close()
    reader.server.readers[ObjectIdentifier(reader)] = nil
}
