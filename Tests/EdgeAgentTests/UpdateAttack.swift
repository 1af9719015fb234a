import EdgeAgent
import Foundation
import TestSupport
import Testing

/// Every attack on updates that has to end with the old model at work.
///
/// `scenario` has a case for each of them, so none is without a test: those of `.box` run in `UpdateAttackTests`, those
/// of `.agent`, which need a process that dies or real readings, in `UpdateAttackProcessTests`.
enum UpdateAttack: String, CaseIterable, CustomTestStringConvertible {
    case unsigned
    case wrongKey = "signed with another key"
    case manifestChanged = "one byte changed in bundle.json"
    case goldenChanged = "one byte changed in golden.jsonl"
    case baselineChanged = "one byte changed in baseline.json"
    case modelChanged = "one byte changed in model.tflite"
    case signatureChanged = "one byte changed in model.sig"
    case fileAdded = "a file added"
    case programAdded = "a file added that no bundle has"
    case fileRemoved = "a file removed"
    case fileRenamed = "a file renamed"
    case symbolicLink = "a symbolic link"
    case pathTraversal = "a name that leads out of the directory"
    case signedTraversal = "a signed name that leads out of the directory"
    case decompressionBomb = "a packed layer"
    case transportBomb = "a body that is packed on the way"
    case sizeBomb = "a size beyond all bounds"
    case sparseFile = "a sparse file of a terabyte"
    case olderRelease = "an older release, replayed"
    case otherModel = "another model's bundle"
    case expired
    case otherSignature = "the signature of another bundle"
    case movedTag = "a tag that moves between manifest and blob"
    case mixedBlob = "another release's blob under the digest of this one's"
    case truncatedBlob = "a blob that is cut short"
    case endlessBody = "a body that does not end"
    case slowLoris = "a server that gives a byte now and then"
    case redirect = "a redirect to another host, which gives something else"
    case golden = "golden vectors that do not fit"
    case tooSlow = "too slow for the budget"
    case notANumberInShadow = "outputs that are not a number, in the shadow"
    case notANumberOnTrial = "outputs that are not a number, on trial"
    case alarmStorm = "an alarm storm"
    case crashAtLoad = "a crash at load"
    case crashAtWindow = "a crash at the 100th window"

    var testDescription: String { rawValue }

    /// How it is carried out.
    enum Scenario {
        case box(BoxScenario)
        case agent(AgentScenario)
    }

    /// An attack on the machine, its driver and its store, through a registry.
    struct BoxScenario {
        enum Way { case registry, stick }

        /// The last record's kind, and the code of a refusal.
        var outcome: String
        /// What the reason says: what is wrong, and what to do.
        var says: [String]
        var way = Way.registry
        var release = 2
        var name = "level"
        var manifest: (inout [String: Any]) -> Void = { _ in }
        /// What is done to the bundle's directory before it is signed, and after.
        var before: (String) throws -> Void = { _ in }
        var sign: (TestSigner, String) throws -> Void = { try $0.sign($1) }
        var after: (String) throws -> Void = { _ in }
        /// What the registry does otherwise than honest ones.
        var tamper = OfferedArtifact.Tamper()
        var configure: (inout RegistryConfiguration) -> Void = { _ in }
        /// A release that was committed before.
        var committedBefore: Int?
        /// More that has to hold at the end.
        var check: () -> Bool = { true }
    }

    /// An attack on the running agent, with real readings.
    struct AgentScenario {
        /// The reason's code, and what it says.
        var code: String
        var says: [String]
        /// Windows of the shadow; 0: none.
        var shadowWindows = 0
        var isRoot = false
        var manifest: (inout [String: Any]) -> Void = { _ in }
        /// What the process dies of; see Tests/faults/update_shim.c.
        var shim: [String: String] = [:]
        var deaths = 0
        /// The level of the readings that show it.
        var level = 1.0
    }

