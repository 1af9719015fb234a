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

    private mutating func accept(_ sequence: UInt64) {
        let header = OutboxRecordHeader(sequence: sequence, recordClass: .alert)
        Array("t".utf8).withUnsafeBytes { topic in
            core.accept(
                lane: 0, header: header, topic: topic, payload: topic, isLive: false, now: 0,
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

    @Test("When the uplink goes as well, the disk is tried once more before memory counts")
    mutating func uplinkGoesToo() {
        core.connected()
        core.commitFailed(Self.failure, now: 0)
        accept(1)
        core.disconnected()
        #expect(core.durableSequence(lane: 0) == 0)
        #expect(core.commitDue(now: 1) == 0)
        core.commitFailed(Self.failure, now: 1)
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
}
