internal import Glibc
internal import SensorIO

/// What the command's `model list|history|pull|…` does.
package enum UpdateTool {
    /// Why a command about updates cannot be obeyed.
    package enum Failure: Error, CustomStringConvertible {
        case noUpdates
        /// An agent runs and does not answer.
        case noAnswer(path: String)
        case refused(String)

        package var description: String {
            switch self {
            case .noUpdates:
                "the configuration has no 'updates': models stay what the pipelines name"
            case .noAnswer(let path):
                "an agent runs and does not answer on \(path): is this the user that it runs as?"
            case .refused(let text): text
            }
        }
    }

    /// Has the running agent obey, or does it here while none runs. Blocks.
    ///
    /// - Throws: `Failure`, `AgentError`, `BundleError`.
    /// - Returns: the answer's lines.
    package static func run(
        _ request: UpdateRequest, _ loaded: LoadedConfiguration
    ) throws -> [String] {
        guard let updates = loaded.configuration.updates else { throw Failure.noUpdates }
        let paths = UpdatePaths(stateDirectory: loaded.configuration.agent.stateDirectory)
        if let answer = UpdateSocket.ask(paths.socket, request) {
            guard answer.isAccepted else { throw Failure.refused(answer.text) }
            return [answer.text]
        }
        try StateDirectory.make(paths.directory)
        try paths.make()
        guard let lock = try UpdateLock.take(paths.lock) else {
            throw Failure.noAnswer(path: paths.socket)
        }
        defer { _ = lock.isHeld }
        return try obey(
            request, try AgentPlan(loaded), try UpdatesPlan(updates), paths)
    }

    private static func obey(
        _ request: UpdateRequest, _ plan: AgentPlan, _ updates: UpdatesPlan, _ paths: UpdatePaths
    ) throws -> [String] {
        let store = try ModelStore(
            path: paths.models, quotaBytes: UInt64(updates.configuration.quotaBytes))
        let wallClock = WallClock()
        let lines = Lines()
        let updaters = plan.pipelines.map { pipeline in
            let name = pipeline.configuration.name
            let registry = plan.configuration.registries.first {
                $0.name == pipeline.configuration.update.registry
            }
            let updater = Updater(
                updates.settings(pipeline, agent: plan.agent),
                Updater.Surroundings(
                    store: store, stateFile: UpdateStateFile(path: paths.state(of: name)),
                    audit: UpdateAudit(path: paths.audit),
                    registry: registry.map { RegistryProcess($0) },
                    monotonic: { MonotonicClock.nanoseconds },
                    clock: { (WallClock.nanoseconds, wallClock.state) }, spawn: { $0() },
                    keptElsewhere: {
                        // Other pipelines may share the bundles.
                        plan.pipelines.reduce(into: Set()) { kept, other in
                            let file = UpdateStateFile(
                                path: paths.state(of: other.configuration.name))
                            if let state = file.peek() { kept.formUnion(state.keptDigests) }
                        }
                    },
                    report: { if $0.kind != .commanded { lines.append(line($0)) } },
                    complain: { lines.append($0) }))
            updater.machine.configured = ModelVersion(pipeline.bundle)
            return updater
        }
        let answer = request.obey(updaters, by: "uid \(getuid())")
        guard answer.isAccepted else { throw Failure.refused(answer.text) }
        // Jobs run at once here: a few rounds bring a version as far as it comes without an agent.
        for _ in 0..<8 { for updater in updaters { updater.step() } }
        return lines.all + ["\(answer.text); the agent goes on with it at its next start"]
    }

    private final class Lines {
        private(set) var all: [String] = []
        func append(_ line: String) { all.append(line) }
    }

    private static func line(_ record: UpdateRecord) -> String {
        var text = record.kind.rawValue
        if let version = record.version { text += " \(version.name) \(version.version)" }
        if let code = record.code { text += " (\(code))" }
        if let detail = record.detail { text += ": \(detail)" }
        return text
    }

    /// How each pipeline's model stands, and what is in the store. Reads only; blocks on the disk.
    ///
    /// - Throws: `Failure.noUpdates`.
    package static func list(_ loaded: LoadedConfiguration) throws(Failure) -> [String] {
        guard loaded.configuration.updates != nil else { throw .noUpdates }
        let paths = UpdatePaths(stateDirectory: loaded.configuration.agent.stateDirectory)
        var lines: [String] = []
        for pipeline in loaded.configuration.pipelines {
            let file = UpdateStateFile(path: paths.state(of: pipeline.name))
            guard let state = file.peek() else {
                lines.append("\(pipeline.name): the configured bundle, \(pipeline.model)")
                continue
            }
            lines += describe(state, pipeline: pipeline.name, configured: pipeline.model)
        }
        return lines
    }

    /// How a pipeline's model stands, for people.
    ///
    /// - Parameter configured: where the bundle is that the configuration names.
    static func describe(
        _ state: UpdateState, pipeline: String, configured: String
    ) -> [String] {
        var lines = ["\(pipeline): \(describe(state.active, configured))"]
        if let candidate = state.candidate {
            let version = candidate.version.map { " \($0.version) \($0.digest)" } ?? ""
            lines.append("  in \(candidate.phase.rawValue)\(version), from \(candidate.reference)")
        }
        if let previous = state.previous {
            lines.append("  before that: \(describe(previous, configured))")
        }
        if let pin = state.pin { lines.append("  pinned to \(pin)") }
        if state.isHeld { lines.append("  held") }
        for refused in state.refused.suffix(5) {
            lines.append(
                "  refused: release \(refused.release), \(refused.code)"
                    + (refused.digest.map { ", \($0)" } ?? ""))
        }
        return lines
    }

    private static func describe(_ choice: ModelChoice, _ configured: String) -> String {
        guard let version = choice.stored else { return "the configured bundle, \(configured)" }
        return "\(version.name) \(version.version), release \(version.release), \(version.digest)"
    }

    /// The last lines of the audit log, as they stand there. Blocks on the disk.
    package static func history(_ loaded: LoadedConfiguration, last count: Int) -> [String] {
        UpdateAudit(
            path: UpdatePaths(stateDirectory: loaded.configuration.agent.stateDirectory).audit
        ).lines(last: count)
    }
}
