import Foundation
import TestSupport
import Testing

@testable import SensorIO

/// Makes records and databases for tests.
enum OutboxFixture {
    static func record(
        _ counter: Int64, topic: String = "plant/1/alert", payload: String? = nil,
        recordClass: OutboxRecordClass = .alert, elapsed: Int64 = 0, expiry: UInt32 = 0,
        boot: UInt64 = 1, supersedes: Bool = false
    ) -> OutboxRecord {
        let payload = payload ?? "{\"n\":\(counter),\"historical\":false}"
        let header = OutboxRecordHeader(
            sequence: UInt64(counter), recordClass: recordClass, isRetained: supersedes,
            supersedes: supersedes, contentType: .json, expirySeconds: expiry,
            createdNanoseconds: 1_800_000_000_000_000_000, isClockSynchronised: true)
        return Array(topic.utf8).withUnsafeBytes { topic in
            Array(payload.utf8).withUnsafeBytes { payload in
                OutboxRecord(
                    id: OutboxRecord.base(of: recordClass) | counter, boot: boot, header: header,
                    elapsedNanoseconds: elapsed, topic: topic, payload: payload)
            }
        }
    }

    static func ids(_ store: OutboxStore) throws -> [Int64] {
        var ids: [Int64] = []
        try store.scan { id, record in if record != nil { ids.append(id) } }
        return ids
    }

    static func fill(_ store: OutboxStore, _ count: Int, payload: String? = nil) throws {
        for start in stride(from: 1, through: count, by: 250) {
            let rows = (start...min(count, start + 249)).map {
                record(Int64($0), payload: payload)
            }
            _ = try store.write(OutboxBatch(inserts: rows))
        }
    }
}

@Suite("Outbox store")
struct OutboxStoreTests {
    let directory: TemporaryDirectory
    let configuration: OutboxConfiguration

    init() throws {
        directory = try TemporaryDirectory("outbox")
        configuration = OutboxConfiguration(path: directory.file("outbox.db"))
    }

    func makeStore(_ change: (inout OutboxConfiguration) -> Void = { _ in }) throws -> OutboxStore {
        var configuration = configuration
        change(&configuration)
        return try OutboxStore(configuration: configuration)
    }

    @Test("A new database commits durably, in a log, and gives space back")
    func settings() throws {
        let store = try makeStore()
        #expect(try store.connection.text("PRAGMA journal_mode") == "wal")
        #expect(try store.connection.integer("PRAGMA synchronous") == 2)
        #expect(try store.connection.integer("PRAGMA auto_vacuum") == 2)
        #expect(try store.connection.integer("PRAGMA wal_autocheckpoint") == 0)
        #expect(try store.connection.integer("PRAGMA user_version") == 1)
    }

    @Test("A record comes back from the disk as it was written")
    func roundTrip() throws {
        let first = OutboxFixture.record(5, topic: "t/ä", elapsed: 77, expiry: 9, supersedes: true)
        let second = OutboxFixture.record(6, payload: "")
        let third = OutboxFixture.record(3, recordClass: .prediction)
        _ = try makeStore().write(OutboxBatch(inserts: [first, second, third]))
        let store = try makeStore()
        #expect(try store.rows(.alert, after: -1, limit: 10).records == [first, second])
        #expect(try store.rows(.alert, after: 5, limit: 10).records == [second])
        #expect(try store.rows(.prediction, after: -1, limit: 10).records == [third])
        #expect(try store.rows(.notice, after: -1, limit: 10).records == [])
        #expect(try store.highestCounter() == 6)
    }

    @Test("Deletes take what they are told, run by run, and nothing else")
    func deletes() throws {
        let store = try makeStore()
        try OutboxFixture.fill(store, 20)
        _ = try store.write(OutboxBatch(deletes: [1, 2, 3, 7, 9, 10, 20, 99]))
        #expect(try OutboxFixture.ids(store) == [4, 5, 6, 8, 11, 12, 13, 14, 15, 16, 17, 18, 19])
    }

    @Test("A batch that is written twice is there once")
    func idempotent() throws {
        let store = try makeStore()
        let batch = OutboxBatch(inserts: (1...5).map { OutboxFixture.record($0) })
        _ = try store.write(batch)
        _ = try store.write(batch)
        #expect(try OutboxFixture.ids(store) == [1, 2, 3, 4, 5])
    }

