import SensorIO
import TestSupport
import Testing

@Suite("Windows at a fixed rate")
struct WindowFixedRateTests {
    private func bank(
        samples: Int = 2, hop: Int = 1, channels: Int = 2, age: Int64 = 25,
        axis: SampleTimeAxis = .epoch
    ) throws -> WindowBank {
        let bank = try WindowBank(
            window: WindowDescription(
                samples: samples, hop: hop,
                alignment: .fixedRate(intervalNanoseconds: 10, maximumAgeNanoseconds: age)),
            channelCount: channels, timeAxis: axis)
        _ = Array("a".utf8).withUnsafeBytes { bank.asset(key: $0, nowNanoseconds: 0) }
        return bank
    }

    @discardableResult
    private func add(
        _ bank: WindowBank, _ row: [Float], _ time: Int64, arrival: UInt64 = 0
    ) -> AppendOutcome {
        row.withUnsafeBufferPointer {
            bank.append(asset: 0, row: $0, timeNanoseconds: time, arrivalNanoseconds: arrival)
        }
    }

    private func windows(_ bank: WindowBank) -> [([Float], Int64, Int64)] {
        var windows: [([Float], Int64, Int64)] = []
        while let due = bank.nextDue() {
            let rows = bank.withRows(of: due) { Array($0) + Array($1) } ?? []
            windows.append((rows, due.firstSampleNanoseconds, due.lastSampleNanoseconds))
        }
        return windows
    }

    @Test("join channels that come in messages of their own")
    func joins() throws {
        let bank = try bank()
        #expect(add(bank, [1, .nan], 103) == .accepted)
        #expect(add(bank, [.nan, 5], 107) == .accepted)
        #expect(add(bank, [2, .nan], 110) == .accepted, "at the slot: belongs to it")
        #expect(add(bank, [.nan, 6], 115, arrival: 77) == .accepted)
        #expect(bank.counters.rows == 1)
        #expect(add(bank, [3, .nan], 121) == .accepted)
        let found = windows(bank)
        #expect(found.count == 1)
        #expect(found.first?.0 == [2, 5, 2, 6])
        #expect(found.first?.1 == 110 && found.first?.2 == 120)
    }

    @Test("hold the last observation up to the maximum age, then begin anew")
    func ageBound() throws {
        let bank = try bank()
        add(bank, [1, 5], 100)
        add(bank, [2, .nan], 110)
        add(bank, [3, .nan], 120)
        add(bank, [4, .nan], 130)
        #expect(bank.counters.rows == 3, "slots 100, 110, 120: the second channel is 20 old")
        add(bank, [5, .nan], 131)
        #expect(bank.counters.rows == 3, "at slot 130 it would be 30 old")
        #expect(bank.counters.incompleteSlots == 1 && bank.counters.gapResets == 1)
        add(bank, [.nan, 6], 139)
        add(bank, [6, .nan], 141)
        add(bank, [7, 7], 151)
        #expect(bank.counters.rows == 5)
        #expect(windows(bank).last?.0 == [5, 6, 6, 6])
    }

    @Test("skip a long silence in one step")
    func longSilence() throws {
        let bank = try bank()
        add(bank, [1, 5], 100)
        add(bank, [1, 5], 7_000_000_000_000_000_005)
        #expect(bank.counters.rows == 3, "the age allows 100, 110 and 120")
        #expect(windows(bank).last?.2 == 120)
        #expect(bank.counters.incompleteSlots == 699_999_999_999_999_988)
        add(bank, [2, 6], 7_000_000_000_000_000_012)
        #expect(bank.counters.rows == 4)
    }

