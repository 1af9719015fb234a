import Foundation
import SensorIO
import Testing

/// Figures for the documentation, not a judgement: `EDGE_AGENT_BENCH=1 swift test -c release --filter Timing`.
@Suite(
    "Timing of payloads, windows and features", .serialized,
    .enabled(
        if: ProcessInfo.processInfo.environment["EDGE_AGENT_BENCH"] != nil, "set EDGE_AGENT_BENCH"))
struct WindowTimingTests {
    /// Nanoseconds a call: the least and the median of nine runs.
    private func measure(_ name: String, calls: Int, _ body: (Int) -> Void) {
        var runs: [Double] = []
        for _ in 0..<9 {
            let start = ContinuousClock.now
            for call in 0..<calls { body(call) }
            let time = ContinuousClock.now - start
            runs.append(
                Double(time.components.attoseconds) / 1e9 / Double(calls) + Double(
                    time.components.seconds) * 1e9 / Double(calls))
        }
        runs.sort()
        print("\(name): \(Int(runs[0].rounded())) / \(Int(runs[4].rounded())) ns (min / median)")
    }

    @Test("decoding", arguments: [3, 16])
    func decoding(fields: Int) throws {
        let channels = (0..<fields - 1).map { ChannelDescription(name: "channel\($0)") }
        let members = channels.enumerated().map { "\"\($1.name)\":\(Double($0) * 1.25 - 3)" }
        let text = "{\"ts\":1795253400123," + members.joined(separator: ",") + "}"
        let bytes = Array(text.utf8)
        let clock = ArrivalClock(
            monotonicNanoseconds: 1, wallNanoseconds: 1_795_253_400_000_000_000)
        for (name, timestamp) in [
            ("arrival", PayloadTimestamp.arrival),
            ("ms field", .field(try PayloadPath("ts"), unit: .milliseconds)),
        ] {
            let decoder = try PayloadDecoder(
                PayloadDescription(timestamp: timestamp), channels: channels)
            bytes.withUnsafeBytes { payload in
                measure(
                    "decode \(fields) fields, \(bytes.count) B, time of \(name)", calls: 200_000
                ) { _ in
                    _ = decoder.decode(payload, clock: clock)
                    _ = decoder.sample(0)
                }
            }
        }
    }

    @Test("windows", arguments: [2, 15])
    func windows(channels: Int) throws {
        let bank = try WindowBank(
            window: WindowDescription(samples: 64, hop: 16), channelCount: channels,
            timeAxis: .monotonic)
        let keys = (0..<100).map { Array("plant/north/pump-\($0)".utf8) }
        for key in keys { _ = key.withUnsafeBytes { bank.asset(key: $0, nowNanoseconds: 0) } }
        let row = [Float](repeating: 1, count: channels)
        row.withUnsafeBufferPointer { row in
            measure("look up one of 100 assets", calls: 200_000) { call in
                keys[call % 100].withUnsafeBytes {
                    _ = bank.asset(key: $0, nowNanoseconds: UInt64(call))
                }
            }
            measure("append a row of \(channels), take what is due", calls: 200_000) { call in
                _ = bank.append(
                    asset: call % 100, row: row, timeNanoseconds: Int64(call),
                    arrivalNanoseconds: UInt64(call))
                _ = bank.nextDue()
            }
        }
    }

    @Test("features", arguments: [(64, 2), (64, 16), (256, 8)])
    func features(samples: Int, channels: Int) throws {
        let rows = (0..<samples * channels).map { Float($0 % 97) * 0.37 }
        for (name, features) in [
            ("all statistics", FeatureDescription.statistics(FeatureStatistic.allCases)),
            ("raw", .raw),
        ] {
            let extractor = try FeatureExtractor(
                features: features,
                normalization: .affine(
                    offsets: Array(repeating: 1, count: name == "raw" ? channels : channels * 9),
                    scales: Array(repeating: 2, count: name == "raw" ? channels : channels * 9)),
                samples: samples, channelCount: channels)
            var output = [Float](repeating: 0, count: extractor.featureCount)
            output.withUnsafeMutableBufferPointer { output in
                rows.withUnsafeBufferPointer { rows in
                    measure("\(name) of \(samples) × \(channels)", calls: 20_000) { _ in
                        extractor.extract(rows, into: output)
                    }
                }
            }
        }
    }
}
