import SensorIO
import TestSupport
import Testing

@Suite("Saved windows")
struct WindowStateTests {
    private static let fixedRate = WindowAlignment.fixedRate(
        intervalNanoseconds: 10, maximumAgeNanoseconds: 50)

    private func bank(
        _ alignment: WindowAlignment, samples: Int = 5, axis: SampleTimeAxis = .epoch
    ) throws -> WindowBank {
        try WindowBank(
            window: WindowDescription(samples: samples, hop: 2, alignment: alignment),
            channelCount: 2, timeAxis: axis, limits: AssetLimits(maximumAssets: 3))
    }

    /// Adds a sample and gives back what became due, as key and rows.
    private func add(_ bank: WindowBank, _ step: Int) -> [String] {
        let slot = Array("pump-\(step % 3)".utf8).withUnsafeBytes { key in
            switch bank.asset(key: key, nowNanoseconds: UInt64(step)) {
            case .known(let slot), .new(let slot): slot
            case .refused: 0
            }
        }
        _ = [Float(step), Float(-step)].withUnsafeBufferPointer {
            bank.append(
                asset: slot, row: $0, timeNanoseconds: Int64(1000 + step * 4),
                arrivalNanoseconds: UInt64(step))
        }
        var found: [String] = []
        while let due = bank.nextDue() {
            let rows = bank.withRows(of: due) { Array($0) + Array($1) } ?? []
            let key = String(decoding: bank.key(of: due.asset), as: UTF8.self)
            found.append("\(key) \(rows) \(due.firstSampleNanoseconds)")
        }
        return found
    }

    @Test(
        "go on as if nothing had been",
        arguments: [
            (WindowAlignment.perMessage, 0), (.perMessage, 7), (.perMessage, 40), (fixedRate, 7),
            (fixedRate, 41),
        ])
    func goOn(alignment: WindowAlignment, restart: Int) throws {
        let whole = try bank(alignment)
        var parts = try bank(alignment)
        for step in 0..<100 {
            if step == restart {
                let entries = save(parts, step)
                parts = try bank(alignment)
                for entry in entries { _ = try restore(parts, entry, step) }
                #expect(parts.assetCount == min(restart, 3))
            }
            #expect(add(whole, step) == add(parts, step), "step \(step)")
        }
        #expect(whole.counters.completedWindows > 3)
    }

    /// All entries, the asset that has been silent for longest first.
    private func save(_ bank: WindowBank, _ step: Int) -> [[UInt8]] {
        var buffer = [UInt8](repeating: 0, count: bank.maximumEntryBytes)
        let entries = (0..<3).filter(bank.isUsed).map { slot in
            let count = buffer.withUnsafeMutableBytes {
                bank.saveAsset(slot, into: $0, nowNanoseconds: UInt64(step))
            }
            return Array(buffer[..<count])
        }
        func silence(_ entry: [UInt8]) -> UInt64 {
            entry.withUnsafeBytes { WindowBank.silenceNanoseconds(ofEntry: $0) }
        }
        return entries.sorted { silence($0) > silence($1) }
    }

    private func restore(
        _ bank: WindowBank, _ entry: [UInt8], _ step: Int = 0
    ) throws(WindowError) -> Int {
        try entry.span.bytes.withUnsafeBytes {
            (bytes: UnsafeRawBufferPointer) throws(WindowError) in
            try bank.restoreAsset(bytes, nowNanoseconds: UInt64(step))
        }
    }

    @Test("are refused when they are cut, twice there, or too many", arguments: [0, 1, 35, 36, -1])
    func refusals(length: Int) throws {
        let source = try bank(.perMessage)
        for step in 0..<20 { _ = add(source, step) }
        let entries = save(source, 20)
        let target = try bank(.perMessage)
        let cut = Array(length < 0 ? entries[0].dropLast() : entries[0].prefix(length))
        #expect(throws: WindowError.self) { try restore(target, cut) }
        #expect(target.assetCount == 0)
        for entry in entries { _ = try restore(target, entry) }
        #expect(throws: WindowError.self) { try restore(target, entries[0]) }
        #expect(target.assetCount == 3)
    }

    @Test("hostile bytes are refused or taken, and never trap or hang", arguments: [0, 1])
    func hostile(index: Int) throws {
        let alignment = index == 0 ? WindowAlignment.perMessage : Self.fixedRate
        let source = try bank(alignment)
        for step in 0..<40 { _ = add(source, step) }
        let entry = save(source, 40)[0]
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<5_000 {
            var hostile = entry
            for _ in 0..<3 {
                hostile[Int.random(in: 0..<hostile.count, using: &generator)] =
                    [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &generator) ?? 0
            }
            let target = try bank(alignment)
            do { _ = try restore(target, hostile) } catch { continue }
            // Whatever it is now, the readings that follow find their way.
            for step in 40..<60 { _ = add(target, step) }
        }
    }

    @Test("their shape tells windows, time axis and, for times of arrival, the clock apart")
    func shapes() throws {
        let one = try bank(.perMessage)
        #expect(one.shape(clockIdentity: 1) == one.shape(clockIdentity: 2))
        #expect(
            try one.shape(clockIdentity: 1) != bank(.perMessage, samples: 6).shape(clockIdentity: 1)
        )
        #expect(try one.shape(clockIdentity: 1) != bank(Self.fixedRate).shape(clockIdentity: 1))
        let arrival = try bank(.perMessage, axis: .monotonic)
        #expect(arrival.shape(clockIdentity: 1) != one.shape(clockIdentity: 1))
        #expect(arrival.shape(clockIdentity: 1) != arrival.shape(clockIdentity: 2))
    }
}
