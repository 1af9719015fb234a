import Foundation
import TestSupport
import Testing

@testable import SensorIO

@Suite("Note of the outbox's log")
struct OutboxLogMarkTests {
    private static let suffixes = ["", "-wal", OutboxLogMark.suffix]

    let directory: TemporaryDirectory
    let configuration: OutboxConfiguration
    var path: String { configuration.path }

    init() throws {
        directory = try TemporaryDirectory("outbox")
        configuration = OutboxConfiguration(path: directory.file("outbox.db"))
    }

    /// Leaves what `kill -9` leaves after `count` rows, in transactions of ten; returns the number of the start.
    private func makeKilled(_ count: Int64) throws -> UInt64 {
        let copies = Self.suffixes.map { (path + $0, directory.file("copy" + $0)) }
        let boot: UInt64
        do {
            let store = try OutboxStore(configuration: configuration)
            boot = try store.beginBoot(now: .now()).bootNumber
            for start in stride(from: 1, through: count, by: 10) {
                let rows = (start..<start + 10).map { OutboxFixture.record($0, topic: "t") }
                _ = try store.write(OutboxBatch(inserts: rows))
            }
            for (original, copy) in copies {
                try FileManager.default.copyItem(atPath: original, toPath: copy)
            }
        }
        for (original, copy) in copies {
            try? FileManager.default.removeItem(atPath: original)
            try FileManager.default.moveItem(atPath: copy, toPath: original)
        }
        return boot
    }

    private func reason(_ opening: OutboxOpening) -> String? {
        for case .salvaged(_, _, _, let reason) in opening.events { return reason.text }
        return nil
    }

    @Test("After kill -9 the log is as long as was noted: nothing is said, nothing is lost")
    func sound() throws {
        _ = try makeKilled(100)
        let mark = try #require(OutboxLogMark.read(path: path))
        #expect(mark.frames == UInt32(OutboxLogReader(path: path + "-wal")?.intactFrames ?? 0))
        let opening = try OutboxOpening(configuration: configuration, now: .now())
        #expect(opening.events.isEmpty)
        #expect(try OutboxFixture.ids(opening.store) == Array(1...100))
    }

    @Test(
        "A log that is gone, empty or cut off is said, and the next start has another number",
        arguments: [-1, 0, 0.3, 0.95])
    func shortened(_ share: Double) throws {
        let boot = try makeKilled(100)
        let size = try #require(OutboxSalvage.size(path + "-wal"))
        if share < 0 {
            #expect(unlink(path + "-wal") == 0)
        } else {
            #expect(truncate(path + "-wal", off_t(Double(size) * share)) == 0)
        }
        do {
            let opening = try OutboxOpening(configuration: configuration, now: .now())
            #expect(reason(opening)?.contains("write-ahead log") == true)
            #expect(opening.start.bootNumber == boot + 1)
            #expect(try OutboxFixture.ids(opening.store).count >= (share > 0.9 ? 60 : 0))
        }
        // Once.
        #expect(
            try OutboxOpening(configuration: configuration, now: .now()).events.isEmpty)
    }

    @Test("An emptied database does not make the numbers of starts begin anew")
    func emptied() throws {
        let boot = try makeKilled(100)
        #expect(truncate(path, 0) == 0)
        #expect(truncate(path + "-wal", 0) == 0)
        let opening = try OutboxOpening(configuration: configuration, now: .now())
        #expect(reason(opening) != nil)
        #expect(opening.start.bootNumber == boot + 1)
    }

    @Test(
        "After an orderly end, and after a log that was written back, nothing is expected of the log"
    )
    func clean() throws {
        do {
            let store = try OutboxStore(configuration: configuration)
            _ = try store.beginBoot(now: .now())
            _ = try store.write(OutboxBatch(inserts: [OutboxFixture.record(1, topic: "t")]))
            #expect(OutboxLogMark.read(path: path)?.frames ?? 0 > 0)
            try store.checkpoint()
            #expect(OutboxLogMark.read(path: path)?.frames == 0)
            // The log begins anew at its start, and so does the note.
            _ = try store.write(OutboxBatch(inserts: [OutboxFixture.record(2, topic: "t")]))
            let mark = try #require(OutboxLogMark.read(path: path))
            #expect(mark.salts == OutboxLogReader(path: path + "-wal")?.salts)
            #expect(mark.frames > 0)
        }
        #expect(OutboxLogMark.read(path: path)?.frames == 0)
        let opening = try OutboxOpening(configuration: configuration, now: .now())
        #expect(opening.events.isEmpty)
        // After a clean end the note names the new log as well.
        _ = try opening.store.write(OutboxBatch(inserts: [OutboxFixture.record(3, topic: "t")]))
        let mark = try #require(OutboxLogMark.read(path: path))
        #expect(mark.frames > 0)
        #expect(mark.salts == OutboxLogReader(path: path + "-wal")?.salts)
    }

    @Test(
        "The log of a killed agent is in the database after the next start, and no later kill is blamed for its emptiness"
    )
    func writtenBack() throws {
        _ = try makeKilled(100)
        #expect(try #require(OutboxSalvage.size(path + "-wal")) > 0)
        let killed = directory.file("killed.db")
        do {
            let opening = try OutboxOpening(configuration: configuration, now: .now())
            #expect(opening.events.isEmpty)
            // What a failed synchronisation left of the log would be lost with what is appended to it.
            #expect(OutboxSalvage.size(path + "-wal") ?? 0 == 0)
            for suffix in Self.suffixes {
                try FileManager.default.copyItem(atPath: path + suffix, toPath: killed + suffix)
            }
        }
        // Killed at once: nothing is missing, and the empty log is none that was longer.
        let opening = try OutboxOpening(
            configuration: OutboxConfiguration(path: killed), now: .now())
        #expect(opening.events.isEmpty)
        #expect(try OutboxFixture.ids(opening.store) == Array(1...100))
    }

    @Test("A note that is torn or of another generation of the log says nothing")
    func stale() throws {
        _ = try makeKilled(50)
        let note = path + OutboxLogMark.suffix
        var bytes = try Data(contentsOf: URL(fileURLWithPath: note))
        bytes[9] ^= 1
        try bytes.write(to: URL(fileURLWithPath: note))
        #expect(OutboxLogMark.read(path: path) == nil)
        #expect(
            try OutboxOpening(configuration: configuration, now: .now()).events.isEmpty)
    }
}
