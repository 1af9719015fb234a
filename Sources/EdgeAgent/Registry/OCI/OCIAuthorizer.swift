internal import SensorIO

/// Answers the challenges of an OCI registry: basic, or a token from its token server.
///
/// - Source: distribution's "Token Authentication Specification".
final class OCIAuthorizer: HTTPAuthorizer {
    private let credentials: RegistryCredentials
    private let home: HTTPURL
    /// The one token server on another host that may see the credentials.
    private let tokenServer: HTTPURL?
    private let repository: String
    private let actions: String
    /// Fetches the token; with handles of its own, so that no challenge can loop.
    private let http: RegistryHTTP
    private var header: String?
    private var basicWasSent = false

    init(
        credentials: RegistryCredentials, home: HTTPURL, tokenServer: HTTPURL?, repository: String,
        actions: String, settings: HTTPSettings, control: DownloadControl
    ) throws(RegistryError) {
        self.credentials = credentials
        self.home = home
        self.tokenServer = tokenServer
        self.repository = repository
        self.actions = actions
        http = try RegistryHTTP(home: home, settings: settings, control: control)
        header = credentials.bearer
    }

    func authorization() -> String? { header }

    func respond(to challenges: [HTTPChallenge]) throws(RegistryError) -> Bool {
        if let bearer = challenges.first(where: { $0.scheme == "bearer" }) {
            // An expired token is replaced; that there is no way round in circles is the caller's doing.
            header = "Bearer \(try token(bearer))"
            return true
        }
        guard challenges.contains(where: { $0.scheme == "basic" }), !basicWasSent,
            let basic = credentials.basic
        else { return false }
        basicWasSent = true
        header = basic
        return true
    }

    private func token(_ challenge: HTTPChallenge) throws(RegistryError) -> String {
        guard let realm = challenge.parameters["realm"].flatMap({ HTTPURL($0) }) else {
            throw RegistryError(
                .protocolViolation, "\(home): asks for a token and names no server for it")
        }
        guard realm.isEncrypted || !home.isEncrypted else {
            throw RegistryError(
                .protocolViolation, "\(home): wants the token from \(realm), which is not encrypted"
            )
        }
        let isTrusted = realm.host == home.host || realm.origin == tokenServer?.origin
        guard isTrusted || credentials.basic == nil else {
            throw RegistryError(
                .configuration,
                "\(home): wants the token from \(realm), another host. If the password may go there,"
                    + " set tokenServer: \(realm.origin)")
        }
        let scope = challenge.parameters["scope"] ?? "repository:\(repository):\(actions)"
        var query = "scope=\(HTTPURL.escaped(scope))"
        if let service = challenge.parameters["service"] {
            query = "service=\(HTTPURL.escaped(service))&\(query)"
        }
        let separator = realm.text.utf8.contains(0x3F) ? "&" : "?"
        guard let url = HTTPURL("\(realm.text)\(separator)\(query)") else {
            throw RegistryError(.protocolViolation, "\(home): \(realm) is no URL for a token")
        }
        var headers: [(name: String, value: String)] = []
        if let basic = credentials.basic { headers.append(("Authorization", basic)) }
        // Not through `send`: a token server that redirects would take the password elsewhere.
        let receiver = DocumentReceiver("\(realm): the token", maximumBytes: 256 << 10)
        let answer = try http.handle.perform(
            HTTPRequest(url: url, headers: headers, timeout: HTTPSettings.documentTimeout),
            settings: http.settings, presentsCertificate: realm.origin == home.origin,
            receiver: receiver, control: http.control)
        guard answer.head.isSuccess else { throw RegistryHTTP.error(answer) }
        do throws(JSONError) {
            let root = JSONNode(try JSONValue(parsing: receiver.bytes))
            let short = try root.optional("token")
            let node = if let short { short } else { try root.required("access_token") }
            let token = try node.string()
            // It becomes part of a header's line.
            guard !token.isEmpty, token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw node.invalid("be visible ASCII")
            }
            return token
        } catch {
            throw RegistryError(.protocolViolation, "\(realm): the token: \(error)")
        }
    }
}
