import Foundation
import TestSupport
import Testing

@testable import SensorIO

/// What the process that is killed gets through its environment.
private enum KillVariable {
    static let directory = "OUTBOX_KILL_DIRECTORY"
    static let port = "OUTBOX_KILL_PORT"
    static let seed = "OUTBOX_KILL_SEED"
}

@Suite(
    "Outbox, killed", .enabled(if: TestBroker.isAvailable, "mosquitto is not installed"),
    .serialized, .timeLimit(.minutes(5)))
struct OutboxKillTests {
    /// Submits as fast as it goes, notes what is reported durable, and dies at a random instant.
    @Sendable static func runUntilKilled() throws {
        let environment = ProcessInfo.processInfo.environment
        guard let directory = environment[KillVariable.directory],
            let port = environment[KillVariable.port].flatMap({ UInt16($0) }),
            let seed = environment[KillVariable.seed].flatMap({ UInt64($0) })
        else { return }
        var random = SplitMix64(seed: seed)
        let endpoint = MQTTEndpoint(
            host: "127.0.0.1", port: port, clientIdentifier: "killed",
            reconnect: BackoffPolicy(
                initialNanoseconds: 20_000_000, maximumNanoseconds: 50_000_000))
        let service = try OutboxService(
            configuration: OutboxConfiguration(
                path: directory + "/outbox.db",
                commitDelayNanoseconds: UInt64.random(in: 0...5_000_000, using: &random)),
            uplink: { _ in OutboxUplink(endpoint: endpoint) }, onEvent: { _ in })
        let lane = try service.makeLane(name: "test", capacityBytes: 1 << 16)
        try service.start()
        let report = open(directory + "/durable", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        let delay = UInt64.random(in: 1_000_000...150_000_000, using: &random)
        func scheduleDeath() {
            Thread.detachNewThread {
                var set = PollSet(capacity: 1)
                set.add(-1, .readable)
                set.wait(deadlineNanoseconds: MonotonicClock.nanoseconds &+ delay)
                kill(getpid(), SIGKILL)
            }
        }
        // Half of them may die before anything is durable, the others not.
        if seed <= 8 { scheduleDeath() }
        var noted: UInt64 = 0
        var next = lane.makeSequence()
        while true {
            for _ in 0..<Int.random(in: 1...40, using: &random) {
                let outcome = lane.submit(
                    "\(service.boot.number)/\(next)", topic: "k/\(next % 3)", sequence: next
                ).outcome
                guard outcome == .kept else { break }
                next = lane.makeSequence()
            }
            lane.flush()
            let durable = lane.durableSequence
            if durable > noted {
                if noted == 0, seed > 8 { scheduleDeath() }
                noted = durable
                let line = Array("\(service.boot.number) \(durable)\n".utf8)
                _ = line.withUnsafeBytes { write(report, $0.baseAddress, $0.count) }
            }
            lane.wantsWake = true
            var set = PollSet(capacity: 1)
            set.add(lane.wakeDescriptor, .readable)
            set.wait(deadlineNanoseconds: MonotonicClock.nanoseconds &+ 2_000_000)
            lane.drainWake()
        }
    }

    @Test(
        "Killed at random instants, with and without a broker, what was reported durable arrives, in order"
    )
    func killed() async throws {
        let directory = try TemporaryDirectory("outbox")
        let broker = try TestBroker()
        let unused = try FreePort.find()
        let consumer = try OutboxConsumer(broker.port, ["k/#"])
        setenv(KillVariable.directory, directory.path, 1)
        for seed in 1...16 {
            setenv(KillVariable.seed, "\(seed)", 1)
            setenv(KillVariable.port, "\(seed % 2 == 0 ? broker.port : unused)", 1)
            await #expect(processExitsWith: .signal(SIGKILL)) {
                try OutboxKillTests.runUntilKilled()
            }
        }
        let rig = try OutboxRig(broker.port, directory: directory)
        try rig.waitForUplink()
        try rig.waitUntilClear(within: 60)
        rig.stop()
        #expect(rig.events.all.allSatisfy { if case .salvaged = $0 { false } else { true } })

        var durable: [UInt64: UInt64] = [:]
        let report = try String(contentsOfFile: directory.file("durable"), encoding: .utf8)
        for line in report.split(separator: "\n") {
            let fields = line.split(separator: " ").compactMap { UInt64($0) }
            guard fields.count == 2 else { continue }
            durable[fields[0]] = max(durable[fields[0], default: 0], fields[1])
        }
        #expect(durable.count >= 8)
        let got = Dictionary(grouping: consumer.all, by: \.topic).mapValues { $0.map(\.text) }
        let all = Set(got.values.joined())
        var checked = 0
        for (boot, last) in durable {
            for sequence in 1...last where !all.contains("\(boot)/\(sequence)") {
                Issue.record("lost \(boot)/\(sequence) of \(last)")
                break
            }
            checked += Int(last)
        }
        for (topic, names) in got {
            var seen: Set<String> = []
            let first = names.filter { seen.insert($0).inserted }
            let keys = first.map { $0.split(separator: "/").compactMap { UInt64($0) } }
            let isOrdered = zip(keys, keys.dropFirst()).allSatisfy {
                ($0[0], $0[1]) < ($1[0], $1[1])
            }
            #expect(isOrdered, "\(topic)")
            #expect(
                keys.last == names.last.map { $0.split(separator: "/").compactMap { UInt64($0) } })
        }
        print("killed 16 times: \(checked) durable records, \(consumer.all.count) messages")
    }
}
