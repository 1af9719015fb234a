import EdgeAgent
import TestSupport
import Testing

@Suite("The update machine under any order of events")
struct UpdateMachinePropertyTests {
    /// Releases whose number is divisible by three are bad: whatever watches them sees it.
    private static func isBad(_ version: ModelVersion) -> Bool { version.release % 3 == 0 }

    private static func randomEvent(
        _ run: inout MachineRun, _ random: inout SeededGenerator, _ release: inout Int
    ) -> UpdateEvent {
        let candidate = run.machine.state.candidate?.version
        let isBad = candidate.map(Self.isBad) ?? false
        let phase = run.machine.state.candidate?.phase
        // Two of three times what fits, so that versions come through.
        let fitting =
            switch phase {
            case .resolving: 3
            case .downloading: 7
            case .verifying: 8
            case .selfTest: 9
            case .shadow, .trial: 10
            case .staged, nil: 0
            }
        let isFitting = Int.random(in: 0..<3, using: &random) > 0
        switch isFitting ? fitting : Int.random(in: 0..<16, using: &random) {
        case 0...2: return .tick(random: Double.random(in: 0..<1, using: &random))
        case 3, 4: return .resolved(validator: "v\(Int.random(in: 0..<500, using: &random))")
        case 5: return .resolved(validator: nil)
        case 6:
            return .registryFailed(
                message: "gone", isTransient: Bool.random(using: &random),
                retryAfterSeconds: nil, random: 0.5)
        case 7: return .downloaded
        case 8:
            // As the verifier: only what is above the mark gets this far.
            release = max(release, run.machine.state.highestReleases["level"] ?? 0) + 1
            return .verified(MachineRun.version(release))
        case 9: return .selfTested
        case 10...12:
            return .observed(
                MachineRun.tally(1000, failures: isBad ? 1 : 0), p99Nanoseconds: 1,
                limitNanoseconds: 2)
        case 13: return .refused(.unsigned)
        case 14: return .stopping
        default:
            let commands: [UpdateCommand] = [
                .pull(reference: nil), .rollback, .hold, .unhold, .unpin,
                .pin(run.machine.state.active, MachineRun.configured.digest),
            ]
            return .command(commands.randomElement(using: &random) ?? .unhold, by: "test")
        }
    }

    @Test(
        "Some model always decides, nothing bad is committed, marks never fall, the file says it all",
        arguments: UInt64(1)...20)
    func invariants(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var run = MachineRun()
        run.start()
        var stored: Set<ModelVersion> = []
        var release = 1
        var mark = 1
        var commits = 0
        for step in 0..<1000 {
            if Int.random(in: 0..<40, using: &random) == 0 {
                _ = run.crash()
            }
            let before = run.machine.state
            let event = Self.randomEvent(&run, &random, &release)
            if case .verified(let version) = event { stored.insert(version) }
            let actions = run.send(event, after: Int.random(in: 0..<200, using: &random))
            let state = run.machine.state
            let message: Comment = "seed \(seed), step \(step): \(event)"
            if case .stored(let version) = state.decider {
                try #require(stored.contains(version), message)
                try #require(state.keptDigests.contains(version.digest), message)
            }
            if let previous = state.previous?.stored {
                try #require(state.keptDigests.contains(previous.digest), message)
            }
            if actions.contains(where: { MachineRun.codes([$0]) == ["committed"] }) {
                commits += 1
                try #require(state.active != before.active, message)
                let version = try #require(state.active.stored, message)
                try #require(!Self.isBad(version), message)
                try #require(version.release > mark, message)
            }
            // What decides changes only together with the order to let it decide.
            if state.decider != before.decider,
                !actions.contains(where: { MachineRun.codes([$0]) == ["committed"] })
            {
                try #require(
                    actions.contains {
                        if case .decide(state.decider, _) = $0 { true } else { false }
                    },
                    message)
            }
            let highest = state.highestReleases["level"] ?? 0
            try #require(highest >= mark, message)
            mark = highest
            try #require(state.refused.count <= 32, message)
        }
        #expect(commits > 0, "the test has seen a commit")
    }

    @Test("A state that is written and read is the same", arguments: UInt64(1)...5)
    func file(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let directory = try TemporaryDirectory()
        let file = UpdateStateFile(path: directory.file("state.json"))
        var run = MachineRun()
        run.start()
        var release = 1
        for _ in 0..<100 {
            let event = Self.randomEvent(&run, &random, &release)
            run.send(event, after: 30)
            try file.write(run.machine.state)
            guard case .state(let found) = file.read() else {
                Issue.record("unreadable")
                return
            }
            #expect(found == run.machine.state)
        }
    }
}
