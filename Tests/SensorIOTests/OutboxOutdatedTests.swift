import TestSupport
import Testing

@testable import SensorIO

@Suite("Outbox: refused states that a newer one outdates")
struct OutboxOutdatedTests {
    var model = OutboxModel(limits: OutboxCore.Limits(), supersedes: true)

    /// The first state of a topic is in the quarantine.
    private mutating func refuseFirst() {
        model.uplinkConnects()
        model.submit(0, topic: "t")
        model.turn()
        model.uplinkProcesses()
        model.uplinkGetsAcknowledgement(MQTTReasonCode(rawValue: 0x87))
        model.now += 60_000_000
        model.turn()
    }

    @Test("It leaves the quarantine before the newer one is safe, however that was sent")
    mutating func newerOne() {
        refuseFirst()
        #expect(model.quarantine.map(\.header.sequence) == [1])
        #expect(model.producers[0].isOpen)
        // Published live, and its PUBACK is there already: a crash now would bring the old one back.
        model.acceptSettled(2, supersedes: true)
        #expect(model.core.durableSequence(lane: 0) == 1)
        model.turn()
        #expect(model.quarantine == [])
        #expect(model.core.durableSequence(lane: 0) == 2)
        #expect(model.core.counters.superseded == 1)
    }

    @Test(
        "The outbox itself sends the newer one only once the older one is gone, also after a start")
    mutating func afterStart() {
        refuseFirst()
        model.restart()
        model.uplinkConnects()
        model.submit(0, topic: "t")
        model.submit(0, topic: "u")
        model.readLanes()
        model.pump()
        #expect(model.uplink.wire.map(\.topic) == ["u"])
        model.commitIfDue()
        #expect(model.quarantine == [])
        model.pump()
        #expect(model.uplink.wire.map(\.topic) == ["u", "t"])
    }

    @Test("One that is refused after a newer one of its topic was taken goes as well")
    mutating func refusedLater() {
        model.uplinkConnects()
        for _ in 1...2 { model.submit(0, topic: "t") }
        model.turn()
        for _ in 1...2 { model.uplinkProcesses() }
        model.uplinkGetsAcknowledgement(at: 1)
        model.uplinkGetsAcknowledgement(MQTTReasonCode(rawValue: 0x87))
        model.now += 60_000_000
        model.turn()
        #expect(model.quarantine == [])
        #expect(model.core.entries.isEmpty)
    }

    @Test("A newer one that waits on the disk outdates it at the start; a newer refused one stays")
    mutating func rows() {
        refuseFirst()
        model.disk[1 << 40] = OutboxFixture.record(1 << 40, topic: "t", supersedes: true)
        model.quarantine.append(OutboxFixture.record(1 << 41, topic: "t", supersedes: true))
        model.restart()
        model.turn()
        #expect(model.quarantine.map(\.id) == [1 << 41])
    }

    @Test(
        "Only older states of the topic are deleted: no event, nothing damaged, nothing of another")
    func rowsOfTheStore() throws {
        let directory = try TemporaryDirectory("outbox")
        let store = try OutboxStore(
            configuration: OutboxConfiguration(path: directory.file("outbox.db")))
        let refused = [
            OutboxFixture.record(1, topic: "t", supersedes: true),
            OutboxFixture.record(2, topic: "t"),
            OutboxFixture.record(3, topic: "u", supersedes: true),
            OutboxFixture.record(5, topic: "t", supersedes: true),
        ].map { OutboxRefusal(record: $0, reasonCode: 0x87) }
        _ = try store.write(
            OutboxBatch(
                quarantines: [
                    OutboxRefusal(
                        record: OutboxFixture.record(3, topic: "t", supersedes: true),
                        reasonCode: 0)
                ]))
        let outdated = OutboxOutdated(topic: Array("t".utf8), counter: 4)
        let report = try store.write(OutboxBatch(quarantines: refused, outdated: [outdated]))
        #expect(report.outdated == 1)
        #expect(try store.quarantinedCount() == 4)
        let states = try store.refusedStates()
        #expect(states.topics.count == 2)
        #expect(states.highestCounter == 5)
        #expect(try store.highestCounter() == 5)
    }

    @Test("Of refused states that are chosen to be sent again, none is that a refused one outdates")
    func chosenAlone() throws {
        let directory = try TemporaryDirectory("outbox")
        let path = directory.file("outbox.db")
        do {
            let store = try OutboxStore(configuration: OutboxConfiguration(path: path))
            // The newer one was refused first.
            _ = try store.write(
                OutboxBatch(
                    quarantines: [2, 1].map {
                        OutboxRefusal(
                            record: OutboxFixture.record($0, topic: "t", supersedes: true),
                            reasonCode: 0x87)
                    }))
        }
        #expect(
            try OutboxInspector.retryQuarantined(path: path, keys: [2])
                == OutboxInspector.RetryReport(superseded: 1))
        #expect(
            try OutboxInspector.retryQuarantined(path: path)
                == OutboxInspector.RetryReport(restored: 1))
    }
}

@Suite(
    "Outbox service: refused states",
    .enabled(if: TestBroker.isAvailable, "mosquitto is not installed"), .timeLimit(.minutes(1)))
struct OutboxRefusedStateTests {
    @Test("A state that was refused does not come back after a newer one was delivered")
    func retry() throws {
        let broker = try TestBroker()
        let rig: OutboxRig
        do {
            let directory = try TemporaryDirectory("outbox")
            let store = try OutboxStore(
                configuration: OutboxConfiguration(path: directory.file("outbox.db")))
            // Its counter is higher than those that a start without rows would begin with.
            let old = OutboxFixture.record(500, topic: "state/a", payload: "old", supersedes: true)
            _ = try store.write(
                OutboxBatch(quarantines: [OutboxRefusal(record: old, reasonCode: 0x87)]))
            rig = try OutboxRig(broker.port, directory: directory)
        }
        try rig.waitForUplink()
        try rig.send("new", topic: "state/a", isRetained: true, supersedes: true)
        try rig.waitUntilClear()
        rig.stop()
        #expect(rig.service.metrics.quarantined == 0)
        #expect(rig.service.metrics.superseded == 1)
        #expect(
            try OutboxInspector.retryQuarantined(path: rig.configuration.path)
                == OutboxInspector.RetryReport())
        try rig.start()
        try rig.waitForUplink()
        try rig.waitUntilClear()
        let consumer = try OutboxConsumer(broker.port, ["state/#"])
        try consumer.wait("the state") { !$0.isEmpty }
        #expect(consumer.texts("state/a") == ["new"])
        rig.stop()
    }
}
