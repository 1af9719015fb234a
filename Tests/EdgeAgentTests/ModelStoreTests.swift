import EdgeAgent
import Foundation
import TestSupport
import Testing

@Suite("The model store and the state file")
struct ModelStoreTests {
    private func agentVersion() throws -> SemanticVersion {
        try #require(SemanticVersion("0.1.0"))
    }

    /// Puts a bundle of this release into the store.
    private func adopt(_ store: ModelStore, release: Int) throws -> ModelVersion {
        let download = store.partialDownload(of: "level")
        try TestBundle.make(download.path, release: release)
        let bundle = try ModelBundle(directory: download.path, agentVersion: agentVersion())
        let version = ModelVersion(
            name: "level", version: "\(bundle.manifest.version)", release: release,
            digest: bundle.digest, origin: "test")
        try store.adopt(download, as: version)
        return version
    }

    @Test("A download is taken over by one rename, and the same one twice is one")
    func adoption() throws {
        let directory = try TemporaryDirectory()
        let store = try ModelStore(path: directory.file("models"), quotaBytes: 1 << 20)
        let version = try adopt(store, release: 2)
        #expect(try store.load(version, agentVersion: agentVersion()).manifest.release == 2)
        #expect(!FileManager.default.fileExists(atPath: store.partialDownload(of: "level").path))
        #expect(try adopt(store, release: 2) == version)
        #expect(store.bundles().count == 1)
        // What is damaged is replaced.
        let model = "\(store.directory(of: version))/model.tflite"
        try Data([1]).write(to: URL(fileURLWithPath: model))
        #expect(throws: UpdateRefusal.self) {
            try store.load(version, agentVersion: agentVersion())
        }
        #expect(try adopt(store, release: 2) == version)
        #expect(try store.load(version, agentVersion: agentVersion()).manifest.release == 2)
    }

    @Test("A file that was changed on the disk is not loaded")
    func rot() throws {
        let directory = try TemporaryDirectory()
        let store = try ModelStore(path: directory.file("models"), quotaBytes: 1 << 20)
        let version = try adopt(store, release: 2)
        let file = URL(fileURLWithPath: "\(store.directory(of: version))/model.tflite")
        var data = try Data(contentsOf: file)
        data[data.count - 1] ^= 1
        try data.write(to: file)
        let error = #expect(throws: UpdateRefusal.self) {
            try store.load(version, agentVersion: agentVersion())
        }
        #expect(error?.code == "unexpected-digest")
    }

    @Test("Above the quota the oldest go, never those that are needed")
    func garbage() throws {
        let directory = try TemporaryDirectory()
        let store = try ModelStore(path: directory.file("models"), quotaBytes: 10_000)
        var versions: [ModelVersion] = []
        for release in 2...6 {
            let version = try adopt(store, release: release)
            // A second apart, the oldest first.
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: Double(release))],
                ofItemAtPath: store.directory(of: version))
            versions.append(version)
        }
        // Each has about 4 KB: two fit.
        let kept = versions[0].digest
        let removed = store.collectGarbage(keeping: [kept])
        #expect(removed == versions[1...3].map(\.digest))
        #expect(Set(store.bundles().map(\.digest)) == [kept, versions[4].digest])
        #expect(store.collectGarbage(keeping: Set(store.bundles().map(\.digest))).isEmpty)
    }

    // MARK: State file

    private func state(_ release: Int) -> UpdateState {
        var state = UpdateState(name: "level")
        state.active = .stored(MachineRun.version(release))
        state.highestReleases = ["level": release]
        state.alerts = [
            UpdateState.RaisedAlert(
                label: .updateRefused, atNanoseconds: 17,
                by: EventReference(boot: .max, sequence: 3)),
            UpdateState.RaisedAlert(label: .updateRolledBack),
        ]
        return state
    }

    @Test(
        "A damaged state is moved aside and the one before it holds",
        arguments: ["", "{", "null", "{\"schema\": 9}", "{\"schema\": 1, \"name\": \"../x\"}"])
    func damaged(text: String) throws {
        let directory = try TemporaryDirectory()
        let file = UpdateStateFile(path: directory.file("level.json"))
        guard case .none = file.read() else { throw TestFailure("a state without a file") }
        try file.write(state(2))
        try file.write(state(3))
        try directory.write(text, to: "level.json")
        guard case .recovered(let found, let damage) = file.read() else {
            throw TestFailure("not recovered")
        }
        #expect(found == state(2))
        #expect(damage.contains("level.json"))
        #expect(FileManager.default.fileExists(atPath: file.path + ".damaged"))
        // The next write makes it whole.
        try file.write(state(4))
        guard case .state(let next) = file.read() else { throw TestFailure("not written") }
        #expect(next == state(4))
    }

    @Test("Both states damaged: said, moved aside, and the configured bundle is what runs")
    func lost() throws {
        let directory = try TemporaryDirectory()
        let file = UpdateStateFile(path: directory.file("level.json"))
        try directory.write("x", to: "level.json")
        try directory.write("y", to: "level.json.previous")
        guard case .lost = file.read() else { throw TestFailure("not lost") }
        guard case .none = file.read() else { throw TestFailure("not moved aside") }
    }

    @Test("A state that was cut at any byte is never read as another one")
    func truncated() throws {
        let directory = try TemporaryDirectory()
        let file = UpdateStateFile(path: directory.file("level.json"))
        try file.write(state(2))
        let whole = try Data(contentsOf: URL(fileURLWithPath: file.path))
        for length in 0..<whole.count - 1 {
            try whole.prefix(length).write(to: URL(fileURLWithPath: file.path))
            switch file.read() {
            case .lost: break
            case .state(let found): #expect(found == state(2), "only white space is missing")
            case .none, .recovered: Issue.record("at \(length)")
            }
        }
    }
}
