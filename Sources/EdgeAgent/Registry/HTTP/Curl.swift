internal import CCurl

// The one file that talks to libcurl.

/// libcurl's reading of URLs.
enum CurlURL {
    struct Parts {
        var text: String
        var scheme: String
        var host: String
        var port: String
    }

    /// Why libcurl cannot be used; nil if it can.
    static var unavailableReason: String? {
        unsafe ccurl_load().map { unsafe String(cString: $0) }
    }

    /// Reads an absolute URL, or one relative to another; nil if it is none, or names a user.
    static func parse(_ text: String, relativeTo base: String?) -> Parts? {
        guard text.utf8.count <= 8192, !text.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }),
            unsafe ccurl_load() == nil, let url = unsafe ccurl_make_url()
        else { return nil }
        defer { unsafe ccurl_free_url(url) }
        let flags = UInt32(CURLU_DISALLOW_USER)
        if let base, unsafe ccurl_url_set(url, CURLUPART_URL, base, flags) != CURLUE_OK {
            return nil
        }
        guard unsafe ccurl_url_set(url, CURLUPART_URL, text, flags) == CURLUE_OK,
            let whole = unsafe part(CURLUPART_URL, of: url),
            let scheme = unsafe part(CURLUPART_SCHEME, of: url),
            let host = unsafe part(CURLUPART_HOST, of: url),
            let port = unsafe part(CURLUPART_PORT, of: url)
        else { return nil }
        return Parts(text: whole, scheme: scheme, host: host, port: port)
    }

    private static func part(_ part: CURLUPart, of url: OpaquePointer) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard unsafe ccurl_url_get(url, part, &text, UInt32(CURLU_DEFAULT_PORT)) == CURLUE_OK,
            let text = unsafe text
        else { return nil }
        defer { unsafe ccurl_free_text(text) }
        return unsafe String(cString: text)
    }
}

/// A date as HTTP writes it, in seconds since 1970; nil if it is none.
func curlDate(_ text: String) -> Int? {
    guard unsafe ccurl_load() == nil else { return nil }
    let seconds = unsafe ccurl_date(text)
    return seconds < 0 ? nil : seconds
}

/// A handle of libcurl: transfers one after the other, over connections that it keeps.
///
/// - Thread: any one at a time; `perform` blocks.
@safe
final class CurlHandle {
    private let handle: UnsafeMutableRawPointer
    private let errorText: UnsafeMutablePointer<CChar>

    /// - Throws: `.configuration` where libcurl is missing.
    init() throws(RegistryError) {
        if let failure = unsafe ccurl_load() {
            throw RegistryError(.configuration, unsafe String(cString: failure))
        }
        guard let handle = unsafe ccurl_make() else {
            throw RegistryError(.configuration, "libcurl cannot be initialised: out of memory")
        }
        unsafe self.handle = unsafe handle
        // libcurl writes at most so many bytes, a NUL among them.
        unsafe errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        unsafe errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        unsafe ccurl_free(handle)
        unsafe errorText.deallocate()
    }

    /// Sends one request, without following a redirect. Blocks.
    ///
    /// - Parameters:
    ///   - presentsCertificate: whether this server may see the client's certificate.
    ///   - receiver: gets the body of a success.
    /// - Returns: the head, whatever its status, and the start of the body if it is no success.
    func perform(
        _ request: HTTPRequest, settings: HTTPSettings, presentsCertificate: Bool,
        receiver: any HTTPReceiver, control: DownloadControl
    ) throws(RegistryError) -> HTTPAnswer {
        try control.checkCancelled()
        unsafe ccurl_reset(handle)
        unsafe errorText[0] = 0
        let transfer = CurlTransfer(request.url, receiver, control)
        try configure(request, settings, presentsCertificate: presentsCertificate)
        var list: UnsafeMutablePointer<curl_slist>?
        defer { unsafe ccurl_free_list(list) }
        // No "100-continue": some registries do not answer it, and bodies are small.
        for line in request.headers.map({ "\($0.name): \($0.value)" }) + ["Expect:"] {
            guard let longer = unsafe ccurl_append(list, line) else { throw Self.outOfMemory }
            unsafe list = unsafe longer
        }
        try check(unsafe ccurl_set_headers(handle, list))
        // The transfer outlives the call of perform below; its callbacks run within that call only.
        let context = unsafe Unmanaged.passUnretained(transfer).toOpaque()
        try check(
            unsafe ccurl_set_callbacks(
                handle, headCallback, bodyCallback, progressCallback, context))
        let code = unsafe request.body.withUnsafeBytes { body in
            // libcurl reads `body.count` bytes during the transfer and never writes.
            if request.method == .post || request.method == .put {
                unsafe ccurl_set_offset(
                    handle, CURLOPT_POSTFIELDSIZE_LARGE, body.count)
                unsafe ccurl_set_pointer(
                    handle, CURLOPT_POSTFIELDS,
                    UnsafeMutableRawPointer(
                        mutating: body.baseAddress ?? UnsafeRawPointer(errorText)))
            }
            return unsafe ccurl_perform(handle)
        }
        return try withExtendedLifetime(transfer) { () throws(RegistryError) -> HTTPAnswer in
            var answer = try transfer.result(
                code == CURLE_OK ? nil : failure(code, request.url, settings))
            answer.errorText = request.withoutSecrets(answer.errorText, settings)
            return answer
        }
    }