    @Test(
        "A refused record moves to the quarantine in one transaction, and the oldest goes at its bound"
    )
    func quarantine() throws {
        let store = try makeStore { $0.maximumQuarantined = 3 }
        try OutboxFixture.fill(store, 5)
        var report = OutboxWriteReport()
        for id in Int64(1)...5 {
            report = try store.write(
                OutboxBatch(
                    deletes: [id],
                    quarantines: [
                        OutboxRefusal(record: OutboxFixture.record(id), reasonCode: 0x87)
                    ]))
        }
        #expect(try OutboxFixture.ids(store) == [])
        #expect(try store.quarantinedCount() == 3)
        #expect(try store.connection.integer("SELECT min(record) FROM quarantine") == 3)
        #expect(
            report.quarantineDropped == [
                OutboxDropCount(recordClass: .alert, cause: .quarantineFull, count: 1)
            ])
        #expect(try store.drops().map(\.count) == [2])
    }

    @Test(
        "At the bound in bytes the lowest class goes first, its oldest rows first, and is counted")
    func eviction() throws {
        let store = try makeStore { $0.maximumBytes = 256 << 10 }
        let payload = String(repeating: "x", count: 1_000)
        var evicted: [Int64] = []
        for counter in Int64(1)...100 {
            evicted += try store.write(
                OutboxBatch(inserts: [
                    OutboxFixture.record(counter, payload: payload),
                    OutboxFixture.record(counter, payload: payload, recordClass: .prediction),
                ])
            ).evicted.map(\.id)
        }
        #expect(try store.usedBytes() <= 256 << 10)
        // Not one alert went while there were predictions, and the newest of each class is there.
        let base = OutboxRecord.base(of: .prediction)
        #expect(evicted == evicted.sorted())
        #expect(evicted.allSatisfy { $0 > base })
        let ids = try OutboxFixture.ids(store)
        #expect(ids.filter { $0 < base } == Array(1...100))
        #expect(ids.last == base | 100)
        #expect(ids.count + evicted.count == 200)
        #expect(
            try store.drops() == [
                OutboxDropCount(
                    recordClass: .prediction, cause: .databaseFull, count: evicted.count)
            ])
        for counter in Int64(101)...400 {
            evicted += try store.write(
                OutboxBatch(inserts: [OutboxFixture.record(counter, payload: payload)])
            ).evicted.map(\.id)
        }
        let left = try OutboxFixture.ids(store)
        #expect(left == Array((401 - Int64(left.count))...400))
        #expect(try store.usedBytes() <= 256 << 10)
    }

    @Test("At the bound refused records go before alerts and notices, after predictions")
    func quarantineIsEvicted() throws {
        let store = try makeStore { $0.maximumBytes = 256 << 10 }
        let payload = String(repeating: "x", count: 1_000)
        _ = try store.write(
            OutboxBatch(
                quarantines: (1...100).map {
                    OutboxRefusal(
                        record: OutboxFixture.record($0, payload: payload), reasonCode: 0x87)
                }))
        var dropped = 0
        for counter in Int64(101)...250 {
            let report = try store.write(
                OutboxBatch(inserts: [OutboxFixture.record(counter, payload: payload)]))
            #expect(report.evicted.isEmpty)
            dropped += report.quarantineDropped.reduce(0) { $0 + $1.count }
        }
        #expect(try OutboxFixture.ids(store).count == 150)
        #expect(try store.usedBytes() <= 256 << 10)
        #expect(dropped > 0)
        #expect(try store.quarantinedCount() == 100 - dropped)
        #expect(
            try store.drops() == [
                OutboxDropCount(recordClass: .alert, cause: .quarantineFull, count: dropped)
            ])
    }

    @Test("Space is given back to the file system")
    func reclaim() throws {
        let store = try makeStore()
        try OutboxFixture.fill(store, 5_000, payload: String(repeating: "x", count: 500))
        try store.checkpoint(truncate: true)
        func size() -> Int { OutboxSalvage.size(configuration.path) ?? 0 }
        let full = size()
        #expect(full > 2_500_000)
        _ = try store.write(OutboxBatch(deletes: Array(1...5_000)))
        while try store.reclaim() {}
        try store.checkpoint(truncate: true)
        #expect(size() < full / 5)
        #expect(OutboxSalvage.size(configuration.path + "-wal") == 0)
    }

    @Test("A damaged row is found by its checksum, kept for inspection, and the others go on")
    func damagedRow() throws {
        let store = try makeStore()
        try OutboxFixture.fill(store, 5)
        try store.connection.execute("UPDATE record SET payload = x'00' WHERE id = 3")
        #expect(try store.rows(.alert, after: -1, limit: 10).damaged == [3])
        try store.quarantineDamaged([3])
        #expect(try OutboxFixture.ids(store) == [1, 2, 4, 5])
        #expect(try store.connection.integer("SELECT reason FROM quarantine") == 0)
        #expect(
            try store.drops() == [OutboxDropCount(recordClass: .alert, cause: .damaged, count: 1)])
    }

    @Test("A database of a newer agent, or of somebody else, is left alone")
    func foreign() throws {
        do {
            let store = try makeStore()
            try store.connection.execute("PRAGMA user_version = 2")
        }
        #expect(throws: SQLiteError.self) { _ = try makeStore() }
        let other = try SQLiteConnection(path: directory.file("other.db"), mode: .readWrite)
        try other.execute("CREATE TABLE theirs(x)")
        #expect(throws: SQLiteError.self) {
            _ = try makeStore { $0.path = directory.file("other.db") }
        }
    }

    @Test("Boot numbers grow, and a new database does not begin again where an old one began")
    func boots() throws {
        var now = OutboxClockReading.now()
        now.isSynchronised = true
        let first = try makeStore().beginBoot(now: now)
        let second = try makeStore().beginBoot(now: now)
        #expect(second.bootNumber == first.bootNumber + 1)
        #expect(first.bootNumber > 20_000_000)
        now.isSynchronised = false
        let other = try makeStore { $0.path = directory.file("new.db") }.beginBoot(now: now)
        #expect(other.bootNumber > 1 << 32)
        #expect(try makeStore().connection.integer("SELECT count(*) FROM boot") == 2)
    }

    @Test(
        "A damaged time or number of a start does not make what waits too old, nor the next number huge"
    )
    func damagedTimes() throws {
        var now = OutboxClockReading.now()
        now.isSynchronised = true
        let store = try makeStore()
        let first = try store.beginBoot(now: now)
        _ = try store.write(OutboxBatch(inserts: [OutboxFixture.record(1, elapsed: 1_000)]))
        try store.connection.execute("UPDATE record SET elapsed = elapsed | (1 << 60)")
        try store.connection.execute(
            "INSERT INTO boot SELECT number | (1 << 53), kernel, elapsed, uptime, wall, synchronised FROM boot"
        )
        let second = try store.beginBoot(now: now)
        #expect(second.bootNumber == first.bootNumber + 1)
        #expect(second.clock.start.elapsedNanoseconds < 1_000_000_000_000)
    }

    @Test("Two agents do not share an outbox")
    func lock() throws {
        let first = try OutboxLock(path: configuration.path)
        #expect(throws: OutboxError.inUse(path: configuration.path)) {
            _ = try OutboxLock(path: configuration.path)
        }
        withExtendedLifetime(first) {}
        #expect(throws: OutboxError.directory(path: "/nowhere/at/all", errorNumber: ENOENT)) {
            _ = try OutboxLock(path: "/nowhere/at/all")
        }
    }
}

