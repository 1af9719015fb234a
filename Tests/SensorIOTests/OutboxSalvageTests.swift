import Foundation
import TestSupport
import Testing

@testable import SensorIO

@Suite("Outbox salvage")
struct OutboxSalvageTests {
    let directory: TemporaryDirectory
    let configuration: OutboxConfiguration
    var path: String { configuration.path }

    init() throws {
        directory = try TemporaryDirectory("outbox")
        configuration = OutboxConfiguration(path: directory.file("outbox.db"))
    }

    /// Makes a database with `count` rows, some of them larger than a page, one quarantined; in the log or written back.
    func makeDatabase(_ count: Int, inLog: Bool = false) throws -> UInt64 {
        let store = try OutboxStore(configuration: configuration)
        let boot = try store.beginBoot(now: .now()).bootNumber
        for start in stride(from: 1, through: count, by: 100) {
            let rows = (start...min(count, start + 99)).map {
                OutboxFixture.record(
                    Int64($0), topic: "t/\($0 % 7)",
                    payload: $0 % 50 == 0 ? String(repeating: "y", count: 20_000) : nil)
            }
            _ = try store.write(OutboxBatch(inserts: rows))
        }
        _ = try store.write(
            OutboxBatch(quarantines: [
                OutboxRefusal(record: OutboxFixture.record(9_999), reasonCode: 0x87)
            ]))
        if inLog {
            // As after kill -9: the log is whole, nothing was written back.
            for suffix in ["", "-wal"] {
                try FileManager.default.copyItem(
                    atPath: path + suffix, toPath: directory.file("copy" + suffix))
            }
        } else {
            try store.checkpoint(truncate: true)
        }
        return boot
    }

