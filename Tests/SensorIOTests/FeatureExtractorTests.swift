import Foundation
import SensorIO
import TestSupport
import Testing

extension FeatureExtractor {
    fileprivate func extract(_ rows: [Float], splitAt row: Int = 0) -> [Float] {
        var output = [Float](repeating: .nan, count: featureCount)
        let split = row * channelCount
        output.withUnsafeMutableBufferPointer { output in
            rows.withUnsafeBufferPointer { rows in
                extract(
                    UnsafeBufferPointer(rebasing: rows[..<split]),
                    UnsafeBufferPointer(rebasing: rows[split...]), into: output)
            }
        }
        return output
    }
}

@Suite("Feature extractor")
struct FeatureExtractorTests {
    private static let all = FeatureStatistic.allCases

    /// The textbook formulas, one at a time.
    private func naive(_ x: [Double], _ statistic: FeatureStatistic) -> Double {
        let n = Double(x.count)
        let mean = x.reduce(0, +) / n
        let second = x.map { pow($0 - mean, 2) }.reduce(0, +)
        let fourth = x.map { pow($0 - mean, 4) }.reduce(0, +)
        let rms = sqrt(x.map { $0 * $0 }.reduce(0, +) / n)
        let isConstant = x.min() == x.max()
        switch statistic {
        case .mean: return mean
        case .standardDeviation: return sqrt(second / n)
        case .minimum: return x.min() ?? 0
        case .maximum: return x.max() ?? 0
        case .rms: return rms
        case .peakToPeak: return (x.max() ?? 0) - (x.min() ?? 0)
        case .crestFactor: return isConstant ? 1 : (x.map(abs).max() ?? 0) / rms
        case .kurtosis: return isConstant ? 3 : n * fourth / (second * second)
        case .slope:
            guard x.count > 1 else { return 0 }
            let centre = (n - 1) / 2
            let places = x.indices.map { Double($0) - centre }
            return zip(places, x).map { $0 * ($1 - mean) }.reduce(0, +)
                / places.map { $0 * $0 }.reduce(0, +)
        }
    }

