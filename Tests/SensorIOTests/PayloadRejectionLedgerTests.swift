import SensorIO
import Testing

extension RejectionLedger {
    fileprivate func record(_ cause: RejectionCause, _ topic: String, at seconds: UInt64) -> Notice?
    {
        Array(topic.utf8).withUnsafeBytes {
            record(cause, topic: $0, nowNanoseconds: seconds * 1_000_000_000)
        }
    }
}

@Suite("Rejection ledger")
struct PayloadRejectionLedgerTests {
    @Test("counts by cause and topic")
    func counts() {
        let ledger = RejectionLedger(maximumTopics: 2)
        for topic in ["a", "b", "a", "c", "d", "a"] { _ = ledger.record(.notJSON, topic, at: 0) }
        _ = ledger.record(.tooLarge, "b", at: 0)
        #expect(ledger.topicCount == 2)
        #expect(String(decoding: ledger.topic(at: 1), as: UTF8.self) == "b")
        #expect(ledger.count(of: .notJSON, topicIndex: 0) == 3)
        #expect(ledger.count(of: .notJSON, topicIndex: 1) == 1)
        #expect(ledger.count(of: .notJSON, topicIndex: ledger.otherTopics) == 2)
        #expect(ledger.count(of: .notJSON) == 6)
        #expect(ledger.count(of: .tooLarge) == 1)
        #expect(ledger.count(of: .empty) == 0)
    }

    @Test("counts topics that are too long with the others")
    func longTopics() {
        let ledger = RejectionLedger(maximumTopics: 2)
        let topic = String(repeating: "x", count: RejectionLedger.maximumTopicBytes + 1)
        #expect(ledger.record(.empty, topic, at: 0)?.topicIndex == ledger.otherTopics)
        #expect(ledger.topicCount == 0)
        #expect(ledger.topic(at: ledger.otherTopics).isEmpty)
    }

    @Test("shows the first rejection and then one a minute with what was left out")
    func repeats() {
        let ledger = RejectionLedger()
        #expect(
            ledger.record(.notJSON, "a", at: 100)
                == .init(cause: .notJSON, topicIndex: 0, count: 1, suppressed: 0))
        for second in 101..<160 as Range<UInt64> {
            #expect(ledger.record(.notJSON, "a", at: second) == nil)
        }
        #expect(
            ledger.record(.notJSON, "a", at: 160)
                == .init(cause: .notJSON, topicIndex: 0, count: 61, suppressed: 59))
        #expect(ledger.record(.empty, "a", at: 160)?.suppressed == 0)
    }

    @Test("shows no more than the rate allows, whatever comes")
    func rate() {
        let ledger = RejectionLedger(
            maximumTopics: 1000,
            rate: .init(burst: 3, refillNanoseconds: 10_000_000_000, repeatNanoseconds: 0))
        var shown = 0
        for second in 0..<100 as Range<UInt64> {
            for topic in 0..<10
            where ledger.record(.notJSON, "\(second)/\(topic)", at: 50 + second) != nil {
                shown += 1
            }
        }
        // Three at once, then one every ten seconds of the 99 that follow.
        #expect(shown == 3 + 9)
        #expect(ledger.count(of: .notJSON) == 1000)
        #expect(
            (0..<4).map { ledger.record(.empty, "late\($0)", at: 1000) != nil } == [
                true, true, true, false,
            ])
    }
}
