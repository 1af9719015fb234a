import TestSupport
import Testing

@testable import EdgeAgent

@Suite("Event writer")
struct EventWriterTests {
    private static let digest =
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    private static let circumstances = """
        "window":{"start":"2026-11-21T09:29:59.483456Z","end":"2026-11-21T09:30:00.121456Z",\
        "samples":64},"model":{"name":"pump-autoencoder","version":"1.4.0","digest":"\(digest)"},\
        "latency":{"milliseconds":1.734,"budget":20.000},"origin":"model"
        """

    @Test("a raised event is these bytes")
    func aRaisedEventIsTheseBytes() throws {
        let event = try EventSamples.alert(.raised)
        let (text, result) = EventSamples.write {
            $0.writeAlert(event, subject: $1, model: EventSamples.model)
        }
        let expected = """
            {"specversion":"1.0","id":"line-3/17/41",\
            "source":"/agents/line-3/pipelines/pump-vibration","type":"edge.alert.raised.v1",\
            "subject":"pump-7","time":"2026-11-21T09:30:00.123456Z",\
            "datacontenttype":"application/json","data":{"transition":"raised","severity":"minor",\
            "score":0.4375,"threshold":0.25,"label":"bearing-wear",\
            "contributors":[{"channel":"vibration.x","share":0.75},\
            {"channel":"temperature","share":0.125}],"raisedAt":"2026-11-21T09:29:00.123456Z",\
            "raisedBy":"line-3/17/41",\(Self.circumstances),"historical":false,\
            "clock":"synchronised"}}
            """
        #expect(text == expected)
        guard case .written(let byteCount, _) = result else {
            Issue.record("it fits")
            return
        }
        #expect(byteCount == text.utf8.count)
    }

    @Test("the clear of an evicted asset has no evaluation and says why")
    func theClearOfAnEvictedAsset() throws {
        let event = try EventSamples.evicted()
        let (text, _) = EventSamples.write {
            $0.writeAlert(event, subject: $1, model: EventSamples.model)
        }
        let expected = """
            {"specversion":"1.0","id":"line-3/17/43",\
            "source":"/agents/line-3/pipelines/pump-vibration","type":"edge.alert.cleared.v1",\
            "subject":"pump-7","time":"2026-11-21T09:30:00.123456Z",\
            "datacontenttype":"application/json","data":{"transition":"cleared",\
            "reason":"evicted","severity":"minor","score":null,"threshold":0.125,\
            "label":"bearing-wear","contributors":[],"raisedAt":"2026-11-21T09:29:00.123456Z",\
            "raisedBy":"line-3/17/41","model":{"name":"pump-autoencoder","version":"1.4.0",\
            "digest":"\(Self.digest)"},"historical":false,"clock":"unsynchronised"}}
            """
        #expect(text == expected)
    }

    @Test("a cleared state is these bytes")
    func aClearedStateIsTheseBytes() throws {
        let event = try EventSamples.alert(.cleared)
        let (text, result) = EventSamples.write {
            $0.writeState(after: event, subject: $1, model: EventSamples.model)
        }
        let expected = """
            {"state":"cleared","agent":"line-3","pipeline":"pump-vibration","asset":"pump-7",\
            "since":"2026-11-21T09:30:00.123456Z","severity":"minor","score":0.0625,\
            "threshold":0.125,"label":"bearing-wear","reason":"recovered","event":"line-3/17/42",\
            "raisedBy":"line-3/17/41","updated":"2026-11-21T09:30:00.123456Z",\
            "clock":"synchronised"}
            """
        #expect(text == expected)
        #expect(result == .written(byteCount: text.utf8.count, historicalOffset: -1))
    }

