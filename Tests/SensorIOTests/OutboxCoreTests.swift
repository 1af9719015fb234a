import TestSupport
import Testing

@testable import SensorIO

@Suite("Outbox core")
struct OutboxCoreTests {
    var model = OutboxModel(limits: OutboxCore.Limits())

    private func names(_ wire: [OutboxModel.Message]) -> [UInt64] { wire.map(\.name.sequence) }

    @Test("Offline, a record is committed at once and leaves memory")
    mutating func offline() {
        model.submit(0, topic: "t")
        model.turn()
        #expect(model.disk.count == 1)
        #expect(model.core.entries.isEmpty)
        #expect(model.core.memoryBytes == 0)
        #expect(model.producers[0].durableSequence == 1)
        #expect(!model.producers[0].isOpen)
    }

    @Test(
        "Online, a record is sent before it is committed, and not committed if its PUBACK is in time"
    )
    mutating func online() {
        model.uplinkConnects()
        model.submit(0, topic: "t")
        model.turn()
        #expect(names(model.uplink.wire) == [1])
        #expect(model.disk.isEmpty)
        #expect(model.core.commitDue(now: model.now) == model.now + 50_000_000)
        model.uplinkProcesses()
        model.uplinkGetsAcknowledgement()
        #expect(model.core.commitDue(now: model.now) == nil)
        #expect(model.core.counters.sparedTheDisk == 1)
    }

    @Test("A PUBACK after the commit leads to a deletion, and the lane opens only after that")
    mutating func lateAcknowledgement() {
        model.uplinkConnects()
        model.submit(0, topic: "t")
        model.turn()
        model.now += 60_000_000
        model.turn()
        #expect(model.disk.count == 1)
        model.uplinkProcesses()
        model.uplinkGetsAcknowledgement()
        #expect(!model.core.isOpen(lane: 0))
        model.turn()
        #expect(model.disk.isEmpty)
        #expect(model.producers[0].isOpen)
    }

    @Test(
        "A record whose topic has rows is committed before it is sent; one of a clean topic is not")
    mutating func commitBeforeSend() {
        model.submit(0, topic: "dirty")
        model.turn()
        model.uplinkConnects()
        model.turn()
        #expect(names(model.uplink.wire) == [1])
        model.submit(0, topic: "dirty")
        model.submit(0, topic: "clean")
        model.readLanes()
        model.pump()
        #expect(names(model.uplink.wire) == [1, 3])
        model.commitIfDue()
        model.pump()
        #expect(names(model.uplink.wire) == [1, 3, 2])
    }

    @Test("What is new goes ahead of the backlog of other topics, and behind that of its own")
    mutating func priority() {
        var limits = OutboxCore.Limits()
        limits.window = 10
        model = OutboxModel(limits: limits)
        for _ in 0..<30 { model.submit(0, topic: "old") }
        model.turn()
        model.uplinkConnects()
        model.turn()
        // A tenth of the window is kept free.
        #expect(names(model.uplink.wire) == Array(1...9))
        model.submit(0, topic: "new")
        model.submit(0, topic: "old")
        model.turn()
        #expect(names(model.uplink.wire) == Array(1...9) + [31])
        model.settleDown()
        #expect(model.faults() == [])
    }

    @Test("Alerts of the backlog go before predictions of the backlog, whatever came first")
    mutating func classes() {
        model.submit(0, topic: "p", recordClass: .prediction)
        model.submit(0, topic: "n", recordClass: .notice)
        model.submit(0, topic: "a", recordClass: .alert)
        model.turn()
        model.uplinkConnects()
        model.turn()
        #expect(names(model.uplink.wire) == [3, 2, 1])
    }

    @Test("A topic has one class while anything of it waits")
    mutating func oneClass() {
        model.submit(0, topic: "t", recordClass: .prediction)
        model.submit(0, topic: "t", recordClass: .alert)
        model.turn()
        model.uplinkConnects()
        model.turn()
        #expect(names(model.uplink.wire) == [1, 2])
    }

    @Test(
        "A refusal for good is quarantined at once, and the topic goes on",
        arguments: [0x87, 0x90, 0x95, 0x99] as [UInt8])
    mutating func refusedForGood(_ code: UInt8) {
        model.uplinkConnects()
        for _ in 0..<3 { model.submit(0, topic: "t") }
        model.turn()
        model.uplinkProcesses()
        model.uplinkGetsAcknowledgement(MQTTReasonCode(rawValue: code))
        let batch = model.core.makeBatch(withInserts: false)
        #expect(batch.quarantines.map(\.reasonCode) == [code])
        #expect(batch.quarantines.map(\.record.header.sequence) == [1])
        model.log.removeAll()
        model.settleDown()
        #expect(model.log.map(\.name.sequence) == [2, 3])
    }

