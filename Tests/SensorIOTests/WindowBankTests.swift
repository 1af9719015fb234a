import SensorIO
import TestSupport
import Testing

private let second: Int64 = 1_000_000_000

extension WindowBank {
    fileprivate func slot(_ key: String, at now: UInt64 = 0) -> Int {
        switch outcome(key, at: now) {
        case .known(let slot), .new(let slot): return slot
        case .refused(let cause):
            Issue.record("refused: \(cause)")
            return 0
        }
    }

    fileprivate func outcome(_ key: String, at now: UInt64 = 0) -> AssetOutcome {
        Array(key.utf8).withUnsafeBytes { asset(key: $0, nowNanoseconds: now) }
    }

    @discardableResult
    fileprivate func add(
        _ row: [Float], time: Int64, arrival: UInt64? = nil, to slot: Int = 0
    ) -> AppendOutcome {
        row.withUnsafeBufferPointer {
            append(
                asset: slot, row: $0, timeNanoseconds: time,
                arrivalNanoseconds: arrival ?? UInt64(clamping: time))
        }
    }

    fileprivate func rowValues(_ due: DueWindow) -> [Float]? {
        withRows(of: due) { Array($0) + Array($1) }
    }
}

@Suite("Window bank")
struct WindowBankTests {
    private func bank(
        samples: Int = 4, hop: Int = 2, channels: Int = 1, axis: SampleTimeAxis = .epoch,
        gap: Int64? = nil, limits: AssetLimits = AssetLimits(maximumAssets: 4)
    ) throws -> WindowBank {
        try WindowBank(
            window: WindowDescription(samples: samples, hop: hop, maximumGapNanoseconds: gap),
            channelCount: channels, timeAxis: axis, limits: limits)
    }

    @Test("says how long the windows that newer ones replaced have waited, and how many too long")
    func replacedLate() throws {
        let bank = try bank(samples: 1, hop: 1)
        bank.lateAfterNanoseconds = 20
        let slot = bank.slot("a")
        for (index, arrival) in ([100, 120, 141, 150, 171] as [UInt64]).enumerated() {
            bank.add([1], time: Int64(index) * second, arrival: arrival, to: slot)
        }
        let due = try #require(bank.nextDue())
        #expect(due.arrivalNanoseconds == 171)
        #expect(due.waitingSinceNanoseconds == 100)
        #expect(due.coalesced == 4)
        #expect(due.coalescedLate == 2)
        bank.add([1], time: 9 * second, arrival: 300, to: slot)
        let next = try #require(bank.nextDue())
        #expect(next.waitingSinceNanoseconds == 300)
        #expect(next.coalesced == 0 && next.coalescedLate == 0)
    }

    @Test("gives a window after its samples, then one every hop")
    func hop() throws {
        let bank = try bank()
        let slot = bank.slot("a")
        var ends: [Int64] = []
        for index in 1...9 as ClosedRange<Int64> {
            bank.add([Float(index)], time: index * second, arrival: UInt64(index) + 100, to: slot)
            #expect(bank.hasDueWindow == (index >= 4 && index % 2 == 0))
            while let due = bank.nextDue() {
                ends.append(due.lastSampleNanoseconds / second)
                #expect(due.firstSampleNanoseconds == (index - 3) * second)
                #expect(due.arrivalNanoseconds == UInt64(index) + 100)
                #expect(bank.rowValues(due) == (index - 3...index).map { Float($0) })
            }
        }
        #expect(ends == [4, 6, 8])
        #expect(bank.counters.completedWindows == 3 && bank.counters.rows == 9)
    }

    @Test("coalesces: the newest window wins and stays aligned to the hop")
    func coalesces() throws {
        let bank = try bank()
        let slot = bank.slot("a")
        for index in 1...9 as ClosedRange<Int64> { bank.add([Float(index)], time: index, to: slot) }
        let due = try #require(bank.nextDue())
        #expect(bank.rowValues(due) == [5, 6, 7, 8])
        #expect(due.coalesced == 2 && due.arrivalNanoseconds == 8)
        #expect(bank.nextDue() == nil)
        #expect(bank.counters.coalescedEvaluations == 2)
        bank.add([10], time: 10, to: slot)
        #expect(bank.nextDue()?.coalesced == 0)
        #expect(bank.rowValues(due) == nil, "its rows have been overwritten")
    }

    @Test("lists windows in the order in which they became due")
    func dueOrder() throws {
        let bank = try bank(samples: 2, hop: 2)
        let slots = ["a", "b", "c"].map { bank.slot($0) }
        for (time, asset) in [(1, 0), (1, 1), (1, 2), (2, 2), (2, 0), (3, 2), (4, 2), (2, 1)] {
            bank.add([0], time: Int64(time), to: slots[asset])
        }
        var order: [Int] = []
        while let due = bank.nextDue() { order.append(due.asset) }
        #expect(order == [slots[2], slots[0], slots[1]])
    }