    @Test("drop observations that their channel has already passed")
    func outOfOrder() throws {
        let bank = try bank()
        add(bank, [1, 5], 100)
        #expect(add(bank, [2, .nan], 100) == .duplicate)
        #expect(add(bank, [2, .nan], 99) == .outOfOrder)
        #expect(add(bank, [2, .nan], 108) == .accepted)
        #expect(add(bank, [.nan, 6], 104) == .accepted, "late for the asset, new for the channel")
        #expect(add(bank, [3, 7], 106) == .accepted, "new for one of them")
        add(bank, [9, 9], 111)
        add(bank, [9, 9], 121)
        #expect(windows(bank).last?.0 == [2, 7, 9, 9])
        #expect(bank.counters.outOfOrder == 1 && bank.counters.duplicates == 1)
    }

    @Test("refuse rows without any channel")
    func emptyRow() throws {
        let bank = try bank()
        #expect(add(bank, [.nan, .nan], 100) == .incompleteRow)
    }

    @Test("follow a sensor's clock that was set back")
    func clockRestart() throws {
        let bank = try bank()
        add(bank, [1, 1], 1_000_000, arrival: 1)
        var outcomes: [AppendOutcome] = []
        for index in 0..<10 as Range<Int64> {
            outcomes.append(
                add(bank, [2, 2], 1000 + index * 10, arrival: 20_000_000_000 + UInt64(index)))
        }
        #expect(outcomes.filter { $0 == .accepted }.count == 3)
        #expect(bank.counters.clockRestarts == 1)
        add(bank, [3, 3], 1095, arrival: 20_000_000_100)
        #expect(windows(bank).last?.2 == 1090)
    }

    @Test("equal a simple model for random observations", arguments: 1...12 as ClosedRange<UInt64>)
    func equalsModel(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let age = Int64.random(in: 1...60, using: &generator)
        let bank = try bank(samples: 3, hop: 2, channels: 3, age: age)
        var model = FixedRateModel(age: age)
        var time: Int64 = 1000
        for step in 0..<3000 {
            time += Int64.random(in: 0...8, using: &generator)
            if Int.random(in: 0..<60, using: &generator) == 0 { time += 100 }
            let late =
                Int.random(in: 0..<6, using: &generator) == 0
                ? Int64.random(in: 0...12, using: &generator) : 0
            let row = (0..<3).map { _ in
                Int.random(in: 0..<2, using: &generator) == 0 ? Float(step) : .nan
            }
            add(bank, row, time - late)
            model.observe(row, at: time - late)
            #expect(windows(bank).map(\.0) == model.takeWindow(), "seed \(seed) step \(step)")
        }
        #expect(bank.counters.incompleteSlots == model.incomplete)
    }
}

/// Slots of ten units, three channels, windows of three rows, hop two: slot by slot, with arrays.
private struct FixedRateModel {
    let age: Int64
    var last: [(value: Float, time: Int64)?] = [nil, nil, nil]
    var newest: Int64?
    var nextSlot: Int64 = 0
    var rows: [[Float]] = []
    var missing = 3
    var windows: [[Float]] = []
    var incomplete: UInt64 = 0

    init(age: Int64) { self.age = age }

    mutating func observe(_ row: [Float], at time: Int64) {
        let present = row.indices.filter { !row[$0].isNaN }
        guard present.contains(where: { last[$0].map { time > $0.time } ?? true }) else { return }
        if newest == nil { nextSlot = (time + 9) / 10 * 10 }
        while nextSlot < time {
            let isComplete = last.allSatisfy { $0.map { nextSlot - $0.time <= age } ?? false }
            if isComplete {
                rows.append(last.compactMap { $0?.value })
                missing -= 1
                if missing == 0 {
                    windows.append(rows.suffix(3).flatMap { $0 })
                    missing = 2
                }
            } else {
                incomplete += 1
                missing = 3
            }
            nextSlot += 10
        }
        newest = max(newest ?? time, time)
        for channel in present where last[channel].map({ time >= $0.time }) ?? true {
            last[channel] = (row[channel], time)
        }
    }

    /// The newest window since the last call: older ones are coalesced.
    mutating func takeWindow() -> [[Float]] {
        defer { windows = [] }
        return windows.suffix(1)
    }
}
