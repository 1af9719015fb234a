internal import CCrypto

/// A SHA-256 digest.
package struct SHA256Digest: Sendable, Hashable, CustomStringConvertible {
    package static let byteCount = 32

    /// The 32 bytes.
    package let bytes: [UInt8]

    /// A digest that was computed elsewhere.
    init(bytes: [UInt8]) {
        precondition(bytes.count == Self.byteCount, "A SHA-256 has 32 bytes.")
        self.bytes = bytes
    }

    /// The digest of some bytes.
    package init(of data: [UInt8]) {
        self = unsafe data.withUnsafeBytes { unsafe SHA256Digest(of: $0) }
    }

    /// The digest of some bytes.
    package init(of data: UnsafeRawBufferPointer) {
        var digest = [UInt8](repeating: 0, count: Self.byteCount)
        var count: UInt32 = 0
        // libcrypto reads `data.count` bytes and writes 32 of `digest`.
        let code = unsafe EVP_Digest(
            data.baseAddress, data.count, &digest, &count, EVP_sha256(), nil)
        // Only a libcrypto without SHA-256 or without memory can fail here.
        precondition(code == 1 && count == UInt32(Self.byteCount), "libcrypto has no SHA-256.")
        bytes = digest
    }

    /// The digest that 64 hexadecimal digits spell, either case; nil for anything else.
    package init?(hexadecimal text: some StringProtocol) {
        var bytes: [UInt8] = []
        var high: UInt8?
        for character in text.utf8 {
            let digit: UInt8
            switch character {
            case 0x30...0x39: digit = character - 0x30
            case 0x61...0x66: digit = character - 0x57
            case 0x41...0x46: digit = character - 0x37
            default: return nil
            }
            if let first = high {
                bytes.append(first << 4 | digit)
                high = nil
            } else {
                high = digit
            }
        }
        guard high == nil, bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    /// 64 hexadecimal digits, lower case.
    package var hexadecimal: String {
        var text = ""
        for byte in bytes {
            text += byte < 16 ? "0" + String(byte, radix: 16) : String(byte, radix: 16)
        }
        return text
    }

    /// As OCI writes it: `sha256:…`.
    package var description: String { "sha256:\(hexadecimal)" }
}
