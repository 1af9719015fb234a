import Foundation
import TestSupport
import Testing

@testable import SensorIO

/// A small file system of its own, if the test may mount one.
final class SmallDisk {
    let directory: TemporaryDirectory
    static let skipReason = "mounting a tmpfs is not permitted"
    static let isAvailable: Bool = (try? SmallDisk(megabytes: 1)) != nil

    init(megabytes: Int) throws {
        directory = try TemporaryDirectory("disk")
        try ChildProcess.run(
            "/bin/mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", directory.path])
    }

    func remount(_ options: String) throws {
        try ChildProcess.run("/bin/mount", ["-o", "remount,\(options)", directory.path])
    }

    deinit {
        _ = try? ChildProcess.run("/bin/umount", ["-l", directory.path])
    }
}

@Suite(
    "Outbox and its disk", .enabled(if: TestBroker.isAvailable, "mosquitto is not installed"),
    .enabled(if: SmallDisk.isAvailable, "mounting a tmpfs is not permitted"),
    .timeLimit(.minutes(3)))
struct OutboxDiskTests {
    func makeRig(
        _ disk: SmallDisk, _ port: UInt16,
        _ configure: (inout OutboxConfiguration) -> Void = { _ in }
    ) throws -> OutboxRig {
        try OutboxRig(port, directory: TemporaryDirectory("unused")) {
            $0.path = disk.directory.file("outbox.db")
            configure(&$0)
        }
    }

    func waitForFailure(_ rig: OutboxRig) throws {
        try rig.events.first("failure of the disk") {
            if case .diskFailed = $0 { true } else { false }
        }
    }

    @Test(
        "On a full disk records stay in memory, go out when the uplink is back, and the disk is used again"
    )
    func full() throws {
        let disk = try SmallDisk(megabytes: 2)
        let broker = try TestBroker()
        let rig = try makeRig(disk, broker.port)
        try rig.waitForUplink()
        try broker.kill()
        try rig.waitForUplink(isConnected: false)
        // Somebody else fills the disk.
        let filler = disk.directory.file("filler")
        try Data().write(to: URL(fileURLWithPath: filler))
        let handle = try #require(FileHandle(forWritingAtPath: filler))
        while (try? handle.write(contentsOf: Data(count: 4_096))) != nil {}
        for number in 1...500 { try rig.send("\(number) " + String(repeating: "x", count: 300)) }
        try waitForFailure(rig)
        // The producer is not held up: what memory has counts as taken.
        try rig.wait("all taken") { $0.durableSequence == 500 }
        try broker.restart()
        let consumer = try OutboxConsumer(broker.port, ["a/b"])
        try rig.waitUntilClear()
        // Not removed: a child may have inherited the descriptor.
        try handle.truncate(atOffset: 0)
        try rig.events.first("recovery of the disk") { $0 == .diskRecovered }
        #expect(consumer.all.count <= 500)
        #expect(rig.stop().lost == 0)
        #expect(rig.service.metrics.delivered == 500)
        #expect(rig.service.metrics.drops.joined().allSatisfy { $0 == 0 })
    }

    @Test("On a full disk live records flow on")
    func liveOnFullDisk() throws {
        let disk = try SmallDisk(megabytes: 1)
        let broker = try TestBroker()
        let consumer = try OutboxConsumer(broker.port, ["a/b"])
        let filler = disk.directory.file("filler")
        let rig = try makeRig(disk, broker.port) { $0.commitDelayNanoseconds = 0 }
        try rig.waitForUplink()
        try Data().write(to: URL(fileURLWithPath: filler))
        let handle = try #require(FileHandle(forWritingAtPath: filler))
        while (try? handle.write(contentsOf: Data(count: 4_096))) != nil {}
        for number in 1...100 { try rig.send("\(number)") }
        try consumer.wait("100 records") { $0.count == 100 }
        #expect(consumer.texts("a/b") == (1...100).map { "\($0)" })
        rig.stop()
    }

    @Test("A read-only file system at the start gives a random boot number; later the disk is used")
    func readOnly() throws {
        let disk = try SmallDisk(megabytes: 2)
        try disk.remount("ro")
        let port = try FreePort.find()
        let rig = try makeRig(disk, port)
        #expect(!rig.service.boot.isPersisted)
        #expect(rig.service.boot.number >= 1 << 52)
        for number in 1...20 { try rig.send("\(number)") }
        try disk.remount("rw")
        try rig.events.first("recovery of the disk") { $0 == .diskRecovered }
        let report = rig.stop(seconds: 0.2)
        #expect(report.stored == 20)
        #expect(report.lost == 0)
        let store = try OutboxStore(configuration: rig.configuration)
        #expect(try OutboxFixture.ids(store).count == 20)
    }

    @Test("Memory has a bound while the disk fails: the lowest class goes first, and is counted")
    func memoryBound() throws {
        let disk = try SmallDisk(megabytes: 1)
        try disk.remount("ro")
        let rig = try makeRig(disk, FreePort.find()) { $0.maximumMemoryBytes = 64 << 10 }
        for number in 1...50 { try rig.send("alert \(number)") }
        for number in 1...400 {
            try rig.send(
                "\(number) " + String(repeating: "x", count: 300), topic: "p",
                recordClass: .prediction)
        }
        let last = rig.lane.makeSequence() - 1
        try rig.wait("all taken") { $0.durableSequence == last }
        let report = rig.stop(seconds: 0.2)
        let metrics = rig.service.metrics
        let drops = metrics.drops[Int(OutboxRecordClass.prediction.rawValue)]
        #expect(drops[OutboxDropCause.memoryFull.rawValue] > 200)
        #expect(metrics.drops[0].allSatisfy { $0 == 0 })
        #expect(report.lost == 450 - Int(drops[OutboxDropCause.memoryFull.rawValue]))
    }

    @Test("A database that is damaged while it is in use is salvaged, and the agent goes on")
    func damagedInUse() throws {
        let disk = try SmallDisk(megabytes: 8)
        let broker = try TestBroker()
        let rig = try makeRig(disk, FreePort.find())
        for number in 1...500 { try rig.send("\(number)", topic: "t/\(number % 5)") }
        try rig.wait("commit") { $0.durableSequence == 500 }
        rig.stop(seconds: 0.2)
        // Only the end of the file: it opens, and fails when it is read.
        let path = rig.configuration.path
        let size = OutboxSalvage.size(path) ?? 0
        let handle = try #require(FileHandle(forUpdatingAtPath: path))
        try handle.seek(toOffset: UInt64(size - 4_096))
        try handle.write(contentsOf: Data(repeating: 0xFF, count: 4_096))
        try handle.close()
        let consumer = try OutboxConsumer(broker.port, ["t/#"])
        let next = try makeRig(disk, broker.port)
        for number in 501...510 { try next.send("\(number)", topic: "t/\(number % 5)") }
        try next.waitForUplink()
        try next.waitUntilClear()
        next.stop()
        try next.events.first("salvage") { if case .salvaged = $0 { true } else { false } }
        #expect(consumer.all.count >= 400)
        #expect(Set(consumer.all.map(\.text)).isSuperset(of: (501...510).map { "\($0)" }))
    }
}