    func scenario() throws -> Scenario {
        switch self {
        case .unsigned:
            tampered("unsigned", "model_signing sign key") { try remove("\($0)/model.sig") }
        case .wrongKey:
            .box(
                BoxScenario(
                    outcome: "refused:unknown-key",
                    says: ["none of the pinned keys", "updates.keys"],
                    sign: { _, path in try TestSigner().sign(path) }))
        case .manifestChanged: changed("bundle.json")
        case .goldenChanged: changed("golden.jsonl")
        case .baselineChanged: changed("baseline.json")
        case .modelChanged: changed("model.tflite")
        case .signatureChanged:
            tampered("unknown-key", "none of the pinned keys") {
                try exchangeLetter("\($0)/model.sig")
            }
        case .fileAdded:
            tampered("file-not-signed", "README.md is not among the signed files", "remove it") {
                try write("read me", "\($0)/README.md")
            }
        case .programAdded:
            tampered("malformed", "run.sh", "model pack") { try write("#!/bin/sh", "\($0)/run.sh") }
        case .fileRemoved:
            tampered("file-missing", "baseline.json is signed and missing", "publish all files") {
                try remove("\($0)/baseline.json")
            }
        case .fileRenamed:
            tampered("file-missing", "baseline.json is signed and missing", "under their names") {
                try FileManager.default.moveItem(
                    atPath: "\($0)/baseline.json", toPath: "\($0)/README.md")
            }
        case .symbolicLink:
            onStick("is no plain file", "look at what is published") {
                try FileManager.default.moveItem(
                    atPath: "\($0)/model.tflite", toPath: "\($0)-elsewhere")
                try FileManager.default.createSymbolicLink(
                    atPath: "\($0)/model.tflite", withDestinationPath: "\($0)-elsewhere")
            }
        case .pathTraversal:
            artifact("files of a bundle have no directories", "push from within its directory") {
                $0.layers = { $0 + [("../../outbox.sqlite", [1], RegistryTesting.raw)] }
            }
        case .signedTraversal:
            .box(
                BoxScenario(
                    outcome: "refused:bad-signature",
                    says: ["name of a bundle's file", "sign the bundle anew"],
                    sign: { signer, path in
                        try signer.sign(path) { statement in
                            var predicate = statement["predicate"] as? [String: Any] ?? [:]
                            var files = predicate["resources"] as? [[String: Any]] ?? []
                            files[0]["name"] = "../bundle.json"
                            predicate["resources"] = files
                            statement["predicate"] = predicate
                        }
                    }))
        case .decompressionBomb:
            artifact("is packed", "push the bundle's files one by one") {
                $0.layers = { layers in
                    layers.map { ($0.name, $0.bytes, "\(RegistryTesting.raw.dropLast(3))tar+gzip") }
                }
            }
        case .transportBomb:
            artifact("gzip", "nothing of it is used") {
                $0.blob = { _, bytes in .init(200, ["Content-Encoding": "gzip"], body: bytes) }
            }
        case .sizeBomb:
            artifact("1099511627776 bytes", "publish a smaller one") {
                $0.manifest = { text in
                    text.replacingOccurrences(of: "\"size\":592", with: "\"size\":1099511627776")
                }
            }
        case .sparseFile:
            .box(
                BoxScenario(
                    outcome: "failed", says: ["1099511627776 bytes", "publish a smaller one"],
                    way: .stick,
                    after: {
                        guard truncate("\($0)/model.tflite", 1 << 40) == 0 else {
                            throw TestFailure("truncate")
                        }
                    }))
        case .olderRelease:
            .box(
                BoxScenario(
                    outcome: "refused:old-release",
                    says: ["release 2 is not above 3", "raise 'release'"], committedBefore: 3))
        case .otherModel:
            .box(
                BoxScenario(
                    outcome: "refused:wrong-name",
                    says: ["'vibration'", "'level'", "update.model"],
                    name: "vibration"))
        case .expired:
            .box(
                BoxScenario(
                    outcome: "refused:expired",
                    says: ["has passed", "publish one with a later date"],
                    manifest: { $0["expires"] = "2026-12-31T00:00:00Z" }))
        case .otherSignature:
            .box(
                BoxScenario(
                    outcome: "refused:file-changed", says: ["is not what was signed", "publish"],
                    sign: { signer, path in
                        let other = try TestBundle.make("\(path)-other", release: 3)
                        try signer.sign(other)
                        try FileManager.default.copyItem(
                            atPath: "\(other)/model.sig", toPath: "\(path)/model.sig")
                    }))
        case .movedTag:
            artifact("was replaced meanwhile", "publish it") { $0.blob = { _, _ in .init(404) } }
        case .mixedBlob:
            artifact("its digest is", "nothing of it is used") {
                $0.blob = { _, bytes in .init(body: bytes.map { $0 ^ 1 }) }
            }
        case .truncatedBlob:
            artifact("100 of 592 bytes", "tried again by itself") {
                $0.blob = { _, bytes in
                    .raw { connection in
                        connection.write(Array("HTTP/1.1 200 OK\r\n\r\n".utf8))
                        connection.write(Array(bytes.prefix(100)))
                    }
                }
            }
        case .endlessBody:
            artifact("more than the 592 bytes", "nothing of it is used") {
                $0.blob = { _, _ in
                    .raw { connection in
                        connection.write(Array("HTTP/1.1 200 OK\r\n\r\n".utf8))
                        for _ in 0..<20 { connection.write([UInt8](repeating: 7, count: 50_000)) }
                    }
                }
            }
        case .slowLoris:
            .box(
                BoxScenario(
                    outcome: "failed", says: ["too slow", "tried again by itself"],
                    tamper: OfferedArtifact.Tamper(blob: { _, bytes in
                        .raw { connection in
                            connection.write(
                                Array("HTTP/1.1 200 OK\r\nContent-Length: 592\r\n\r\n".utf8))
                            connection.write(Array(bytes.prefix(10)))
                            connection.waitForEnd()
                        }
                    }), configure: { $0.stallTimeout = .seconds(1) }))
        case .redirect: try redirected()
        case .golden:
            .box(
                BoxScenario(
                    outcome: "refused:golden-mismatch", says: ["golden vector 0", "pack it again"],
                    before: {
                        try write(
                            "{\"input\":[8,8,8,8],\"output\":[1,2,3,4]}\n", "\($0)/golden.jsonl")
                    }))
        case .tooSlow:
            .box(
                BoxScenario(
                    outcome: "refused:too-slow",
                    says: ["99th percentile", "make the model smaller"],
                    manifest: { $0["inferenceBudget"] = "1ns" }))
        case .notANumberInShadow:
            .agent(
                AgentScenario(
                    code: "failed-evaluations", says: ["no finite score", "publish a new release"],
                    shadowWindows: 100, isRoot: true, level: -1))
        case .notANumberOnTrial:
            .agent(
                AgentScenario(
                    code: "failed-evaluations", says: ["no finite score", "publish a new release"],
                    isRoot: true, level: -1))
        case .alarmStorm:
            .agent(
                AgentScenario(
                    code: "alarm-storm", says: ["of the windows an alarm", "other thresholds"],
                    manifest: {
                        $0["thresholds"] = [
                            "severities": [["severity": "warning", "raiseAbove": 0.5]],
                            "clearBelow": 0.25, "raiseAfter": 1, "clearAfter": 1,
                        ]
                    }))
        case .crashAtLoad:
            .agent(
                AgentScenario(
                    code: "crash-loop", says: ["3 times during selfTest", "publish a new release"],
                    shim: ["UPDATE_SHIM_ABORT_OPEN": "/models/level/"], deaths: 3))
        case .crashAtWindow:
            .agent(
                AgentScenario(
                    code: "crash-loop", says: ["3 times during trial", "publish a new release"],
                    shim: [
                        "UPDATE_SHIM_ABORT_SEND": "\"version\":\"1.2.0\",\"digest\"",
                        "UPDATE_SHIM_ABORT_COUNT": "100",
                    ], deaths: 3))
        }
    }

