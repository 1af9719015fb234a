import Foundation
import Synchronization
import TestSupport
import Testing

@testable import EdgeAgent

/// The outbox is the test's own, so what is safe, and when, is known to the record.
@Suite("When a pipeline confirms its readings")
struct PipelineSafetyTests {
    private static let bulk = "onOverrun: evaluate, predictions: { mode: full }"

    @Test("None while what it led to is in the lane only, all once the last is safe")
    func lane() throws {
        let rig = try LaneRig(Self.bulk)
        try rig.broker.send((0..<10).map { _ in ("p", 1) })
        try rig.takeRecords(10)
        for number in 1...9 { rig.makeSafe(records: number, readings: number) }
        // Those behind them have not been safe, so none of the turn's PUBACKs has left.
        try rig.broker.send([("p", 1)])
        try rig.takeRecords(11)
        rig.makeSafe(records: 10, readings: 10)
        rig.makeSafe(records: 11, readings: 11)
        try waitUntil("all PUBACKs") { rig.acknowledged == 11 }
        #expect(rig.acknowledgedEarly == 0)
    }

    @Test("Readings that never pause are confirmed all the same, and none before it is safe")
    func neverPausing() throws {
        let rig = try LaneRig(Self.bulk)
        let broker = rig.broker
        let isOver = Flag()
        let isDone = EventLog<Void>()
        try broker.send([("p", 1)])
        Thread.detachNewThread {
            while !isOver.value {
                try? broker.send([("p", 1)])
                // A reading a millisecond: that is the load, nothing is waited for.
                usleep(1_000)
            }
            isDone.append(())
        }
        // As long as records come, the newest is not on the disk yet.
        var pauses = 0
        try waitUntil("PUBACKs of several rounds", within: 20) {
            pauses = rig.take() > 0 ? 0 : pauses + 1
            let count = rig.records.count
            let safe = pauses >= 5 ? count : max(0, count - 1)
            rig.makeSafe(records: safe, readings: safe)
            return rig.acknowledged >= 500
        }
        isOver.set()
        try isDone.atLeast(1, "end of the load")
        #expect(rig.acknowledgedEarly == 0)
    }

    @Test("An alarm's state that is late on the disk holds them up for a second, and no longer")
    func alarmState() throws {
        let rig = try LaneRig("predictions: { mode: off }")
        try rig.takeRecords(0)
        let start = ContinuousClock.now
        try rig.broker.send([("p", 8)])
        // The event and its retained state are safe, what the restart needs is not.
        try rig.takeRecords(2)
        try waitUntil("kept state") {
            rig.take()
            return rig.keptCount == 1
        }
        rig.makeSafe(records: 2, readings: 1)
        // Half the keep alive would be 30 seconds.
        try waitUntil("PUBACK", within: 20) { rig.acknowledged == 1 }
        #expect(ContinuousClock.now - start >= .seconds(1))
    }

    @Test("Windows are saved only once what they led to is safe: now and then, and at the end")
    func windows() throws {
        let rig = try LaneRig("predictions: { mode: full }")
        try rig.broker.send([("p", 1)])
        try rig.takeRecords(1)
        // A crash now would bring the reading again; windows that knew it would take it for a duplicate.
        #expect(throws: StateFileError.eventsNotSafe) { try rig.saveWindows() }
        #expect(!rig.hasSavedWindows)
        rig.makeSafe(records: 1, readings: 1)
        try rig.saveWindows()
        #expect(rig.hasSavedWindows)
        try FileManager.default.removeItem(atPath: rig.state.path)
        try rig.broker.send([("p", 2)])
        try rig.takeRecords(2)
        rig.stop()
        #expect(!rig.hasSavedWindows)
    }

    @Test("At the end windows are saved if all that they led to is safe")
    func windowsAtTheEnd() throws {
        let rig = try LaneRig("predictions: { mode: full }")
        try rig.broker.send([("p", 1)])
        try rig.takeRecords(1)
        rig.makeSafe(records: 1, readings: 1)
        rig.stop()
        #expect(rig.hasSavedWindows)
    }

    @Test("With nothing safe they are held for half the keep alive that the broker has set")
    func serverKeepAlive() throws {
        // Server Keep Alive: 4 seconds, in place of our 60.
        let rig = try LaneRig(Self.bulk, properties: [0x13, 0, 4])
        let start = ContinuousClock.now
        try rig.broker.send([("p", 1)])
        try rig.takeRecords(1)
        try waitUntil("PUBACK", within: 20) { rig.acknowledged == 1 }
        #expect(ContinuousClock.now - start >= .seconds(2))
    }

    @Test("Bulk: while the broker confirms no alert, and the lane is full, no window is left out")
    func bulkOverrun() throws {
        let alerts = try ScriptedBroker()
        let rig = try LaneRig(Self.bulk, alerts: alerts, laneBytes: 128 << 10)
        try waitUntil("connection for alerts") { rig.metrics[.alertsConnected] == 1 }
        // More than may wait for a PUBACK, and more than the lane holds.
        try rig.broker.send((0..<400).map { _ in ("p", 1) })
        try rig.takeRecords(400, within: 60)
        #expect(rig.metrics[.samples] == 400)
        #expect(rig.metrics[.predictions] == 400)
        #expect(rig.metrics[.undeliverableEvents] == 0)
    }

    @Test("Alarms of assets that make room are cleared even if the lane has none for that at once")
    func eviction() throws {
        let count = 128
        let rig = try LaneRig(
            "maximumAssets: \(count), minimumIdle: 0s", laneBytes: 128 << 10)
        try rig.broker.send((0..<count).map { ("old\($0)", 8) })
        try rig.takeRecords(2 * count)
        // In one turn, whose clears are more than the lane holds.
        try rig.broker.send((0..<count).map { ("new\($0)", 1) })
        try waitUntil("all in one turn") { rig.metrics[.messages] == UInt64(2 * count) }
        try rig.takeRecords(4 * count)
        for index in 0..<count {
            let events = rig.records.filter { $0.topic == "edge/box/alerts/level/old\(index)" }
            #expect(events.count == 2)
            #expect(events.last?.payload.contains("\"reason\":\"evicted\"") == true)
            let states = rig.records.filter { $0.topic == "edge/box/state/level/old\(index)" }
            #expect(states.last?.payload.contains("\"state\":\"cleared\"") == true)
        }
        #expect(rig.metrics[.undeliverableEvents] == 0)
    }
}

/// Set once, read by another thread.
private final class Flag: Sendable {
    private let state = Atomic<Bool>(false)
    var value: Bool { state.load(ordering: .sequentiallyConsistent) }
    func set() { state.store(true, ordering: .sequentiallyConsistent) }
}
