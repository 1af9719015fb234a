/// A fault of a simulated pump: it grows and goes within half a second, and lasts for a while.
package struct PumpFault: Sendable, Equatable {
    /// What can be wrong with a pump.
    package enum Kind: String, Sendable, CaseIterable {
        /// Impacts in the vibration; friction warms the bearing.
        case bearingWear = "bearing-wear"
        /// Vapour bubbles: less flow and pressure, both unsteady, broadband vibration.
        case cavitation
        /// Vibration across the shaft that grows with the square of the speed.
        case imbalance
        /// Vibration along the shaft, more current for the same flow.
        case misalignment
        /// No fault: the converter is given another speed.
        case speed
    }

    package var kind: Kind
    /// From 0; nil: every asset.
    package var asset: Int?
    /// - Units: seconds since the simulation's start.
    package var start: Double
    /// - Units: seconds
    package var duration: Double
    /// 1 is a fault that has to be seen; of `speed` the share of the rated speed.
    package var severity: Double

    private static let ramp = 0.5

    package init(
        kind: Kind, asset: Int? = nil, start: Double, duration: Double, severity: Double = 1
    ) {
        self.kind = kind
        self.asset = asset
        self.start = start
        self.duration = duration
        self.severity = severity
    }

    /// Reads `KIND[:ASSET]@START+DURATION[*SEVERITY]`, times in seconds, assets from 1; nil for anything else.
    package init?(_ text: String) {
        let halves = text.split(separator: "@", omittingEmptySubsequences: false)
        guard halves.count == 2 else { return nil }
        let name = halves[0].split(separator: ":", omittingEmptySubsequences: false)
        guard name.count <= 2, let first = name.first, let kind = Kind(rawValue: String(first))
        else { return nil }
        var asset: Int?
        if name.count == 2 {
            guard let number = Int(name[1]), number >= 1 else { return nil }
            asset = number - 1
        }
        let times = halves[1].split(separator: "*", omittingEmptySubsequences: false)
        let span = times[0].split(separator: "+", omittingEmptySubsequences: false)
        guard times.count <= 2, span.count == 2, let start = Double(span[0]),
            let duration = Double(span[1]), start >= 0, duration > 0, start.isFinite,
            duration.isFinite
        else { return nil }
        var severity = kind == .speed ? 0.7 : 1
        if times.count == 2 {
            guard let given = Double(times[1]), given > 0, given <= 10 else { return nil }
            severity = given
        }
        self.init(
            kind: kind, asset: asset, start: start, duration: duration, severity: severity)
    }

    /// How strong the fault is at a time.
    func intensity(at seconds: Double) -> Double {
        guard seconds >= start, seconds < start + duration else { return 0 }
        let edge = min(seconds - start, start + duration - seconds)
        return severity * min(1, edge / Self.ramp)
    }
}
