import SensorIO
import TestSupport
import Testing

@testable import EdgeAgent

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
