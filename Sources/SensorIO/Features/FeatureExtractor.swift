/// Computes what a model is fed from a window's rows.
///
/// All arithmetic is in double precision, mean before deviations (two passes), and rounded once, at
/// the end. Results beyond a float's range saturate: no feature is ever infinite, or NaN for finite
/// samples.
/// - Shape: raw: [time, channel]; statistics: [channel, statistic]; both row-major.
/// - Source: the formulas are at `FeatureStatistic`.
/// - Thread: one at a time.
// Safe: buffers are allocated in init, indexed below the counts they were made with, and freed in
// deinit.
@safe
package final class FeatureExtractor {
    package let features: FeatureDescription
    package let samples: Int
    package let channelCount: Int
    package let featureCount: Int

    package static let maximumFeatures = 1 << 24

    private let statistics: [FeatureStatistic]
    private let needsDeviations: Bool
    private let isNormalized: Bool
    /// One entry for each feature, or, for the raw window, for each channel.
    private let offsets: UnsafeMutableBufferPointer<Double>
    private let scales: UnsafeMutableBufferPointer<Double>
    /// The samples of one channel.
    private let scratch: UnsafeMutableBufferPointer<Double>

    /// Prepares for windows of that shape.
    ///
    /// - Throws: `FeatureError`, if the normalisation does not fit the features.
    package init(
        features: FeatureDescription, normalization: NormalizationDescription = .none,
        samples: Int, channelCount: Int
    ) throws(FeatureError) {
        precondition(samples >= 1 && channelCount >= 1, "a window has samples and channels")
        let count = try features.count(samples: samples, channelCount: channelCount)
        var entries = count
        statistics = if case .statistics(let statistics) = features { statistics } else { [] }
        if case .raw = features { entries = channelCount }
        try normalization.check(entries: entries)

        self.features = features
        self.samples = samples
        self.channelCount = channelCount
        featureCount = count
        needsDeviations = statistics.contains {
            $0 == .standardDeviation || $0 == .kurtosis || $0 == .slope
        }
        unsafe scratch = .allocate(capacity: statistics.isEmpty ? 0 : samples)
        unsafe scratch.initialize(repeating: 0)
        var given: (offsets: [Double], scales: [Double]) = ([], [])
        if case .affine(let offsets, let scales) = normalization { given = (offsets, scales) }
        isNormalized = !given.offsets.isEmpty
        unsafe offsets = .allocate(capacity: given.offsets.count)
        _ = unsafe offsets.initialize(fromContentsOf: given.offsets)
        unsafe scales = .allocate(capacity: given.scales.count)
        _ = unsafe scales.initialize(fromContentsOf: given.scales)
    }

    deinit {
        unsafe offsets.deallocate()
        unsafe scales.deallocate()
        unsafe scratch.deallocate()
    }

    /// The features of a window that is due.
    ///
    /// - Parameter output: `featureCount` entries.
    /// - Returns: Whether the window was still there; if not, `output` is as it was.
    package func extract(
        _ due: DueWindow, from bank: WindowBank, into output: UnsafeMutableBufferPointer<Float>
    ) -> Bool {
        precondition(
            bank.window.samples == samples && bank.channelCount == channelCount,
            "the extractor was made for windows of this shape")
        let done: Void? = unsafe bank.withRows(of: due) { first, second in
            unsafe extract(first, second, into: output)
        }
        return done != nil
    }

    /// The features of rows in one or two runs.
    ///
    /// - Parameters:
    ///   - first: Rows, [time, channel]; together with `second` exactly `samples` of them.
    ///   - output: `featureCount` entries.
    package func extract(
        _ first: UnsafeBufferPointer<Float>,
        _ second: UnsafeBufferPointer<Float> = unsafe UnsafeBufferPointer(start: nil, count: 0),
        into output: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(
            first.count % channelCount == 0 && second.count % channelCount == 0
                && first.count + second.count == samples * channelCount,
            "the runs are whole rows, as many as the window has")
        precondition(output.count == featureCount, "the output has one entry for each feature")
        if statistics.isEmpty {
            unsafe copyRaw(first, to: output, at: 0)
            unsafe copyRaw(second, to: output, at: first.count)
            return
        }
        for channel in 0..<channelCount {
            unsafe gather(channel, from: first, at: 0)
            unsafe gather(channel, from: second, at: first.count / channelCount)
            let moments = unsafe ChannelMoments(
                of: scratch, withDeviations: needsDeviations)
            var index = channel * statistics.count
            for statistic in statistics {
                unsafe output[index] = normalized(moments[statistic], entry: index)
                index += 1
            }
        }
    }

    private func copyRaw(
        _ run: UnsafeBufferPointer<Float>, to output: UnsafeMutableBufferPointer<Float>,
        at start: Int
    ) {
        if !isNormalized {
            for index in 0..<run.count { unsafe output[start + index] = unsafe run[index] }
            return
        }
        let channels = channelCount
        let offsets = unsafe offsets
        let scales = unsafe scales
        var index = 0
        while index < run.count {
            for channel in 0..<channels {
                unsafe output[start + index + channel] = Self.rounded(
                    (Double(run[index + channel]) - offsets[channel]) / scales[channel])
            }
            index += channels
        }
    }

    private func gather(_ channel: Int, from run: UnsafeBufferPointer<Float>, at start: Int) {
        let channels = channelCount
        var position = start
        var index = channel
        while index < run.count {
            unsafe scratch[position] = unsafe Double(run[index])
            position += 1
            index += channels
        }
    }

    @inline(__always)
    private func normalized(_ value: Double, entry: Int) -> Float {
        Self.rounded(isNormalized ? unsafe (value - offsets[entry]) / scales[entry] : value)
    }

    @inline(__always)
    private static func rounded(_ value: Double) -> Float {
        let rounded = Float(value)
        if rounded.isFinite { return rounded }
        return value < 0 ? -.greatestFiniteMagnitude : .greatestFiniteMagnitude
    }
}

