import TestSupport
import Testing

@testable import SensorIO

/// When a producer may let go of what led to a record.
@Suite("Outbox: what counts as safe")
struct OutboxSafetyTests {
    var core = OutboxCore(limits: OutboxCore.Limits(), boot: 1)
    private static let failure = SQLiteError(operation: "COMMIT", code: 13, text: "full")

    init() {
        _ = core.addLane()
        core.beginScan()
        core.endScan()
    }

    private mutating func accept(
        _ sequence: UInt64, isLive: Bool = false, topic: String = "t", supersedes: Bool = false
    ) {
        let header = OutboxRecordHeader(
            sequence: sequence, recordClass: .alert, isRetained: supersedes, supersedes: supersedes)
        Array(topic.utf8).withUnsafeBytes { topic in
            core.accept(
                lane: 0, header: header, topic: topic, payload: topic, isLive: isLive, now: 0,
                elapsed: 0)
        }
    }

    private mutating func publishNext(_ identifier: Int32) throws {
        guard case .publish(let record) = core.nextStep(now: 0, elapsed: 0) else {
            throw TestFailure("nothing to publish")
        }
        core.sent(record.id, messageIdentifier: identifier)
    }

    @Test("While the disk fails, a record is safe with its PUBACK and not before")
    mutating func diskFails() throws {
        core.connected()
        accept(1)
        core.commitFailed(Self.failure, now: 0)
        #expect(core.durableSequence(lane: 0) == 0)
        try publishNext(1)
        #expect(core.durableSequence(lane: 0) == 0)
        core.acknowledged(messageIdentifier: 1, reason: .success, now: 0)
        #expect(core.durableSequence(lane: 0) == 1)
    }

    @Test("When the uplink goes as well, memory counts once that has lasted, the disk tried before")
    mutating func uplinkGoesToo() {
        core.connected()
        core.commitFailed(Self.failure, now: 0)
        accept(1)
        core.disconnected()
        #expect(core.durableSequence(lane: 0) == 0)
        #expect(core.commitDue(now: 1) == 0)
        core.commitFailed(Self.failure, now: 1)
        #expect(core.durableSequence(lane: 0) == 0)
        #expect(core.commitDue(now: 1) == 1 + core.limits.diskRetry)
        core.commitFailed(Self.failure, now: 1 + core.limits.memoryPatience)
        #expect(core.durableSequence(lane: 0) == 1)
    }

    @Test("An uplink that is away for a moment while the disk fails makes nothing safe")
    mutating func uplinkIsAwayForAMoment() {
        core.connected()
        core.disconnected()
        core.commitFailed(Self.failure, now: 1)
        accept(1)
        core.connected()
        core.disconnected()
        // The time counts anew.
        core.commitFailed(Self.failure, now: 1 + core.limits.memoryPatience)
        #expect(core.durableSequence(lane: 0) == 0)
        // And once the disk is back it holds what was accepted.
        core.committed(core.makeBatch(withInserts: true), OutboxWriteReport())
        #expect(core.durableSequence(lane: 0) == 1)
    }

    @Test(
        "A disk that fails at the start makes nothing safe before it is known that the uplink is away"
    )
    mutating func failsAtStart() {
        core.commitFailed(Self.failure, now: 0)
        accept(1)
        #expect(core.durableSequence(lane: 0) == 0)
        // The attempt to connect has failed; the disk is tried once more.
        core.disconnected()
        #expect(core.durableSequence(lane: 0) == 0)
        core.commitFailed(Self.failure, now: 1)
        #expect(core.durableSequence(lane: 0) == 0)
        core.commitFailed(Self.failure, now: 1 + core.limits.memoryPatience)
        #expect(core.durableSequence(lane: 0) == 1)
    }

