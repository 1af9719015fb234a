import Logging
import TestSupport
import Testing

@testable import EdgeAgent
@testable import SensorIO

@Suite("What the outbox reports")
struct OutboxReporterTests {
    private func refused(_ topic: String, _ sequence: UInt64, _ code: UInt8, _ count: Int = 1)
        -> OutboxEvent
    {
        .quarantined(topic: topic, sequence: sequence, boot: 1, reasonCode: code, count: count)
    }

    @Test("Refusals in a row for one reason become one line that names the first")
    func merging() {
        let merged = OutboxReporter.merged([
            refused("a", 1, 0x87), refused("b", 2, 0x87), refused("a", 3, 0x95), .diskRecovered,
            refused("a", 4, 0x95), refused("c", 5, 0x95, 7),
        ])
        #expect(
            merged == [
                refused("a", 1, 0x87, 2), refused("a", 3, 0x95), .diskRecovered,
                refused("a", 4, 0x95, 8),
            ])
    }

    /// A reporter of one start, with what came out of its lane.
    private final class Start {
        private let lane: OutboxLane
        private var reporter: OutboxReporter
        private let box = NoticeBox<OutboxEvent>()

        init(boot: UInt64) throws {
            lane = try OutboxLane(
                name: "/agent", capacityBytes: 64 << 10, sequencer: OutboxSequencer(),
                doorbell: OutboxDoorbell(), startsOpen: true)
            reporter = OutboxReporter(
                box: box,
                log: NoticeLog(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }),
                lane: lane, wallClock: WallClock(), agent: "box", boot: boot,
                alertTopic: "alerts", stateTopic: "state")
        }

        func clearEarlier(_ kept: [OutboxKept], orderly: Bool, isDiskUsable: Bool = true) {
            reporter.clearEarlier(
                kept, followsOrderlyEnd: orderly, isDiskUsable: isDiskUsable)
        }

        func report(_ events: OutboxEvent...) {
            for event in events { box.post(event) }
            reporter.report(now: 1)
        }

        /// The messages since the last look, and what is kept for the next start.
        func take() -> (messages: [ReceivedEvent], kept: [OutboxKept]) {
            var messages: [ReceivedEvent] = []
            var kept: [OutboxKept] = []
            lane.ring.read(limit: .max, beforeRelease: {}) { entry in
                switch entry {
                case .record(let header, let topic, let payload, _):
                    let event = ReceivedEvent(
                        topic: String(decoding: topic, as: UTF8.self), payload: Array(payload),
                        isRetained: header.isRetained)
                    if let event { messages.append(event) }
                case .keep(_, let key, let bytes, _):
                    kept.append(
                        OutboxKept(scope: "/agent", key: Array(key), bytes: Array(bytes)))
                default: break
                }
            }
            return (messages, kept)
        }
    }

    private static let full = SQLiteError(operation: "COMMIT", code: 13, text: "full")

    @Test("An alert that the last start has left raised is cleared by the next, event and state")
    func leftRaised() throws {
        let first = try Start(boot: 1)
        first.report(
            .diskFailed(Self.full), .writeBudget(isExceeded: true, bytes: 9, budget: 5))
        let raised = first.take()
        #expect(raised.messages.count == 4)
        #expect(raised.kept.count == 2)
        let second = try Start(boot: 2)
        second.clearEarlier(raised.kept, orderly: true)
        let cleared = second.take()
        #expect(cleared.kept.count == 2 && cleared.kept.allSatisfy(\.bytes.isEmpty))
        let events = cleared.messages.filter { $0.topic == "alerts" }
        #expect(
            Set(events.compactMap { $0.data["raisedBy"] as? String })
                == Set(raised.messages.filter { $0.topic == "alerts" }.map(\.identifier)))
        #expect(events.allSatisfy { $0.data["reason"] as? String == "restarted" })
        let states = cleared.messages.filter { $0.topic == "state" }
        #expect(states.count == 2 && states.allSatisfy { $0.isRetained })
        #expect(states.allSatisfy { $0.json["state"] as? String == "cleared" })
    }

    @Test("One that is over before the restart is not cleared again")
    func over() throws {
        let first = try Start(boot: 1)
        first.report(.diskFailed(Self.full), .diskRecovered)
        let kept = first.take().kept
        #expect(kept.count == 2 && kept[1].bytes.isEmpty && kept[0].key == kept[1].key)
        let second = try Start(boot: 2)
        second.clearEarlier([], orderly: true)
        #expect(second.take().messages.isEmpty)
    }

    @Test(
        "After a crash 'outbox-unavailable' is cleared though no disk could note that it was raised"
    )
    func crashed() throws {
        let start = try Start(boot: 2)
        start.clearEarlier([], orderly: false)
        let messages = start.take().messages
        #expect(messages.count == 2)
        let event = try #require(messages.first)
        #expect(event.data["label"] as? String == "outbox-unavailable")
        #expect(event.data["transition"] as? String == "cleared")
        #expect(event.data["raisedBy"] as? String == event.identifier)
        #expect(messages.last?.json["state"] as? String == "cleared")
        // Whoever cannot read the disk raises it itself.
        let blind = try Start(boot: 3)
        blind.clearEarlier([], orderly: false, isDiskUsable: false)
        #expect(blind.take().messages.isEmpty)
    }

    @Test("A box that is full counts what it cannot take")
    func fullBox() {
        let box = NoticeBox<Int>()
        for number in 0..<300 { box.postWaiting(number) }
        let taken = box.take()
        #expect(taken.notices == Array(0..<256))
        #expect(taken.dropped == 44)
        #expect(box.take().notices.isEmpty)
    }
}
