import EdgeAgent
import Foundation
import TestSupport
import Testing

@Suite("Updates on a box", .enabled(if: TestSigner.isAvailable, "openssl is not installed"))
struct UpdaterTests {
    @Test("A signed bundle goes from a directory to committed, and its way stands in the audit log")
    func commit() throws {
        let box = try UpdaterBox()
        try box.offer()
        box.pull()
        #expect(box.runningRelease == 1)
        box.run()
        #expect(box.state.active.stored?.release == 2)
        #expect(box.runningRelease == 2)
        #expect(
            box.kinds == [
                "resolved", "downloaded", "verified", "staged", "selfTested", "shadowStarted",
                "trialStarted", "committed",
            ])
        let lines = UpdateAudit(path: box.directory.file("audit.jsonl")).lines(last: 100)
        let audit = try lines.map {
            try #require(
                JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        #expect(audit.count == 8)
        #expect(audit.last?["what"] as? String == "committed")
        #expect(
            (audit.last?["model"] as? [String: Any])?["digest"] as? String
                == box.state.active.stored?.digest.description)
        // A start later it is still that one.
        try box.restart(crashed: false)
        #expect(box.runningRelease == 2)
    }

    @Test("Back by hand: the model before works again at once, and after a restart")
    func rollback() throws {
        let box = try UpdaterBox()
        try box.offer()
        box.pull()
        box.run()
        #expect(box.updater.obey(.rollback, by: "test").isAccepted)
        box.step()
        #expect(box.runningRelease == 1)
        try box.restart(crashed: false)
        #expect(box.runningRelease == 1)
        // What was committed once raised the mark: the same release does not come again.
        box.pull()
        box.run()
        #expect(box.runningRelease == 1)
        #expect(box.records.last?.detail == "nothing new")
    }

    // MARK: Models that do not work; attacks: UpdateAttack

    private static func thresholds(_ above: Double) -> [String: Any] {
        [
            "severities": [["severity": "warning", "raiseAbove": above]], "clearBelow": above,
            "raiseAfter": 1, "clearAfter": 1,
        ]
    }

    @Test("A model that no reader understands ends in the self-test")
    func unusable() throws {
        let box = try UpdaterBox()
        try box.offer(files: {
            try Data(repeating: 7, count: 500).write(
                to: URL(fileURLWithPath: "\($0)/model.tflite"))
        })
        box.pull()
        #expect(box.kinds.last == "refused:unusable")
    }

    @Test("A model with other inputs is refused with what to do")
    func otherInputs() throws {
        let box = try UpdaterBox()
        try box.offer { manifest in
            var inputs = manifest["inputs"] as? [String: Any] ?? [:]
            var channels = inputs["channels"] as? [[String: Any]] ?? []
            channels[0]["name"] = "z"
            inputs["channels"] = channels
            manifest["inputs"] = inputs
            manifest["fallback"] = nil
        }
        box.pull()
        #expect(box.kinds.last == "refused:unusable")
        #expect(box.records.last?.detail?.contains("other channels") == true)
    }

    @Test("An alarm storm is seen in the shadow, and again on trial")
    func alarmStorm() throws {
        let box = try UpdaterBox()
        // Every reading is an alarm to it.
        try box.offer { $0["thresholds"] = Self.thresholds(0.5) }
        box.pull()
        box.run()
        #expect(box.kinds.last == "refused:disagreement")
        try box.offer("later", release: 3) { $0["thresholds"] = Self.thresholds(2) }
        box.pull()
        box.run(rounds: 12)
        #expect(box.state.phaseName == "trial", "\(box.kinds)")
        box.run(level: 3)
        #expect(box.kinds.last == "rolledBack:alarm-storm")
        #expect(box.runningRelease == 1)
    }

    @Test("Missed budgets on trial take the model back")
    func budget() throws {
        let box = try UpdaterBox()
        try box.offer()
        box.pull()
        box.run(rounds: 12)
        box.run(misses: true)
        #expect(box.kinds.last == "rolledBack:budget-misses")
        #expect(box.runningRelease == 1)
    }

    @Test("Crashes on trial take the model back at a start, before it is loaded again")
    func crashes() throws {
        let box = try UpdaterBox()
        try box.offer()
        box.pull()
        box.run(rounds: 12)
        #expect(box.state.phaseName == "trial")
        for _ in 0..<2 {
            box.step(windows: 100)
            try box.restart()
            #expect(box.runningRelease == 2)
        }
        try box.restart()
        #expect(box.kinds.last == "rolledBack:crash-loop")
        #expect(box.runningRelease == 1)
    }

    @Test("A bundle whose files rot in the store gives way to the one before")
    func rot() throws {
        let box = try UpdaterBox()
        try box.offer()
        box.pull()
        box.run()
        let version = try #require(box.state.active.stored)
        let store = try ModelStore(path: box.directory.file("models"), quotaBytes: 1)
        let file = "\(store.directory(of: version))/model.tflite"
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: file))
        try box.restart(crashed: false)
        #expect(box.runningRelease == 1)
        #expect(box.kinds.last == "rolledBack:unexpected-digest")
    }

    @Test("A lost state does not let an old release back in")
    func lostState() throws {
        let box = try UpdaterBox()
        try box.offer("three", release: 3)
        box.pull()
        box.run()
        #expect(box.runningRelease == 3)
        for name in ["level.json", "level.json.previous"] {
            try Data("{".utf8).write(to: URL(fileURLWithPath: box.directory.file(name)))
        }
        try box.restart()
        #expect(box.runningRelease == 1, "the configured bundle")
        #expect(box.complaints.contains { $0.contains("is lost") })
        try box.offer("two", release: 2)
        box.pull()
        #expect(box.kinds.last == "refused:old-release")
    }

    @Test("What expires waits for a clock that can be believed")
    func clock() throws {
        let box = try UpdaterBox()
        box.clockState = .unsynchronised
        box.wall = 0
        try box.offer { $0["expires"] = "2028-01-01T00:00:00Z" }
        box.pull()
        #expect(box.kinds.last == "waiting")
        #expect(box.state.phaseName == "verifying")
        box.clockState = .synchronised
        box.wall = BundleVerifierTests.now
        box.step()
        box.run()
        #expect(box.runningRelease == 2)
    }

    @Test("A quota that holds nothing takes what is not needed: never active, previous or staged")
    func quota() throws {
        let box = try UpdaterBox(quotaBytes: 1)
        let store = try ModelStore(path: box.directory.file("models"), quotaBytes: 1)
        func releases() throws -> [Int] {
            let version = try #require(SemanticVersion("0.1.0"))
            return try store.bundles().map {
                try ModelBundle(
                    directory: store.directory(name: $0.name, digest: $0.digest),
                    agentVersion: version
                ).manifest.release
            }.sorted()
        }
        for release in 2...4 {
            try box.offer("release\(release)", release: release)
            box.pull()
            // On its way it is in the store beside the active one and the one before.
            #expect(box.state.phaseName == "shadow")
            #expect(try releases() == Array(max(2, release - 2)...release))
            box.run()
            #expect(box.runningRelease == release)
            // Of the committed ones two are left: the active one and the one to go back to.
            #expect(try releases() == Array(max(2, release - 1)...release))
        }
        // One that is refused goes at once, and nothing else does.
        try box.offer("slow", release: 5) { $0["inferenceBudget"] = "1ns" }
        box.pull()
        #expect(box.kinds.last == "refused:too-slow")
        #expect(try releases() == [3, 4])
        // A start later the one before still loads.
        #expect(box.updater.obey(.rollback, by: "test").isAccepted)
        try box.restart(crashed: false)
        #expect(box.runningRelease == 3)
    }

    // MARK: Power cuts

    @Test("After a power cut at any step a model works, and the update goes on", arguments: 0..<32)
    func powerCut(steps: Int) throws {
        let box = try UpdaterBox(powerCutAfter: steps)
        try box.offer()
        box.pull()
        box.run()
        let wasCut = box.updater.isPowerless
        // The power is back.
        try box.restart()
        #expect([1, 2].contains(box.runningRelease))
        #expect(box.runningRelease == (box.state.decider.stored?.release ?? 1))
        box.run()
        // What had not even been begun is pulled again.
        if box.state.active == .configured {
            box.pull()
            box.run()
        }
        #expect(box.runningRelease == 2, "cut: \(wasCut), \(box.kinds), \(box.complaints)")
        #expect(box.state.active.stored?.release == 2)
        #expect(box.state.candidate == nil)
        // The audit log knows of it, too, and of each step but those that were done again only once.
        let audit = UpdateAudit(path: box.directory.file("audit.jsonl")).lines(last: 100)
        #expect(audit.filter { $0.contains("\"what\":\"committed\"") }.count == 1)
    }
}
