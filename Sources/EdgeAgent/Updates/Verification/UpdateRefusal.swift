/// Why a version of a model may not work here, or may no longer. Each says what, where and what to do.
package enum UpdateRefusal: Error, Sendable, Equatable, CustomStringConvertible {
    // MARK: Verification
    /// The directory is no bundle: a file too many or too few, a link, a size beyond all bounds, bad JSON.
    case malformed(String)
    case unsigned
    case noKeys
    case badSignature(String)
    /// Signed with a key that is not pinned here.
    case unknownKey(hint: String?)
    case fileNotSigned(String)
    case fileMissing(String)
    case fileChanged(String)
    case wrongName(expected: String, actual: String)
    case oldRelease(release: Int, highest: Int)
    case expired(expiresNanoseconds: Int64)
    case agentTooOld(needed: String, actual: String)
    case unexpectedDigest(expected: SHA256Digest, actual: SHA256Digest)
    case notPinned(pinned: SHA256Digest)

    // MARK: On the box
    /// The model cannot be loaded, or takes other inputs than the pipeline gives.
    case unusable(String)
    case goldenMismatch(String)
    case tooSlow(p99Nanoseconds: UInt64, limitNanoseconds: UInt64)
    case tooLarge(bytes: Int, limitBytes: Int)
    /// The process ended without a word this often while the model was there.
    case crashLoop(phase: String, starts: Int)
    case failedEvaluations(count: UInt64)
    case disagreement(share: Double, limit: Double)
    case alarmStorm(share: Double, limit: Double)
    case budgetMisses(share: Double, limit: Double)
    case slowInShadow(p99Nanoseconds: UInt64, limitNanoseconds: UInt64)
    case inconclusive(phase: String, evaluations: UInt64, needed: UInt64)
    case byHand(String)

    /// A word for metrics and events.
    package var code: String {
        switch self {
        case .malformed: "malformed"
        case .unsigned: "unsigned"
        case .noKeys: "no-keys"
        case .badSignature: "bad-signature"
        case .unknownKey: "unknown-key"
        case .fileNotSigned: "file-not-signed"
        case .fileMissing: "file-missing"
        case .fileChanged: "file-changed"
        case .wrongName: "wrong-name"
        case .oldRelease: "old-release"
        case .expired: "expired"
        case .agentTooOld: "agent-too-old"
        case .unexpectedDigest: "unexpected-digest"
        case .notPinned: "not-pinned"
        case .unusable: "unusable"
        case .goldenMismatch: "golden-mismatch"
        case .tooSlow: "too-slow"
        case .tooLarge: "too-large"
        case .crashLoop: "crash-loop"
        case .failedEvaluations: "failed-evaluations"
        case .disagreement: "disagreement"
        case .alarmStorm: "alarm-storm"
        case .budgetMisses: "budget-misses"
        case .slowInShadow: "slow-in-shadow"
        case .inconclusive: "inconclusive"
        case .byHand: "by-hand"
        }
    }

    package var description: String {
        switch self {
        case .malformed(let text):
            "\(text): publish the files that 'edge-agent model pack' wrote and their signature, nothing else"
        case .unsigned:
            "model.sig is missing: sign the bundle with 'model_signing sign key', or set updates.signature: off"
        case .noKeys: "no public key is pinned: name the publisher's under updates.keys"
        case .badSignature(let text):
            "model.sig: \(text): sign the bundle anew with 'model_signing sign key'"
        case .unknownKey(let hint):
            "model.sig is by none of the pinned keys"
                + (hint.map { " (the signer's is \($0.prefix(16))…)" } ?? "")
                + ": add the publisher's public key to updates.keys if it is to be trusted"
        case .fileNotSigned(let name):
            "\(name) is not among the signed files: remove it, or sign the bundle anew with it"
        case .fileMissing(let name):
            "\(name) is signed and missing: publish all files that were signed, under their names"
        case .fileChanged(let name):
            "\(name) is not what was signed: publish the files as they were signed, and find out who"
                + " changed it if it was not you"
        case .wrongName(let expected, let actual):
            "the bundle is '\(actual)', this pipeline runs '\(expected)': name that model under"
                + " update.model, or this bundle as the pipeline's 'model'"
        case .oldRelease(let release, let highest):
            "release \(release) is not above \(highest), the highest that worked here: raise 'release' in"
                + " bundle.json, or go back with 'edge-agent model rollback'"
        case .expired: "the bundle's 'expires' has passed: publish one with a later date"
        case .agentTooOld(let needed, let actual):
            "needs agent \(needed), this is \(actual): update the agent first"
        case .unexpectedDigest(let expected, let actual):
            "the files are \(actual), expected were \(expected): the disk has changed them, check it and"
                + " pull the version again"
        case .notPinned(let pinned):
            "this pipeline is pinned to \(pinned): 'edge-agent model pin --off' lifts that"
        case .unusable(let text): text
        case .goldenMismatch(let text):
            "\(text): the model is another than was packed, or computes otherwise on this box: pack it"
                + " again with 'edge-agent model pack'"
        case .tooSlow(let p99, let limit):
            "an inference takes \(Self.microseconds(p99)) at the 99th percentile here, allowed are"
                + " \(Self.microseconds(limit)): make the model smaller, or raise the bundle's"
                + " inferenceBudget or the pipeline's inferenceShare"
        case .tooLarge(let bytes, let limit):
            "the model takes \(bytes) bytes of memory, allowed are \(limit): make it smaller, or raise"
                + " updates.maximumModelMemory"
        case .crashLoop(let phase, let starts):
            "the agent ended without a word \(starts) times during \(phase): look at what the log says"
                + " before these ends, and publish a new release"
        case .failedEvaluations(let count):
            "\(count) evaluations gave no finite score: try the model on this plant's readings, and publish"
                + " a new release"
        case .disagreement(let share, let limit):
            "agrees with the active model on \(Self.percent(share)) of the windows, needed are"
                + " \(Self.percent(limit)): if that is meant, 'edge-agent model pull' and 'promote', or"
                + " lower updates.shadow.agreement"
        case .alarmStorm(let share, let limit):
            "calls \(Self.percent(share)) of the windows an alarm, allowed are \(Self.percent(limit)): set"
                + " other thresholds in the bundle, or raise alarmShare under updates.shadow and trial"
        case .budgetMisses(let share, let limit):
            "\(Self.percent(share)) of the evaluations missed the latency budget, allowed are"
                + " \(Self.percent(limit)): make the model smaller, or raise the pipeline's budget"
        case .slowInShadow(let p99, let limit):
            "an evaluation takes \(Self.microseconds(p99)) at the 99th percentile on live windows, allowed are"
                + " \(Self.microseconds(limit)): make the model smaller, or raise the pipeline's"
                + " inferenceShare"
        case .inconclusive(let phase, let evaluations, let needed):
            "\(phase) saw \(evaluations) windows in its longest time, needed are \(needed): lower 'windows'"
                + " or raise 'maximumTime' under updates.\(phase)"
        case .byHand(let reason): reason
        }
    }

    private static func percent(_ share: Double) -> String {
        "\((share * 1000).rounded() / 10) %"
    }

    private static func microseconds(_ nanoseconds: UInt64) -> String {
        "\(Double(nanoseconds) / 1000) µs"
    }
}
