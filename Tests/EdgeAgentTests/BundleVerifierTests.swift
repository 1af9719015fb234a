import EdgeAgent
import Foundation
import SensorIO
import TestSupport
import Testing

@Suite("Verification of bundles", .enabled(if: TestSigner.isAvailable, "openssl is not installed"))
struct BundleVerifierTests {
    private static let signatures = Bundle.module.resourceURL!
        .appendingPathComponent("Fixtures/signatures").path
    /// 2027-01-01.
    static let now: Int64 = 1_798_761_600_000_000_000
    static let clock = ClockReading(
        wallNanoseconds: now, state: .synchronised, floorNanoseconds: 0)

    private func verifier(
        _ keys: [SigningKey], _ policy: BundleVerifier.SignaturePolicy = .required,
        name: String = "level"
    ) throws -> BundleVerifier {
        BundleVerifier(
            keys: keys, signature: policy, name: name,
            agentVersion: try #require(SemanticVersion("0.1.0")))
    }

    private func refusal(
        _ path: String, _ verifier: BundleVerifier, highest: Int? = 1,
        clock: ClockReading = Self.clock
    ) throws -> UpdateRefusal {
        try #require(
            #expect(throws: UpdateRefusal.self) {
                try verifier.verify(directory: path, highestRelease: highest, clock: clock)
            })
    }

    private func pinned(_ name: String) throws -> SigningKey {
        let url = URL(fileURLWithPath: "\(Self.signatures)/\(name).pub")
        return try SigningKey(name: name, pem: Array(try Data(contentsOf: url)))
    }

    // MARK: The real tool

    @Test("A bundle signed by OpenSSF Model Signing is verified", arguments: ["p256", "p384"])
    func modelSigning(curve: String) throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("bundle")
        try FileManager.default.copyItem(atPath: TestAgent.levelBundle, toPath: path)
        try FileManager.default.copyItem(
            atPath: "\(Self.signatures)/\(curve).sig", toPath: "\(path)/model.sig")
        // Both keys are pinned, as in a rotation.
        let keys = [try pinned("p256"), try pinned("p384")]
        let verdict = try verifier(keys).verify(
            directory: path, highestRelease: nil, clock: Self.clock)
        guard case .verified(let bundle) = verdict else {
            Issue.record("\(verdict)")
            return
        }
        #expect(bundle.manifest.release == 1)
        // A key that is pinned no longer.
        let other = try pinned(curve == "p256" ? "p384" : "p256")
        #expect(try refusal(path, verifier([other]), highest: nil).code == "unknown-key")
    }

    @Test("The fingerprint of a key is the hint that Model Signing writes")
    func hint() throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(Self.signatures)/p256.sig"))
        let json = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let material = json["verificationMaterial"] as? [String: Any]
        let hint = (material?["publicKey"] as? [String: Any])?["hint"] as? String
        #expect(try pinned("p256").fingerprint.hexadecimal == hint)
    }

    @Test("Keys that cannot be pinned say why")
    func keys() throws {
        #expect(throws: SigningKey.KeyError.unsupportedCurve) { try pinned("p521") }
        #expect(throws: SigningKey.KeyError.notPEM) {
            try SigningKey(name: "x", pem: Array("hello".utf8))
        }
        let directory = try TemporaryDirectory()
        let (key, pub) = (directory.file("rsa.pem"), directory.file("rsa.pub"))
        let openssl = try #require(Executables.system("openssl"))
        try ChildProcess.run(openssl, ["genrsa", "-out", key, "1024"])
        try ChildProcess.run(openssl, ["rsa", "-in", key, "-pubout", "-out", pub])
        let rsa = Array(try Data(contentsOf: URL(fileURLWithPath: pub)))
        #expect(throws: SigningKey.KeyError.notECDSA) { try SigningKey(name: "x", pem: rsa) }
    }

    @Test(
        "Model Signing verifies what this project's tests sign",
        .enabled(if: EventPython.has("model_signing", "OpenSSL"), "needs model-signing"))
    func bothWays() throws {
        let directory = try TemporaryDirectory()
        let signer = try TestSigner()
        let path = try TestBundle.make(directory.file("bundle"))
        try signer.sign(path)
        let result = try EventPython.run(
            """
            import sys
            from model_signing import verifying
            verifying.Config().use_elliptic_key_verifier(public_key=sys.argv[1]).verify(
                sys.argv[2], sys.argv[2] + "/model.sig")
            """, signer.publicKeyFile, path, input: "")
        #expect(result.status == 0, "\(result.output)")
        let verdict = try verifier([signer.key()]).verify(
            directory: path, highestRelease: 1, clock: Self.clock)
        guard case .verified = verdict else {
            Issue.record("\(verdict)")
            return
        }
    }

    // MARK: Attacks

    /// What is done to a bundle after it was signed, and the code of the refusal.
    struct Attack: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let code: String
        let apply: @Sendable (String) throws -> Void

        init(_ name: String, _ code: String, _ apply: @escaping @Sendable (String) throws -> Void) {
            testDescription = name
            self.code = code
            self.apply = apply
        }

        static func flip(_ name: String) -> Attack {
            Attack(
                "one byte changed in \(name)",
                name == "model.sig" ? "bad-signature" : "file-changed"
            ) { path in
                let url = URL(fileURLWithPath: "\(path)/\(name)")
                var data = try Data(contentsOf: url)
                data[data.count / 2] ^= 1
                try data.write(to: url)
            }
        }
    }

    static let attacks: [Attack] =
        ["bundle.json", "golden.jsonl", "baseline.json", "model.tflite"].map(Attack.flip) + [
            Attack("unsigned", "unsigned") {
                try FileManager.default.removeItem(atPath: "\($0)/model.sig")
            },
            Attack("a known file added", "file-not-signed") {
                try Data("x".utf8).write(to: URL(fileURLWithPath: "\($0)/README.md"))
            },
            Attack("a file added that no bundle has", "malformed") {
                try Data("x".utf8).write(to: URL(fileURLWithPath: "\($0)/run.sh"))
            },
            Attack("a file removed", "file-missing") {
                try FileManager.default.removeItem(atPath: "\($0)/golden.jsonl")
            },
            Attack("a file renamed", "file-missing") {
                try FileManager.default.moveItem(
                    atPath: "\($0)/baseline.json", toPath: "\($0)/README.md")
            },
            Attack("a file replaced by a link to the same bytes", "malformed") {
                try FileManager.default.moveItem(
                    atPath: "\($0)/model.tflite", toPath: "\($0)/../elsewhere")
                try FileManager.default.createSymbolicLink(
                    atPath: "\($0)/model.tflite", withDestinationPath: "../elsewhere")
            },
            Attack("a pipe", "malformed") {
                try FileManager.default.removeItem(atPath: "\($0)/README.md")
                guard mkfifo("\($0)/README.md", 0o600) == 0 else { throw TestFailure("mkfifo") }
            },
            Attack("a sparse file of a terabyte", "malformed") {
                guard truncate("\($0)/model.tflite", 1 << 40) == 0 else {
                    throw TestFailure("truncate")
                }
            },
            Attack("the signature of another bundle", "file-changed") { path in
                let other = try TestBundle.make("\(path)-other", release: 3)
                try Self.signer.sign(other)
                try FileManager.default.removeItem(atPath: "\(path)/model.sig")
                try FileManager.default.copyItem(
                    atPath: "\(other)/model.sig", toPath: "\(path)/model.sig")
            },
            Attack("a signature that is no JSON", "bad-signature") {
                try Data("hello".utf8).write(to: URL(fileURLWithPath: "\($0)/model.sig"))
            },
            Attack("nesting without end in the signature", "bad-signature") {
                try Data(repeating: 0x5B, count: 1 << 19)
                    .write(to: URL(fileURLWithPath: "\($0)/model.sig"))
            },
            Attack("an empty signature file", "bad-signature") {
                try Data().write(to: URL(fileURLWithPath: "\($0)/model.sig"))
            },
            Attack("a signature of two megabytes", "malformed") {
                try Data(repeating: 0x20, count: 2 << 20)
                    .write(to: URL(fileURLWithPath: "\($0)/model.sig"))
            },
            envelope("the payload changed", "unknown-key") { envelope in
                let text = envelope["payload"] as? String ?? ""
                let payload = String(
                    decoding: Data(base64Encoded: text) ?? Data(), as: UTF8.self)
                envelope["payload"] = Data(
                    payload.replacingOccurrences(of: "\"bundle\"", with: "\"bundlf\"").utf8
                ).base64EncodedString()
            },
            envelope("the type of the payload changed", "bad-signature") {
                $0["payloadType"] = "text/plain"
            },
            envelope("no signature in the envelope", "bad-signature") {
                $0["signatures"] = [] as [String]
            },
            envelope("a signature of the wrong length", "unknown-key") {
                $0["signatures"] = [["sig": Data(repeating: 7, count: 4000).base64EncodedString()]]
            },
        ]

    private static func envelope(
        _ name: String, _ code: String,
        _ change: @escaping @Sendable (inout [String: Any]) -> Void
    ) -> Attack {
        Attack(name, code) { path in
            try TestBundle.edit("\(path)/model.sig") { root in
                var envelope = root["dsseEnvelope"] as? [String: Any] ?? [:]
                change(&envelope)
                root["dsseEnvelope"] = envelope
            }
        }
    }

    private static let signer = try! TestSigner()

    @Test("Nothing that was done to a signed bundle gets through", arguments: attacks)
    func tampered(attack: Attack) throws {
        let directory = try TemporaryDirectory()
        let path = try TestBundle.make(directory.file("bundle"))
        try Data("read me".utf8).write(to: URL(fileURLWithPath: "\(path)/README.md"))
        if attack.code == "file-not-signed" || attack.testDescription == "a file renamed" {
            try FileManager.default.removeItem(atPath: "\(path)/README.md")
        }
        try Self.signer.sign(path)
        let verifier = try verifier([Self.signer.key()])
        // It is the attack that is refused, not the bundle.
        _ = try verifier.verify(directory: path, highestRelease: 1, clock: Self.clock)
        try attack.apply(path)
        let refusal = try refusal(path, verifier)
        #expect(refusal.code == attack.code, "\(refusal)")
    }

    /// What a publisher's key has signed and still must not work.
    static let forgeries:
        [(name: String, code: String, change: @Sendable (inout [String: Any]) -> Void)] = [
            (
                "a name that leads out of the bundle", "bad-signature",
                resource { $0["name"] = "../bundle.json" }
            ),
            ("an absolute name", "bad-signature", resource { $0["name"] = "/etc/passwd" }),
            (
                "the signature among the signed files", "bad-signature",
                resource { $0["name"] = "model.sig" }
            ),
            ("a hash that is none", "bad-signature", resource { $0["digest"] = "00" }),
            ("another hash", "bad-signature", resource { $0["algorithm"] = "md5" }),
            (
                "shards", "bad-signature",
                predicate { $0["serialization"] = ["method": "shards", "hash_type": "sha256"] }
            ),
            (
                "the predicate of an older format", "bad-signature",
                { $0["predicateType"] = "https://model_signing/Digests/v0.1" }
            ),
            (
                "another statement", "bad-signature",
                { $0["_type"] = "https://in-toto.io/Statement/v0.1" }
            ),
            (
                "two subjects", "bad-signature",
                { $0["subject"] = [["digest": ["sha256": "00"]], [:]] }
            ),
            ("no files", "file-not-signed", predicate { $0["resources"] = [] as [String] }),
            (
                "a digest of something else", "bad-signature",
                { $0["subject"] = [["digest": ["sha256": String(repeating: "0", count: 64)]]] }
            ),
        ]

    private static func predicate(
        _ change: @escaping @Sendable (inout [String: Any]) -> Void
    ) -> @Sendable (inout [String: Any]) -> Void {
        { statement in
            var predicate = statement["predicate"] as? [String: Any] ?? [:]
            change(&predicate)
            statement["predicate"] = predicate
        }
    }

    private static func resource(
        _ change: @escaping @Sendable (inout [String: Any]) -> Void
    ) -> @Sendable (inout [String: Any]) -> Void {
        predicate { predicate in
            var resources = predicate["resources"] as? [[String: Any]] ?? []
            change(&resources[0])
            predicate["resources"] = resources
        }
    }

    @Test("A signed statement of another form is refused", arguments: forgeries.indices)
    func forged(index: Int) throws {
        let forgery = Self.forgeries[index]
        let directory = try TemporaryDirectory()
        let path = try TestBundle.make(directory.file("bundle"))
        try Self.signer.sign(path, change: forgery.change)
        let refusal = try refusal(path, verifier([Self.signer.key()]))
        #expect(refusal.code == forgery.code, "\(forgery.name): \(refusal)")
    }

    @Test("An older release, another model's bundle and a newer agent's are refused")
    func wrongBundles() throws {
        let directory = try TemporaryDirectory()
        let verifier = try verifier([Self.signer.key()])
        let replayed = try TestBundle.make(directory.file("replayed"), release: 3)
        try Self.signer.sign(replayed)
        #expect(
            try refusal(replayed, verifier, highest: 3) == .oldRelease(release: 3, highest: 3))
        #expect(try refusal(replayed, verifier, highest: 9).code == "old-release")
        let other = try TestBundle.make(directory.file("other"), name: "vibration")
        try Self.signer.sign(other)
        #expect(
            try refusal(other, verifier) == .wrongName(expected: "level", actual: "vibration"))
        let newer = try TestBundle.make(directory.file("newer")) {
            $0["minimumAgentVersion"] = "9.0.0"
        }
        try Self.signer.sign(newer)
        #expect(try refusal(newer, verifier).code == "agent-too-old")
    }

    @Test(
        "Without a key nothing is trusted; with signatures off an unsigned bundle passes, an old one not"
    )
    func policy() throws {
        let directory = try TemporaryDirectory()
        let path = try TestBundle.make(directory.file("bundle"))
        #expect(try refusal(path, verifier([])) == .noKeys)
        let open = try verifier([], .off)
        _ = try open.verify(directory: path, highestRelease: 1, clock: Self.clock)
        #expect(try refusal(path, open, highest: 2).code == "old-release")
    }

    @Test(
        "A date of expiry is judged by what is certain",
        arguments: [
            // expires, wall clock, synchronised, floor: days around `now`
            (1.0, 0.0, true, -40.0, "valid"), (-1, 0, true, -40, "expired"),
            // 1970 and 2099: nothing is known.
            (1, -20_000, false, -40, "unknown"), (1, 26_000, false, -40, "unknown"),
            // Before what was once certain: expired, whatever the clock says.
            (-41, -20_000, false, -40, "expired"), (-41, 0, true, -40, "expired"),
            // Set back and yet "synchronised": the floor holds.
            (-41, -50, true, -40, "expired"),
        ])
    func expiry(
        expires: Double, wall: Double, synchronised: Bool, floor: Double, is expected: String
    )
        throws
    {
        func time(_ days: Double) -> Int64 { Self.now + Int64(days * 86_400) * 1_000_000_000 }
        let clock = ClockReading(
            wallNanoseconds: time(wall), state: synchronised ? .synchronised : .unsynchronised,
            floorNanoseconds: time(floor))
        let directory = try TemporaryDirectory()
        let path = try TestBundle.make(directory.file("bundle")) {
            let date = Date(timeIntervalSince1970: Double(time(expires)) / 1e9)
            $0["expires"] = ISO8601DateFormatter().string(from: date)
        }
        let verifier = try verifier([], .off)
        if expected == "expired" {
            #expect(try refusal(path, verifier, clock: clock).code == "expired")
            return
        }
        switch try verifier.verify(directory: path, highestRelease: 1, clock: clock) {
        case .verified: #expect(expected == "valid")
        case .clockNeeded: #expect(expected == "unknown")
        }
    }
}