    @Test("equals the textbook formulas", arguments: 1...20 as ClosedRange<UInt64>)
    func equalsFormulas(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let samples = Int.random(in: 1...70, using: &generator)
        let channels = Int.random(in: 1...5, using: &generator)
        let extractor = try FeatureExtractor(
            features: .statistics(Self.all), samples: samples, channelCount: channels)
        let offset = Float([0, 1, 1000, -1e6].randomElement(using: &generator)!)
        let rows = (0..<samples * channels).map { _ in
            offset + Float.random(in: -1...1, using: &generator)
        }
        let features = extractor.extract(rows, splitAt: samples / 3)
        for channel in 0..<channels {
            let x = stride(from: channel, to: rows.count, by: channels).map { Double(rows[$0]) }
            for (index, statistic) in Self.all.enumerated() {
                let expected = naive(x, statistic)
                let found = Double(features[channel * Self.all.count + index])
                // A float's rounding, and for slopes what cancels: deviations of up to 1 around the
                // offset.
                let tolerance = max(abs(expected) * 1.5e-7, 1e-9)
                #expect(
                    abs(found - expected) <= tolerance,
                    "seed \(seed): \(statistic) \(found) \(expected)")
            }
        }
    }

    @Test(
        "equals NumPy and SciPy",
        arguments: [
            (FeatureStatistic.mean, 3.25), (.standardDeviation, 2.277608395), (.minimum, 1),
            (.maximum, 7),
            (.rms, 3.968626967), (.peakToPeak, 6), (.crestFactor, 1.763834207),
            (.kurtosis, 2.097982290),
            (.slope, 1.9),
        ] as [(FeatureStatistic, Float)])
    func knownValues(statistic: FeatureStatistic, expected: Float) throws {
        let extractor = try FeatureExtractor(
            features: .statistics([statistic]), samples: 4, channelCount: 1)
        #expect(abs(extractor.extract([1, 2, 3, 7])[0] - expected) < 1e-6)
    }

    @Test(
        "is defined for constant channels",
        arguments: [0, 0.1, -7, 3.4e38, .leastNonzeroMagnitude] as [Float])
    func constants(value: Float) throws {
        for samples in [1, 3, 64] {
            let extractor = try FeatureExtractor(
                features: .statistics(Self.all), samples: samples, channelCount: 1)
            let features = extractor.extract([Float](repeating: value, count: samples))
            #expect(features == [value, 0, value, value, abs(value), 0, 1, 3, 0])
        }
    }

    @Test("is finite for every finite sample")
    func extremes() throws {
        let extractor = try FeatureExtractor(
            features: .statistics(Self.all), samples: 4, channelCount: 1)
        let big = Float.greatestFiniteMagnitude
        for rows in [
            [big, -big, big, -big], [big, big, big, -big],
            [.leastNonzeroMagnitude, 0, 0, -.leastNonzeroMagnitude],
            [big, 0, 0, .leastNonzeroMagnitude],
        ] as [[Float]] {
            let features = extractor.extract(rows)
            #expect(features.allSatisfy { $0.isFinite }, "\(rows): \(features)")
        }
    }

    @Test("is stable for a small signal on a large offset")
    func stability() throws {
        let extractor = try FeatureExtractor(
            features: .statistics([.standardDeviation, .kurtosis, .slope]), samples: 1000,
            channelCount: 1)
        let rows = (0..<1000).map { 1_000_000 + Float($0 % 2) }
        let features = extractor.extract(rows)
        #expect(features[0] == 0.5)
        #expect(features[1] == 1)
        #expect(abs(features[2] - 3e-6) < 1e-11)
    }

    @Test("gives the raw window in rows, normalised by channel")
    func raw() throws {
        let plain = try FeatureExtractor(features: .raw, samples: 2, channelCount: 2)
        #expect(plain.extract([1, 2, 3, 4], splitAt: 1) == [1, 2, 3, 4])
        let normalised = try FeatureExtractor(
            features: .raw, normalization: .affine(offsets: [1, 2], scales: [2, -4]), samples: 2,
            channelCount: 2)
        #expect(normalised.extract([1, 2, 3, 4], splitAt: 1) == [0, 0, 1, -0.5])
    }

    @Test("normalises each statistic and saturates")
    func normalisation() throws {
        let extractor = try FeatureExtractor(
            features: .statistics([.mean, .maximum]),
            normalization: .affine(offsets: [1, 0, 0, -3], scales: [0.5, 1, 1e-300, 3]), samples: 2,
            channelCount: 2)
        #expect(extractor.extract([1, 5, 3, 6]) == [2, 3, Float.greatestFiniteMagnitude, 3])
    }

    @Test("names features and their channels")
    func names() throws {
        let channels = [ChannelDescription(name: "x"), ChannelDescription(name: "y")]
        let statistics = FeatureDescription.statistics([.rms, .peakToPeak])
        #expect(
            statistics.names(channels: channels, samples: 9) == [
                "x.rms", "x.peakToPeak", "y.rms", "y.peakToPeak",
            ])
        #expect((0..<4).map { statistics.channel(ofFeature: $0, channelCount: 2) } == [0, 0, 1, 1])
        #expect(
            FeatureDescription.raw.names(channels: channels, samples: 2) == [
                "x[0]", "y[0]", "x[1]", "y[1]",
            ])
        #expect(
            (0..<4).map { FeatureDescription.raw.channel(ofFeature: $0, channelCount: 2) } == [
                0, 1, 0, 1,
            ])
    }

    @Test("refuses descriptions that do not fit")
    func errors() {
        func refused(
            _ features: FeatureDescription, _ normalization: NormalizationDescription = .none
        ) -> FeatureError? {
            do throws(FeatureError) {
                _ = try FeatureExtractor(
                    features: features, normalization: normalization, samples: 4, channelCount: 2)
                return nil
            } catch {
                return error
            }
        }
        #expect(refused(.statistics([])) == .noStatistics)
        #expect(refused(.statistics([.rms, .rms])) == .duplicateStatistic(.rms))
        #expect(
            refused(.raw, .affine(offsets: [0], scales: [1, 1]))
                == .wrongCount("offsets", actual: 1, expected: 2))
        #expect(
            refused(.statistics([.rms]), .affine(offsets: [0, 0], scales: [1]))
                == .wrongCount("scales", actual: 1, expected: 2))
        #expect(
            refused(.raw, .affine(offsets: [0, .nan], scales: [1, 1]))
                == .invalidNormalization("offsets", index: 1))
        #expect(
            refused(.raw, .affine(offsets: [0, 0], scales: [1, 0]))
                == .invalidNormalization("scales", index: 1))
    }

    @Test("takes the rows of a window that is due, and says when they are gone")
    func fromBank() throws {
        let bank = try WindowBank(
            window: WindowDescription(samples: 3, hop: 1), channelCount: 1, timeAxis: .epoch)
        let extractor = try FeatureExtractor(features: .raw, samples: 3, channelCount: 1)
        _ = Array("a".utf8).withUnsafeBytes { bank.asset(key: $0, nowNanoseconds: 0) }
        func add(_ value: Float) {
            _ = [value].withUnsafeBufferPointer {
                bank.append(asset: 0, row: $0, timeNanoseconds: Int64(value), arrivalNanoseconds: 0)
            }
        }
        for value in 1...5 { add(Float(value)) }
        let due = try #require(bank.nextDue())
        var output = [Float](repeating: 0, count: 3)
        #expect(
            output.withUnsafeMutableBufferPointer { extractor.extract(due, from: bank, into: $0) })
        #expect(output == [3, 4, 5])
        add(6)
        #expect(
            !output.withUnsafeMutableBufferPointer { extractor.extract(due, from: bank, into: $0) })
    }
}
