import EdgeAgent
import Foundation
import TestSupport

/// A publisher's key, and bundles signed with it in the form of OpenSSF Model Signing.
struct TestSigner {
    static var isAvailable: Bool { Executables.system("openssl") != nil }

    private let directory: TemporaryDirectory
    let publicKeyFile: String
    private let keyFile: String
    private let hash: String

    init(curve: String = "prime256v1") throws {
        directory = try TemporaryDirectory("signer")
        keyFile = directory.file("key.pem")
        publicKeyFile = directory.file("key.pub")
        hash = curve == "secp384r1" ? "-sha384" : "-sha256"
        try Self.openssl("ecparam", "-name", curve, "-genkey", "-noout", "-out", keyFile)
        try Self.openssl("ec", "-in", keyFile, "-pubout", "-out", publicKeyFile)
    }

    /// The public half, as it is pinned.
    func key(_ name: String = "test") throws -> SigningKey {
        try SigningKey(
            name: name, pem: Array(try Data(contentsOf: URL(fileURLWithPath: publicKeyFile))))
    }

    /// Signs all files of a directory into its `model.sig`.
    ///
    /// - Parameter change: what a forger would do to the statement before it is signed.
    func sign(_ bundle: String, change: (inout [String: Any]) -> Void = { _ in }) throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: bundle)
            .filter { $0 != "model.sig" }.sorted()
        let digests = try names.map {
            SHA256Digest(of: Array(try Data(contentsOf: URL(fileURLWithPath: "\(bundle)/\($0)"))))
        }
        var statement: [String: Any] = [
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [
                [
                    "name": "bundle",
                    "digest": ["sha256": SHA256Digest(of: digests.flatMap(\.bytes)).hexadecimal],
                ]
            ],
            "predicateType": "https://model_signing/signature/v1.0",
            "predicate": [
                "serialization": [
                    "allow_symlinks": false, "hash_type": "sha256", "method": "files",
                    "ignore_paths": ["model.sig"],
                ],
                "resources": zip(names, digests).map {
                    ["name": $0, "digest": $1.hexadecimal, "algorithm": "sha256"]
                },
            ],
        ]
        change(&statement)
        let payload = try JSONSerialization.data(
            withJSONObject: statement, options: [.sortedKeys, .withoutEscapingSlashes])
        let type = "application/vnd.in-toto+json"
        let message = Data("DSSEv1 \(type.utf8.count) \(type) \(payload.count) ".utf8) + payload
        // Tests that run at the same time share a signer.
        let work = try TemporaryDirectory("signing")
        let (input, output) = (work.file("message"), work.file("signature"))
        try message.write(to: URL(fileURLWithPath: input))
        try Self.openssl("dgst", hash, "-sign", keyFile, "-out", output, input)
        let signature = try Data(contentsOf: URL(fileURLWithPath: output))
        let sigstore: [String: Any] = [
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": [
                "publicKey": ["hint": try key().fingerprint.hexadecimal],
                "tlogEntries": [] as [String],
            ],
            "dsseEnvelope": [
                "payload": payload.base64EncodedString(), "payloadType": type,
                "signatures": [["sig": signature.base64EncodedString(), "keyid": ""]],
            ],
        ]
        try JSONSerialization.data(withJSONObject: sigstore)
            .write(to: URL(fileURLWithPath: "\(bundle)/model.sig"))
    }

    private static func openssl(_ arguments: String...) throws {
        guard let tool = Executables.system("openssl") else {
            throw TestFailure("openssl is not installed")
        }
        try ChildProcess.run(tool, arguments)
    }
}

/// Versions of the level bundle.
enum TestBundle {
    /// Copies the level bundle, with another manifest if that is wanted.
    @discardableResult
    static func make(
        _ path: String, release: Int = 2, name: String = "level",
        change: (inout [String: Any]) -> Void = { _ in }
    ) throws -> String {
        try FileManager.default.copyItem(atPath: TestAgent.levelBundle, toPath: path)
        try edit("\(path)/bundle.json") { manifest in
            manifest["name"] = name
            manifest["release"] = release
            manifest["version"] = "1.\(release).0"
            change(&manifest)
        }
        return path
    }

    static func edit(_ file: String, _ change: (inout [String: Any]) -> Void) throws {
        let url = URL(fileURLWithPath: file)
        guard
            var value = try JSONSerialization.jsonObject(with: Data(contentsOf: url))
                as? [String: Any]
        else { throw TestFailure("\(file) is no object") }
        change(&value)
        try JSONSerialization.data(withJSONObject: value, options: .sortedKeys).write(to: url)
    }
}
