/// Who may ask what.
package struct HTTPAccess: Sendable {
    /// Why a request is not answered; each is counted.
    package enum Refusal: Int, Sendable, CaseIterable {
        case rate, host, target, method, body, path, token, streams

        /// As in the metric's label.
        package var name: String {
            switch self {
            case .rate: "rate"
            case .host: "host"
            case .target: "target"
            case .method: "method"
            case .body: "body"
            case .path: "path"
            case .token: "token"
            case .streams: "streams"
            }
        }

        var response: ServerResponse {
            switch self {
            case .rate:
                .text(
                    429, "too many requests: see http.requestsPerSecond",
                    headers: [HTTPField("Retry-After", "1")])
            case .host:
                .text(
                    403, "wrong Host: on a loopback address it has to be localhost or that address")
            case .target: .text(414, "the path and query are too long, or not plain ASCII")
            case .method:
                .text(405, "only GET and HEAD", headers: [HTTPField("Allow", "GET, HEAD")])
            case .body:
                .text(
                    413, "a request has no body here", headers: [HTTPField("Connection", "close")])
            case .path: .text(404, "there is nothing here")
            case .token:
                .text(
                    401, "needs 'Authorization: Bearer' with the token of http.tokenFile",
                    headers: [HTTPField("WWW-Authenticate", "Bearer realm=\"edge-agent\"")])
            case .streams:
                .text(503, "too many event streams", headers: [HTTPField("Retry-After", "10")])
            }
        }
    }

    /// What is looked at.
    package struct Facts {
        package var method = ""
        /// Empty: too long.
        package var target = ""
        package var hasBody = false
        /// Nil unless there is exactly one.
        package var host: String?
        package var authorization: String?
        package var hasClientCertificate = false

        package init() {}
    }

    let isLoopback: Bool
    private let tokenDigest: SHA256Digest?
    /// A client certificate stands for a token.
    private let acceptsCertificates: Bool

    package init(isLoopback: Bool, token: [UInt8]?, acceptsCertificates: Bool) {
        self.isLoopback = isLoopback
        tokenDigest = token.map { SHA256Digest(of: $0) }
        self.acceptsCertificates = acceptsCertificates
    }

    /// What speaks against a request, before its path is looked at.
    package func refusal(of facts: Facts) -> Refusal? {
        // A page of any site may be given an address of this box by its name server; its requests carry its name.
        if isLoopback, !(facts.host.map(Self.isLoopbackHost) ?? false) { return .host }
        guard !facts.target.isEmpty, facts.target.utf8.first == UInt8(ascii: "/"),
            facts.target.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return .target }
        guard facts.method == "GET" || facts.method == "HEAD" else { return .method }
        return facts.hasBody ? .body : nil
    }

    /// Whether a request has shown what it needs to.
    package func isAuthorized(_ facts: Facts) -> Bool {
        guard tokenDigest != nil || acceptsCertificates else { return true }
        if acceptsCertificates, facts.hasClientCertificate { return true }
        guard let tokenDigest, let authorization = facts.authorization else { return false }
        let bytes = Array(authorization.utf8)
        guard bytes.count > 7,
            String(decoding: bytes[..<7], as: UTF8.self).lowercased() == "bearer "
        else { return false }
        // Digests are compared to the end, whatever differs: time tells nothing about the token.
        let given = SHA256Digest(of: Array(bytes[7...]))
        var difference: UInt8 = 0
        for (left, right) in zip(given.bytes, tokenDigest.bytes) { difference |= left ^ right }
        return difference == 0
    }

    /// `localhost`, `127.…` or `[::1]`, with or without a port.
    static func isLoopbackHost(_ host: String) -> Bool {
        var name = host.lowercased()
        if name.hasPrefix("[") {
            guard let end = name.firstIndex(of: "]") else { return false }
            let rest = name[name.index(after: end)...]
            return name[...end] == "[::1]" && (rest.isEmpty || isPort(rest))
        }
        if let colon = name.firstIndex(of: ":") {
            guard isPort(name[colon...]) else { return false }
            name = String(name[..<colon])
        }
        return name == "localhost" || IPAddress(name)?.isLoopback == true
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.first == ":" && text.utf8.count <= 6
            && text.dropFirst().utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
}
