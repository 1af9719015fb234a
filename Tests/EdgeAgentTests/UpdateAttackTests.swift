import EdgeAgent
import Foundation
import TestSupport
import Testing

@Suite(
    "Attacks on updates", .enabled(if: TestSigner.isAvailable, "openssl is not installed"))
struct UpdateAttackTests {
    private static let boxAttacks: [UpdateAttack] = UpdateAttack.allCases.filter {
        if case .box? = try? $0.scenario() { true } else { false }
    }
    private static let signer = Result { try TestSigner() }

    /// The registry of a test: what a box is told, and what it stands for.
    private final class Offer {
        let directory: TemporaryDirectory
        var registry: any ModelRegistry
        let reference: String
        private let artifact: OfferedArtifact?

        init(_ scenario: UpdateAttack.BoxScenario, _ signer: TestSigner) throws {
            directory = try TemporaryDirectory("offer")
            try FileManager.default.createDirectory(
                atPath: directory.file("level"), withIntermediateDirectories: true)
            let path = directory.file("level/1.2.0")
            try TestBundle.make(
                path, release: scenario.release, name: scenario.name, change: scenario.manifest)
            try scenario.before(path)
            try scenario.sign(signer, path)
            try scenario.after(path)
            switch scenario.way {
            case .registry:
                let artifact = try OfferedArtifact(path, scenario.tamper)
                self.artifact = artifact
                registry = artifact.registry(scenario.configure)
                reference = "models/level:stable"
            case .stick:
                artifact = nil
                let base = directory.path
                registry = DirectoryRegistry(
                    RegistryTesting.configuration(.directory) { $0.path = base })
                reference = "level:1.2.0"
            }
        }
    }

    /// A box with that registry, after everything that will happen has happened.
    private func run(_ scenario: UpdateAttack.BoxScenario) throws -> (UpdaterBox, Offer) {
        let signer = try Self.signer.get()
        let offer = try Offer(scenario, signer)
        let box = try UpdaterBox(signer: signer, registry: offer.registry)
        if let release = scenario.committedBefore {
            try box.offer("before", release: release)
            box.pull()
            box.run()
            try #require(box.runningRelease == release)
        }
        box.offered = offer.reference
        box.pull()
        box.run(rounds: 30)
        // What is tried again by itself is.
        box.nowSeconds += 3600
        box.step(windows: 30)
        box.run(rounds: 30)
        return (box, offer)
    }

    @Test(
        "An attack ends with the old model at work, and says why and what to do",
        arguments: boxAttacks)
    func attack(_ attack: UpdateAttack) throws {
        guard case .box(let scenario) = try attack.scenario() else { return }
        let (box, offer) = try run(scenario)
        let old = scenario.committedBefore ?? 1
        let committed = box.records.filter { $0.kind == .committed }.map { $0.version?.release }
        #expect(committed == (scenario.committedBefore.map { [$0] } ?? []))
        #expect(box.runningRelease == old)
        #expect((box.state.active.stored?.release ?? 1) == old)
        #expect(!box.records.contains { $0.kind == .trialStarted && $0.version?.release == 2 })
        // The reason stands in the event and in the audit log.
        #expect(box.kinds.last == scenario.outcome, "\(box.kinds)")
        let reason = box.records.last?.detail ?? ""
        for text in scenario.says { #expect(reason.contains(text), "\(reason)") }
        let audit = UpdateAudit(path: box.directory.file("audit.jsonl")).lines(last: 1)
        #expect(
            audit.first?.contains("\"what\":\"\(scenario.outcome.prefix { $0 != ":" })\"") == true)
        #expect(scenario.check())
        // The old model goes on, also after a power cut, and nothing was put into the store.
        let before = box.running.tally.value.evaluations
        box.step(windows: 5)
        #expect(box.running.tally.value.evaluations == before + 5)
        try box.restart()
        #expect(box.runningRelease == old)
        box.run()
        #expect(box.runningRelease == old)
        let outside = offer.directory.file("outbox.sqlite")
        #expect(!FileManager.default.fileExists(atPath: outside))
    }

    @Test(
        "It is the attack that is refused, not the bundle: without one it is committed",
        arguments: [UpdateAttack.BoxScenario.Way.registry, .stick])
    func honest(way: UpdateAttack.BoxScenario.Way) throws {
        let (box, _) = try run(
            UpdateAttack.BoxScenario(outcome: "committed", says: [], way: way))
        #expect(box.kinds.last == "committed", "\(box.kinds) \(box.records.last?.detail ?? "")")
        #expect(box.runningRelease == 2)
    }
}