@Suite("Outbox clock")
struct OutboxClockTests {
    static let second: Int64 = 1_000_000_000

    func reading(
        uptime: Int64, wall: Int64, synchronised: Bool = true, kernel: Int64 = 1
    ) -> OutboxClockReading {
        OutboxClockReading(
            uptimeNanoseconds: uptime * Self.second, wallNanoseconds: wall * Self.second,
            isSynchronised: synchronised, kernelBoot: kernel)
    }

    @Test(
        "Within one start of the kernel the wall clock does not matter at all",
        arguments: [-86_400, 0, 86_400])
    func sameKernel(_ jump: Int64) {
        var clock = OutboxClock(
            last: OutboxClockMark(
                elapsedNanoseconds: 100 * Self.second, reading: reading(uptime: 50, wall: 1_000_000)
            ),
            now: reading(uptime: 80, wall: 1_000_030 + jump))
        #expect(clock.start.elapsedNanoseconds == 130 * Self.second)
        #expect(clock.elapsedNanoseconds(reading(uptime: 90, wall: 0)) == 140 * Self.second)
    }

    @Test("Across a reboot the time in between counts if both ends are synchronised")
    func reboot() {
        let last = OutboxClockMark(
            elapsedNanoseconds: 100 * Self.second, reading: reading(uptime: 50, wall: 1_000_000))
        let clock = OutboxClock(last: last, now: reading(uptime: 20, wall: 1_003_600, kernel: 2))
        #expect(clock.start.elapsedNanoseconds == 3_700 * Self.second)
    }

    @Test("A clock at 1970 after a reboot counts the uptime only, until it is synchronised")
    func wrongClock() {
        let last = OutboxClockMark(
            elapsedNanoseconds: 100 * Self.second, reading: reading(uptime: 50, wall: 1_000_000))
        var clock = OutboxClock(
            last: last, now: reading(uptime: 20, wall: 5, synchronised: false, kernel: 2))
        #expect(clock.start.elapsedNanoseconds == 120 * Self.second)
        let later = clock.elapsedNanoseconds(reading(uptime: 30, wall: 1_003_600, kernel: 2))
        #expect(later == 3_700 * Self.second)
        #expect(
            clock.elapsedNanoseconds(reading(uptime: 40, wall: 9_999_999, kernel: 2))
                == 3_710 * Self.second)
    }

    @Test("A clock that was wrong before the reboot, or goes backwards, expires nothing")
    func wrongBefore() {
        let unsure = OutboxClockMark(
            elapsedNanoseconds: 100 * Self.second,
            reading: reading(uptime: 50, wall: 5, synchronised: false))
        var clock = OutboxClock(last: unsure, now: reading(uptime: 20, wall: 1_003_600, kernel: 2))
        #expect(clock.start.elapsedNanoseconds == 120 * Self.second)
        let ahead = OutboxClockMark(
            elapsedNanoseconds: 100 * Self.second, reading: reading(uptime: 50, wall: 9_000_000))
        clock = OutboxClock(last: ahead, now: reading(uptime: 20, wall: 1_000, kernel: 2))
        #expect(clock.start.elapsedNanoseconds == 120 * Self.second)
    }
}
