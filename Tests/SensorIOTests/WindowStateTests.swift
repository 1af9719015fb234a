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
                let state = parts.savedState(clockIdentity: 1)
                parts = try bank(alignment)
                try parts.restore(state, nowNanoseconds: UInt64(step), clockIdentity: 2)
                #expect(parts.assetCount == min(restart, 3))
            }
            #expect(add(whole, step) == add(parts, step), "step \(step)")
        }
        #expect(whole.counters.completedWindows > 3)
    }

    @Test("are refused when they are damaged, of another shape or on another clock")
    func refusals() throws {
        let source = try bank(.perMessage)
        for step in 0..<20 { _ = add(source, step) }
        let state = source.savedState(clockIdentity: 1)
        for index in state.indices {
            var damaged = state
            damaged[index] ^= 0x10
            let target = try bank(.perMessage)
            #expect(throws: WindowError.self) {
                try target.restore(damaged, nowNanoseconds: 0, clockIdentity: 1)
            }
        }
        for length in [0, 7, 8, 40, state.count - 1] {
            let target = try bank(.perMessage)
            #expect(throws: WindowError.self) {
                try target.restore(Array(state[..<length]), nowNanoseconds: 0, clockIdentity: 1)
            }
        }
        let other = try bank(.perMessage, samples: 6)
        #expect(throws: WindowError.unusableState("windows of another shape or clock")) {
            try other.restore(state, nowNanoseconds: 0, clockIdentity: 1)
        }
        let monotonic = try bank(.perMessage, axis: .monotonic)
        let monotonicState = monotonic.savedState(clockIdentity: 1)
        #expect(throws: WindowError.unusableState("windows of another shape or clock")) {
            try monotonic.restore(monotonicState, nowNanoseconds: 0, clockIdentity: 2)
        }
        try monotonic.restore(monotonicState, nowNanoseconds: 0, clockIdentity: 1)
    }
}