extension FeatureDescription {
    /// How many features a window of that shape has.
    ///
    /// - Throws: `FeatureError`, if the description is empty, has a statistic twice, or there are
    ///   too many.
    package func count(samples: Int, channelCount: Int) throws(FeatureError) -> Int {
        var perChannel = samples
        if case .statistics(let statistics) = self {
            guard !statistics.isEmpty else { throw .noStatistics }
            for (index, statistic) in statistics.enumerated()
            where statistics[..<index].contains(statistic) {
                throw .duplicateStatistic(statistic)
            }
            perChannel = statistics.count
        }
        let (count, overflow) = perChannel.multipliedReportingOverflow(by: channelCount)
        guard !overflow, count <= FeatureExtractor.maximumFeatures else {
            throw .tooManyFeatures(
                actual: overflow ? .max : count, maximum: FeatureExtractor.maximumFeatures)
        }
        return count
    }

    /// The names of all features in their order: `vibration.rms`, or `vibration[3]` for the sample
    /// at index 3 of a raw window.
    package func names(channels: [ChannelDescription], samples: Int) -> [String] {
        switch self {
        case .raw:
            (0..<samples).flatMap { time in channels.map { "\($0.name)[\(time)]" } }
        case .statistics(let statistics):
            channels.flatMap { channel in statistics.map { "\(channel.name).\($0.rawValue)" } }
        }
    }

    /// The channel that a feature is about.
    @inline(__always)
    package func channel(ofFeature index: Int, channelCount: Int) -> Int {
        switch self {
        case .raw: index % channelCount
        case .statistics(let statistics): index / max(1, statistics.count)
        }
    }
}

extension NormalizationDescription {
    fileprivate func check(entries: Int) throws(FeatureError) {
        guard case .affine(let offsets, let scales) = self else { return }
        guard offsets.count == entries else {
            throw .wrongCount("offsets", actual: offsets.count, expected: entries)
        }
        guard scales.count == entries else {
            throw .wrongCount("scales", actual: scales.count, expected: entries)
        }
        if let index = offsets.firstIndex(where: { !$0.isFinite }) {
            throw .invalidNormalization("offsets", index: index)
        }
        if let index = scales.firstIndex(where: { !$0.isFinite || $0 == 0 }) {
            throw .invalidNormalization("scales", index: index)
        }
    }
}
