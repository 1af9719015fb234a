import Foundation
import SensorIO
import TestSupport
import Testing

@testable import EdgeAgent

@Suite("Saved states")
struct SavedStateTests {
    private static let now = AlarmInstant(
        monotonicNanoseconds: 5000, wallNanoseconds: 1_700_000_000)

    private func rule(reminder: UInt64 = 0) throws -> AlarmRule {
        try AlarmRule(
            bands: [SeverityBand(severity: .critical, raiseAbove: 1)], raiseAfter: 3, clearAfter: 4,
            reminderNanoseconds: reminder)
    }

    private func raised(sequence: UInt64, reminder: UInt64 = 0) throws -> AlarmState {
        let rule = try rule(reminder: reminder)
        var state = AlarmState()
        for score: Float in [2, 2, 2, 0] {
            _ = state.advance(rule.observe(score), rule: rule, labelIndex: 7, now: Self.now)
        }
        state.noteEvent(EventReference(boot: 12, sequence: sequence))
        return state
    }

    private func bytes(_ state: AlarmState) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: AlarmState.byteCount)
        bytes.withUnsafeMutableBytes { state.write(to: $0) }
        return bytes
    }

    private func state(_ bytes: [UInt8]) -> AlarmState? {
        bytes.withUnsafeBytes { AlarmState(bytes: $0) }
    }

    @Test("An alarm comes back as it was, neither raised again nor forgotten")
    func alarm() throws {
        let rule = try rule()
        let before = try raised(sequence: .max)
        var after = try #require(state(bytes(before)))
        after.resume(rule: rule, now: Self.now, isSameModel: true, keepsCounts: true)
        #expect(after == before)
        // One below the bound was counted before the restart; three more clear it.
        let actions = [9, 0, 0, 0, 0].map { (score: Float) in
            after.advance(rule.observe(score), rule: rule, now: Self.now)
        }
        #expect(actions == [.none, .none, .none, .none, .clear])
        var counted = before
        #expect(
            [0, 0, 0].map { (score: Float) in
                counted.advance(rule.observe(score), rule: rule, now: Self.now)
            } == [.none, .none, .clear])
    }

    @Test("With another model counts and label are forgotten, the raise is not")
    func otherModel() throws {
        var alarm = try raised(sequence: 4, reminder: 1_000)
        alarm.resume(
            rule: try rule(reminder: 1_000), now: Self.now, isSameModel: false, keepsCounts: true)
        #expect(alarm.severity == .critical)
        #expect(alarm.raisedBy == EventReference(boot: 12, sequence: 4))
        #expect(alarm.labelIndex == -1)
        #expect(alarm.clearCount == 0)
        #expect(alarm.reminderDueNanoseconds == 6_000)
    }

    @Test("An impossible severity and a wrong length are no alarm")
    func impossible() throws {
        var bytes = bytes(try raised(sequence: 1))
        #expect(state(Array(bytes.dropLast())) == nil)
        bytes[0] = 9
        #expect(state(bytes) == nil)
        var saved = [UInt8](repeating: 0, count: SavedAlarm.byteCount)
        #expect(SavedAlarm(saved) == nil)
        saved[0] = SavedAlarm.version
        #expect(SavedAlarm(saved) == nil, "an idle one is not kept")
    }

    @Test(
        "What becomes of a raised alarm",
        arguments: [
            (1, 1, SavedAge.known(5), true, RestoredAlarm.goesOn(isSameModel: true)),
            (1, 1, .unknown, true, .goesOn(isSameModel: true)),
            (1, 2, .known(5), true, .goesOn(isSameModel: false)),
            (2, 2, .known(5), true, .cleared),
            (1, 1, .known(11), true, .cleared),
            (1, 1, .known(5), false, .cleared),
        ] as [(UInt64, UInt64, SavedAge, Bool, RestoredAlarm)])
    func decision(
        name: UInt64, model: UInt64, age: SavedAge, hasRoom: Bool, expected: RestoredAlarm
    ) throws {
        let saved = SavedAlarm(nameHash: name, modelHash: model, state: try raised(sequence: 1))
        #expect(
            RestoredAlarm(
                saved, nameHash: 1, modelHash: 1, age: age, maximumAgeNanoseconds: 10,
                hasRoom: hasRoom) == expected)
    }

    static func clock(
        _ uptime: Int64, _ wall: Int64, _ synchronised: Bool, _ boot: Int64
    ) -> OutboxClockReading {
        OutboxClockReading(
            uptimeNanoseconds: uptime, wallNanoseconds: wall, isSynchronised: synchronised,
            kernelBoot: boot)
    }

    @Test(
        "The age counts running time within a boot, whatever the wall clock says",
        arguments: [
            (clock(100, 1_000_000, true, 7), clock(150, 1_000_050, true, 7), SavedAge.known(50)),
            // A day ahead, a day back, 1970.
            (clock(100, 1_000_000, true, 7), clock(150, 86_400_000_000_000, true, 7), .known(50)),
            (clock(100, 1_000_000, true, 7), clock(150, 0, false, 7), .known(50)),
            (clock(200, 0, true, 7), clock(150, 0, true, 7), .unknown),
            // A reboot: the wall clock, if both ends may be believed.
            (clock(100, 1_000, true, 7), clock(5, 4_000, true, 8), .known(3_000)),
            (clock(100, 4_000, true, 7), clock(5, 1_000, true, 8), .unknown),
            (clock(100, 1_000, false, 7), clock(5, 4_000, true, 8), .unknown),
            (clock(100, 1_000, true, 7), clock(5, 1_001, false, 8), .unknown),
            // Nobody knows the boot.
            (clock(100, 1_000, false, 0), clock(150, 1_050, false, 0), .unknown),
            (clock(.min, .min, true, 7), clock(.max, .max, true, 7), .unknown),
        ] as [(OutboxClockReading, OutboxClockReading, SavedAge)])
    func ages(saved: OutboxClockReading, now: OutboxClockReading, expected: SavedAge) {
        #expect(SavedAge(saved: saved, now: now) == expected)
    }

    // MARK: The file

    /// A file with two assets.
    private func file(_ path: String) throws -> WindowBank {
        let bank = try WindowBank(
            window: WindowDescription(samples: 5, hop: 2), channelCount: 2, timeAxis: .epoch,
            limits: AssetLimits(maximumAssets: 3))
        for (step, key) in ["pump-1", "b"].enumerated() {
            let slot = Array(key.utf8).withUnsafeBytes { key in
                if case .new(let slot) = bank.asset(key: key, nowNanoseconds: 1) { slot } else { 0 }
            }
            for row in 0..<3 {
                [Float(row), 1].withUnsafeBufferPointer {
                    _ = bank.append(
                        asset: slot, row: $0, timeNanoseconds: Int64(row),
                        arrivalNanoseconds: UInt64(10 * step + row))
                }
            }
        }
        let exchange = StateExchange(bank: bank, filled: try EventDescriptor())
        let header = StateHeader(
            clock: Self.clock(1, 2, true, 3), modelHash: 4, inputsHash: 5,
            shape: bank.shape(clockIdentity: 0))
        let alarms = AlarmBank(capacity: 3, rule: try rule())
        var writer = try StateFileWriter(path: path, header: header)
        exchange.request(goesOn: false)
        exchange.fill(from: bank, alarms: alarms, nowNanoseconds: 100, decided: 0)
        let isLast = try exchange.withFilled { bytes, entries, isLast in
            try writer.append(bytes)
            return isLast
        }
        #expect(isLast == true)
        let size = try writer.finish(entries: 2)
        #expect(size <= SavedState.maximumBytes(bank))
        return bank
    }

    private func read(_ path: String) throws -> [UInt8] {
        let bytes = try #require(FileManager.default.contents(atPath: path).map(Array.init))
        return bytes
    }

    @Test("A file gives the windows back, the asset that was silent for longest first")
    func roundTrip() throws {
        let directory = try TemporaryDirectory("state")
        let bank = try file(directory.file("w.state"))
        let saved = try SavedState(path: directory.file("w.state"), maximumBytes: 4096)
        #expect(saved.header.modelHash == 4)
        #expect(saved.header.shape == bank.shape(clockIdentity: 9))
        #expect(saved.entries.map(\.silenceNanoseconds) == [98, 88])
        #expect(saved.entries.allSatisfy { $0.alarm.isPristine })
        #expect(throws: StateFileError.tooLarge(bytes: 0, maximum: 0).self) {
            do throws(StateFileError) {
                _ = try SavedState(path: directory.file("w.state"), maximumBytes: 10)
            } catch {
                guard case .tooLarge = error else { throw error }
                throw StateFileError.tooLarge(bytes: 0, maximum: 0)
            }
        }
    }

    @Test("A file cut anywhere, or with any bit flipped, is an error")
    func damage() throws {
        let directory = try TemporaryDirectory("state")
        _ = try file(directory.file("w.state"))
        let bytes = try read(directory.file("w.state"))
        for length in 0..<bytes.count {
            #expect(throws: StateFileError.self) { try SavedState(Array(bytes[..<length])) }
        }
        for bit in 0..<(8 * bytes.count) {
            var flipped = bytes
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: StateFileError.self) { try SavedState(flipped) }
        }
    }

    @Test("Hostile bytes behind a right checksum give an error or entries, never a trap")
    func hostile() throws {
        let directory = try TemporaryDirectory("state")
        let bank = try file(directory.file("w.state"))
        let bytes = try read(directory.file("w.state"))
        var generator = SeededGenerator(seed: 77)
        for _ in 0..<5_000 {
            var hostile = Array(bytes.dropLast(8))
            for _ in 0..<3 {
                hostile[Int.random(in: 8..<hostile.count, using: &generator)] =
                    [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &generator) ?? 0
            }
            var checksum = StateChecksum()
            hostile.withUnsafeBytes { checksum.add($0) }
            StateHeader.put(checksum.value, to: &hostile)
            guard let saved = try? SavedState(hostile) else { continue }
            for entry in saved.entries {
                _ = try? saved.withWindow(entry) { bytes throws(WindowError) in
                    try bank.restoreAsset(bytes, nowNanoseconds: 0)
                }
            }
        }
    }

    @Test("A write that fails leaves the earlier file as it was, and nothing beside it")
    func failedWrite() throws {
        let directory = try TemporaryDirectory("state")
        let path = directory.file("w.state")
        _ = try file(path)
        let before = try read(path)
        do {
            var writer = try StateFileWriter(
                path: path,
                header: StateHeader(
                    clock: Self.clock(1, 2, true, 3), modelHash: 4, inputsHash: 5,
                    shape: [0, 0, 0, 0, 0, 0]))
            try [UInt8(1)].withUnsafeBytes { try writer.append($0) }
            // Given up half way.
        }
        #expect(try read(path) == before)
        #expect(!FileManager.default.fileExists(atPath: path + ".new"))
        #expect(throws: StateFileError.self) {
            _ = try StateFileWriter(
                path: directory.file("missing/w.state"),
                header: StateHeader(
                    clock: Self.clock(1, 2, true, 3), modelHash: 4, inputsHash: 5,
                    shape: [0, 0, 0, 0, 0, 0]))
        }
    }
}
