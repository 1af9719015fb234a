import TestSupport
import Testing

@testable import EdgeAgent

@Suite("Alarm snapshot")
struct AlarmSnapshotTests {
    private static let saved = AlarmInstant(
        monotonicNanoseconds: 5000, wallNanoseconds: 1_700_000_000_000_000_000)
    /// A restart after a reboot: the monotonic clock starts again.
    private static let restarted = AlarmInstant(
        monotonicNanoseconds: 70, wallNanoseconds: 1_700_000_009_000_000_000)

    private func snapshot(_ states: [(String, AlarmState)]) -> [UInt8] {
        var writer = AlarmSnapshotWriter(now: Self.saved)
        for (key, state) in states {
            Array(key.utf8).withUnsafeBytes { writer.append(state, key: $0) }
        }
        return writer.finish()
    }

    private func raised(sequence: UInt64, reminderNanoseconds: UInt64 = 0) throws -> AlarmState {
        let rule = try AlarmRule(
            bands: [SeverityBand(severity: .critical, raiseAbove: 1)], raiseAfter: 3, clearAfter: 4,
            reminderNanoseconds: reminderNanoseconds)
        var state = AlarmState()
        for score: Float in [2, 2, 2, 0] {
            _ = state.advance(rule.observe(score), rule: rule, labelIndex: 7, now: Self.saved)
        }
        state.noteEvent(EventReference(boot: 12, sequence: sequence))
        return state
    }

    @Test("saved alarms come back as they were, without the ones that saw nothing")
    func savedAlarmsComeBack() throws {
        let first = try raised(sequence: .max)
        let reminded = try raised(sequence: 4, reminderNanoseconds: 1000)
        let bytes = snapshot([("pump-1", first), ("idle", AlarmState()), ("ü/2", reminded)])
        var reader = try AlarmSnapshotReader(bytes)
        #expect(reader.count == 2)
        #expect(reader.savedAtNanoseconds == Self.saved.wallNanoseconds)
        let one = try #require(try reader.next(now: Self.restarted))
        #expect(one.key == Array("pump-1".utf8))
        #expect(one.state == first)
        let two = try #require(try reader.next(now: Self.restarted))
        #expect(two.key == Array("ü/2".utf8))
        // What was left of the interval is left again.
        #expect(two.state.reminderDueNanoseconds == 1070)
        #expect(two.state.severity == .critical)
        #expect(two.state.clearCount == reminded.clearCount)
        #expect(try reader.next(now: Self.restarted) == nil)
    }

    @Test("a restored alarm is neither raised again nor forgotten")
    func aRestoredAlarmIsNotRaisedAgain() throws {
        let rule = try AlarmRule(
            bands: [SeverityBand(severity: .critical, raiseAbove: 1)], raiseAfter: 3, clearAfter: 4)
        var reader = try AlarmSnapshotReader(snapshot([("a", try raised(sequence: 1))]))
        var state = try #require(try reader.next(now: Self.restarted)).state
        #expect(state.advance(rule.observe(9), rule: rule, now: Self.restarted) == .none)
        let actions = (0..<4).map { _ in
            state.advance(rule.observe(0), rule: rule, now: Self.restarted)
        }
        #expect(actions == [.none, .none, .none, .clear])
    }

    /// Reads to the end, throwing what is wrong.
    private func readAll(_ bytes: [UInt8]) throws(AlarmSnapshotError) {
        var reader = try AlarmSnapshotReader(bytes)
        while try reader.next(now: Self.restarted) != nil {}
    }

    @Test("a snapshot cut anywhere is an error")
    func aSnapshotCutAnywhereIsAnError() throws {
        let bytes = snapshot([("pump-1", try raised(sequence: 1)), ("b", try raised(sequence: 2))])
        for length in 0..<bytes.count {
            #expect(throws: AlarmSnapshotError.self) { try readAll(Array(bytes[..<length])) }
        }
    }

    @Test("a snapshot with any bit flipped is an error")
    func aSnapshotWithAnyBitFlippedIsAnError() throws {
        let bytes = snapshot([("pump-1", try raised(sequence: 1))])
        for bit in 0..<(8 * bytes.count) {
            var flipped = bytes
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: AlarmSnapshotError.self) { try readAll(flipped) }
        }
    }

    @Test("hostile bytes behind a right checksum give an error or alarms, never a trap")
    func hostileBytesBehindARightChecksum() throws {
        var generator = SeededGenerator(seed: 77)
        let bytes = snapshot([("pump-1", try raised(sequence: 1)), ("b", try raised(sequence: 2))])
        for _ in 0..<5000 {
            var hostile = Array(bytes.dropLast(8))
            for _ in 0..<3 {
                hostile[Int.random(in: 8..<hostile.count, using: &generator)] =
                    UInt8.random(in: 0...255, using: &generator)
            }
            let checksum = AlarmSnapshotReader.checksum(hostile[...])
            hostile += (0..<8).map { UInt8(truncatingIfNeeded: checksum >> UInt64(8 * $0)) }
            do { try readAll(hostile) } catch { #expect(!error.description.isEmpty) }
        }
    }

    @Test("a later version is told apart from damage")
    func aLaterVersionIsToldApart() throws {
        var bytes = snapshot([])
        bytes[4] = 2
        #expect(throws: AlarmSnapshotError.unknownVersion(2)) { try readAll(bytes) }
        #expect(throws: AlarmSnapshotError.notASnapshot) { try readAll(Array("hello, world".utf8)) }
    }
}