    @Test("drops older and equal times, and counts them apart")
    func outOfOrder() throws {
        let bank = try bank()
        let slot = bank.slot("a")
        #expect(bank.add([1], time: 5, to: slot) == .accepted)
        #expect(bank.add([2], time: 5, to: slot) == .duplicate)
        #expect(bank.add([3], time: 4, to: slot) == .outOfOrder)
        #expect(bank.add([4], time: 6, to: slot) == .accepted)
        #expect(bank.counters.outOfOrder == 1 && bank.counters.duplicates == 1)
        #expect(bank.counters.rows == 2)
    }

    @Test("takes equal times of arrival as two samples")
    func equalArrivals() throws {
        let bank = try bank(axis: .monotonic)
        let slot = bank.slot("a")
        for _ in 0..<4 { #expect(bank.add([1], time: 5, to: slot) == .accepted) }
        #expect(bank.hasDueWindow)
    }

    @Test("refuses rows with a channel missing")
    func incompleteRows() throws {
        let bank = try bank(channels: 2)
        #expect(bank.add([1, .nan], time: 1, to: bank.slot("a")) == .incompleteRow)
        #expect(bank.counters.rows == 0)
    }

    @Test("begins anew after a gap, and keeps a window that is due as long as it can")
    func gaps() throws {
        let bank = try bank(gap: 10)
        let slot = bank.slot("a")
        for time in [1, 2, 3, 4, 25] as [Int64] {
            bank.add([Float(time)], time: time, to: slot)
        }
        #expect(bank.counters.gapResets == 1)
        let due = try #require(bank.nextDue())
        #expect(bank.rowValues(due) == [1, 2, 3, 4])
        for time in [26, 27, 28] as [Int64] { bank.add([Float(time)], time: time, to: slot) }
        let next = try #require(bank.nextDue())
        #expect(bank.rowValues(next) == [25, 26, 27, 28])
    }

    @Test("counts a window that was due and overwritten after a gap")
    func abandoned() throws {
        let bank = try bank(gap: 10)
        let slot = bank.slot("a")
        for time in [1, 2, 3, 4, 100, 101] as [Int64] { bank.add([0], time: time, to: slot) }
        #expect(bank.counters.abandonedEvaluations == 1)
        #expect(bank.nextDue() == nil)
        for time in [102, 103] as [Int64] { bank.add([0], time: time, to: slot) }
        #expect(bank.nextDue()?.lastSampleNanoseconds == 103)
    }

    @Test("follows a sensor's clock that was set back, but not a burst of old samples")
    func clockRestart() throws {
        let bank = try bank(samples: 2, hop: 1)
        let slot = bank.slot("a")
        let later: UInt64 = 20_000_000_000
        bank.add([1], time: 1000 * second, arrival: 1, to: slot)
        for index in 0..<50 as Range<Int64> {
            let outcome = bank.add([2], time: index * second, arrival: 2, to: slot)
            #expect(outcome == .outOfOrder, "a burst is short")
        }
        #expect(bank.add([3], time: 1001 * second, arrival: 3, to: slot) == .accepted)
        var outcomes: [AppendOutcome] = []
        for index in 0..<10 as Range<Int64> {
            outcomes.append(
                bank.add([4], time: (10 + index) * second, arrival: later + UInt64(index), to: slot)
            )
        }
        #expect(
            outcomes == Array(repeating: .outOfOrder, count: 7)
                + Array(repeating: .accepted, count: 3))
        #expect(bank.counters.clockRestarts == 1)
        #expect(bank.nextDue()?.firstSampleNanoseconds == 18 * second)
    }

    @Test("makes room by evicting the asset that is silent for longest")
    func eviction() throws {
        let bank = try bank(
            samples: 1, hop: 1, limits: AssetLimits(maximumAssets: 2, minimumIdleNanoseconds: 100))
        #expect(bank.outcome("a", at: 0) == .new(0))
        #expect(bank.outcome("b", at: 10) == .new(1))
        #expect(bank.outcome("a", at: 20) == .known(0))
        #expect(bank.outcome("c", at: 109) == .refused(.tooManyAssets))
        bank.add([1], time: 1, to: 1)
        #expect(bank.outcome("c", at: 110) == .new(1))
        #expect(String(decoding: bank.key(of: 1), as: UTF8.self) == "c")
        #expect(bank.nextDue() == nil, "b's window went with it")
        #expect(bank.outcome("b", at: 111) == .refused(.tooManyAssets))
        #expect(bank.outcome("b", at: 120) == .new(0))
        #expect(bank.counters.evictedAssets == 2 && bank.counters.refusedAssets == 2)
        #expect(bank.counters.abandonedEvaluations == 1)
        bank.add([2], time: 1, to: 0)
        let due = try #require(bank.nextDue())
        #expect(due.generation == 2)
        #expect(bank.outcome("") == .refused(.invalidAssetKey))
        #expect(bank.outcome(String(repeating: "k", count: 257)) == .refused(.invalidAssetKey))
    }

