import EdgeAgent
import Testing

@Suite("Simulated pumps")
struct PumpSimulationTests {
    private func readings(
        seed: UInt64 = 7, asset: Int = 0, faults: [PumpFault] = [], seconds: Double = 60
    ) -> [SimulatedPump.Reading] {
        var pump = SimulatedPump(seed: seed, asset: asset, rate: 25, faults: faults)
        return (0..<Int(seconds * 25)).map { _ in pump.nextReading() }
    }

    @Test("The same seed gives the same readings; another seed or asset is another pump")
    func deterministic() {
        #expect(readings() == readings())
        #expect(readings(seed: 8) != readings())
        #expect(readings(asset: 1) != readings())
    }

    @Test(
        "A fault moves what it should, in its time and not before",
        arguments: [
            (PumpFault.Kind.bearingWear, 1.2), (.cavitation, 1.2), (.imbalance, 2),
            (.misalignment, 1.3),
        ])
    func faults(kind: PumpFault.Kind, growth: Double) {
        let fault = PumpFault(kind: kind, start: 20, duration: 20)
        let with = readings(faults: [fault])
        let without = readings()
        #expect(with[..<475] == without[..<475])
        func vibration(_ part: ArraySlice<SimulatedPump.Reading>) -> Double {
            part.reduce(0) { $0 + $1.vibrationX + $1.vibrationY } / Double(part.count)
        }
        #expect(vibration(with[525..<975]) > growth * vibration(without[525..<975]))
    }

    @Test("The converter follows a change of speed, and flow and pressure follow it")
    func speed() {
        let slow = readings(faults: [PumpFault(kind: .speed, start: 1, duration: 59, severity: 0.5)]
        )
        let normal = readings()
        #expect(slow[1400].speed < 0.75 * normal[1400].speed)
        #expect(slow[1400].flow < 0.8 * normal[1400].flow)
        #expect(slow[1400].pressure < 0.7 * normal[1400].pressure)
    }

    @Test(
        "Every value is finite and within what the demo's channels allow, under all faults at once")
    func plausible() {
        let faults = PumpFault.Kind.allCases.map {
            PumpFault(kind: $0, start: 5, duration: 50, severity: $0 == .speed ? 1 : 3)
        }
        for reading in readings(faults: faults) {
            #expect(reading.values.filter { !$0.isFinite || abs($0) > 4_000 }.isEmpty)
        }
    }

    @Test("Scenarios are read as they are written")
    func scenarios() {
        #expect(
            PumpFault("cavitation:2@20+30*0.5")
                == PumpFault(kind: .cavitation, asset: 1, start: 20, duration: 30, severity: 0.5))
        #expect(
            PumpFault("imbalance@0+1") == PumpFault(kind: .imbalance, start: 0, duration: 1))
    }

    @Test(
        "What is no scenario is refused",
        arguments: [
            "", "cavitation", "cavitation@", "cavitation@1", "rust@1+2", "cavitation:0@1+2",
            "cavitation:x@1+2", "cavitation@-1+2", "cavitation@1+0", "cavitation@1+2*0",
            "cavitation@nan+2", "cavitation@1+inf", "cavitation@1+2*x", "a:b:c@1+2",
        ])
    func noScenarios(text: String) { #expect(PumpFault(text) == nil) }
}
