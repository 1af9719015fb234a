extension HTTPRequest {
    /// What a server said about this request, without the secrets that it was sent: careless ones say them back, and
    /// what a server says ends in logs and events.
    func withoutSecrets(_ text: String, _ settings: HTTPSettings) -> String {
        var text = text
        for secret in secrets(settings) { text = text.replacingEach(secret, with: "(secret)") }
        return text
    }

    /// As they were sent, and as they were before that; the longest first, for one may be part of another.
    private func secrets(_ settings: HTTPSettings) -> [String] {
        var secrets: [String] = []
        func addPair(_ pair: [UInt8]) {
            secrets.append(String(decoding: pair, as: UTF8.self))
            guard let colon = pair.firstIndex(of: UInt8(ascii: ":")) else { return }
            secrets.append(String(decoding: pair[(colon + 1)...], as: UTF8.self))
        }
        for header in headers where header.name == "Authorization" {
            let sent = header.value.drop { $0 != " " }.drop { $0 == " " }
            secrets.append(String(sent))
            if let pair = Base64.decode(String(sent)) { addPair(pair) }
        }
        if let pair = settings.proxyCredentials {
            secrets.append(Base64.encode(pair))
            addPair(pair)
        }
        return secrets.filter { !$0.isEmpty }.sorted { $0.utf8.count > $1.utf8.count }
    }
}