    private func configure(
        _ request: HTTPRequest, _ settings: HTTPSettings, presentsCertificate: Bool
    ) throws(RegistryError) {
        try check(unsafe ccurl_set_pointer(handle, CURLOPT_ERRORBUFFER, errorText))
        try set(CURLOPT_URL, text: request.url.text)
        try set(CURLOPT_NOSIGNAL, 1)
        try set(CURLOPT_PROTOCOLS_STR, text: "http,https")
        try set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        try set(CURLOPT_FOLLOWLOCATION, 0)
        try set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        try set(CURLOPT_USERAGENT, text: "edge-agent/\(AgentVersion.text)")
        switch request.method {
        case .get: try set(CURLOPT_HTTPGET, 1)
        case .head: try set(CURLOPT_NOBODY, 1)
        case .post: try set(CURLOPT_POST, 1)
        case .put:
            try set(CURLOPT_POST, 1)
            try set(CURLOPT_CUSTOMREQUEST, text: "PUT")
        }
        try set(CURLOPT_CONNECTTIMEOUT_MS, Int(clamping: settings.connectTimeout.milliseconds))
        try set(CURLOPT_LOW_SPEED_LIMIT, HTTPSettings.minimumBytesPerSecond)
        try set(
            CURLOPT_LOW_SPEED_TIME, max(1, Int(clamping: settings.stallTimeout.components.seconds)))
        if let timeout = request.timeout {
            try set(CURLOPT_TIMEOUT_MS, Int(clamping: timeout.milliseconds))
        }
        let version = settings.requiresTLS13 ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2
        try set(CURLOPT_SSLVERSION, Int(version))
        if let file = settings.certificateAuthorityFile {
            try set(CURLOPT_CAINFO, text: file)
            if !settings.usesSystemAuthorities { try set(CURLOPT_CAPATH, text: nil) }
        }
        if presentsCertificate, let file = settings.clientCertificateFile {
            try set(CURLOPT_SSLCERT, text: file)
            if let key = settings.clientKeyFile { try set(CURLOPT_SSLKEY, text: key) }
        }
        switch settings.proxy {
        case .environment: break
        case .none: try set(CURLOPT_PROXY, text: "")
        case .url(let url): try set(CURLOPT_PROXY, text: url)
        }
        if let credentials = settings.proxyCredentials, settings.proxy != .none {
            try set(CURLOPT_PROXYUSERPWD, text: String(decoding: credentials, as: UTF8.self))
        }
    }

    private func set(_ option: CURLoption, _ value: Int) throws(RegistryError) {
        try check(unsafe ccurl_set_long(handle, option, value))
    }

    private func set(_ option: CURLoption, text: String?) throws(RegistryError) {
        try check(unsafe ccurl_set_text(handle, option, text))
    }

    private func check(_ code: CURLcode) throws(RegistryError) {
        guard code != CURLE_OK else { return }
        throw RegistryError(
            .configuration, "libcurl: \(unsafe String(cString: ccurl_error_text(code)))")
    }

    private static var outOfMemory: RegistryError { RegistryError(.storage, "out of memory") }

    /// The one place where a code of libcurl becomes an error.
    private func failure(
        _ code: CURLcode, _ url: HTTPURL, _ settings: HTTPSettings
    ) -> RegistryError {
        let own = unsafe String(cString: errorText)
        let text = own.isEmpty ? unsafe String(cString: ccurl_error_text(code)) : own
        let stall = DurationText.format(settings.stallTimeout)
        switch code {
        case CURLE_OPERATION_TIMEDOUT:
            return RegistryError(
                .unreachable,
                "\(url): too slow, or silent for \(stall): \(text); what has come is kept")
        case CURLE_PEER_FAILED_VERIFICATION:
            return RegistryError(
                .unreachable,
                "\(url): its certificate is not accepted: \(text); see tls.ca, and the box's clock")
        case CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CRL_BADFILE:
            return RegistryError(.configuration, "\(url): \(text); see the files under tls")
        case CURLE_OUT_OF_MEMORY: return Self.outOfMemory
        case CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT,
            CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR,
            CURLE_SSL_CONNECT_ERROR, CURLE_AGAIN, CURLE_PROXY:
            return RegistryError(.unreachable, "\(url): \(text)")
        default:
            return RegistryError(.protocolViolation, "\(url): \(text)")
        }
    }
}

extension Duration {
    fileprivate var milliseconds: Int64 { wholeNanoseconds / 1_000_000 }
}

private func headCallback(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let context = unsafe context else { return 0 }
    // `perform` keeps the transfer alive while libcurl may call.
    let transfer = unsafe Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
    return unsafe transfer.head(UnsafeRawBufferPointer(start: bytes, count: count)) ? count : 0
}

private func bodyCallback(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let context = unsafe context else { return 0 }
    // As above.
    let transfer = unsafe Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
    return unsafe transfer.body(UnsafeRawBufferPointer(start: bytes, count: count)) ? count : -1
}

private func progressCallback(
    _ context: UnsafeMutableRawPointer?, _: curl_off_t, _: curl_off_t, _: curl_off_t,
    _: curl_off_t
) -> Int32 {
    guard let context = unsafe context else { return 1 }
    // As above.
    let transfer = unsafe Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
    return transfer.isCancelled ? 1 : 0
}
