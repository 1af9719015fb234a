/// Who asks. Never in a description, an error or a log.
struct RegistryCredentials: Sendable, CustomStringConvertible, CustomReflectable {
    var username: String?
    var password: [UInt8]?
    var token: [UInt8]?

    var description: String { "credentials" }
    var customMirror: Mirror { Mirror(self, children: []) }

    /// `Basic …`; nil without a user name.
    var basic: String? {
        username.map { "Basic \(Base64.encode(Array("\($0):".utf8) + (password ?? [])))" }
    }

    /// `Bearer …`; nil without a token.
    var bearer: String? {
        token.map { "Bearer \(String(decoding: $0, as: UTF8.self))" }
    }
}

/// Sends what it has with each request, unasked.
final class PreemptiveAuthorizer: HTTPAuthorizer {
    private let credentials: RegistryCredentials

    init(_ credentials: RegistryCredentials) { self.credentials = credentials }

    func authorization() -> String? { credentials.bearer ?? credentials.basic }

    func respond(to challenges: [HTTPChallenge]) throws(RegistryError) -> Bool { false }
}

/// - Source: RFC 4648, 4.
enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits: UInt32 = 0
            for index in 0..<3 {
                bits = bits << 8 | (index < group.count ? UInt32(group[start + index]) : 0)
            }
            for index in 0..<4 {
                let isPadding = index > group.count
                text.append(
                    isPadding ? 0x3D : alphabet[Int(bits >> UInt32(18 - 6 * index) & 0x3F)])
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
