internal import CCrypto

/// A publisher's public key that this box was told to trust: ECDSA on P-256 or P-384.
package struct SigningKey: Sendable, Equatable {
    /// The curve, and with it the hash that its signatures use.
    package enum Curve: String, Sendable { case p256 = "P-256", p384 = "P-384" }

    /// Why a file is no key that can be pinned.
    package enum KeyError: Error, Equatable, CustomStringConvertible {
        case notPEM
        case notECDSA
        case unsupportedCurve

        package var description: String {
            switch self {
            case .notPEM:
                "is no public key in PEM: 'openssl ec -in key.pem -pubout' makes one"
            case .notECDSA: "is no ECDSA key; P-256 and P-384 are read"
            case .unsupportedCurve: "is on another curve than P-256 and P-384"
            }
        }
    }

    /// Where it was read from, for messages.
    package let name: String
    package let curve: Curve
    /// SHA-256 of the key's PEM text as Model Signing writes it into a bundle's hint.
    package let fingerprint: SHA256Digest
    private let pem: [UInt8]

    /// Reads a key's PEM text (SubjectPublicKeyInfo).
    ///
    /// - Throws: `KeyError`.
    package init(name: String, pem: [UInt8]) throws(KeyError) {
        self.name = name
        self.pem = pem
        let read: (curve: Curve, text: [UInt8])? = unsafe try Self.withKey(pem) {
            key throws(KeyError) in
            guard unsafe EVP_PKEY_get_base_id(key) == EVP_PKEY_EC else { throw .notECDSA }
            var group = [CChar](repeating: 0, count: 64)
            var length = 0
            // The call writes at most 64 bytes, its NUL among them.
            guard unsafe EVP_PKEY_get_group_name(key, &group, group.count, &length) == 1 else {
                throw .unsupportedCurve
            }
            let name = String(
                decoding: group[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let curve: Curve
            switch name {
            case "prime256v1", "P-256": curve = .p256
            case "secp384r1", "P-384": curve = .p384
            default: throw .unsupportedCurve
            }
            return (curve, unsafe Self.text(key))
        }
        guard let read else { throw .notPEM }
        curve = read.curve
        fingerprint = SHA256Digest(of: read.text)
    }

    /// Whether a signature in ASN.1 DER is this key's over these bytes.
    package func verifies(_ signature: [UInt8], over message: [UInt8]) -> Bool {
        // Longer ones than any of these curves has are not even shown to libcrypto.
        guard signature.count <= 256 else { return false }
        let result: Bool?? = unsafe try? Self.withKey(pem) { key throws(KeyError) in
            guard let context = unsafe EVP_MD_CTX_new() else { return false }
            defer { unsafe EVP_MD_CTX_free(context) }
            let hash = unsafe curve == .p256 ? EVP_sha256() : EVP_sha384()
            guard unsafe EVP_DigestVerifyInit(context, nil, hash, nil, key) == 1 else {
                return false
            }
            return unsafe EVP_DigestVerify(
                context, signature, signature.count, message, message.count) == 1
        }
        return (result ?? nil) ?? false
    }

    /// Lends the key as libcrypto has it; nil when the text is no PEM of a public key.
    private static func withKey<Result>(
        _ pem: [UInt8], _ body: (OpaquePointer) throws(KeyError) -> Result
    ) throws(KeyError) -> Result? {
        // BIO and key live until the defers below; libcrypto copies nothing of `pem` beyond the call.
        guard pem.count <= 1 << 16, let bio = unsafe BIO_new(BIO_s_mem()) else { return nil }
        defer { unsafe BIO_free(bio) }
        guard unsafe BIO_write(bio, pem, Int32(pem.count)) == Int32(pem.count),
            let key = unsafe PEM_read_bio_PUBKEY(bio, nil, nil, nil)
        else { return nil }
        defer { unsafe EVP_PKEY_free(key) }
        return try unsafe body(key)
    }

    /// The key as PEM, as libcrypto writes it.
    private static func text(_ key: OpaquePointer) -> [UInt8] {
        guard let bio = unsafe BIO_new(BIO_s_mem()) else { return [] }
        defer { unsafe BIO_free(bio) }
        guard unsafe PEM_write_bio_PUBKEY(bio, key) == 1 else { return [] }
        var bytes = [UInt8](repeating: 0, count: 4096)
        // At most 4096 bytes are written; a public key of these curves has about 200.
        let count = unsafe BIO_read(bio, &bytes, Int32(bytes.count))
        return count > 0 ? Array(bytes[..<Int(count)]) : []
    }
}
