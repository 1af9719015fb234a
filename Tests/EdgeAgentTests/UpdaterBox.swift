import EdgeAgent
import Foundation
import InferenceRuntime
import SensorIO
import TestSupport
import Testing

/// A box with updates: files, a clock of the test's, and processes that start, run and are cut off.
final class UpdaterBox {
    let directory: TemporaryDirectory
    let signer: TestSigner
    let verifierKeys: [SigningKey]
    private let registry: (any ModelRegistry)?
    private let quotaBytes: UInt64
    /// What is asked for; the highest is offered.
    var offered: String?
    var nowSeconds = 100
    var wall = BundleVerifierTests.now
    var clockState = ClockState.synchronised
    private(set) var records: [UpdateRecord] = []
    private(set) var complaints: [String] = []

    /// The process that runs now.
    private(set) var updater: Updater
    private(set) var control = PipelineControl()
    /// The model that the simulated pipeline uses.
    private(set) var running: PipelineModel
    private(set) var runningRelease: Int
    private var shadow: ShadowModel?

    static var policy: UpdatePolicy {
        var policy = UpdatePolicy()
        policy.shadow.minimumSeconds = 10
        policy.shadow.evaluations = 20
        policy.trial.minimumSeconds = 10
        policy.trial.evaluations = 200
        return policy
    }

    /// - Parameter registry: nil: bundles are staged from directories.
    init(
        signer: TestSigner? = nil, registry: (any ModelRegistry)? = nil,
        quotaBytes: UInt64 = 20_000,
        powerCutAfter steps: Int? = nil
    ) throws {
        directory = try TemporaryDirectory("updater")
        self.signer = try signer ?? TestSigner()
        self.registry = registry
        self.quotaBytes = quotaBytes
        verifierKeys = [try self.signer.key()]
        (updater, running, runningRelease) = try Self.boot(
            directory, verifierKeys, nil, quotaBytes,
            clock: { (BundleVerifierTests.now, .synchronised) },
            now: { 100_000_000_000 }, steps: nil, report: { _ in }, complain: { _ in })
        try restart(powerCutAfter: steps, crashed: false)
    }

    var state: UpdateState { updater.machine.state }
    var kinds: [String] {
        records.map { $0.kind.rawValue + ($0.code.map { ":\($0)" } ?? "") }
    }

    /// Makes a signed bundle and offers it.
    @discardableResult
    func offer(
        _ name: String = "next", release: Int = 2,
        change: (inout [String: Any]) -> Void = { _ in },
        files: (String) throws -> Void = { _ in }
    ) throws -> String {
        let path = directory.file(name)
        try TestBundle.make(path, release: release, change: change)
        try files(path)
        try signer.sign(path)
        offered = path
        return path
    }

    /// Pulls what is offered, by hand.
    func pull() {
        _ = updater.obey(.pull(reference: offered), by: "test")
        for _ in 0..<4 { step() }
    }

    /// One round of a second in which the pipeline evaluates readings at a level.
    func step(level: Float = 1, windows: Int = 0, misses: Bool = false) {
        nowSeconds += 1
        turn()
        for _ in 0..<windows { evaluate(level: level, misses: misses) }
        updater.step()
        turn()
        updater.step()
    }

    /// Goes on until nothing is on its way any more, or for so many rounds.
    func run(level: Float = 1, windows: Int = 30, rounds: Int = 60, misses: Bool = false) {
        for _ in 0..<rounds {
            guard updater.machine.state.candidate != nil, !updater.isPowerless else { return }
            step(level: level, windows: windows, misses: misses)
        }
    }

    /// SIGKILL, or the end in good order, and a new process on the same files.
    func restart(powerCutAfter steps: Int? = nil, crashed: Bool = true) throws {
        if !crashed { updater.stop() }
        control = PipelineControl()
        shadow = nil
        (updater, running, runningRelease) = try Self.boot(
            directory, verifierKeys, registry, quotaBytes,
            clock: { [unowned self] in (wall, clockState) },
            now: { [unowned self] in UInt64(nowSeconds) * 1_000_000_000 }, steps: steps,
            report: { [unowned self] in records.append($0) },
            complain: { [unowned self] in complaints.append($0) })
        updater.attach(
            UpdatedPipeline(settings: try Self.settings(), control: control, wake: {}),
            deciding: running.view)
    }