    @Test("refuses descriptions that are out of range")
    func errors() {
        func refused(_ window: WindowDescription, _ limits: AssetLimits = AssetLimits())
            -> WindowError?
        {
            do throws(WindowError) {
                _ = try WindowBank(
                    window: window, channelCount: 2, timeAxis: .epoch, limits: limits)
                return nil
            } catch {
                return error
            }
        }
        #expect(
            refused(WindowDescription(samples: 0, hop: 1))
                == .outOfRange("samples", actual: 0, allowed: 1...1_048_576))
        #expect(
            refused(WindowDescription(samples: 4, hop: 5))
                == .outOfRange("hop", actual: 5, allowed: 1...4))
        let fixed = WindowAlignment.fixedRate(
            intervalNanoseconds: 1, maximumAgeNanoseconds: 100_001)
        #expect(
            refused(WindowDescription(samples: 1, hop: 1, alignment: fixed))
                == .outOfRange("maximumAge", actual: 100_001, allowed: 1...100_000))
        let slow = WindowAlignment.fixedRate(intervalNanoseconds: 10, maximumAgeNanoseconds: 10)
        #expect(
            refused(
                WindowDescription(samples: 1, hop: 1, alignment: slow, maximumGapNanoseconds: 1))
                == .gapAtFixedRate)
        #expect(refused(WindowDescription(samples: 1 << 20, hop: 1 << 20)) != nil)
        #expect(
            refused(WindowDescription(samples: 1, hop: 1), AssetLimits(maximumAssets: 0)) != nil)
        let partial = PayloadDescription(acceptsPartialRows: true)
        #expect(throws: WindowError.partialRowsPerMessage) {
            try WindowDescription(samples: 1, hop: 1).check(payload: partial, channelCount: 2)
        }
    }

    @Test("equals a simple model for random samples", arguments: 1...12 as ClosedRange<UInt64>)
    func equalsModel(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let samples = Int.random(in: 1...9, using: &generator)
        let hop = Int.random(in: 1...samples, using: &generator)
        let gap = Bool.random(using: &generator) ? Int64(20) : nil
        let bank = try bank(
            samples: samples, hop: hop, channels: 2, gap: gap, limits: AssetLimits(maximumAssets: 3)
        )
        var models = [CountModel](
            repeating: CountModel(samples: samples, hop: hop, gap: gap), count: 3)
        for key in ["a", "b", "c"] { _ = bank.slot(key) }
        var clock: Int64 = 100
        for step in 0..<3000 {
            let asset = Int.random(in: 0..<3, using: &generator)
            clock += Int64.random(in: 0...3, using: &generator)
            if Int.random(in: 0..<50, using: &generator) == 0 { clock += 30 }
            let late = Int.random(in: 0..<10, using: &generator) == 0 ? Int64(5) : 0
            let row = [Float(step), Float(asset)]
            let outcome = bank.add(row, time: clock - late, arrival: 1, to: asset)
            #expect(outcome == models[asset].append(row, time: clock - late), "seed \(seed)")
            guard Int.random(in: 0..<4, using: &generator) == 0 else { continue }
            while let due = bank.nextDue() {
                let expected = models[due.asset].take()
                #expect(bank.rowValues(due) == expected?.rows.flatMap { $0 }, "seed \(seed)")
                #expect(due.firstSampleNanoseconds == expected?.times.first)
                #expect(due.lastSampleNanoseconds == expected?.times.last)
            }
            for index in 0..<3 { #expect(models[index].take() == nil, "seed \(seed)") }
        }
    }
}

/// What a window of one asset does, with arrays.
private struct CountModel {
    typealias Window = (rows: [[Float]], times: [Int64])
    let samples: Int
    let hop: Int
    let gap: Int64?
    var rows: [[Float]] = []
    var times: [Int64] = []
    var sinceDue = 0
    var hasBeenDue = false
    var due: Window?
    var rowsAfterDue = 0
    var newest: Int64?

    mutating func append(_ row: [Float], time: Int64) -> AppendOutcome {
        if let newest {
            if time == newest { return .duplicate }
            if time < newest { return .outOfOrder }
            if let gap, time - newest > gap {
                rows = []
                times = []
                hasBeenDue = false
            }
        }
        newest = time
        rows.append(row)
        times.append(time)
        sinceDue += 1
        rowsAfterDue += 1
        if rows.count >= samples && (!hasBeenDue || sinceDue == hop) {
            due = (rows.suffix(samples), times.suffix(samples))
            hasBeenDue = true
            sinceDue = 0
            rowsAfterDue = 0
        } else if rowsAfterDue >= hop {
            due = nil
        }
        return .accepted
    }

    mutating func take() -> Window? {
        defer { due = nil }
        return due
    }
}
