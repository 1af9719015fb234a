import Foundation
import TestSupport
import Testing

@testable import SensorIO

@Suite("Outbox inspector")
struct OutboxInspectorTests {
    let directory: TemporaryDirectory
    let path: String

    init() throws {
        directory = try TemporaryDirectory("outbox")
        path = directory.file("outbox.db")
        let store = try OutboxStore(configuration: OutboxConfiguration(path: path))
        _ = try store.beginBoot(now: .now())
        try OutboxFixture.fill(store, 10)
        _ = try store.write(
            OutboxBatch(
                inserts: [OutboxFixture.record(11, recordClass: .prediction)], deletes: [3],
                quarantines: [OutboxRefusal(record: OutboxFixture.record(3), reasonCode: 0x87)],
                drops: [OutboxDropCount(recordClass: .alert, cause: .expired, count: 2)]))
    }

    @Test(
        "It says what waits, what was refused and what was given up, while an agent may be at work")
    func summary() throws {
        let lock = try OutboxLock(path: path)
        let inspector = try OutboxInspector(path: path)
        let summary = try inspector.summary()
        #expect(summary.records == [.alert: 9, .notice: 0, .prediction: 1])
        #expect(summary.quarantined == 1)
        #expect(summary.boot != nil)
        #expect(summary.drops.map(\.2) == [2])
        var sequences: [UInt64] = []
        try inspector.forEachRecord {
            sequences.append($0.header.sequence)
            return sequences.count < 10
        }
        #expect(sequences == [1, 2, 4, 5, 6, 7, 8, 9, 10, 11])
        var reasons: [UInt8?] = []
        try inspector.forEachQuarantined {
            reasons.append($0.reasonCode)
            return true
        }
        #expect(reasons == [0x87])
        #expect(try inspector.verify() == [])
        withExtendedLifetime(lock) {}
    }

    @Test("Who takes their time over the records keeps nobody from writing the log back")
    func slowReader() throws {
        let store = try OutboxStore(configuration: OutboxConfiguration(path: path))
        try OutboxFixture.fill(store, 1_000)
        let inspector = try OutboxInspector(path: path)
        var keys: [Int64] = []
        var logBytes: [Int?] = []
        func look(_ record: OutboxInspector.Record) -> Bool {
            keys.append(record.key)
            guard keys.count % 300 == 1 else { return true }
            // As the agent does beside the pager.
            _ = try? store.write(OutboxBatch(deletes: [Int64(keys.count + 1)]))
            try? store.checkpoint(truncate: true)
            logBytes.append(OutboxSalvage.size(path + "-wal"))
            return true
        }
        try inspector.forEachRecord(look)
        #expect(keys.count > 990)
        #expect(zip(keys, keys.dropFirst()).allSatisfy(<), "in order, none twice")
        #expect(logBytes == [0, 0, 0, 0])
        logBytes = []
        keys = []
        try inspector.forEachQuarantined(look)
        #expect(logBytes == [0])
    }

    @Test("It finds a record whose bytes changed")
    func verify() throws {
        try SQLiteConnection(path: path, mode: .readWrite)
            .execute("UPDATE record SET payload = x'01' WHERE id = 5")
        #expect(
            try OutboxInspector(path: path).verify() == [
                "record 5: its checksum does not agree"
            ])
    }

    @Test("Refused records can be sent again, or dropped; records that wait can be purged")
    func changes() throws {
        #expect(
            try OutboxInspector.retryQuarantined(path: path)
                == OutboxInspector.RetryReport(restored: 1))
        var summary = try OutboxInspector(path: path).summary()
        #expect(summary.records[.alert] == 10)
        #expect(summary.quarantined == 0)
        #expect(try OutboxInspector(path: path).verify() == [])
        #expect(try OutboxInspector.purge(path: path, recordClass: .prediction) == 1)
        #expect(try OutboxInspector.purge(path: path) == 10)
        #expect(try OutboxInspector.dropQuarantined(path: path) == 0)
        summary = try OutboxInspector(path: path).summary()
        #expect(summary.records.values.reduce(0, +) == 0)
    }

    @Test("Of refused states only the newest is sent again, and none that a waiting one replaces")
    func retryStates() throws {
        do {
            let store = try OutboxStore(configuration: OutboxConfiguration(path: path))
            func state(_ counter: Int64, _ topic: String) -> OutboxRecord {
                OutboxFixture.record(counter, topic: topic, supersedes: true)
            }
            _ = try store.write(
                OutboxBatch(
                    inserts: [state(30, "b")],
                    quarantines: [state(20, "a"), state(21, "b"), state(22, "a")].map {
                        OutboxRefusal(record: $0, reasonCode: 0x87)
                    }))
            try store.connection.execute("UPDATE quarantine SET payload = x'31' WHERE record = 3")
        }
        #expect(
            try OutboxInspector.retryQuarantined(path: path)
                == OutboxInspector.RetryReport(restored: 1, superseded: 2, damaged: 1))
        var last: OutboxInspector.Record?
        try OutboxInspector(path: path).forEachRecord {
            if $0.header.recordClass == .alert { last = $0 }
            return true
        }
        #expect(last?.topic == "a")
        #expect(last?.header.sequence == 22)
        #expect(try OutboxInspector(path: path).summary().quarantined == 1)
    }

    @Test("Nothing is changed while an agent has the outbox")
    func inUse() throws {
        let lock = try OutboxLock(path: path)
        #expect(throws: OutboxError.inUse(path: path)) { try OutboxInspector.purge(path: path) }
        withExtendedLifetime(lock) {}
    }
}
