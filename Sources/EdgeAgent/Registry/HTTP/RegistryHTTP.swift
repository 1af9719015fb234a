/// Says who asks, to one server and no other.
protocol HTTPAuthorizer: AnyObject {
    /// The value of `Authorization` for a request to the registry's own server; nil: none yet.
    func authorization() -> String?
    /// Answers a 401 of the registry's own server.
    ///
    /// - Returns: whether the same request is worth another try.
    func respond(to challenges: [HTTPChallenge]) throws(RegistryError) -> Bool
}

/// Requests to one registry: redirects, credentials that stay with their server, errors in people's words.
///
/// - Thread: any one at a time; blocks.
final class RegistryHTTP {
    static let maximumRedirects = 5

    let handle: CurlHandle
    let settings: HTTPSettings
    let control: DownloadControl
    /// The server that credentials and the client's certificate are for.
    private let home: HTTPURL
    var authorizer: (any HTTPAuthorizer)?

    init(
        home: HTTPURL, settings: HTTPSettings, control: DownloadControl
    ) throws(RegistryError) {
        handle = try CurlHandle()
        self.home = home
        self.settings = settings
        self.control = control
    }

    /// Sends a request; follows redirects of GET and HEAD; authorizes where the registry's own server asks for it.
    ///
    /// - Returns: an answer that is a success, 304, 404 or 416.
    /// - Throws: `RegistryError`, also for every other status.
    func send(
        _ first: HTTPRequest, to receiver: any HTTPReceiver
    ) throws(RegistryError) -> HTTPAnswer {
        var request = first
        var redirects = 0
        var attempts = 0
        while true {
            let isHome = request.url.origin == home.origin
            var sent = request
            if isHome, let authorization = authorizer?.authorization() {
                sent.headers.append(("Authorization", authorization))
            }
            let answer = try handle.perform(
                sent, settings: settings, presentsCertificate: isHome, receiver: receiver,
                control: control)
            switch answer.head.status {
            case 200...299, 304, 404, 416: return answer
            case 301, 302, 303, 307, 308:
                redirects += 1
                request.url = try redirect(answer, of: request, number: redirects)
            case 401:
                attempts += 1
                let challenges = answer.head.all("www-authenticate").flatMap(HTTPChallenge.parse)
                guard isHome, attempts <= 2, let authorizer,
                    try authorizer.respond(to: challenges)
                else { throw Self.error(answer) }
            default: throw Self.error(answer)
            }
        }
    }

    /// Asks for a document and reads it whole.
    ///
    /// - Returns: the answer and its bytes; none with 304 and 404.
    func document(
        _ url: HTTPURL, headers: [(name: String, value: String)] = [], what: String,
        maximumBytes: Int = 4 << 20
    ) throws(RegistryError) -> (answer: HTTPAnswer, bytes: [UInt8]) {
        let receiver = DocumentReceiver("\(url): \(what)", maximumBytes: maximumBytes)
        let request = HTTPRequest(
            url: url, headers: headers, timeout: HTTPSettings.documentTimeout)
        let answer = try send(request, to: receiver)
        return (answer, receiver.bytes)
    }

    private func redirect(
        _ answer: HTTPAnswer, of request: HTTPRequest, number: Int
    ) throws(RegistryError) -> HTTPURL {
        guard number <= Self.maximumRedirects else {
            throw RegistryError(
                .protocolViolation,
                "\(answer.url): redirects more than \(Self.maximumRedirects) times")
        }
        guard request.method == .get || request.method == .head else {
            throw RegistryError(
                .protocolViolation,
                "\(answer.url): redirects a \(request.method.rawValue); use the address it names")
        }
        guard let target = answer.head["location"].flatMap({ answer.url.resolving($0) }) else {
            throw RegistryError(
                .protocolViolation,
                "\(answer.url): redirects to something that is no http or https URL")
        }
        guard target.isEncrypted || !answer.url.isEncrypted else {
            throw RegistryError(
                .protocolViolation,
                "\(answer.url): redirects from https to http (\(target)), which is not followed")
        }
        return target
    }

    /// The error for an answer that is none of those a caller handles.
    static func error(_ answer: HTTPAnswer) -> RegistryError {
        let status = answer.head.status
        let said = excerpt(answer.errorText)
        let text = "\(answer.url): status \(status)\(said)"
        switch status {
        case 401:
            return RegistryError(
                .unauthorized,
                "\(text): the registry wants other credentials; see username,"
                    + " passwordFile and tokenFile")
        case 403:
            return RegistryError(.unauthorized, "\(text): these credentials may not do this")
        case 404: return RegistryError(.notFound, text)
        case 407:
            return RegistryError(.configuration, "\(text): the proxy wants credentials; see proxy")
        case 408, 425, 429, 500...599:
            return RegistryError(
                .unavailable, text, retryAfter: answer.head["retry-after"].flatMap(retryAfter))
        default: return RegistryError(.protocolViolation, text)
        }
    }

    /// Seconds, or a date; at most a day, so that no server silences an agent for ever.
    static func retryAfter(_ text: String) -> Duration? {
        let day: Int64 = 86_400
        if let seconds = Int64(text), seconds >= 0 { return .seconds(min(seconds, day)) }
        guard text.utf8.count <= 40, let date = curlDate(text) else { return nil }
        let seconds = Int64(date) - WallClock.nanoseconds / 1_000_000_000
        return .seconds(min(max(seconds, 0), day))
    }

    /// The start of what a server said, on one line.
    private static func excerpt(_ text: String) -> String {
        let line = text.unicodeScalars.prefix(200).map { scalar in
            scalar.properties.generalCategory == .control ? " " : String(scalar)
        }.joined()
        return line.isEmpty ? "" : ": \(line)"
    }
}
