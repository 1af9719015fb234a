import Foundation
import TestSupport
import Testing

@Suite(
    "Allocations of the hot path",
    .enabled(
        if: ProcessInfo.processInfo.environment["TEST_MALLOC_COUNTER"] != nil
            && ProcessInfo.processInfo.environment["TEST_AGENT_BINARY"] != nil,
        "needs the release build and the counter: make test sets TEST_AGENT_BINARY and TEST_MALLOC_COUNTER"
    ))
struct AllocationTests {
    @Test(
        "From the callback to the decision the agent's own code allocates nothing, message after message"
    )
    func none() throws {
        let broker = try TestBroker()
        let directory = try TemporaryDirectory("counters")
        let counters = directory.file("counters.bin")
        let agent = try TestAgent(
            TestAgent.yaml(broker, pipeline: "predictions: { mode: full }"),
            environment: [
                "LD_PRELOAD": ProcessInfo.processInfo.environment["TEST_MALLOC_COUNTER"]
                    ?? "",
                "EDGE_AGENT_MALLOC_COUNTERS": counters,
            ])
        let predictions = try TestSubscriber(broker, ["edge/box/predictions/level/+"])
        func publish(_ count: Int, last: String) throws {
            let readings = (0..<count).map { TestAgent.reading(1 + Double($0 % 7) / 10) }
            try TestPublisher.publish(broker, "plant/p1/reading", lines: readings)
            // Messages of one publisher come in order; this one says that the others were evaluated.
            try TestPublisher.publish(broker, "plant/\(last)/reading", TestAgent.reading(1))
            try predictions.waitForEvents("edge/box/predictions/level/\(last)", count: 1)
        }
        try publish(500, last: "last-1")
        let before = try #require(try MallocCounters(counters).allocations(thread: "pipe-level"))
        try publish(5_000, last: "last-1b")
        let after = try #require(try MallocCounters(counters).allocations(thread: "pipe-level"))
        #expect(after == before, "5 000 messages made \(after - before) allocations")
        #expect(before > 0, "the counter counts: preparing the pipeline's thread allocates")
        #expect(try agent.stop() == .code(0))
    }
}
