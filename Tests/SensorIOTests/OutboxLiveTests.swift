import TestSupport
import Testing

@testable import SensorIO

@Suite("Outbox core: live records")
struct OutboxLiveTests {
    var model = OutboxModel(limits: OutboxCore.Limits())

    @Test(
        "Records that come without end after one that was late leave the disk alone once it is acknowledged"
    )
    mutating func lateOnceOnly() {
        model.uplinkConnects()
        model.submit(0, topic: "t")
        model.turn()
        model.now += 60_000_000
        model.turn()
        #expect(model.disk.count == 1)
        // From here on there is always a next record when one is acknowledged.
        var commits = model.core.counters.commits
        for round in 0..<20 {
            model.submit(0, topic: "t")
            model.uplinkProcesses()
            model.uplinkGetsAcknowledgement()
            model.turn()
            model.now += 1_000_000
            if round == 2 {
                #expect(model.disk.isEmpty)
                commits = model.core.counters.commits
            }
        }
        #expect(model.disk.isEmpty)
        #expect(model.core.counters.commits == commits)
        #expect((model.log + model.uplink.wire).map(\.name.sequence) == Array(1...21))
    }

    @Test(
        "A record that was acknowledged before the outbox looked is settled, in its place among the others"
    )
    mutating func settledUnseen() {
        model.uplinkConnects()
        model.acceptSettled(1)
        #expect(model.core.durableSequence(lane: 0) == 1)
        model.submit(0, topic: "t")
        model.readLanes()
        model.acceptSettled(99)
        #expect(model.core.durableSequence(lane: 0) == 1)
        model.now += 60_000_000
        model.turn()
        #expect(model.core.durableSequence(lane: 0) == 99)
        #expect(model.core.counters.accepted == 3)
    }
}