    @Test("A refused record that was never on the disk is safe in the quarantine, not before")
    mutating func refused() throws {
        core.connected()
        accept(1)
        try publishNext(1)
        core.acknowledged(messageIdentifier: 1, reason: .notAuthorized, now: 0)
        #expect(core.durableSequence(lane: 0) == 0)
        let batch = core.makeBatch(withInserts: true)
        #expect(batch.quarantines.count == 1)
        core.committed(batch, OutboxWriteReport())
        #expect(core.durableSequence(lane: 0) == 1)
    }

    @Test("A refused record is waited for while the disk fails for a moment, and no longer")
    mutating func refusedWhileDiskFails() throws {
        core.connected()
        core.commitFailed(Self.failure, now: 0)
        accept(1)
        try publishNext(1)
        core.acknowledged(messageIdentifier: 1, reason: .notAuthorized, now: 0)
        let patience = core.limits.memoryPatience
        core.commitFailed(Self.failure, now: patience - 1)
        #expect(core.durableSequence(lane: 0) == 0)
        core.commitFailed(Self.failure, now: patience)
        #expect(core.durableSequence(lane: 0) == 1)
    }

    @Test("A live record whose PUBACK came before the refusal of the one before it is settled")
    mutating func refusedBeforeAnAcknowledged() {
        core.connected()
        accept(1, isLive: true)
        accept(2, isLive: true)
        core.acknowledgeLive(lane: 0, sequence: 2, now: 0)
        core.rejectLive(lane: 0, sequence: 1, reason: .notAuthorized, now: 0)
        #expect(core.lanes[0].live.isEmpty)
        core.committed(core.makeBatch(withInserts: true), OutboxWriteReport())
        #expect(core.isOpen(lane: 0))
    }

    @Test("A record of a transaction that failed, and was there all the same, is not sent again")
    mutating func commitInDoubt() throws {
        core.connected()
        accept(1)
        let batch = core.makeBatch(withInserts: true)
        core.commitFailed(Self.failure, batch: batch, now: 0)
        try publishNext(1)
        core.acknowledged(messageIdentifier: 1, reason: .success, now: 0)
        core.beginScan()
        core.scanned(batch.inserts[0])
        core.endScan()
        #expect(core.backlogByClass.allSatisfy { $0 == 0 })
        #expect(core.makeBatch(withInserts: false).deletes == [batch.inserts[0].id])
    }

