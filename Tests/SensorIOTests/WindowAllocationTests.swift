import CAllocationCounter
import SensorIO
import Testing

@Suite("Payload to features")
struct WindowAllocationTests {
    private static let wall: Int64 = 1_795_253_400_000_000_000

    #if DEBUG
        private static let isOptimised = false
    #else
        private static let isOptimised = true
    #endif

    @Test(
        "allocates nothing for a message, good or bad",
        .enabled(if: allocation_count() != .max, "a sanitizer owns the heap"),
        .enabled(if: isOptimised, "the optimiser takes allocations away: run with -c release"),
        arguments: [
            WindowAlignment.perMessage,
            .fixedRate(intervalNanoseconds: 500_000, maximumAgeNanoseconds: 1_000_000_000),
        ])
    func allocatesNothing(alignment: WindowAlignment) throws {
        let path = try WindowHotPath(
            payload: PayloadDescription(
                timestamp: .field(try PayloadPath("ts"), unit: .rfc3339), maximumSamples: 2,
                acceptsPartialRows: alignment != .perMessage),
            channels: [
                ChannelDescription(name: "vibration", validRange: -100...100),
                ChannelDescription(name: "temperature", validRange: -50...90, outOfRange: .clamp),
            ],
            window: WindowDescription(samples: 16, hop: 4, alignment: alignment),
            features: .statistics(FeatureStatistic.allCases), assets: 8)
        // Eight assets for eight places, and now and then a ninth and a tenth. Every seventh message is
        // a bad one.
        let keys = (0..<10).map { Array("pump-\($0)".utf8) }
        let bad = [
            "", "{", "[1]", "nonsense", #"{"vibration":"x","temperature":1,"ts":"soon"}"#,
            #"{"vibration":NaN}"#, #"{"vibration":1e999,"temperature":0}"#, "{\"a\":\"\u{1}\"}",
            #"{"vibration":1,"temperature":1,"ts":"1970-01-01T00:00:00Z"}"#,
            #"{"vibration":1000,"temperature":1}"#, #"{"\u0076ibration":1,"\u0076ibration":1}"#,
        ].map { Array($0.utf8) }
        var good = Array(
            #"[{"ts":"2026-11-21T09:30:00.000000Z","vibration":-1.25e1,"temperature":120}]"#.utf8)

        var allocations: UInt64 = 0
        for round in 0..<3000 {
            // Microseconds into the timestamp's digits.
            var digits = round * 317
            for place in stride(from: 33, to: 27, by: -1) {
                good[place] = UInt8(ascii: "0") + UInt8(digits % 10)
                digits /= 10
            }
            let isBad = round % 7 == 6
            let start = allocation_count()
            keys[round % 100 < 98 ? round % 8 : round % 100 - 90].withUnsafeBytes { key in
                (isBad ? bad[round % bad.count] : good).withUnsafeBytes { payload in
                    path.receive(
                        payload, key: key, now: UInt64(round) * 317_000 + 1,
                        wall: Self.wall + Int64(round) * 317_000)
                }
            }
            // The first rounds may touch what the runtime makes once, such as metadata.
            if round >= 20 { allocations += allocation_count() - start }
        }
        #expect(allocations == 0)
        #expect(path.evaluations > 0 && path.rejections >= 3000 / 7 && path.notices > 0)
        #expect(path.bank.counters.evictedAssets > 0 && path.decoder.clampedValues > 0)
    }

    @Test(
        "is counted at all", .enabled(if: allocation_count() != .max, "a sanitizer owns the heap"))
    func counterCounts() {
        let start = allocation_count()
        let block = UnsafeMutableRawPointer.allocate(byteCount: 100, alignment: 8)
        block.deallocate()
        #expect(allocation_count() == start + 1)
    }
}
