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
        let start: UInt64 = 1_000_000_000_000
        func keep(_ sequence: UInt64, isAwaited: Bool) {
            core.keep(
                lane: lane, sequence: sequence, kept: kept("a", "\(sequence)"),
                isAwaited: isAwaited)
        }
        keep(1, isAwaited: true)
        #expect(core.commitDue(now: start) == 0)
        #expect(core.durableSequence(lane: lane) == 0)
        core.committed(core.makeBatch(withInserts: false), OutboxWriteReport())
        #expect(core.durableSequence(lane: lane) == 1)
        #expect(core.commitDue(now: start) == nil)
        // Now nobody is held up, and the newest goes to the disk in a second.
        keep(2, isAwaited: false)
        #expect(core.durableSequence(lane: lane) == 2)
        #expect(core.commitDue(now: start) == start + OutboxKeptPace.intervalNanoseconds)
        keep(3, isAwaited: false)
        #expect(core.durableSequence(lane: lane) == 3)
        #expect(core.commitDue(now: start + 5) == start + OutboxKeptPace.intervalNanoseconds)
        let batch = core.makeBatch(withInserts: false)
        #expect(batch.kept == [kept("a", "3")])
        core.committed(batch, OutboxWriteReport())
        // What is waited for goes at once, and takes with it what is not.
        keep(4, isAwaited: true)
        keep(5, isAwaited: false)
        #expect(core.commitDue(now: start + 5) == 0)
        #expect(core.durableSequence(lane: lane) == 3)
        #expect(core.makeBatch(withInserts: false).kept == [kept("a", "5")])
    }

    @Test("While the disk fails nobody waits, and what has changed goes to it when it is back")
    func diskFailure() throws {
        var core = OutboxCore(limits: OutboxCore.Limits(), boot: 1)
        let lane = core.addLane()
        core.keep(lane: lane, sequence: 7, kept: kept("a", "1"), isAwaited: true)
        core.commitFailed(SQLiteError(operation: "COMMIT", code: 13, text: "full"), now: 10)
        #expect(core.durableSequence(lane: lane) == 7)
        core.keep(lane: lane, sequence: 8, kept: kept("b", "2"), isAwaited: true)
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
                lane: lane, sequence: sequence + 1, kept: kept("a", "\(sequence)"),
                isAwaited: true)
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

    @Test(
        "Where events never end, states do not wait for those that were decided after they were due"
    )
    func whileOthersAreOnTheirWay() throws {
        var core = OutboxCore(limits: OutboxCore.Limits(), boot: 1)
        let lane = core.addLane()
        core.beginScan()
        core.endScan()
        let start: UInt64 = 1_000_000_000_000
        func raise(_ key: String, _ sequence: UInt64, isAwaited: Bool) {
            let header = OutboxRecordHeader(sequence: sequence, recordClass: .alert)
            Array(key.utf8).withUnsafeBytes {
                core.accept(
                    lane: lane, header: header, topic: $0, payload: $0, isLive: true, now: start,
                    elapsed: 0)
            }
            core.keep(
                lane: lane, sequence: sequence + 1, kept: kept(key, "\(sequence)"),
                isAwaited: isAwaited)
        }
        func commit() -> Set<[UInt8]> {
            let batch = core.makeBatch(withInserts: false)
            #expect(batch.inserts.isEmpty)
            core.committed(batch, OutboxWriteReport())
            return Set(batch.kept.map(\.bytes))
        }
        raise("a", 1, isAwaited: false)
        raise("b", 3, isAwaited: true)
        #expect(core.commitDue(now: start) == start + 50_000_000)
        #expect(core.mayKeepSoon)
        // The same alarm changes again before its last event is safe, and one is waited for behind it.
        raise("b", 5, isAwaited: false)
        raise("c", 7, isAwaited: true)
        core.acknowledgeLive(lane: lane, sequence: 1, now: start)
        #expect(core.commitDue(now: start) == start + 50_000_000)
        core.acknowledgeLive(lane: lane, sequence: 3, now: start)
        #expect(core.commitDue(now: start) == 0)
        #expect(commit() == [Array("1".utf8), Array("3".utf8)])
        #expect(core.durableSequence(lane: lane) == 4)
        // The events of b and c are on their way.
        #expect(core.commitDue(now: start) == start + 50_000_000)
        core.acknowledgeLive(lane: lane, sequence: 5, now: start)
        core.acknowledgeLive(lane: lane, sequence: 7, now: start)
        #expect(core.commitDue(now: start) == 0)
        #expect(commit() == [Array("5".utf8), Array("7".utf8)])
        #expect(core.durableSequence(lane: lane) == 8)
        #expect(core.commitDue(now: start) == nil)
        // Without PUBACKs everything is written together, the newest of each key.
        raise("a", 9, isAwaited: true)
        #expect(core.commitDue(now: start) == start + 50_000_000)
        raise("a", 11, isAwaited: true)
        let both = core.makeBatch(withInserts: true)
        #expect(both.inserts.count == 2 && both.kept == [kept("a", "11")])
        core.committed(both, OutboxWriteReport())
        #expect(core.durableSequence(lane: lane) == 12)
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
