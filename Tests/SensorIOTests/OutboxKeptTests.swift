import Foundation
import TestSupport
import Testing

@testable import SensorIO

@Suite("What the outbox keeps for producers")
struct OutboxKeptTests {
    let directory: TemporaryDirectory
    let configuration: OutboxConfiguration

    init() throws {
        directory = try TemporaryDirectory("outbox")
        configuration = OutboxConfiguration(path: directory.file("outbox.db"))
    }

    private func kept(_ key: String, _ text: String, scope: String = "line") -> OutboxKept {
        OutboxKept(scope: scope, key: Array(key.utf8), bytes: Array(text.utf8))
    }

    private func open() throws -> OutboxOpening {
        try OutboxOpening(configuration: configuration, now: .now())
    }

    private func rows(_ opening: OutboxOpening) -> [String] {
        opening.kept.map {
            "\($0.scope) \(String(decoding: $0.key, as: UTF8.self)) "
                + String(decoding: $0.bytes, as: UTF8.self)
        }.sorted()
    }

    @Test("The last bytes of each key come back after a restart, and forgotten keys do not")
    func lastCounts() throws {
        do {
            let opening = try open()
            #expect(opening.kept.isEmpty)
            _ = try opening.store.write(
                OutboxBatch(kept: [
                    kept("a", "1"), kept("b", "1"), kept("a", "other", scope: "two"),
                ]))
            _ = try opening.store.write(OutboxBatch(kept: [kept("a", "2"), kept("b", "")]))
        }
        #expect(rows(try open()) == ["line a 2", "two a other"])
    }

    @Test("A database of an earlier agent gets the table")
    func earlierDatabase() throws {
        try open().store.connection.execute("DROP TABLE kept")
        let opening = try open()
        _ = try opening.store.write(OutboxBatch(kept: [kept("a", "1")]))
        #expect(rows(try open()) == ["line a 1"])
    }

    @Test("A row that is damaged is forgotten and said, once")
    func damagedRow() throws {
        let opening = try open()
        _ = try opening.store.write(OutboxBatch(kept: [kept("a", "1"), kept("b", "2")]))
        try opening.store.connection.execute("UPDATE kept SET bytes = x'33' WHERE key = x'61'")
        let second = try open()
        #expect(rows(second) == ["line b 2"])
        #expect(second.events == [.keptDamaged(count: 1)])
        #expect(try open().events.isEmpty)
    }

    @Test("A salvage saves them with the records")
    func salvage() throws {
        do {
            let store = try open().store
            _ = try store.write(
                OutboxBatch(
                    inserts: (1...200).map { OutboxFixture.record(Int64($0)) },
                    kept: (0..<20).map { kept("pump-\($0)", "state") }))
            try store.checkpoint(truncate: true)
        }
        // The first page: the tree above the tables.
        let file = try #require(FileHandle(forUpdatingAtPath: configuration.path))
        try file.seek(toOffset: 100)
        try file.write(contentsOf: Data(repeating: 0xFF, count: 900))
        try file.close()
        let opening = try open()
        #expect(opening.kept.count == 20)
        #expect(opening.events.contains { if case .salvaged = $0 { true } else { false } })
    }

