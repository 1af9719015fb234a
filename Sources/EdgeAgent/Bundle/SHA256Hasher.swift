internal import CCrypto

/// Computes a SHA-256 from parts.
///
/// - Thread: any one at a time.
@safe
struct SHA256Hasher: ~Copyable {
    private let context: OpaquePointer

    init() {
        // Only a libcrypto without SHA-256 or without memory can fail here.
        guard let context = unsafe EVP_MD_CTX_new(),
            unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1
        else { preconditionFailure("libcrypto has no SHA-256.") }
        unsafe self.context = unsafe context
    }

    deinit { unsafe EVP_MD_CTX_free(context) }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        // libcrypto reads `bytes.count` bytes.
        let code = unsafe EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
        precondition(code == 1, "SHA-256 takes any bytes.")
    }

    /// The digest of all parts; begins anew.
    mutating func finish() -> SHA256Digest {
        var digest = [UInt8](repeating: 0, count: SHA256Digest.byteCount)
        var count: UInt32 = 0
        // libcrypto writes 32 bytes.
        let code = unsafe EVP_DigestFinal_ex(context, &digest, &count)
        precondition(code == 1 && count == 32, "libcrypto has no SHA-256.")
        reset()
        return SHA256Digest(bytes: digest)
    }

    mutating func reset() {
        let code = unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil)
        precondition(code == 1, "libcrypto has no SHA-256.")
    }
}
