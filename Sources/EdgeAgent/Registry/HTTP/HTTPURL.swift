/// An absolute `http:` or `https:` URL without a user in it, in libcurl's reading of it: what is compared here is what
/// is connected to.
struct HTTPURL: Sendable, Hashable, CustomStringConvertible {
    let text: String
    let scheme: String
    /// Lower case.
    let host: String
    let port: String

    /// nil for anything else, and where libcurl is missing.
    init?(_ text: String) {
        guard let parts = CurlURL.parse(text, relativeTo: nil) else { return nil }
        self.init(parts)
    }

    /// The URL that a `Location` or a relative path means here.
    func resolving(_ reference: String) -> HTTPURL? {
        CurlURL.parse(reference, relativeTo: text).flatMap { HTTPURL($0) }
    }

    /// The URL with path segments added; the base's path is kept, its query is not looked at.
    func appending(_ path: String) -> HTTPURL? {
        HTTPURL(text.hasSuffix("/") ? text + path : "\(text)/\(path)")
    }

    private init?(_ parts: CurlURL.Parts) {
        guard parts.scheme == "http" || parts.scheme == "https", !parts.host.isEmpty else {
            return nil
        }
        text = parts.text
        scheme = parts.scheme
        host = parts.host.lowercased()
        port = parts.port
    }

    /// Scheme, host and port; credentials never leave it.
    var origin: String { "\(scheme)://\(host):\(port)" }

    var isEncrypted: Bool { scheme == "https" }

    /// Without query and fragment, which may hold the signature of a storage.
    var description: String {
        String(text.prefix { $0 != "?" && $0 != "#" })
    }

    /// A text as one segment of a path, or the value of a query.
    static func escaped(_ text: some StringProtocol, keepsSlashes: Bool = false) -> String {
        var escaped = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                escaped.unicodeScalars.append(Unicode.Scalar(byte))
            case 0x2F where keepsSlashes:
                escaped += "/"
            default:
                escaped += byte < 16 ? "%0" : "%"
                escaped += String(byte, radix: 16, uppercase: true)
            }
        }
        return escaped
    }
}