    @Test("A few changes are waited for; where they never end they go to the disk once a second")
    func bounded() throws {
        var core = OutboxCore(limits: OutboxCore.Limits(), boot: 1)
        let lane = core.addLane()
        let burst = UInt64(OutboxCore.KeptChanges.burst)
        let start: UInt64 = 1_000_000_000_000
        func keep(_ sequence: UInt64, _ now: UInt64) {
            core.keep(lane: lane, sequence: sequence, kept: kept("a", "\(sequence)"), now: now)
        }
        keep(1, start)
        #expect(core.commitDue(now: start) == 0)
        #expect(core.durableSequence(lane: lane) == 0)
        core.committed(core.makeBatch(withInserts: false), OutboxWriteReport())
        #expect(core.durableSequence(lane: lane) == 1)
        #expect(core.commitDue(now: start) == nil)
        for sequence in 2...burst { keep(sequence, start) }
        core.committed(core.makeBatch(withInserts: false), OutboxWriteReport())
        // From here on nobody is held up, and the newest goes to the disk in a second.
        keep(burst + 1, start)
        keep(burst + 2, start + 5)
        #expect(core.durableSequence(lane: lane) == burst + 2)
        #expect(core.commitDue(now: start) == start + OutboxCore.KeptChanges.interval)
        let batch = core.makeBatch(withInserts: false)
        #expect(batch.kept == [kept("a", "\(burst + 2)")])
        core.committed(batch, OutboxWriteReport())
        // After a second there is room for another at once.
        keep(burst + 3, start + 1_000_000_005)
        #expect(core.commitDue(now: start) == 0)
    }

    @Test("While the disk fails nobody waits, and what has changed goes to it when it is back")
    func diskFailure() throws {
        var core = OutboxCore(limits: OutboxCore.Limits(), boot: 1)
        let lane = core.addLane()
        core.keep(lane: lane, sequence: 7, kept: kept("a", "1"), now: 10)
        core.commitFailed(SQLiteError(operation: "COMMIT", code: 13, text: "full"), now: 10)
        #expect(core.durableSequence(lane: lane) == 7)
        core.keep(lane: lane, sequence: 8, kept: kept("b", "2"), now: 20)
        #expect(core.durableSequence(lane: lane) == 8)
        #expect(core.makeBatch(withInserts: false).kept.count == 2)
    }

    @Test("An alarm's state does not get to the disk before the event that it came with is safe")
    func notBeforeItsEvent() throws {
        var core = OutboxCore(limits: OutboxCore.Limits(), boot: 1)
        let lane = core.addLane()
        core.beginScan()
        core.endScan()
        let start: UInt64 = 1_000_000_000_000
        func raise(_ sequence: UInt64) {
            let header = OutboxRecordHeader(sequence: sequence, recordClass: .alert)
            Array("t".utf8).withUnsafeBytes {
                core.accept(
                    lane: lane, header: header, topic: $0, payload: $0, isLive: true, now: start,
                    elapsed: 0)
            }
            core.keep(
                lane: lane, sequence: sequence + 1, kept: kept("a", "\(sequence)"), now: start)
        }
        raise(1)
        #expect(core.commitDue(now: start) == start + 50_000_000)
        #expect(core.makeBatch(withInserts: false).kept.isEmpty)
        // With its PUBACK nothing else has to be written.
        core.acknowledgeLive(lane: lane, sequence: 1, now: start)
        #expect(core.commitDue(now: start) == 0)
        let alone = core.makeBatch(withInserts: core.areInsertsDue(now: start))
        #expect(alone.inserts.isEmpty && alone.kept.count == 1)
        core.committed(alone, OutboxWriteReport())
        #expect(core.durableSequence(lane: lane) == 2)
        // Without one, both are written together.
        raise(3)
        let late = start + 50_000_000
        let areDue = core.areInsertsDue(now: late)
        #expect(areDue)
        let both = core.makeBatch(withInserts: true)
        #expect(both.inserts.count == 1 && both.kept == [kept("a", "3")])
        core.committed(both, OutboxWriteReport())
        #expect(core.durableSequence(lane: lane) == 4)
    }

    @Test("What is kept does not drive records out of the database")
    func doesNotEvict() throws {
        var configuration = configuration
        configuration.maximumBytes = 256 << 10
        let opening = try OutboxOpening(configuration: configuration, now: .now())
        let states = (0..<2_000).map { kept("pump-\($0)", String(repeating: "x", count: 150)) }
        _ = try opening.store.write(OutboxBatch(kept: states))
        let report = try opening.store.write(
            OutboxBatch(inserts: (1...20).map { OutboxFixture.record($0) }))
        #expect(report.evicted.isEmpty)
        #expect(try OutboxFixture.ids(opening.store).count == 20)
    }
}
