internal import Glibc
internal import SensorIO

/// A centrifugal pump behind a frequency converter.
///
/// The operating point wanders as a plant's does, so no channel alone says much: speed, pressure, flow and
/// current move together by the affinity laws, and a fault is what breaks that. The same seed, asset and
/// rate give the same readings.
package struct SimulatedPump: Sendable {
    /// One reading, in the order of `channels`.
    package struct Reading: Sendable, Equatable {
        package var vibrationX: Double
        package var vibrationY: Double
        package var temperature: Double
        package var current: Double
        package var pressure: Double
        package var flow: Double
        package var speed: Double

        package var values: [Double] {
            [vibrationX, vibrationY, temperature, current, pressure, flow, speed]
        }
    }

    /// - Units: mm/s RMS, mm/s RMS, °C, A, bar, m³/h, rpm
    package static let channels = [
        "vibration.x", "vibration.y", "temperature", "current", "pressure", "flow", "speed",
    ]

    private static let ratedSpeed = 2950.0  // rpm
    private static let ambient = 22.0  // °C

    private var random: SplitMix64
    private var spare: Double?
    private let period: Double
    private let faults: [PumpFault]
    /// Bar at a closed valve and rated speed; m³/h; share; mm/s: no two pumps are the same.
    private let head: Double
    private let ratedFlow: Double
    private let efficiency: Double
    private let vibration: Double
    private var valve = 0.85
    private var setPoint: Double
    private var speed: Double
    private var nextChange: Double
    private var temperature = 0.0
    /// Simulated time. - Units: seconds since the start.
    package private(set) var seconds = 0.0

    /// - Parameters:
    ///   - asset: from 0; another asset is another pump.
    ///   - rate: readings a second, above 0.
    package init(seed: UInt64, asset: Int, rate: Double, faults: [PumpFault]) {
        precondition(rate > 0, "A pump is read at a rate above 0.")
        // Through the generator twice: neighbouring seeds and assets must not share a stretch of its stream.
        var plant = SplitMix64(seed: seed)
        var pump = SplitMix64(seed: plant.next() ^ (UInt64(asset) &* 0xD1B5_4A32_D192_ED03))
        random = SplitMix64(seed: pump.next())
        period = 1 / rate
        self.faults = faults.filter { $0.asset == nil || $0.asset == asset }
        var spare: Double?
        head = 6.2 * (1 + 0.02 * Self.normal(&random, &spare))
        ratedFlow = 48 * (1 + 0.02 * Self.normal(&random, &spare))
        efficiency = 0.71 * (1 + 0.01 * Self.normal(&random, &spare))
        vibration = 1.6 * (1 + 0.05 * Self.normal(&random, &spare))
        setPoint = Double.random(in: 0.8...1, using: &random)
        speed = setPoint
        nextChange = Double.random(in: 10...120, using: &random)
        self.spare = spare
        temperature = Self.ambient + Self.warming(speed, friction: 0)
    }

    /// Moves the pump by one period and reads its sensors.
    package mutating func nextReading() -> Reading {
        seconds += period
        let wear = intensity(.bearingWear)
        let cavitation = intensity(.cavitation)
        let imbalance = intensity(.imbalance)
        let misalignment = intensity(.misalignment)
        moveOperatingPoint()
        let opening = min(max(valve, 0.6), 1)
        var flow = ratedFlow * speed * opening
        flow *= 1 - 0.10 * cavitation + 0.06 * cavitation * normal()
        let share = flow / ratedFlow
        var pressure = head * (speed * speed * 1.12 - 0.32 * share * share)
        pressure *= 1 - 0.06 * cavitation + 0.05 * cavitation * normal()
        let hydraulicKilowatts = pressure * flow / 36
        var current = 2.1 + 1.9 * hydraulicKilowatts / efficiency
        current *= 1 + 0.05 * misalignment + 0.015 * cavitation * normal() + 0.01 * wear
        let friction = 10 * wear + 4 * misalignment
        temperature +=
            (Self.ambient + Self.warming(speed, friction: friction) - temperature) * period / 90

        let base = vibration * (0.25 + 0.75 * speed * speed)
        var x = base * (1 + 2.4 * imbalance * speed * speed + 0.6 * misalignment)
        var y = 0.8 * base * (1 + 1.5 * imbalance * speed * speed + 2.2 * misalignment)
        if wear > 0 {
            x *= 1 + 0.35 * wear
            y *= 1 + 0.25 * wear
            if Double.random(in: 0..<1, using: &random) < 0.12 {
                let uniform = Double.random(in: Double.leastNormalMagnitude..<1, using: &random)
                let hit = base * wear * -log(uniform) / 0.7
                x += hit
                y += 0.6 * hit
            }
        }
        let noise = 0.05 + 0.14 * cavitation
        x *= (1 + 0.4 * cavitation) * (1 + noise * normal())
        y *= (1 + 0.4 * cavitation) * (1 + noise * normal())
        return Reading(
            vibrationX: Self.rounded(abs(x), 1000), vibrationY: Self.rounded(abs(y), 1000),
            temperature: Self.rounded(temperature + 0.08 * normal(), 100),
            current: Self.rounded(current * (1 + 0.006 * normal()), 1000),
            pressure: Self.rounded(pressure + 0.02 * normal(), 1000),
            flow: Self.rounded(flow * (1 + 0.008 * normal()), 100),
            speed: Self.rounded(speed * Self.ratedSpeed + 1.5 * normal(), 10))
    }

    /// Somebody changes the set point now and then; the converter ramps slowly, to spare the pipes.
    private mutating func moveOperatingPoint() {
        if seconds >= nextChange {
            nextChange = seconds + Double.random(in: 30...120, using: &random)
            setPoint = Double.random(in: 0.8...1, using: &random)
        }
        let ordered = faults.last { $0.kind == .speed && $0.intensity(at: seconds) > 0 }
        let target = ordered?.severity ?? setPoint
        speed += (target - speed) * period / 12 + 0.0006 * normal() * (period * 25).squareRoot()
        valve += (0.85 - valve) * period / 20 + 0.02 * normal() * period.squareRoot()
    }

    private func intensity(_ kind: PumpFault.Kind) -> Double {
        faults.reduce(0) { $1.kind == kind ? $0 + $1.intensity(at: seconds) : $0 }
    }

    private static func warming(_ speed: Double, friction: Double) -> Double {
        26 * speed * speed * speed + 9 * speed + friction
    }

    private static func rounded(_ value: Double, _ steps: Double) -> Double {
        (value * steps).rounded() / steps
    }

    private mutating func normal() -> Double { Self.normal(&random, &spare) }

    /// A normally distributed number.
    /// - Source: Marsaglia's polar method (SIAM Review 6, 1964).
    private static func normal(_ random: inout SplitMix64, _ spare: inout Double?) -> Double {
        if let kept = spare {
            spare = nil
            return kept
        }
        while true {
            let u = Double.random(in: -1...1, using: &random)
            let v = Double.random(in: -1...1, using: &random)
            let square = u * u + v * v
            guard square > 0, square < 1 else { continue }
            let factor = (-2 * log(square) / square).squareRoot()
            spare = v * factor
            return u * factor
        }
    }
}