    @Test(
        "A refusal that may pass is tried again, its followers after it, and quarantined in the end"
    )
    mutating func refusedForNow() {
        model.uplinkConnects()
        for _ in 0..<2 { model.submit(0, topic: "t") }
        model.submit(0, topic: "other")
        model.turn()
        for _ in 0..<3 { model.uplinkProcesses() }
        model.log.removeAll()
        model.uplinkGetsAcknowledgement(MQTTReasonCode(rawValue: 0x97))
        while !model.uplink.acknowledgements.isEmpty { model.uplinkGetsAcknowledgement() }
        model.turn()
        #expect(model.uplink.wire.isEmpty)
        #expect(!model.core.isOpen(lane: 0))
        model.now += 1_100_000_000
        model.turn()
        #expect(names(model.uplink.wire) == [1, 2])
        for attempt in 2...5 {
            while !model.uplink.wire.isEmpty { model.uplinkProcesses() }
            model.uplinkGetsAcknowledgement(MQTTReasonCode(rawValue: 0x97))
            while !model.uplink.acknowledgements.isEmpty { model.uplinkGetsAcknowledgement() }
            let isLast = attempt == 5
            #expect(model.core.refusals.count == (isLast ? 1 : 0))
            // The attempt is counted on the disk, then the time passes.
            model.turn()
            model.now += 60_000_000_000
            model.turn()
        }
        model.settleDown()
        #expect(model.core.entries.isEmpty)
        #expect(model.disk.isEmpty)
        #expect(model.log.last?.name.sequence == 2)
    }

    /// A core with live records 1, 2 … of one topic, all published by their producer.
    private func coreWithLive(_ count: UInt64) -> OutboxCore {
        var core = OutboxCore(limits: OutboxCore.Limits(), boot: 1)
        _ = core.addLane()
        core.beginScan()
        core.endScan()
        core.connected()
        for sequence in 1...count {
            let header = OutboxRecordHeader(sequence: sequence, recordClass: .alert)
            Array("t".utf8).withUnsafeBytes { topic in
                Array("payload".utf8).withUnsafeBytes {
                    core.accept(
                        lane: 0, header: header, topic: topic, payload: $0, isLive: true, now: 10,
                        elapsed: 0)
                }
            }
        }
        return core
    }

    @Test(
        "A live record that is refused for now is sent again before its followers, which were taken",
        arguments: [false, true])
    func liveRefusedForNow(followersFirst: Bool) {
        var core = coreWithLive(3)
        let followers: [UInt64] = [2, 3]
        if followersFirst {
            for sequence in followers {
                core.acknowledgeLive(lane: 0, sequence: sequence, now: 20)
            }
        }
        core.rejectLive(lane: 0, sequence: 1, reason: MQTTReasonCode(rawValue: 0x97), now: 30)
        if !followersFirst {
            for sequence in followers {
                core.acknowledgeLive(lane: 0, sequence: sequence, now: 40)
            }
        }
        #expect(core.counters.deliveredLive == 0, "the broker has them, but before the first one")
        #expect(core.lanes[0].live.isEmpty)
        #expect(core.nextStep(now: 50, elapsed: 0) == .nothing)
        var sent: [UInt64] = []
        var identifier: Int32 = 0
        while case .publish(let record) = core.nextStep(now: 2_000_000_000, elapsed: 0) {
            identifier += 1
            sent.append(record.header.sequence)
            core.sent(record.id, messageIdentifier: identifier)
        }
        #expect(sent == [1, 2, 3])
        for identifier in 1...identifier {
            core.acknowledged(messageIdentifier: identifier, reason: .success, now: 2_000_000_001)
        }
        #expect(core.entries.isEmpty)
        #expect(core.isOpen(lane: 0))
    }

    @Test("Refusals for good are written together, not each for itself")
    func refusalsInCrowds() {
        var core = coreWithLive(50)
        for sequence in UInt64(1)...50 {
            core.rejectLive(
                lane: 0, sequence: sequence, reason: MQTTReasonCode(rawValue: 0x87),
                now: 1_000 + sequence)
        }
        #expect(core.commitDue(now: 1_050) == 1_001 + 50_000_000)
        #expect(core.makeBatch(withInserts: false).quarantines.count == 50)
    }

    @Test("The broker is told for how long a late record is still worth taking")
    func remainingExpiry() {
        let core = OutboxCore(limits: OutboxCore.Limits(), boot: 1)
        var record = OutboxFixture.record(1)
        #expect(core.remainingSeconds(of: record, elapsed: 5_000_000_000) == 0)
        record.header.expirySeconds = 60
        let start = record.elapsedNanoseconds
        #expect(core.remainingSeconds(of: record, elapsed: start) == 60)
        #expect(core.remainingSeconds(of: record, elapsed: start &+ 45_000_000_000) == 15)
        #expect(core.remainingSeconds(of: record, elapsed: start &- 9_000_000_000) == 60)
        #expect(core.remainingSeconds(of: record, elapsed: start &+ 61_000_000_000) == 1)
    }