    /// Puts the copy that was made before the orderly end back.
    func restoreCopy() throws {
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: path + suffix)
        }
        for suffix in ["", "-wal"] {
            try FileManager.default.moveItem(
                atPath: directory.file("copy" + suffix), toPath: path + suffix)
        }
    }

    func overwrite(_ path: String, at offset: Int, with bytes: [UInt8]) throws {
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        try file.seek(toOffset: UInt64(offset))
        try file.write(contentsOf: Data(bytes))
        try file.close()
    }

    /// Opens, and returns the rows and what was said about a salvage.
    func open() throws -> (
        ids: [Int64], salvaged: (path: String, records: Int, quarantined: Int)?, boot: UInt64
    ) {
        let opening = try OutboxOpening(configuration: configuration, now: .now())
        var salvaged: (String, Int, Int)?
        for case .salvaged(let path, let records, let quarantined, _) in opening.events {
            salvaged = (path, records, quarantined)
        }
        // What the worker does with rows that fail only now.
        var ids: [Int64] = []
        do {
            try opening.store.scan { id, record in if record != nil { ids.append(id) } }
        } catch {
            let event = try OutboxSalvage(configuration: configuration).run(
                reason: error, now: .now())
            if case .salvaged(let path, let records, let quarantined, _) = event {
                salvaged = (path, records, quarantined)
            }
            ids = try OutboxFixture.ids(OutboxStore(configuration: configuration))
        }
        return (ids, salvaged, opening.start.bootNumber)
    }

    @Test("A sound database is not touched")
    func sound() throws {
        let boot = try makeDatabase(300)
        let result = try open()
        #expect(result.ids == Array(1...300))
        #expect(result.salvaged == nil)
        #expect(result.boot == boot + 1)
    }

    @Test("With its header gone, everything is saved, and the damaged file stands aside")
    func header() throws {
        let boot = try makeDatabase(1_000)
        try overwrite(path, at: 0, with: [UInt8](repeating: 0xFF, count: 100))
        let result = try open()
        #expect(result.ids == Array(1...1_000))
        let salvaged = try #require(result.salvaged)
        #expect(salvaged.records == 1_000)
        #expect(salvaged.quarantined == 1)
        #expect(FileManager.default.fileExists(atPath: salvaged.path))
        #expect(salvaged.path.contains(".corrupt-20"))
        #expect(result.boot > boot)
        let again = try open()
        #expect(again.ids == result.ids)
        #expect(again.salvaged == nil)
    }

    @Test("Of what was put aside the last three stay: damage that goes on does not fill the disk")
    func boundedAside() throws {
        for second in 0..<6 {
            _ = try makeDatabase(2)
            try overwrite(path, at: 0, with: [UInt8](repeating: 0xFF, count: 100))
            var now = OutboxClockReading.now()
            now.wallNanoseconds += Int64(second) * 1_000_000_000
            _ = try OutboxSalvage(configuration: configuration).run(
                reason: SQLiteError(operation: "open", code: 11, text: "damaged"), now: now)
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.url.path)
        #expect(names.count { $0.contains(".corrupt-") && !$0.hasSuffix("-wal") } == 3)
    }

    @Test("A page overwritten anywhere costs the rows on it at most", arguments: 0..<24)
    func anyPage(_ index: Int) throws {
        _ = try makeDatabase(1_000)
        let pages = (OutboxSalvage.size(path) ?? 0) / 4096
        var random = SeededGenerator(seed: UInt64(index))
        let page = index < 8 ? index : Int.random(in: 0..<pages, using: &random)
        let noise = (0..<4096).map { _ in UInt8.random(in: 0...255, using: &random) }
        try overwrite(path, at: page * 4096, with: noise)
        let ids = try open().ids
        // A page holds some 45 rows of this kind; one of overflow belongs to one row.
        #expect(ids.count >= 950)
        #expect(Set(ids).isSubset(of: Set(1...1_000)))
        #expect(ids == ids.sorted())
    }

    @Test("Random bit flips never trap, hang or invent a record", arguments: 0..<20)
    func bitFlips(_ seed: UInt64) throws {
        _ = try makeDatabase(400, inLog: seed % 2 == 0)
        if seed % 2 == 0 { try restoreCopy() }
        var random = SeededGenerator(seed: seed)
        for suffix in ["", "-wal"] {
            var bytes = (try? Data(contentsOf: URL(fileURLWithPath: path + suffix))) ?? Data()
            guard !bytes.isEmpty else { continue }
            for _ in 0..<Int.random(in: 1...60, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] ^=
                    1 << UInt8.random(in: 0..<8, using: &random)
            }
            try bytes.write(to: URL(fileURLWithPath: path + suffix))
        }
        let result = try open()
        #expect(Set(result.ids).isSubset(of: Set(1...400)))
        let store = try OutboxStore(configuration: configuration)
        #expect(
            try store.connection.text("PRAGMA integrity_check") == "ok" || result.salvaged == nil)
    }

    @Test(
        "A flipped bit that makes SQLite pass over rows in silence is found, and costs no more than its page",
        arguments: [0x05, 0x0D] as [UInt8])
    func cellCount(_ kind: UInt8) throws {
        _ = try makeDatabase(1_000)
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        // A page of the kind (inner, leaf) whose number of cells has a bit that can go.
        let page = try #require(
            stride(from: 4096, to: bytes.count, by: 4096).first {
                bytes[$0] == kind && bytes[$0 + 3] == 0 && bytes[$0 + 4] & 6 == 6
            })
        try overwrite(path, at: page + 4, with: [bytes[page + 4] ^ 4])
        let result = try open()
        #expect(result.salvaged != nil)
        // The cells that an inner page no longer counts lead to whole pages; those of a leaf are rows.
        #expect(result.ids.count >= (kind == 0x05 ? 1_000 : 996))
    }

    @Test("A truncated database gives what is left of it", arguments: [0.15, 0.5, 0.9, 0.999])
    func truncated(_ share: Double) throws {
        _ = try makeDatabase(1_000)
        let size = OutboxSalvage.size(path) ?? 0
        #expect(truncate(path, off_t(Double(size) * share)) == 0)
        let ids = try open().ids
        #expect(Double(ids.count) > 1_000 * share - 60)
        #expect(Set(ids).isSubset(of: Set(1...1_000)))
    }

    @Test("An empty file beside a log is not a new database: the log's rows are saved")
    func emptyFile() throws {
        _ = try makeDatabase(500, inLog: true)
        try restoreCopy()
        #expect(truncate(path, 0) == 0)
        let result = try open()
        #expect(result.ids == Array(1...500))
        #expect(result.salvaged?.records == 500)
    }

    @Test("An empty file without a log is a new database")
    func empty() throws {
        try Data().write(to: URL(fileURLWithPath: path))
        #expect(try open().ids == [])
    }

    @Test("A log that is damaged in the middle is not cut in silence: later transactions are saved")
    func damagedLog() throws {
        _ = try makeDatabase(1_000, inLog: true)
        try restoreCopy()
        let size = OutboxSalvage.size(path + "-wal") ?? 0
        let frames = (size - 32) / 4120
        // One byte of a frame in the middle.
        try overwrite(path + "-wal", at: 32 + frames / 2 * 4120 + 1_000, with: [0xAA, 0x55])
        let result = try open()
        #expect(result.ids.count >= 950)
        #expect(result.ids.last == 1_000)
        #expect(result.salvaged != nil)
    }

    @Test("A log cut off within its last transaction is what a power cut leaves: no salvage")
    func tornLog() throws {
        _ = try makeDatabase(1_000, inLog: true)
        try restoreCopy()
        let size = OutboxSalvage.size(path + "-wal") ?? 0
        #expect(truncate(path + "-wal", off_t(size - 1_000)) == 0)
        let result = try open()
        #expect(result.ids == Array(1...1_000))
        #expect(result.salvaged == nil)
    }

    @Test("Rows that were deleted do not come back from free pages")
    func freePages() throws {
        _ = try makeDatabase(1_000)
        do {
            let store = try OutboxStore(configuration: configuration)
            _ = try store.write(OutboxBatch(deletes: Array(1...900)))
            try store.checkpoint(truncate: true)
        }
        // The first table's root is damaged, so that nothing but pages is left to read.
        try overwrite(path, at: 16, with: [0x10, 0x00])
        try overwrite(path, at: 100, with: [0x00])
        let result = try open()
        #expect(result.ids == Array(901...1_000))
    }

    enum FreeDamage: CaseIterable {
        case head, noTrunk, otherTrunk, usedPageListed, listTooLong, map, freePageInTree
    }

    @Test(
        "Damage to one of the places that say what is free loses no row and brings none back",
        arguments: FreeDamage.allCases)
    func freeDamage(_ damage: FreeDamage) throws {
        _ = try makeDatabase(2_000)
        let inner: Int
        do {
            let store = try OutboxStore(configuration: configuration)
            inner = Int(
                try store.connection.integer(
                    "SELECT rootpage FROM sqlite_master WHERE name = 'record'") ?? 0)
            // Every second run of pages, so that the tree has pages in use and free ones among each other.
            for start in stride(from: Int64(201), through: 1_801, by: 400) {
                _ = try store.write(OutboxBatch(deletes: Array(start..<start + 200)))
            }
            try store.checkpoint(truncate: true)
        }
        let expected = (1...2_000).filter { ($0 - 1) / 200 % 2 == 0 }.map(Int64.init)
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        func number(_ offset: Int) -> Int {
            bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
        }
        func at(_ page: Int) -> Int { (page - 1) * 4096 }
        func put(_ value: Int, _ offset: Int) {
            for index in 0..<4 { bytes[offset + index] = UInt8(value >> (24 - 8 * index) & 0xFF) }
        }
        let trunk = number(32)
        #expect(number(at(trunk) + 4) > 10)
        #expect(bytes[at(inner)] == 0x05)
        let firstCell = at(inner) + Int(bytes[at(inner) + 12]) << 8 + Int(bytes[at(inner) + 13])
        let used = number(firstCell)
        let listed = number(at(trunk) + 8)
        switch damage {
        case .head: for index in 0..<100 { bytes[index] = 0xFF }
        case .noTrunk: put(0, 32)
        case .otherTrunk: put(used, 32)
        case .usedPageListed: put(used, at(trunk) + 8)
        case .listTooLong: put(0x7FFF_FFFF, at(trunk) + 4)
        case .map: for index in 0..<4096 { bytes[at(2) + index] = UInt8(index % 6) }
        case .freePageInTree: put(listed, firstCell)
        }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let result = try open()
        #expect(result.salvaged != nil)
        #expect(result.ids == expected)
    }

    @Test("Pages that were given back do not come back from the log")
    func vacuumed() throws {
        let store = try OutboxStore(configuration: configuration)
        try OutboxFixture.fill(store, 2_000)
        _ = try store.write(OutboxBatch(deletes: Array(1...1_900)))
        while try store.reclaim(pages: 16) {}
        for suffix in ["", "-wal"] {
            try FileManager.default.copyItem(
                atPath: path + suffix, toPath: directory.file("copy" + suffix))
        }
        let reader = try #require(OutboxPageReader(path: directory.file("copy")))
        var ids: [Int64] = []
        for page in reader.tablePages {
            for case .record(let record) in reader.rows(ofPage: page) { ids.append(record.id) }
        }
        #expect(ids.sorted() == Array(1_901...2_000))
    }

    @Test(
        "A log whose header is damaged is said, and what was committed in it is saved",
        arguments: [0, 3, 8, 10, 12, 16, 23, 24, 31], [1, 10])
    func logHeader(_ offset: Int, transactions: Int) throws {
        do {
            let store = try OutboxStore(configuration: configuration)
            // An earlier generation of the log, of which frames stay in the file.
            try OutboxFixture.fill(store, 500)
            try store.checkpoint()
            for index in 0..<transactions {
                _ = try store.write(
                    OutboxBatch(
                        inserts: [OutboxFixture.record(Int64(501 + index))],
                        deletes: [Int64(1 + index)]))
            }
            for suffix in ["", "-wal"] {
                try FileManager.default.copyItem(
                    atPath: path + suffix, toPath: directory.file("copy" + suffix))
            }
        }
        try restoreCopy()
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path + "-wal")))
        try overwrite(path + "-wal", at: offset, with: [bytes[offset] ^ 0x10])
        let result = try open()
        #expect(result.salvaged != nil)
        #expect(result.ids == Array(Int64(1 + transactions)...Int64(500 + transactions)))
    }

    @Test("A frame whose salts are damaged does not hide those that follow")
    func frameSalts() throws {
        _ = try makeDatabase(1_000, inLog: true)
        try restoreCopy()
        let frames = ((OutboxSalvage.size(path + "-wal") ?? 0) - 32) / 4120
        try overwrite(path + "-wal", at: 32 + frames / 2 * 4120 + 8, with: [0xAA, 0x55])
        let result = try open()
        #expect(result.salvaged != nil)
        #expect(result.ids == Array(1...1_000))
    }

    @Test(
        "A salvage that was cut off after any of its steps is completed",
        arguments: ["filling", "ready", "moved"])
    func interrupted(_ step: String) throws {
        _ = try makeDatabase(100)
        switch step {
        case "filling":
            try Data("half".utf8).write(to: URL(fileURLWithPath: path + ".salvage"))
        case "ready":
            try FileManager.default.copyItem(atPath: path, toPath: path + ".ready")
            try overwrite(path, at: 0, with: [UInt8](repeating: 0xFF, count: 100))
        default:
            try FileManager.default.moveItem(atPath: path, toPath: path + ".ready")
        }
        #expect(try open().ids == Array(1...100))
        #expect(!FileManager.default.fileExists(atPath: path + ".ready"))
        #expect(!FileManager.default.fileExists(atPath: path + ".salvage"))
    }
}
