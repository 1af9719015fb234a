package import InferenceRuntime
package import SensorIO

/// A model with all that is needed to feed it and to read it: session, features, score.
///
/// - Thread: made on any, then one at a time: the pipeline's.
// The three buffers are allocated in init with the counts of their tensors, and freed in deinit.
@safe
package final class PipelineModel {
    /// What it is made of.
    package struct Parts {
        package var model: InferenceModel
        package var channels: [ChannelDescription]
        package var window: WindowDescription
        package var features: FeatureDescription
        package var normalization: NormalizationDescription
        package var method: ScoreMethod
        package var alarmRule: AlarmRule
        package var fallback: FallbackRule?
        package var eventModel: EventModel

        package init(
            model: InferenceModel, channels: [ChannelDescription], window: WindowDescription,
            features: FeatureDescription, normalization: NormalizationDescription,
            method: ScoreMethod, alarmRule: AlarmRule, fallback: FallbackRule?,
            eventModel: EventModel
        ) {
            self.model = model
            self.channels = channels
            self.window = window
            self.features = features
            self.normalization = normalization
            self.method = method
            self.alarmRule = alarmRule
            self.fallback = fallback
            self.eventModel = eventModel
        }
    }

    /// How many channels an alert names as its causes.
    static let contributorLimit = 5

    package let channels: [ChannelDescription]
    package let window: WindowDescription
    /// Changed by its pipeline alone, when the configuration has another.
    package internal(set) var alarmRule: AlarmRule
    package let fallback: FallbackRule?
    package let eventModel: EventModel
    /// What it did since it decides.
    package let tally = ModelTally()

    /// What other threads may look at while the pipeline has the model.
    package var view: View {
        View(
            channels: channels, window: window, digest: eventModel.digest, tally: tally)
    }

    package struct View: Sendable {
        package let channels: [ChannelDescription]
        package let window: WindowDescription
        package let digest: String
        package let tally: ModelTally
    }

    /// The output that is read: of a classifier the probabilities, not the label.
    private let outputIndex: Int
    private let extractor: FeatureExtractor
    /// The same features without normalisation, for the fallback; nil when there is none.
    private let physicalExtractor: FeatureExtractor?
    private var session: InferenceSession
    private var scorer: Scorer
    /// False when ONNX Runtime could not run the model: the outputs mean nothing then.
    private var hasOutputs = true
    private let features: UnsafeMutableBufferPointer<Float>
    private let physical: UnsafeMutableBufferPointer<Float>
    private let outputs: UnsafeMutableBufferPointer<Float>

    /// Allocates the session and all buffers.
    ///
    /// - Throws: `PipelineError` when the parts do not fit each other.
    package init(_ parts: Parts) throws(PipelineError) {
        channels = parts.channels
        window = parts.window
        alarmRule = parts.alarmRule
        fallback = parts.fallback
        eventModel = parts.eventModel
        let samples = parts.window.samples
        let channelCount = parts.channels.count
        do {
            extractor = try FeatureExtractor(
                features: parts.features, normalization: parts.normalization, samples: samples,
                channelCount: channelCount)
            physicalExtractor =
                parts.fallback == nil
                ? nil
                : try FeatureExtractor(
                    features: parts.features, samples: samples, channelCount: channelCount)
        } catch {
            throw .features(error)
        }
        let featureCount = extractor.featureCount
        let inputs = parts.model.inputs
        guard let input = inputs.first, inputs.count == 1 else {
            throw .tensorCount(name: "input", actual: inputs.count)
        }
        guard input.elementCount == featureCount else {
            throw .tensorSize(name: "input", expected: featureCount, actual: input.elementCount)
        }
        outputIndex = parts.model.mainOutput
        guard parts.model.outputs.indices.contains(outputIndex) else {
            throw .tensorCount(name: "output", actual: parts.model.outputs.count)
        }
        let output = parts.model.outputs[outputIndex]
        for (name, tensor) in [("input", input), ("output", output)]
        where ![.int8, .uint8, .float32, .float64].contains(tensor.elementType) {
            throw .tensorType(name: name, type: "\(tensor.elementType)")
        }
        do {
            session = try InferenceSession(parts.model)
        } catch {
            throw .model(error)
        }
        do {
            scorer = try Scorer(
                method: parts.method, outputCount: output.elementCount,
                channelOfFeature: (0..<featureCount).map {
                    parts.features.channel(ofFeature: $0, channelCount: channelCount)
                }, channelCount: channelCount)
        } catch {
            throw .scorer(error)
        }
        if let fallback = parts.fallback, fallback.featureIndex >= featureCount {
            throw .tensorSize(
                name: "fallback rule", expected: featureCount, actual: fallback.featureIndex + 1)
        }
        unsafe features = .allocate(capacity: featureCount)
        unsafe features.initialize(repeating: 0)
        unsafe physical = .allocate(capacity: physicalExtractor == nil ? 0 : featureCount)
        unsafe physical.initialize(repeating: 0)
        unsafe outputs = .allocate(capacity: output.elementCount)
        unsafe outputs.initialize(repeating: 0)
    }

    deinit {
        unsafe features.deallocate()
        unsafe physical.deallocate()
        unsafe outputs.deallocate()
    }

    /// Computes the features of a window; false when its rows are gone.
    func extract(_ due: DueWindow, from bank: WindowBank) -> Bool {
        if let physicalExtractor,
            unsafe !physicalExtractor.extract(due, from: bank, into: physical)
        {
            return false
        }
        return unsafe extractor.extract(due, from: bank, into: features)
    }

    /// Computes the features of rows outside a bank: for packing, and for tests.
    ///
    /// - Shape: rows [time, channel], `window.samples` of them.
    package func extract(rows: UnsafeBufferPointer<Float>) {
        unsafe physicalExtractor?.extract(rows, into: physical)
        unsafe extractor.extract(rows, into: features)
    }

    /// Runs the model on the features.
    package func invoke() {
        unsafe session.setInput(UnsafeBufferPointer(features))
        hasOutputs = session.invoke()
        unsafe session.copyOutput(into: outputs, index: outputIndex)
    }

    /// The score of the last `invoke()`.
    package func score() -> ScoreOutcome {
        guard hasOutputs else { return .notFinite }
        return unsafe scorer.evaluate(
            features: UnsafeBufferPointer(features), outputs: UnsafeBufferPointer(outputs))
    }

    /// Which channels drove the last score; none unless the model reconstructs its input.
    func contributors() -> Contributors {
        unsafe scorer.contributors(
            features: UnsafeBufferPointer(features), outputs: UnsafeBufferPointer(outputs),
            limit: Self.contributorLimit)
    }

    /// What runs the model.
    package var engine: InferenceEngine { session.model.engine }

    /// The features of the last `extract`, as the model is fed them.
    package var normalizedFeatures: UnsafeBufferPointer<Float> {
        unsafe UnsafeBufferPointer(features)
    }

    /// The features of the last `extract` in the channels' units; empty without a fallback.
    var physicalFeatures: UnsafeBufferPointer<Float> { unsafe UnsafeBufferPointer(physical) }

    /// Lends the session, for golden vectors and measurements.
    package func withSession<Result, Failure: Error>(
        _ body: (inout InferenceSession) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(&session)
    }
}