    @Test("A record that goes to the backlog between rows that were read ahead is not passed over")
    mutating func spilledBehindTheCursor() throws {
        core.connected()
        accept(1)
        accept(2)
        accept(3)
        let batch = core.makeBatch(withInserts: true)
        core.committed(batch, OutboxWriteReport())
        // The rows around the second one were read while it was on its way.
        core.loaded([batch.inserts[0], batch.inserts[2]], of: .alert)
        core.disconnected()
        core.connected()
        #expect(
            core.nextStep(now: 0, elapsed: 0) == .load(.alert, after: core.cursor[0], limit: 256))
        #expect(core.cursor[0] < batch.inserts[1].id)
    }

    @Test("Rows that cannot be read hold up new ones of their topic for a while, not for ever")
    mutating func unreadableRows() throws {
        accept(1)
        let batch = core.makeBatch(withInserts: true)
        core.committed(batch, OutboxWriteReport())
        core.connected()
        core.commitFailed(Self.failure, now: 0)
        accept(2)
        let patience = core.limits.unreadablePatience
        for now in [0, patience / 2, patience - 1] {
            guard case .load = core.nextStep(now: now, elapsed: 0) else {
                throw TestFailure("nothing to load")
            }
            core.loadFailed(now: now)
            #expect(core.nextStep(now: now, elapsed: 0) == .nothing)
            core.readRetryAt = 0
        }
        core.loadFailed(now: patience)
        #expect(core.takeEvents().last == .backlogUnreadable(count: 1))
        try publishNext(1)
        core.acknowledged(messageIdentifier: 1, reason: .success, now: patience)
        #expect(core.durableSequence(lane: 0) == 2)
        // They are there again when the disk is.
        core.beginScan()
        core.scanned(batch.inserts[0])
        core.endScan()
        #expect(
            core.nextStep(now: patience * 2, elapsed: 0) == .load(.alert, after: -1, limit: 256))
    }

    /// Until the records on the disk are given up for the moment.
    private mutating func failToRead() {
        let now = core.limits.unreadablePatience
        core.loadFailed(now: 0)
        core.commitFailed(Self.failure, now: 0)
        core.loadFailed(now: now)
        #expect(core.isBacklogForgotten)
    }

    private mutating func scan(_ records: [OutboxRecord]) {
        core.beginScan()
        for record in records { core.scanned(record) }
        core.endScan()
    }

    private mutating func commit() -> [OutboxRecord] {
        let batch = core.makeBatch(withInserts: true)
        core.committed(batch, OutboxWriteReport())
        return batch.inserts
    }

    @Test("A state on a disk that could not be read is not sent after a newer one")
    mutating func outdatedByADelivered() throws {
        accept(1, supersedes: true)
        accept(2, topic: "u", supersedes: true)
        let stored = commit()
        core.connected()
        failToRead()
        accept(3, supersedes: true)
        try publishNext(1)
        core.acknowledged(messageIdentifier: 1, reason: .success, now: 0)
        scan(stored)
        #expect(core.backlogByClass == [1, 0, 0])
        #expect(core.makeBatch(withInserts: false).deletes == [stored[0].id])
        // Nothing overtakes what is not known, and what is known goes as before.
        #expect(!core.isOpen(lane: 0))
    }

    @Test("A record that was read before the disk failed to be read is not sent again")
    mutating func settledWhileUnreadable() throws {
        accept(1)
        accept(2, topic: "u")
        let stored = commit()
        core.connected()
        guard case .load = core.nextStep(now: 0, elapsed: 0) else {
            throw TestFailure("nothing to load")
        }
        core.loaded([stored[0]], of: .alert)
        try publishNext(1)
        failToRead()
        #expect(!core.isOpen(lane: 0))
        core.acknowledged(messageIdentifier: 1, reason: .success, now: 0)
        scan(stored)
        #expect(core.backlogByClass == [1, 0, 0])
        #expect(core.makeBatch(withInserts: false).deletes == [stored[0].id])
    }

    @Test("What memory has no room for while the disk cannot be read stays on the disk")
    mutating func spilledWhileUnreadable() throws {
        accept(1)
        accept(2, topic: "u")
        let stored = commit()
        core.connected()
        _ = core.nextStep(now: 0, elapsed: 0)
        core.loaded([stored[0]], of: .alert)
        try publishNext(1)
        failToRead()
        core.disconnected()
        #expect(core.entries.count == 1)
        core.limits.maximumMemoryBytes = 0
        core.commitFailed(Self.failure, now: 1)
        #expect(core.entries.isEmpty && core.deletable.isEmpty && core.rows == 0)
        #expect(core.counters.drops.joined().allSatisfy { $0 == 0 })
        scan(stored)
        #expect(core.backlogByClass == [2, 0, 0])
    }

    @Test("A row of a transaction in doubt whose record was sent meanwhile is not sent again")
    mutating func readInDoubt() throws {
        accept(1)
        let stored = commit()
        accept(2, topic: "u")
        let batch = core.makeBatch(withInserts: true)
        core.connected()
        core.commitFailed(Self.failure, batch: batch, now: 0)
        try publishNext(1)
        core.acknowledged(messageIdentifier: 1, reason: .success, now: 0)
        accept(3, topic: "u")
        try publishNext(2)
        // The first row has to wait, so that those behind it are looked at.
        accept(4, isLive: true)
        guard case .load = core.nextStep(now: 0, elapsed: 0) else {
            throw TestFailure("nothing to load")
        }
        core.loaded(stored + batch.inserts, of: .alert)
        guard case .load = core.nextStep(now: 0, elapsed: 0) else {
            throw TestFailure("it is sent again")
        }
        #expect(core.backlogByClass == [1, 0, 0])
    }
}
