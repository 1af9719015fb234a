import TestSupport
import Testing

@testable import SensorIO

@Suite("Outbox core, at random")
struct OutboxCorePropertyTests {
    struct Scenario: Sendable, CustomTestStringConvertible {
        var name: String
        var crashes = false
        var diskFails = false
        var readFails = false
        /// Milliseconds for which newer records wait for rows that cannot be read.
        var patience: UInt64 = 10_000
        /// The longest time, in milliseconds, in which nothing happens.
        var pause: UInt64 = 80
        var supersedes = false
        var window = 100
        var commitDelay: UInt64 = 50_000_000
        var memory = 4 << 20
        /// What stands on a disk that cannot be read, or not be cleared before a crash, may come after newer records.
        var keepsOrder: Bool { !(diskFails && crashes) && patience == 10_000 }
        var testDescription: String { name }
    }

    static let scenarios = [
        Scenario(name: "connections break"),
        Scenario(name: "the process dies", crashes: true),
        Scenario(name: "the process dies, small window", crashes: true, window: 2),
        Scenario(name: "the process dies, commits at once", crashes: true, commitDelay: 0),
        Scenario(name: "the disk fails", diskFails: true),
        Scenario(name: "the disk fails, also for reading", diskFails: true, readFails: true),
        Scenario(
            name: "the disk fails for long", diskFails: true, readFails: true, patience: 50,
            pause: 400),
        Scenario(
            name: "the disk fails, the process dies", crashes: true, diskFails: true,
            readFails: true, patience: 50, pause: 400),
        Scenario(name: "states, the process dies", crashes: true, supersedes: true),
        Scenario(name: "states, the disk fails", diskFails: true, supersedes: true),
        Scenario(
            name: "states, the disk fails for long", diskFails: true, readFails: true,
            patience: 50, pause: 400, supersedes: true),
        Scenario(name: "little memory, the process dies", crashes: true, memory: 4_096),
    ]

    @Test(
        "Whatever happens in whatever order, nothing safe is lost and each topic's order holds",
        arguments: scenarios)
    func randomInterleavings(_ scenario: Scenario) {
        for seed in UInt64(0)..<200 {
            var random = SplitMix64(seed: seed)
            var limits = OutboxCore.Limits()
            limits.window = scenario.window
            limits.commitDelay = scenario.commitDelay
            limits.maximumMemoryBytes = scenario.memory
            limits.loadBatch = 7
            limits.deleteBatch = 5
            limits.diskRetry = 100_000_000
            limits.memoryPatience = 250_000_000
            limits.unreadablePatience = scenario.patience * 1_000_000
            var model = OutboxModel(limits: limits, supersedes: scenario.supersedes)
            model.chance = SplitMix64(seed: seed ^ 0xD15C)
            for _ in 0..<Int.random(in: 20...400, using: &random) {
                step(&model, scenario, &random)
                let fault = model.imbalance()
                #expect(fault == nil, "seed \(seed)")
                if fault != nil { return }
            }
            model.settleDown()
            let faults = model.faults(judgesOrder: scenario.keepsOrder)
            #expect(faults.isEmpty, "seed \(seed)")
            #expect(model.disk.isEmpty, "seed \(seed): rows are left")
            #expect(model.core.entries.isEmpty, "seed \(seed): records are left in memory")
            #expect(model.core.topics.isEmpty, "seed \(seed): topics are left")
            #expect(model.core.memoryBytes == 0, "seed \(seed)")
            #expect(model.core.rows == 0, "seed \(seed)")
            #expect(model.core.backlogByClass.allSatisfy { $0 == 0 }, "seed \(seed)")
            #expect(model.core.lanes.allSatisfy { $0.held == 0 && $0.live.isEmpty }, "seed \(seed)")
            #expect(model.core.isOpen(lane: 0) && model.core.isOpen(lane: 1), "seed \(seed)")
            if !faults.isEmpty { return }
        }
    }

    private func step(
        _ model: inout OutboxModel, _ scenario: Scenario, _ random: inout SplitMix64
    ) {
        let producer = Int.random(in: 0..<2, using: &random)
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<30:
            let topic = model.producers[producer].topics.randomElement(using: &random)!
            let isPrediction = topic.hasSuffix("2")
            model.submit(producer, topic: topic, recordClass: isPrediction ? .prediction : .alert)
        case 30..<55: model.turn()
        case 55..<62: model.uplinkProcesses()
        case 62..<69: model.uplinkGetsAcknowledgement()
        case 69..<76: model.producersBrokerProcesses(producer)
        case 76..<83: model.producerGetsAcknowledgement(producer)
        case 83..<87: model.now += UInt64.random(in: 0...scenario.pause * 1_000_000, using: &random)
        case 87..<90: model.uplinkConnects()
        case 90..<92: model.uplinkDisconnects(using: &random)
        case 92..<94: model.producerConnects(producer)
        case 94..<96: model.producerDisconnects(producer, using: &random)
        case 96..<98:
            if scenario.readFails, Bool.random(using: &random) {
                model.readFails.toggle()
            } else if scenario.diskFails {
                model.diskFails.toggle()
            }
        default:
            if scenario.crashes, Int.random(in: 0..<3, using: &random) == 0 {
                model.crash(using: &random)
            }
        }
    }
}
