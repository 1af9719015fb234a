/// A model as a registry names it, and which of its versions: `models/vibration:stable`.
///
/// `name` alone means the highest version that is no pre-release; `name:1.4.0` and `name:stable` what the registry
/// calls so; `name@sha256:…` exactly that content.
package struct ModelReference: Sendable, Hashable, CustomStringConvertible {
    /// Which of a model's versions.
    package enum Selector: Sendable, Hashable {
        /// The highest semantic version that is no pre-release.
        case newest
        /// A version or a channel: an OCI tag, a version or alias of MLflow, a version or channel of an index.
        case tag(String)
        case digest(SHA256Digest)
    }

    /// A repository or a registered model; parts are separated by `/`.
    package let name: String
    package let selector: Selector

    /// Reads a reference; nil for what no registry could have.
    package init?(_ text: String) {
        var name = text[...]
        var selector = Selector.newest
        if let at = text.firstIndex(of: "@") {
            let right = text[text.index(after: at)...]
            name = text[..<at]
            if right.hasPrefix("sha256:") {
                guard let digest = SHA256Digest(hexadecimal: right.dropFirst(7)) else { return nil }
                selector = .digest(digest)
            } else {
                // As MLflow writes an alias.
                guard Self.isTag(right) else { return nil }
                selector = .tag(String(right))
            }
        } else if let colon = text.lastIndex(of: ":") {
            let right = text[text.index(after: colon)...]
            guard Self.isTag(right) else { return nil }
            name = text[..<colon]
            selector = .tag(String(right))
        }
        guard Self.isName(name) else { return nil }
        self.name = String(name)
        self.selector = selector
    }

    package var description: String {
        switch selector {
        case .newest: name
        case .tag(let tag): "\(name):\(tag)"
        case .digest(let digest): "\(name)@\(digest)"
        }
    }

    /// What a tag may be.
    /// - Source: OCI distribution specification 1.1, "Pulling manifests".
    static func isTag(_ text: some StringProtocol) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 128 else { return false }
        return first != 0x2D && first != 0x2E && text.utf8.allSatisfy(isWord)
    }

    /// Parts of letters, digits, `.`, `_` and `-`, none of which starts with a dot.
    private static func isName(_ text: Substring) -> Bool {
        guard (1...255).contains(text.utf8.count) else { return false }
        return text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
            guard let first = part.utf8.first else { return false }
            return first != 0x2E && part.utf8.allSatisfy(isWord)
        }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
            || (0x61...0x7A).contains(byte) || byte == 0x2D || byte == 0x2E || byte == 0x5F
    }
}
