internal import Glibc
internal import SensorIO

/// Any number of simulated pumps, read one after the other at one rate.
package struct PumpSimulation {
    package struct Settings: Sendable {
        package var assets: Int
        /// Readings a second of each asset.
        package var rate: Double
        package var seed: UInt64
        /// Nil: until it is ended.
        package var seconds: Double?
        package var faults: [PumpFault]
        /// Whether to go as fast as it can instead of in real time.
        package var isFast: Bool
        /// What the timestamps count from, nanoseconds since 1970. Nil: now.
        package var startNanoseconds: Int64?

        package init(
            assets: Int, rate: Double, seed: UInt64, seconds: Double?, faults: [PumpFault],
            isFast: Bool, startNanoseconds: Int64? = nil
        ) {
            self.assets = assets
            self.rate = rate
            self.seed = seed
            self.seconds = seconds
            self.faults = faults
            self.isFast = isFast
            self.startNanoseconds = startNanoseconds
        }
    }

    private let settings: Settings
    private var pumps: [SimulatedPump]

    package init(_ settings: Settings) {
        self.settings = settings
        pumps = (0..<settings.assets).map {
            SimulatedPump(
                seed: settings.seed, asset: $0, rate: settings.rate, faults: settings.faults)
        }
    }

    /// The name of an asset: `P-101` is the first.
    package static func name(_ asset: Int) -> String { "P-\(101 + asset)" }

    /// Gives each reading to `body`; blocks until the simulation or `body` ends it.
    ///
    /// - Parameters:
    ///   - wait: returns at a time of `MonotonicClock`; whoever has a connection serves it meanwhile.
    ///   - body: asset's name, time in milliseconds since 1970, reading; false ends.
    package mutating func run(
        wait: (UInt64) throws -> Void,
        _ body: (String, Int64, SimulatedPump.Reading) throws -> Bool
    ) rethrows {
        let names = pumps.indices.map(Self.name)
        let startWall = settings.startNanoseconds ?? WallClock.nanoseconds
        let start = MonotonicClock.nanoseconds
        let period = 1e9 / settings.rate
        var round: UInt64 = 0
        while true {
            let elapsed = Double(round) * period
            if let seconds = settings.seconds, elapsed >= seconds * 1e9 { return }
            for index in pumps.indices {
                let due = elapsed + period * Double(index) / Double(pumps.count)
                if !settings.isFast { try wait(start &+ UInt64(due)) }
                let milliseconds = (startWall &+ Int64(due)) / 1_000_000
                guard try body(names[index], milliseconds, pumps[index].nextReading()) else {
                    return
                }
            }
            round += 1
        }
    }

    /// Reads a date-time of RFC 3339: nanoseconds since 1970, or nil.
    package static func startNanoseconds(_ text: String) -> Int64? {
        var text = text
        return text.withUTF8 { unsafe RFC3339Timestamp.nanoseconds(.init($0)) }
    }

    /// A reading as the JSON object that goes on the wire.
    package static func message(
        _ reading: SimulatedPump.Reading, milliseconds: Int64, asset: String? = nil
    ) -> [UInt8] {
        var json = JSONWriter(growingTo: 1024)
        json.beginObject()
        if let asset {
            json.member("asset", asset)
        }
        json.member("ts", milliseconds)
        json.beginObject("vibration")
        json.member("x", reading.vibrationX)
        json.member("y", reading.vibrationY)
        json.endObject()
        json.member("temperature", reading.temperature)
        json.member("current", reading.current)
        json.member("pressure", reading.pressure)
        json.member("flow", reading.flow)
        json.member("speed", reading.speed)
        json.endObject()
        _ = json.finish()
        return json.copyBytes()
    }

    /// Waits without doing anything else.
    package static func sleep(until deadline: UInt64) {
        let now = MonotonicClock.nanoseconds
        guard deadline > now else { return }
        var poll = PollSet(capacity: 1)
        poll.add(-1, .readable)
        poll.wait(deadlineNanoseconds: deadline)
    }
}
