internal import Glibc
package import InferenceRuntime
internal import SensorIO

/// Makes a bundle of a model, a description and recorded samples.
///
/// Runs the samples through the very code that the agent runs: windows, features, model, score. From
/// that come the golden vectors, the baseline and, for a reconstruction model whose description
/// has no thresholds, the threshold at a chosen rate of false alarms.
package struct ModelPacker {
    /// What packing found.
    package struct Report: Sendable {
        package var manifest: BundleManifest
        package var digest: SHA256Digest
        package var windows: Int
        package var goldenVectors: Int
        /// The score's median and largest value over the samples.
        package var medianScore: Double
        package var maximumScore: Double
    }

    package var falseAlarmRate: Double
    package var goldenCount: Int
    /// Which engines may run the model.
    package var engines: EngineSelection
    /// Where an alarm clears, as a share of where it is raised, when the description does not say.
    private static let clearShare = 0.8

    package init(
        falseAlarmRate: Double = 0.001, goldenCount: Int = 16,
        engines: EngineSelection = EngineSelection()
    ) {
        self.engines = engines
        self.falseAlarmRate = falseAlarmRate
        self.goldenCount = goldenCount
    }

    /// Packs a bundle into a directory, which must not exist or be empty.
    ///
    /// - Throws: `PackingError`.
    package func pack(
        model: [UInt8], description: BundleManifest, samples: SampleTable, samplesPath: String,
        extraFiles: [String: [UInt8]] = [:], into directory: String
    ) throws(PackingError) -> Report {
        var manifest = description
        let placeholder = BundleManifest.Thresholds(
            bands: [SeverityBand(severity: .warning, raiseAbove: .greatestFiniteMagnitude)],
            clearBelow: nil, raiseAfter: 1, clearAfter: 1, reminder: nil)
        let runnable: InferenceModel
        let pipeline: PipelineModel
        do throws(PipelineError) {
            runnable = try InferenceModel.make(model, engines: engines)
            var preliminary = manifest
            preliminary.thresholds = manifest.thresholds ?? placeholder
            let rule: AlarmRule
            do throws(AlarmRuleError) {
                rule = try preliminary.alarmRule()
            } catch {
                throw .alarm(error)
            }
            pipeline = try PipelineModel(
                preliminary, model: runnable, alarmRule: rule, digest: "")
        } catch {
            throw .pipeline(error)
        }
        let run = try evaluate(pipeline, manifest, samples, samplesPath)
        if manifest.thresholds == nil {
            guard manifest.output == .reconstructionError else { throw .thresholdsNeeded }
            manifest.thresholds = thresholds(run.sortedScores)
        }
        let baseline = baseline(run, manifest)
        let golden = goldenVectors(run, pipeline, runnable)
        var files = extraFiles
        files[manifest.modelFile] = model
        files["bundle.json"] = manifest.encoded()
        files["golden.jsonl"] = golden.encoded()
        files["baseline.json"] = baseline.encoded()
        do throws(BundleError) {
            try BundleWriter.write(files, into: directory)
            return Report(
                manifest: manifest, digest: try BundleFiles(directory: directory).digest,
                windows: run.sortedScores.count, goldenVectors: golden.vectors.count,
                medianScore: Quantiles.quantile(0.5, ofSorted: run.sortedScores),
                maximumScore: Quantiles.quantile(1, ofSorted: run.sortedScores))
        } catch {
            throw .bundle(error)
        }
    }

    private struct Run {
        /// The features of each window, as the model is fed them.
        var features: [[Float]] = []
        var scores: [Float] = []
        var sortedScores: [Float] = []
    }

    private func evaluate(
        _ model: PipelineModel, _ manifest: BundleManifest, _ samples: SampleTable,
        _ path: String
    ) throws(PackingError) -> Run {
        var run = Run()
        let width = samples.channelCount
        let rows = manifest.window.samples
        for series in samples.series {
            var start = 0
            while (start + rows) * width <= series.count {
                let window = series[(start * width)..<((start + rows) * width)]
                unsafe window.withUnsafeBufferPointer { unsafe model.extract(rows: $0) }
                model.invoke()
                guard case .score(let score) = model.score() else {
                    throw .scoreNotFinite(path: path, window: run.scores.count)
                }
                run.features.append(unsafe Array(model.normalizedFeatures))
                run.scores.append(score.value)
                start += manifest.window.hop
            }
        }
        guard !run.scores.isEmpty else {
            let longest = samples.series.map { $0.count / width }.max() ?? 0
            throw .samples(.tooFewRows(path: path, needed: rows, actual: longest))
        }
        run.sortedScores = run.scores.sorted()
        return run
    }

    /// Of a raw window the quantiles are each channel's; of statistics each feature's.
    private func baseline(_ run: Run, _ manifest: BundleManifest) -> BundleBaseline {
        let names: [String]
        switch manifest.features {
        case .raw: names = manifest.channels.map(\.name)
        case .statistics:
            names = manifest.features.names(
                channels: manifest.channels, samples: manifest.window.samples)
        }
        let probabilities = Quantiles.probabilities
        return BundleBaseline(
            windows: run.sortedScores.count, probabilities: probabilities,
            features: names.indices.map { index in
                var values: [Float] = []
                for features in run.features {
                    for position in stride(from: index, to: features.count, by: names.count) {
                        values.append(features[position])
                    }
                }
                values.sort()
                return BundleBaseline.NamedQuantiles(
                    name: names[index],
                    quantiles: probabilities.map { Quantiles.quantile($0, ofSorted: values) })
            },
            score: probabilities.map { Quantiles.quantile($0, ofSorted: run.sortedScores) })
    }

    private func thresholds(_ sortedScores: [Float]) -> BundleManifest.Thresholds {
        let raise = Quantiles.quantile(1 - falseAlarmRate, ofSorted: sortedScores)
        // A model that is perfect on its samples still needs a threshold above 0.
        let bound = max(Float(raise), .leastNormalMagnitude)
        return BundleManifest.Thresholds(
            bands: [SeverityBand(severity: .warning, raiseAbove: bound)],
            clearBelow: bound * Float(Self.clearShare), raiseAfter: 3, clearAfter: 3,
            reminder: nil)
    }

    /// Windows spread over the samples, the one with the largest score among them.
    private func goldenVectors(_ run: Run, _ model: PipelineModel, _ runnable: InferenceModel)
        -> BundleGolden
    {
        var indices = Set<Int>()
        let count = min(max(goldenCount, 1), run.features.count)
        for step in 0..<count { indices.insert(step * run.features.count / count) }
        if let largest = run.scores.indices.max(by: { run.scores[$0] < run.scores[$1] }) {
            indices.insert(largest)
        }
        let main = runnable.mainOutput
        let isFloat = [.float32, .float64].contains(runnable.outputs[main].elementType)
        return BundleGolden(
            vectors: indices.sorted().map { index in
                model.withSession { session in
                    unsafe run.features[index].withUnsafeBufferPointer {
                        unsafe session.setInput($0)
                    }
                    let input = unsafe session.withInput {
                        unsafe TensorValues.read($0, runnable.inputs[0].elementType)
                    }
                    session.invoke()
                    let output = unsafe session.withOutput(main) {
                        unsafe TensorValues.read($0, runnable.outputs[main].elementType)
                    }
                    let scale = output.map(abs).max() ?? 0
                    return BundleGolden.Vector(
                        input: input, output: output,
                        tolerance: isFloat ? max(1e-6, scale * 1e-5) : 0)
                }
            })
    }
}
