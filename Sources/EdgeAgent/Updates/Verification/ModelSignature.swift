internal import SensorIO

/// `model.sig`: which files a publisher vouches for, and the signature under that.
///
/// - Source: OpenSSF Model Signing 1.0: a sigstore bundle 0.3 with a DSSE envelope around an in-toto statement.
struct ModelSignature {
    static let payloadType = "application/vnd.in-toto+json"
    static let mediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"
    static let predicateType = "https://model_signing/signature/v1.0"

    /// What has been signed, byte for byte: never written anew from what was read.
    let payload: [UInt8]
    /// ASN.1 DER.
    let signature: [UInt8]
    /// Of the key's PEM text, if the signer said it; for messages only.
    let keyHint: String?

    /// Reads the file's form; says nothing about whether it is true.
    ///
    /// - Throws: `JSONError` with the path of what is wrong.
    init(_ bytes: [UInt8]) throws(JSONError) {
        let root = JSONNode(try JSONValue(parsing: bytes, limits: Self.limits))
        try Self.require(root.required("mediaType"), Self.mediaType)
        let envelope = try root.required("dsseEnvelope")
        try Self.require(envelope.required("payloadType"), Self.payloadType)
        payload = try Self.base64(envelope.required("payload"))
        let signatures = try envelope.required("signatures")
        let elements = try signatures.elements()
        guard let first = elements.first, elements.count == 1 else {
            throw signatures.invalid("hold one signature, there are \(elements.count)")
        }
        signature = try Self.base64(first.required("sig"))
        let material = try root.required("verificationMaterial")
        guard try material.optional("x509CertificateChain") == nil else {
            throw material.invalid(
                "name a public key: certificates are not read, use 'model_signing sign key'")
        }
        keyHint = try material.optional("publicKey")?.optional("hint")?.string()
    }

    /// What the signature is over.
    /// - Source: DSSE 1.0, "PAE".
    var signedBytes: [UInt8] {
        Array("DSSEv1 \(Self.payloadType.utf8.count) \(Self.payloadType) \(payload.count) ".utf8)
            + payload
    }

    /// The signed list of files; to be read only after the signature was verified.
    ///
    /// - Throws: `JSONError` with the path of what is wrong.
    func statement() throws(JSONError) -> Statement {
        try Statement(JSONNode(try JSONValue(parsing: payload, limits: Self.limits)))
    }

    /// What the publisher signed.
    struct Statement {
        /// SHA-256 over the files' digests.
        let digest: SHA256Digest
        let files: [(name: String, digest: SHA256Digest)]

        init(_ root: JSONNode) throws(JSONError) {
            try ModelSignature.require(root.required("_type"), "https://in-toto.io/Statement/v1")
            try ModelSignature.require(
                root.required("predicateType"), ModelSignature.predicateType)
            let subjects = try root.required("subject")
            let elements = try subjects.elements()
            guard let subject = elements.first, elements.count == 1 else {
                throw subjects.invalid("be one, there are \(elements.count)")
            }
            digest = try Self.digest(subject.required("digest").required("sha256"))
            let predicate = try root.required("predicate")
            let serialization = try predicate.required("serialization")
            try ModelSignature.require(serialization.required("method"), "files")
            try ModelSignature.require(serialization.required("hash_type"), "sha256")
            var files: [(name: String, digest: SHA256Digest)] = []
            for resource in try predicate.required("resources").elements() {
                try ModelSignature.require(resource.required("algorithm"), "sha256")
                let node = try resource.required("name")
                let name = try node.string()
                guard BundleFiles.known.contains(where: { $0.name == name }),
                    name != BundleFiles.signatureName
                else {
                    throw node.invalid("be the name of a bundle's file, not '\(name)'")
                }
                guard !files.contains(where: { $0.name == name }) else {
                    throw node.invalid("stand there once: '\(name)'")
                }
                files.append((name, try Self.digest(resource.required("digest"))))
            }
            self.files = files
        }

        private static func digest(_ node: JSONNode) throws(JSONError) -> SHA256Digest {
            guard let digest = SHA256Digest(hexadecimal: try node.string()) else {
                throw node.invalid("be a SHA-256 of 64 hexadecimal digits")
            }
            return digest
        }
    }

    private static let limits = JSONValue.Limits(maximumBytes: 1 << 20, maximumDepth: 16)

    private static func require(_ node: JSONNode, _ text: String) throws(JSONError) {
        guard try node.string() == text else { throw node.invalid("be \"\(text)\"") }
    }

    private static func base64(_ node: JSONNode) throws(JSONError) -> [UInt8] {
        guard let bytes = Base64.decode(try node.string()), !bytes.isEmpty else {
            throw node.invalid("be base64")
        }
        return bytes
    }
}