    @Test("PUBACKs out of order within a topic settle nothing early")
    mutating func disorder() {
        model.uplinkConnects()
        for _ in 0..<3 { model.submit(0, topic: "t") }
        model.turn()
        for _ in 0..<3 { model.uplinkProcesses() }
        model.uplinkGetsAcknowledgement(at: 2)
        model.uplinkGetsAcknowledgement(at: 1)
        #expect(model.core.entries.count == 3)
        model.uplinkGetsAcknowledgement()
        #expect(model.core.entries.isEmpty)
    }

    @Test(
        "What is too old is dropped and counted, by its own limit or the general one",
        arguments: [5, 0] as [UInt32])
    mutating func expiry(_ own: UInt32) {
        var limits = OutboxCore.Limits()
        limits.maximumAge = own == 0 ? 5_000_000_000 : 3_600_000_000_000
        model = OutboxModel(limits: limits)
        model.disk[1] = OutboxFixture.record(1, elapsed: 1_000_000_000, expiry: own)
        model.disk[2] = OutboxFixture.record(2, elapsed: 9_000_000_000, expiry: own)
        model.restart()
        model.uplinkConnects()
        model.now = 10_000_000_000
        model.turn()
        #expect(names(model.uplink.wire) == [2])
        #expect(model.core.counters.drops[0][OutboxDropCause.expired.rawValue] == 1)
        #expect(model.core.takeEvents() == [.dropped(.alert, .expired, count: 1)])
        model.settleDown()
        #expect(model.disk.isEmpty)
    }

    @Test("A drain has the rate that it may have")
    mutating func drainRate() {
        var limits = OutboxCore.Limits()
        limits.drainRecordsPerSecond = 100
        model = OutboxModel(limits: limits)
        for _ in 0..<300 { model.submit(0, topic: "t") }
        model.turn()
        model.uplinkConnects()
        let start = model.now
        while model.now < start + 1_000_000_000 {
            model.now += 5_000_000
            model.turn()
            while !model.uplink.wire.isEmpty { model.uplinkProcesses() }
            while !model.uplink.acknowledgements.isEmpty { model.uplinkGetsAcknowledgement() }
        }
        #expect((90...115).contains(model.log.count))
    }

    @Test(
        "A row that is evicted while its record waits is gone and counted; one on its way still arrives"
    )
    mutating func eviction() {
        model.submit(0, topic: "t")
        model.turn()
        var report = OutboxWriteReport()
        let row = OutboxStore.Outline(
            id: 1, topicHash: model.disk[1]!.topicHash, bytes: 1, elapsedNanoseconds: 0,
            expirySeconds: 0)
        report.evicted = [row]
        model.disk[1] = nil
        model.core.committed(OutboxBatch(), report)
        #expect(model.core.takeEvents() == [.dropped(.alert, .databaseFull, count: 1)])
        #expect(model.core.isOpen(lane: 0))
        #expect(model.imbalance() == nil)

        model.submit(0, topic: "t")
        model.turn()
        model.uplinkConnects()
        model.turn()
        report.evicted[0].id = 2
        model.disk[2] = nil
        model.core.committed(OutboxBatch(), report)
        #expect(model.core.takeEvents() == [])
        var random = SplitMix64(seed: 1)
        model.uplink.wire.removeAll()
        model.uplinkDisconnects(using: &random)
        model.turn()
        #expect(model.disk.count == 1)
        model.settleDown()
        #expect(model.log.map(\.name.sequence) == [2])
    }

    @Test("Identifiers move behind those of a database that could be opened only later")
    mutating func renumber() {
        model.diskFails = true
        model.submit(0, topic: "t")
        model.submit(0, topic: "t", recordClass: .alert)
        model.turn()
        model.core.renumber(after: 1_000)
        model.diskFails = false
        model.now += 10_000_000_000
        model.turn()
        #expect(model.disk.keys.sorted() == [1_001, 1_002])
        model.settleDown()
        #expect(model.log.map(\.name.sequence) == [1, 2])
    }

    @Test("Late records say so in their payload, without changing its length")
    func markHistorical() {
        let text = "{\"a\":1,\"historical\":false}"
        var record = OutboxFixture.record(1, payload: text)
        record.header.historicalOffset = 20
        record.markHistorical()
        #expect(String(decoding: record.payload, as: UTF8.self) == "{\"a\":1,\"historical\":true }")
        let before = record
        record.markHistorical()
        #expect(record == before)
        record.header.historicalOffset = 1 << 40
        record.markHistorical()
        #expect(record.bytes == before.bytes)
    }
}
