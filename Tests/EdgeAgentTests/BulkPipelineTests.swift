import TestSupport
import Testing

@Suite("Bulk pipeline", .enabled(if: TestBroker.isAvailable, "mosquitto is not installed"))
struct BulkPipelineTests {
    @Test("Of a burst that decides more than the outbox's lane holds no window is left out")
    func burst() throws {
        let broker = try TestBroker { $0.extraLines = ["max_inflight_messages 0"] }
        let subscriber = try TestSubscriber(broker, ["edge/box/predictions/#"])
        let agent = try TestAgent(
            TestAgent.yaml(
                broker, pipeline: "onOverrun: evaluate\nbudget: 10s\npredictions: { mode: full }"))
        // Each changes the alarm, so it makes an event, a state and a prediction: 512 of them, as many as one turn
        // reads, are more than a MiB.
        let readings = (0..<1_000).map { TestAgent.reading($0 % 2 == 0 ? 8 : 1) }
        let asset = String(repeating: "long", count: 60)
        try agent.killAndRestart(changing: { $0 }) {
            try TestPublisher.publish(broker, "plant/\(asset)/reading", lines: readings)
        }
        try subscriber.waitForEvents(
            "edge/box/predictions/level/\(asset)", count: 1_000, within: 30)
        #expect(try agent.stop() == .code(0))
    }
}
