import Testing

@testable import EdgeAgent
@testable import SensorIO

@Suite("Topics of alarms, over a restart")
struct AlarmTopicsTests {
    private static func topics(
        states: String = "edge/{agent}/state/{pipeline}/{asset}"
    ) throws -> AlarmTopics {
        let bindings = ["agent": "box", "pipeline": "level"]
        func template(_ text: String, _ variables: [String] = ["asset"]) throws -> TopicTemplate {
            try TopicTemplate(text, bindings: bindings, variables: variables)
        }
        return AlarmTopics(
            PipelineSettings.Topics(
                alerts: try template("edge/{agent}/alerts/{pipeline}/{asset}"),
                states: try template(states), predictions: try template("p"),
                agentAlerts: try template("edge/{agent}/alerts", []),
                agentStates: try template("edge/{agent}/state/{pipeline}", [])))
    }

    @Test("They are read as they were written, with nothing but the asset left to fill in")
    func roundTrip() throws {
        let topics = try Self.topics()
        let kept = OutboxKept(scope: "level", key: AlarmTopics.key, bytes: topics.bytes)
        let read = try #require(AlarmTopics(kept))
        #expect(read == topics)
        #expect(read.alerts.boundText == "edge/box/alerts/level/{asset}")
        #expect(read.agentStates.constantTopic == "edge/box/state/level")
        var topic = [UInt8](repeating: 0, count: 64)
        let expansion = topic.withUnsafeMutableBytes { buffer in
            Array("p1".utf8).withUnsafeBytes { read.states.expand(into: buffer, $0) }
        }
        #expect(expansion == .written(count: 23))
        #expect(String(decoding: topic.prefix(23), as: UTF8.self) == "edge/box/state/level/p1")
    }

    @Test("Another topic of the states is another place for alarms")
    func places() throws {
        let (old, new) = (try Self.topics(), try Self.topics(states: "new/{asset}"))
        #expect(old != new)
        #expect(!old.areAlarmsOnSame(as: new))
        #expect(old.areAlarmsOnSame(as: try Self.topics()))
    }

    @Test(
        "What is no such thing is not taken for it",
        arguments: [
            [], [84], [84, 1], [84, 2, 97, 0, 97, 0, 97, 0, 97], [84, 1, 97, 0, 97, 0, 97],
            [84, 1, 97, 0, 35, 0, 97, 0, 97], [84, 1, 97, 0, 0, 97, 0, 97],
            [84, 1, 123, 0, 97, 0, 97, 0, 97],
        ] as [[UInt8]])
    func hostile(_ bytes: [UInt8]) {
        #expect(AlarmTopics(OutboxKept(scope: "", key: AlarmTopics.key, bytes: bytes)) == nil)
        #expect(SavedAlarm(bytes) == nil)
    }
}
