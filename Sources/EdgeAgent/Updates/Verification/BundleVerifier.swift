internal import SensorIO

/// Decides whether a directory is a bundle that may be tried here: signed by a pinned key, whole, newer.
///
/// What is checked are the bytes that were read, and the model is made of these same bytes: a file that is
/// exchanged in between changes nothing.
package struct BundleVerifier: Sendable {
    /// How signatures are handled.
    package enum SignaturePolicy: String, Sendable { case required, off }

    /// The publishers that are trusted; one signature of any of them is enough.
    package var keys: [SigningKey]
    package var signature: SignaturePolicy
    /// The name that the bundle has to have.
    package var name: String
    package var agentVersion: SemanticVersion

    package init(
        keys: [SigningKey], signature: SignaturePolicy = .required, name: String,
        agentVersion: SemanticVersion
    ) {
        self.keys = keys
        self.signature = signature
        self.name = name
        self.agentVersion = agentVersion
    }

    /// What came of a verification that found nothing wrong.
    package enum Verdict: Sendable {
        case verified(ModelBundle)
        /// Nothing is wrong, but whether it has expired cannot be known before the clock is synchronised.
        case clockNeeded(ModelBundle)
    }

    /// Verifies a directory. Blocks on the disk.
    ///
    /// - Parameters:
    ///   - highestRelease: the highest release that was ever committed here; nil for the very first.
    ///   - clock: what is known about the date.
    /// - Throws: `UpdateRefusal`, the first that applies; signature before content.
    package func verify(
        directory: String, highestRelease: Int?, clock: ClockReading
    ) throws(UpdateRefusal) -> Verdict {
        let files: BundleFiles
        do throws(BundleError) {
            files = try BundleFiles(directory: directory)
        } catch {
            throw .malformed("\(error)")
        }
        try verifySignature(files)
        let bundle: ModelBundle
        do throws(BundleError) {
            bundle = try ModelBundle(files, agentVersion: agentVersion)
        } catch .agentTooOld(_, let needed, let actual) {
            throw .agentTooOld(needed: "\(needed)", actual: "\(actual)")
        } catch {
            throw .malformed("\(error)")
        }
        let manifest = bundle.manifest
        guard manifest.name == name else {
            throw .wrongName(expected: name, actual: manifest.name)
        }
        if let highestRelease, manifest.release <= highestRelease {
            throw .oldRelease(release: manifest.release, highest: highestRelease)
        }
        guard let expires = manifest.expiresNanoseconds else { return .verified(bundle) }
        switch clock.expiry(ofNanoseconds: expires) {
        case .valid: return .verified(bundle)
        case .unknown: return .clockNeeded(bundle)
        case .expired: throw .expired(expiresNanoseconds: expires)
        }
    }

    /// Checks that a pinned key has signed exactly these files.
    package func verifySignature(_ files: BundleFiles) throws(UpdateRefusal) {
        guard signature == .required else { return }
        guard !keys.isEmpty else { throw .noKeys }
        guard let bytes = files[BundleFiles.signatureName] else { throw .unsigned }
        let signature = try Self.read { () throws(JSONError) in try ModelSignature(bytes) }
        let signedBytes = signature.signedBytes
        // No key is chosen by the hint: it is not signed.
        guard keys.contains(where: { $0.verifies(signature.signature, over: signedBytes) }) else {
            throw .unknownKey(hint: signature.keyHint)
        }
        let statement = try Self.read { () throws(JSONError) in try signature.statement() }
        for file in statement.files {
            guard let content = files[file.name] else { throw .fileMissing(file.name) }
            guard SHA256Digest(of: content) == file.digest else { throw .fileChanged(file.name) }
        }
        for name in files.names where name != BundleFiles.signatureName {
            guard statement.files.contains(where: { $0.name == name }) else {
                throw .fileNotSigned(name)
            }
        }
        guard statement.digest == files.digest else {
            throw .badSignature("the signed digest is not that of the signed files")
        }
    }

    private static func read<Value>(
        _ body: () throws(JSONError) -> Value
    ) throws(UpdateRefusal) -> Value {
        do throws(JSONError) {
            return try body()
        } catch {
            throw .badSignature("\(error)")
        }
    }
}
