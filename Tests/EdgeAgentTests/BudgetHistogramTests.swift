import TestSupport
import Testing

@testable import EdgeAgent

@Suite("Budget histogram")
struct BudgetHistogramTests {
    @Test("buckets follow each other without gap or overlap")
    func bucketsFollowEachOther() {
        for index in 0..<LatencyHistogram.bucketCount {
            let lower = LatencyHistogram.lowerBound(ofBucket: index)
            #expect(LatencyHistogram.index(of: lower) == index)
            if index > 0 { #expect(LatencyHistogram.index(of: lower - 1) == index - 1) }
        }
        #expect(LatencyHistogram.index(of: .max) == LatencyHistogram.bucketCount - 1)
        #expect(
            LatencyHistogram.lowerBound(ofBucket: LatencyHistogram.bucketCount - 1)
                > 100_000_000_000)
    }

    @Test("a single value is off by at most 1.6 percent", arguments: UInt64(1)...4)
    func aSingleValueIsOffByAtMost(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<100 {
            let value =
                UInt64.random(in: 1...130_000_000_000, using: &generator)
                >> UInt64.random(in: 0...30, using: &generator)
            let histogram = LatencyHistogram()
            histogram.record(value)
            histogram.record(.max)
            let read = histogram.snapshot().percentile(0.5)
            let error = abs(Double(read) - Double(value))
            #expect(error <= Double(value) / 64, "\(value) read as \(read), seed \(seed)")
        }
    }

    @Test("percentiles agree with the sorted values", arguments: UInt64(1)...6)
    func percentilesAgreeWithTheSortedValues(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let histogram = LatencyHistogram()
        var values: [UInt64] = []
        for _ in 0..<5000 {
            let value =
                UInt64.random(in: 0...1 << 40, using: &generator)
                >> UInt64.random(in: 4...35, using: &generator)
            values.append(value)
            histogram.record(value)
        }
        values.sort()
        let snapshot = histogram.snapshot()
        for fraction in [0.0, 0.5, 0.9, 0.99, 0.999, 1.0] {
            let exact = values[max(1, Int((fraction * 5000).rounded(.up))) - 1]
            let read = snapshot.percentile(fraction)
            #expect(
                abs(Double(read) - Double(exact)) <= Double(exact) / 64,
                "\(fraction): \(exact) read as \(read), seed \(seed)")
        }
        #expect(snapshot.count == 5000)
        #expect(snapshot.maximumNanoseconds == values[4999])
        #expect(snapshot.sumNanoseconds == values.reduce(0, +))
        #expect(snapshot.percentile(1) <= values[4999])
    }

    @Test("merging equals recording everything in one")
    func mergingEqualsRecordingEverythingInOne() {
        let (left, right, both) = (LatencyHistogram(), LatencyHistogram(), LatencyHistogram())
        for value in stride(from: UInt64(1), to: 1_000_000, by: 997) {
            (value % 2 == 0 ? left : right).record(value)
            both.record(value)
        }
        var merged = HistogramSnapshot()
        merged.merge(left.snapshot())
        merged.merge(right.snapshot())
        #expect(merged == both.snapshot())
        #expect(merged.count(atMost: 1_000_000) == merged.count)
        #expect(merged.count(atMost: 0) == 0)
    }

    @Test("an empty histogram reads as zero")
    func anEmptyHistogramReadsAsZero() {
        let snapshot = LatencyHistogram().snapshot()
        #expect(snapshot.percentile(0.99) == 0)
        #expect(snapshot.meanNanoseconds == 0)
    }

    @Test("readers on other threads see only growing counts and lose nothing")
    func readersOnOtherThreads() async {
        let histogram = LatencyHistogram()
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                for value in 0..<200_000 { histogram.record(UInt64(value)) }
                return true
            }
            group.addTask {
                var last: UInt64 = 0
                while last < 200_000 {
                    let count = histogram.snapshot().count
                    if count < last { return false }
                    last = count
                }
                return true
            }
            for await isRight in group { #expect(isRight) }
        }
    }

    @Test("the laps of a clock add up to the whole")
    func theLapsOfAClockAddUp() {
        var clock = StageClock(readableAtNanoseconds: 100, decodeNanoseconds: 30, now: 250)
        clock.lap(.features, now: 260)
        clock.lap(.inference, now: 300)
        clock.lap(.inference, now: 290)  // A clock that went back costs nothing.
        clock.lap(.alarm, now: 301)
        clock.lap(.publish, now: 340)
        #expect(clock.times[.wait] == 120)
        #expect(clock.times[.decode] == 30)
        #expect(clock.times[.features] == 10)
        #expect(clock.times[.inference] == 40)
        #expect(clock.times[.alarm] == 1)
        #expect(clock.times[.publish] == 39)
        #expect(clock.ageNanoseconds == 240)
        #expect(clock.times.totalNanoseconds == 240)
    }

    @Test("a clock that starts before its sample shows no time")
    func aClockThatStartsBeforeItsSample() {
        let clock = StageClock(readableAtNanoseconds: 100, decodeNanoseconds: 30, now: 50)
        #expect(clock.times.totalNanoseconds == 0)
    }
}
