import TestSupport
import Testing

@testable import SensorIO

/// The worker without its thread: each call is the test's.
@Suite("Outbox on a disk that fails, or damages what it is given")
struct OutboxDamageTests {
    private static let damage = SQLiteError(operation: "SELECT", code: 11, text: "malformed")
    private let directory: TemporaryDirectory
    private let events = EventLog<OutboxEvent>()
    private let worker: OutboxWorker

    init() throws {
        directory = try TemporaryDirectory("outbox")
        worker = try Self.worker(path: directory.file("outbox.db"), events)
        worker.readClocks()
    }

    private static func worker(path: String, _ events: EventLog<OutboxEvent>) throws
        -> OutboxWorker
    {
        let configuration = OutboxConfiguration(path: path)
        return OutboxWorker(
            configuration: configuration, boot: 1,
            opening: try OutboxOpening(configuration: configuration, now: .now()), now: .now(),
            lock: try OutboxLock(path: configuration.path),
            session: try MQTTSession(
                endpoint: MQTTEndpoint(host: "127.0.0.1", port: 1, clientIdentifier: "uplink")),
            shared: OutboxShared(doorbell: try OutboxDoorbell(), birth: nil), offline: nil,
            onEvent: { events.append($0) })
    }

    private func accept(_ sequence: UInt64, by worker: OutboxWorker) {
        let header = OutboxRecordHeader(sequence: sequence, recordClass: .alert)
        Array("topic".utf8).withUnsafeBytes { bytes in
            worker.core.accept(
                lane: 0, header: header, topic: bytes, payload: bytes, isLive: false,
                now: worker.now, elapsed: worker.elapsed)
        }
    }

    @Test("A new record has another identifier than those that could not be read at the start")
    func unreadableAtStart() throws {
        let path = directory.file("other.db")
        do {
            let before = try Self.worker(path: path, events)
            before.openAtStart()
            _ = before.core.addLane()
            accept(1, by: before)
            accept(2, by: before)
            before.commit()
        }
        let worker = try Self.worker(path: path, events)
        let connection = try #require(worker.store).connection
        // The scan begins with it.
        try connection.execute("ALTER TABLE quarantine RENAME TO unreadable")
        worker.openAtStart()
        _ = worker.core.addLane()
        #expect(worker.core.isDiskFailed)
        accept(3, by: worker)
        try connection.execute("ALTER TABLE unreadable RENAME TO quarantine")
        worker.core.diskRetryAt = 0
        worker.commit()
        #expect(!worker.core.isDiskFailed)
        #expect(worker.core.backlogByClass == [3, 0, 0])
    }

    @Test("While the disk cannot be written, the backlog is read from the store of before")
    func readsWhileNothingCanBeWritten() throws {
        _ = worker.core.addLane()
        accept(1, by: worker)
        worker.scan()
        worker.commit()
        #expect(worker.core.backlogByClass == [1, 0, 0])
        worker.diskFailed(SQLiteError(operation: "COMMIT", code: 778, text: "disk I/O error"))
        #expect(worker.store == nil)
        worker.core.connected()
        let step = worker.core.nextStep(now: worker.now, elapsed: worker.elapsed)
        guard case .load(let recordClass, let after, let limit) = step else {
            throw TestFailure("\(step)")
        }
        worker.load(recordClass, after: after, limit: limit)
        guard case .publish(let record) = worker.core.nextStep(now: worker.now, elapsed: 0) else {
            throw TestFailure("the backlog was not read")
        }
        #expect(record.topic == "topic")
        // With the disk comes a new store, and the old one goes.
        worker.core.diskRetryAt = 0
        worker.commit()
        #expect(worker.store != nil && worker.reader == nil)
        #expect(!worker.core.isDiskFailed)
    }

    @Test(
        "A look at the disk that fails half-way leaves what was known before, and the next one is whole",
        arguments: ["before the rows", "behind the rows"])
    func halfScan(_ place: String) throws {
        try OutboxFixture.fill(try #require(worker.store), 10)
        worker.scan()
        // One is settled, and its row not deleted yet.
        let settled = OutboxFixture.record(3)
        worker.core.markDeletable(settled.id, settled.topicHash, now: worker.now)
        let other = try SQLiteConnection(path: directory.file("outbox.db"), mode: .readWrite)
        if place == "before the rows" {
            try other.execute("ALTER TABLE quarantine RENAME TO hidden")
        } else {
            // A damaged row is to be moved, and cannot be.
            try other.execute(
                "UPDATE record SET payload = x'31' WHERE id = 5;"
                    + "CREATE TRIGGER deny BEFORE DELETE ON record BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
        }
        worker.scan()
        #expect(worker.store == nil)
        #expect(worker.core.isDiskFailed)
        #expect(worker.core.isScanned)
        #expect(worker.core.rows == 10)
        #expect(worker.core.backlogByClass == [10, 0, 0])
        #expect(worker.core.topics[settled.topicHash]?.rows == 10)
        #expect(worker.core.deletable == [settled.id: settled.topicHash])
        #expect(worker.core.settledBeforeScan.isEmpty)
        if place == "before the rows" {
            try other.execute("ALTER TABLE hidden RENAME TO quarantine")
        } else {
            try other.execute("DROP TRIGGER deny")
        }
        worker.core.diskRetryAt = 0
        worker.commit()
        #expect(!worker.core.isDiskFailed)
        let isDamaged = place == "behind the rows"
        #expect(try worker.store?.quarantinedCount() == (isDamaged ? 1 : 0))
        // The settled one was not taken for one that waits.
        #expect(worker.core.rows == (isDamaged ? 8 : 9))
        #expect(worker.core.backlogByClass == [isDamaged ? 8 : 9, 0, 0])
    }

    @Test("After three salvages in a row there is a pause in which memory is what there is")
    func pause() throws {
        func salvages() -> Int {
            events.all.count { if case .salvaged = $0 { true } else { false } }
        }
        for count in 1...OutboxWorker.maximumSalvages {
            worker.diskFailed(Self.damage)
            #expect(salvages() == count)
            #expect(worker.store != nil)
        }
        // Not for ever: each leaves a damaged file behind, and would fill the disk.
        worker.diskFailed(Self.damage)
        #expect(salvages() == OutboxWorker.maximumSalvages)
        #expect(worker.store == nil)
        #expect(worker.core.isDiskFailed)
        #expect(
            worker.core.diskRetryAt == worker.salvagedAt + OutboxWorker.salvagePauseNanoseconds)
        worker.commit()
        #expect(worker.store == nil, "not tried before the pause is over")
        // When it is over, the next damage is salvaged again.
        worker.salvagedAt &-= OutboxWorker.salvagePauseNanoseconds + 1
        worker.diskFailed(Self.damage)
        #expect(salvages() == OutboxWorker.maximumSalvages + 1)
        #expect(worker.store != nil)
    }
}