    // MARK: Kinds of scenarios

    /// Something is done to the signed files.
    private func tampered(
        _ code: String, _ says: String..., change: @escaping (String) throws -> Void
    ) -> Scenario {
        .box(BoxScenario(outcome: "refused:\(code)", says: says, after: change))
    }

    private func changed(_ name: String) -> Scenario {
        tampered("file-changed", "\(name) is not what was signed", "publish the files as they were")
        {
            try flip("\($0)/\(name)")
        }
    }

    private func onStick(
        _ says: String..., change: @escaping (String) throws -> Void
    ) -> Scenario {
        .box(BoxScenario(outcome: "failed", says: says, way: .stick, after: change))
    }

    /// The registry does something that no honest one does.
    private func artifact(
        _ says: String..., change: (inout OfferedArtifact.Tamper) -> Void
    ) -> Scenario {
        var tamper = OfferedArtifact.Tamper()
        change(&tamper)
        return .box(BoxScenario(outcome: "failed", says: says, tamper: tamper))
    }

    /// The password stays at home, and what the other host has is not what was announced.
    private func redirected() throws -> Scenario {
        let other = try TestHTTPServer { _ in .text("something else, as long as it has to be") }
        let secret = try TemporaryDirectory("secret")
        let passwordFile = try secret.write("s3cret", to: "password")
        return .box(
            BoxScenario(
                outcome: "failed", says: ["model.tflite", "nothing of it is used"],
                tamper: OfferedArtifact.Tamper(blob: { _, _ in
                    .init(307, ["Location": "\(other.url)/blob"])
                }),
                configure: {
                    $0.username = "edge"
                    $0.passwordFile = passwordFile
                },
                check: {
                    _ = secret
                    let asked = other.requests.all
                    return !asked.isEmpty && asked.allSatisfy { $0.headers["authorization"] == nil }
                }))
    }
}

private func flip(_ path: String) throws {
    let url = URL(fileURLWithPath: path)
    var data = try Data(contentsOf: url)
    data[data.count / 2] ^= 1
    try data.write(to: url)
}

/// In a file whose middle is base64, which it stays.
private func exchangeLetter(_ path: String) throws {
    let url = URL(fileURLWithPath: path)
    var data = try Data(contentsOf: url)
    let letters = Array("BC".utf8)
    data[data.count / 2] = data[data.count / 2] == letters[0] ? letters[1] : letters[0]
    try data.write(to: url)
}

private func remove(_ path: String) throws { try FileManager.default.removeItem(atPath: path) }

private func write(_ text: String, _ path: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
}