    // MARK: A pipeline without its thread

    private func turn() {
        guard let delivery = control.models.take() else { return }
        if let next = delivery.model {
            delivery.model = running
            running = next
            // The test's bundles have the release as the minor version.
            let minor = next.eventModel.version.split(separator: ".").dropFirst().first
            runningRelease = minor.flatMap { Int($0) }.map { max($0, 1) } ?? -1
        }
        if delivery.setsShadow { swap(&shadow, &delivery.shadow) }
        control.models.giveBack(delivery)
    }

    private func evaluate(level: Float, misses: Bool) {
        let rows = [Float](repeating: level, count: 4)
        func alarming(_ model: PipelineModel) -> Bool? {
            rows.withUnsafeBufferPointer { model.extract(rows: $0) }
            model.invoke()
            guard case .score(let score) = model.score() else { return nil }
            return model.isAlarming(score)
        }
        let active = alarming(running)
        running.tally.countDecision(isAlarming: active, isMiss: misses)
        if let shadow {
            shadow.tally.countShadow(
                isAlarming: alarming(shadow.model), activeIsAlarming: active ?? false)
        }
    }

    // MARK: Boot

    private static func settings() throws -> PipelineSettings {
        let endpoint = MQTTEndpoint(host: "localhost", port: 1, clientIdentifier: "x")
        func topic(_ text: String) throws -> TopicTemplate {
            try TopicTemplate(text, bindings: [:], variables: ["asset"])
        }
        return PipelineSettings(
            name: "level", agent: "box", boot: 1, sensors: endpoint, alerts: nil, filters: [],
            keys: [], channelCaptures: [], qualityOfService: .atLeastOnce,
            payload: PayloadConfiguration().description,
            assets: AssetLimits(maximumAssets: 1), budgetNanoseconds: 20_000_000,
            onOverrun: .coalesce,
            topics: PipelineSettings.Topics(
                alerts: try topic("a/{asset}"), states: try topic("s/{asset}"),
                predictions: try topic("p/{asset}"), agentAlerts: try topic("aa"),
                agentStates: try topic("as")))
    }

    private static func boot(
        _ directory: TemporaryDirectory, _ keys: [SigningKey], _ registry: (any ModelRegistry)?,
        _ quotaBytes: UInt64,
        clock: @escaping () -> (Int64, ClockState), now: @escaping () -> UInt64, steps: Int?,
        report: @escaping (UpdateRecord) -> Void, complain: @escaping (String) -> Void
    ) throws -> (Updater, PipelineModel, Int) {
        let agentVersion = try #require(SemanticVersion("0.1.0"))
        let updater = Updater(
            UpdaterSettings(
                pipeline: "level", agentVersion: agentVersion,
                verifier: BundleVerifier(keys: keys, name: "level", agentVersion: agentVersion),
                policy: policy, reference: nil, inferenceLimitNanoseconds: 10_000_000),
            Updater.Surroundings(
                store: try ModelStore(path: directory.file("models"), quotaBytes: quotaBytes),
                stateFile: UpdateStateFile(path: directory.file("level.json")),
                audit: UpdateAudit(path: directory.file("audit.jsonl")), registry: registry,
                monotonic: now, clock: clock, spawn: { $0() }, report: report, complain: complain))
        updater.stepsUntilPowerCut = steps
        let configured = try ModelBundle(
            directory: TestAgent.levelBundle, agentVersion: agentVersion)
        if let loaded = updater.start(configured: configured) {
            return (updater, loaded.activated.model, loaded.bundle.manifest.release)
        }
        let model = try ModelActivation.activate(
            configured, engines: EngineSelection(), limitNanoseconds: 1_000_000_000
        ).model
        return (updater, model, 1)
    }
}