    @Test(
        "the historical token stands at its offset and can be turned in place",
        arguments: [AlertTransition.raised, .escalated, .reminded, .cleared])
    func theHistoricalTokenStandsAtItsOffset(transition: AlertTransition) throws {
        let event = try EventSamples.alert(transition)
        let agentAlert = EventSamples.agentAlert(transition == .cleared ? .cleared : .raised)
        let results = [
            EventSamples.write { $0.writeAlert(event, subject: $1, model: EventSamples.model) },
            EventSamples.write {
                $0.writePrediction(
                    EventSamples.evaluation(score: 1), sequence: 1, threshold: 1, subject: $1,
                    model: EventSamples.model)
            },
            EventSamples.writeAgent { $0.writeAlert(agentAlert) },
        ]
        for (text, result) in results {
            guard case .written(_, let offset) = result else {
                Issue.record("it fits")
                return
            }
            let bytes = Array(text.utf8)
            #expect(String(decoding: bytes[offset..<(offset + 5)], as: UTF8.self) == "false")
            let key = "\"historical\":"
            #expect(
                String(decoding: bytes[(offset - key.count)..<offset], as: UTF8.self) == key)
        }
    }

    @Test("the worst subject, names and numbers fit into the size that is asked for")
    func theWorstCaseFits() throws {
        let name = String(repeating: "\u{1}", count: 64)
        let identity = EventIdentity(agent: name, boot: .max, pipeline: name)
        let model = EventModel(
            name: name, version: name, digest: name, labels: [name],
            channels: (0..<8).map { "\(name)\($0)" })
        var contributors = Contributors()
        for channel in 0..<8 {
            contributors.insert(
                Contributor(channel: Int32(channel), share: 1.1754944e-38), limit: 8)
        }
        var evaluation = EventSamples.evaluation(score: -1.1754944e-38, label: 0)
        evaluation.latencyNanoseconds = .max
        evaluation.budgetNanoseconds = .max
        evaluation.origin = .fallback
        evaluation.clock = .unsynchronised
        evaluation.window.samples = .min
        var event = AlertEvent(
            .cleared, sequence: .max, boot: .max, evaluation: evaluation,
            state: try EventSamples.raisedState, rule: try EventSamples.rule,
            contributors: contributors)
        event.threshold = -1.1754944e-38
        event.severity = .critical
        event.labelIndex = 0
        event.raisedBy = EventReference(boot: .max, sequence: .max)
        let subject = [UInt8](repeating: 1, count: 300)
        let results = [
            EventSamples.write(subject: subject, model: model, identity: identity) {
                $0.writeAlert(event, subject: $1, model: model)
            },
            EventSamples.write(subject: subject, model: model, identity: identity) {
                $0.writeState(after: event, subject: $1, model: model)
            },
            EventSamples.write(subject: subject, model: model, identity: identity) {
                $0.writePrediction(
                    evaluation, sequence: .max, threshold: -1.1754944e-38, subject: $1, model: model
                )
            },
        ]
        for (text, result) in results {
            guard case .written(let byteCount, _) = result else {
                Issue.record("\(result)")
                continue
            }
            #expect(byteCount == text.utf8.count)
        }
    }

    @Test("a message that is too long says so and lends nothing")
    func aMessageThatIsTooLongSaysSo() throws {
        var writer = PipelineEventWriter(identity: EventSamples.pipeline, capacityBytes: 100)
        let event = try EventSamples.alert(.raised)
        let whole = EventSamples.write {
            $0.writeAlert(event, subject: $1, model: EventSamples.model)
        }
        let result = EventSamples.subject.withUnsafeBytes {
            writer.writeAlert(event, subject: $0, model: EventSamples.model)
        }
        #expect(result == .overflow(requiredBytes: whole.text.utf8.count))
        #expect(writer.withMessage { $0.count } == 0)
    }

    @Test(
        "an event that the fallback decided names the fallback's thresholds",
        arguments: [(AlertTransition.raised, Float(9)), (.cleared, 7)])
    func anEventOfTheFallbackNamesItsThresholds(
        transition: AlertTransition, threshold: Float
    ) throws {
        let fallback = try #require(
            FallbackRule(featureIndex: 0, direction: .above, threshold: 9, clearThreshold: 7))
        var evaluation = EventSamples.evaluation(score: 10)
        evaluation.origin = .fallback
        let event = AlertEvent(
            transition, sequence: 1, boot: 1, evaluation: evaluation,
            state: try EventSamples.raisedState, rule: try EventSamples.rule, fallback: fallback)
        #expect(event.threshold == threshold)
    }

    @Test("an empty asset key leaves the subject out, as CloudEvents demands")
    func anEmptyAssetKeyLeavesTheSubjectOut() throws {
        let event = try EventSamples.alert(.raised)
        let (text, _) = EventSamples.write(subject: []) {
            $0.writeAlert(event, subject: $1, model: EventSamples.model)
        }
        #expect(!text.contains("subject"))
    }

    @Test("names that are no URI are percent-encoded in the source")
    func namesThatAreNoURIArePercentEncoded() throws {
        let identity = EventIdentity(agent: "Halle 3/ä", boot: 1, pipeline: "a b")
        let event = try EventSamples.alert(.raised)
        let (text, _) = EventSamples.write(identity: identity) {
            $0.writeAlert(event, subject: $1, model: EventSamples.model)
        }
        #expect(text.contains(#""source":"/agents/Halle%203%2F%C3%A4/pipelines/a%20b""#))
        #expect(text.contains(#""id":"Halle 3/ä/1/41""#))
    }

    @Test("the last will is these bytes")
    func theLastWillIsTheseBytes() {
        let text = String(decoding: EventSamples.status.offline(.lost), as: UTF8.self)
        let expected = """
            {"status":"offline","agent":"line-3","version":"0.1.0","boot":17,\
            "startedAt":"2026-11-21T09:30:00.123456Z","time":null,"reason":"lost"}
            """
        #expect(text == expected)
    }

    @Test("every name of an agent's alert is its own")
    func everyNameIsItsOwn() {
        let names = Set(AgentAlertLabel.allCases.map(\.name.description))
        #expect(names.count == AgentAlertLabel.allCases.count)
    }
}
