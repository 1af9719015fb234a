internal import ArgumentParser
internal import EdgeAgent
internal import Glibc

/// `edge-agent simulate`: pumps to try an agent on.
struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Simulate pumps with faults: to a broker, or to standard output.",
        discussion: """
            Centrifugal pumps behind frequency converters: vibration in two directions (mm/s), bearing \
            temperature (°C), motor current (A), pressure (bar), flow (m³/h) and speed (rpm). The \
            operating point wanders; a fault breaks how the channels belong together. The same seed \
            gives the same readings.

            A scenario is KIND[:ASSET]@START+DURATION[*SEVERITY], times in seconds, assets from 1:
              bearing-wear   impacts, a warm bearing
              cavitation     less flow and pressure, unsteady, broadband vibration
              imbalance      vibration that grows with the speed
              misalignment   vibration along the shaft, more current
              speed          the converter goes to SEVERITY times the rated speed (0.7)

            Without --host: one JSON object a line, or a table with --csv, as 'model pack --data' reads it.
              edge-agent simulate --host localhost --scenario cavitation:2@20+30
              edge-agent simulate --fast --seconds 600 --csv > samples.csv
            """)

    @Option(help: "How many pumps; the first is P-101.")
    var assets = 5

    @Option(help: "Readings a second of each pump.")
    var rate = 25.0

    @Option(help: "Another seed is another plant.")
    var seed: UInt64 = 1

    @Option(help: "When to end; without it, never.")
    var seconds: Double?

    @Option(help: "What the timestamps count from, as in 2026-11-01T00:00:00Z; without it, now.")
    var start: String?

    @Option(help: "A scenario; may be given several times.")
    var scenario: [String] = []

    @Option(help: "The broker to publish to.")
    var host: String?

    @Option(help: "The broker's port.")
    var port: UInt16 = 1883

    @Option(help: "The topic; {asset} stands for the pump's name.")
    var topic = "plant/sim/pump/{asset}/readings"

    @Option(help: "0 or 1.")
    var qos = 1

    @Flag(help: "A table instead of JSON.")
    var csv = false

    @Flag(help: "As fast as it goes instead of in real time.")
    var fast = false

    func validate() throws {
        guard (1...100_000).contains(assets) else {
            throw ValidationError("--assets must be 1 to 100000.")
        }
        guard rate > 0, rate <= 1_000_000 else {
            throw ValidationError("--rate must be above 0 and at most 1000000.")
        }
        if let seconds, !(seconds > 0 && seconds.isFinite) {
            throw ValidationError("--seconds must be above 0.")
        }
        guard (0...1).contains(qos) else { throw ValidationError("--qos must be 0 or 1.") }
        if let start, PumpSimulation.startNanoseconds(start) == nil {
            throw ValidationError("--start must be a time as in 2026-11-01T00:00:00Z.")
        }
        _ = try faults()
    }

    private func faults() throws -> [PumpFault] {
        try scenario.map { text in
            guard let fault = PumpFault(text) else {
                let kinds = PumpFault.Kind.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError(
                    "--scenario: '\(text)' is not KIND[:ASSET]@START+DURATION[*SEVERITY]; kinds: \(kinds)."
                )
            }
            if let asset = fault.asset, asset >= assets {
                throw ValidationError("--scenario: '\(text)': there are \(assets) assets.")
            }
            return fault
        }
    }

    func run() async throws {
        var simulation = PumpSimulation(
            PumpSimulation.Settings(
                assets: assets, rate: rate, seed: seed, seconds: seconds, faults: try faults(),
                isFast: fast, startNanoseconds: start.flatMap(PumpSimulation.startNanoseconds)))
        if let host {
            let publisher = try PumpPublisher(
                host: host, port: port, topic: topic, assets: assets, isAcknowledged: qos == 1)
            try simulation.run(wait: publisher.wait) { asset, milliseconds, reading in
                try publisher.publish(
                    PumpSimulation.message(reading, milliseconds: milliseconds), asset: asset)
                return true
            }
            try publisher.stop()
            return
        }
        if csv {
            guard write("asset," + SimulatedPump.channels.joined(separator: ",")) else { return }
        }
        simulation.run(wait: PumpSimulation.sleep) { asset, milliseconds, reading in
            if csv {
                return write(asset + "," + reading.values.map { "\($0)" }.joined(separator: ","))
            }
            let message = PumpSimulation.message(
                reading, milliseconds: milliseconds, asset: asset)
            return write(String(decoding: message, as: UTF8.self))
        }
    }

    /// Writes a line; false when nobody reads any more.
    private func write(_ line: String) -> Bool {
        let bytes = Array((line + "\n").utf8)
        var offset = 0
        while offset < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(
                    STDOUT_FILENO, $0.baseAddress.unsafelyUnwrapped + offset, $0.count - offset)
            }
            if count < 0 {
                if errno == EINTR { continue }
                return false
            }
            offset += count
        }
        return true
    }
}
