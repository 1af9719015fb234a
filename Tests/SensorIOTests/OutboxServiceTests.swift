import Foundation
import TestSupport
import Testing

@testable import SensorIO

/// An outbox with a broker, and what it said.
final class OutboxRig {
    let directory: TemporaryDirectory
    let events = EventLog<OutboxEvent>()
    var configuration: OutboxConfiguration
    let endpoint: MQTTEndpoint
    private(set) var service: OutboxService!
    private(set) var lane: OutboxLane!

    init(
        _ port: UInt16, user: String? = nil, version: MQTTProtocolVersion = .v5,
        directory: TemporaryDirectory? = nil,
        configure: (inout OutboxConfiguration) -> Void = { _ in }
    ) throws {
        self.directory = try directory ?? TemporaryDirectory("outbox")
        configuration = OutboxConfiguration(
            path: self.directory.file("outbox.db"), retryNanoseconds: 20_000_000,
            diskRetryNanoseconds: 50_000_000)
        configure(&configuration)
        endpoint = MQTTEndpoint(
            host: "127.0.0.1", port: port, protocolVersion: version, clientIdentifier: "uplink",
            username: user, password: user.map { Array($0.utf8) },
            will: MQTTWill(topic: "edge/box/status", payload: Array("will".utf8)),
            reconnect: BackoffPolicy(
                initialNanoseconds: 20_000_000, maximumNanoseconds: 100_000_000))
        try start()
    }

    func start() throws {
        let events = events
        service = try OutboxService(
            configuration: configuration,
            uplink: { _ in
                OutboxUplink(
                    endpoint: endpoint,
                    birth: OutboxStatusMessage(
                        topic: "edge/box/status", payload: Array("birth".utf8)),
                    offline: OutboxStatusMessage(
                        topic: "edge/box/status", payload: Array("offline".utf8)))
            }, onEvent: { events.append($0) })
        lane = try service.makeLane(name: "test")
        try service.start()
    }

    @discardableResult
    func stop(seconds: Double = 5) -> OutboxStopReport {
        service.stop(
            deadlineNanoseconds: MonotonicClock.nanoseconds &+ UInt64(seconds * 1_000_000_000))
    }

    func send(
        _ text: String, topic: String = "a/b", recordClass: OutboxRecordClass = .alert,
        isRetained: Bool = false, supersedes: Bool = false
    ) throws {
        while true {
            let outcome = lane.submit(
                text, topic: topic, recordClass: recordClass, isRetained: isRetained,
                supersedes: supersedes
            ).outcome
            lane.flush()
            if outcome == .kept { return }
            guard outcome == .full else { throw TestFailure("\(outcome)") }
            try waitForRoom()
        }
    }

    private func waitForRoom() throws {
        lane.wantsWake = true
        var set = PollSet(capacity: 1)
        set.add(lane.wakeDescriptor, .readable)
        set.wait(deadlineNanoseconds: MonotonicClock.nanoseconds &+ 100_000_000)
        lane.drainWake()
    }

    /// Waits until the lane looks right.
    func wait(
        _ what: String, within seconds: Double = 15, until isSatisfied: (OutboxLane) -> Bool
    ) throws {
        let deadline = MonotonicClock.nanoseconds &+ UInt64(seconds * 1_000_000_000)
        lane.wantsWake = true
        while !isSatisfied(lane) {
            guard MonotonicClock.nanoseconds < deadline else {
                throw TestFailure("no \(what): \(service.metrics)")
            }
            var set = PollSet(capacity: 1)
            set.add(lane.wakeDescriptor, .readable)
            set.wait(deadlineNanoseconds: MonotonicClock.nanoseconds &+ 100_000_000)
            lane.drainWake()
        }
    }

    /// Waits until everything is with the broker.
    func waitUntilClear(within seconds: Double = 15) throws {
        try wait("clear lane", within: seconds) { $0.isClear }
    }

    func waitForUplink(isConnected: Bool = true) throws {
        try events.first("uplink \(isConnected)") {
            if case .uplinkChanged(isConnected, _) = $0 { true } else { false }
        }
    }
}

@Suite(
    "Outbox service", .enabled(if: TestBroker.isAvailable, "mosquitto is not installed"),
    .timeLimit(.minutes(3)))
struct OutboxServiceTests {
    static let late = "{\"historical\":false}"

    @Test(
        "Online, records arrive in order and the disk is not touched",
        arguments: [MQTTProtocolVersion.v5, .v311])
    func online(_ version: MQTTProtocolVersion) throws {
        let broker = try TestBroker()
        let consumer = try OutboxConsumer(broker.port, ["#"])
        let rig = try OutboxRig(broker.port, version: version) {
            $0.commitDelayNanoseconds = 2_000_000_000
        }
        try rig.waitForUplink()
        try rig.waitUntilClear()
        for number in 1...50 { try rig.send("{\"n\":\(number),\"historical\":false}") }
        try consumer.wait("50 records") { $0.filter { $0.topic == "a/b" }.count == 50 }
        #expect(
            consumer.texts("a/b") == (1...50).map { "{\"n\":\($0),\"historical\":false}" })
        try rig.waitUntilClear()
        let report = rig.stop()
        #expect(report.stored == 0 && report.lost == 0 && report.isDisconnectedCleanly)
        let metrics = rig.service.metrics
        #expect(metrics.delivered == 50)
        #expect(metrics.sparedTheDisk == 50)
        #expect(metrics.commits == 0)
        try consumer.wait("offline") { $0.contains { $0.text == "offline" } }
        #expect(consumer.texts("edge/box/status") == ["birth", "offline"])
    }

    @Test("Offline, records are on the disk; then they arrive in order, marked late")
    func offline() throws {
        let broker = try TestBroker()
        // A second in all, so that the consumer is there before the last.
        let rig = try OutboxRig(broker.port) { $0.drainRecordsPerSecond = 300 }
        try rig.waitForUplink()
        try broker.kill()
        try rig.waitForUplink(isConnected: false)
        for number in 1...300 {
            try rig.send("{\"n\":\(number),\"historical\":false}", topic: "t/\(number % 3)")
        }
        let last = rig.lane.makeSequence()
        try rig.wait("commit") { $0.durableSequence == last - 1 }
        try broker.restart()
        let consumer = try OutboxConsumer(broker.port, ["t/#"])
        try consumer.wait("the last record of each topic", within: 20) { messages in
            (298...300).allSatisfy { number in
                messages.contains { $0.text == "{\"n\":\(number),\"historical\":true }" }
            }
        }
        for topic in 0..<3 {
            let expected = (1...300).filter { $0 % 3 == topic }.map {
                "{\"n\":\($0),\"historical\":true }"
            }
            // The consumer may have subscribed after some had come, so it asks for the tail.
            #expect(
                expected.suffix(consumer.texts("t/\(topic)").count)
                    == consumer.texts("t/\(topic)")[...])
        }
        try rig.waitUntilClear()
        #expect(rig.stop().stored == 0)
    }

    @Test("What waits at the end is sent by the next start, before and in order with what is new")
    func restart() throws {
        let port = try FreePort.find()
        let rig = try OutboxRig(port)
        for number in 1...200 { try rig.send("\(number)") }
        #expect(rig.stop(seconds: 0.2).stored == 200)
        let broker = try TestBroker()
        let consumer = try OutboxConsumer(broker.port, ["a/b"])
        let next = try OutboxRig(broker.port, directory: rig.directory)
        #expect(next.service.boot.number == rig.service.boot.number + 1)
        #expect(next.service.boot.isPersisted)
        for number in 201...400 { try next.send("\(number)") }
        try consumer.wait("400 records") { $0.count >= 400 }
        #expect(consumer.texts("a/b") == (1...400).map { "\($0)" })
        try next.waitUntilClear()
        #expect(next.stop().stored == 0)
    }

    @Test("A live record is journalled when its PUBACK is late, and sent when its producer lost it")
    func live() throws {
        let broker = try TestBroker()
        let consumer = try OutboxConsumer(broker.port, ["a/b"])
        let rig = try OutboxRig(broker.port)
        try rig.waitForUplink()
        try rig.waitUntilClear()
        // Its PUBACK comes in time: the disk is not touched.
        var (outcome, sequence) = rig.lane.submit("1", live: true)
        #expect(outcome == .publishLive)
        rig.lane.acknowledge(sequence: sequence)
        rig.lane.flush()
        try rig.wait("settled record") { $0.durableSequence == sequence }
        #expect(rig.service.metrics.commits == 0)
        // It does not come: on the disk after the commit delay, and the lane is closed.
        (outcome, sequence) = rig.lane.submit("2", live: true)
        #expect(outcome == .publishLive)
        rig.lane.flush()
        try rig.wait("commit") { $0.durableSequence == sequence }
        #expect(!rig.lane.isClear)
        // The next one is kept, and waits for the one before it.
        (outcome, _) = rig.lane.submit("3", live: true)
        #expect(outcome == .kept)
        rig.lane.flush()
        rig.lane.releaseLive()
        rig.lane.flush()
        try consumer.wait("both") { $0.count >= 2 }
        #expect(consumer.texts("a/b") == ["2", "3"])
        try rig.waitUntilClear()
        #expect(rig.lane.submit("4", live: true).outcome == .publishLive)
        rig.stop()
    }

    @Test("A refused topic goes to the quarantine with its reason, and the rest goes on")
    func accessRules() throws {
        let broker = try TestBroker {
            $0.users = ["box": "box", "reader": "reader"]
            $0.accessRules = ["user box", "topic write allowed/#", "topic write edge/#"]
        }
        let rig = try OutboxRig(broker.port, user: "box")
        try rig.waitForUplink()
        for number in 1...20 {
            try rig.send("\(number)", topic: number % 2 == 0 ? "allowed/x" : "secret/y")
        }
        try rig.events.wait(for: "10 quarantined records") { events in
            events.count {
                if case .quarantined("secret/y", _, _, 0x87, 1) = $0 { true } else { false }
            }
                == 10
        }
        try rig.waitUntilClear()
        rig.stop()
        #expect(rig.service.metrics.delivered == 10)
        #expect(rig.service.metrics.quarantined == 10)
        let store = try OutboxStore(configuration: rig.configuration)
        #expect(try store.quarantinedCount() == 10)
        #expect(try store.connection.integer("SELECT count(DISTINCT reason) FROM quarantine") == 1)
    }

    @Test("Of a retained state only the last one matters: it is what the broker has in the end")
    func states() throws {
        let broker = try TestBroker()
        let rig = try OutboxRig(broker.port)
        try rig.waitForUplink()
        try broker.kill()
        try rig.waitForUplink(isConnected: false)
        for number in 1...500 {
            try rig.send(
                "\(number)", topic: "state/\(number % 2)", isRetained: true, supersedes: true)
        }
        try broker.restart()
        try rig.waitUntilClear()
        rig.stop()
        #expect(rig.service.metrics.superseded > 400)
        let consumer = try OutboxConsumer(broker.port, ["state/#"])
        try consumer.wait("both states") { $0.count == 2 }
        #expect(consumer.texts("state/0") == ["500"])
        #expect(consumer.texts("state/1") == ["499"])
    }

    @Test("The will is fired when the process vanishes, not when it ends in order")
    func birthAndDeath() throws {
        let broker = try TestBroker()
        let consumer = try OutboxConsumer(broker.port, ["edge/#"])
        let rig = try OutboxRig(broker.port)
        try consumer.wait("birth") { $0.contains { $0.text == "birth" } }
        rig.service.setBirth(
            OutboxStatusMessage(topic: "edge/box/status", payload: Array("again".utf8)))
        try consumer.wait("new birth") { $0.contains { $0.text == "again" } }
        #expect(rig.stop().isDisconnectedCleanly)
        try consumer.wait("offline") { $0.contains { $0.text == "offline" } }
        #expect(consumer.texts("edge/box/status") == ["birth", "again", "offline"])
    }

    @Test(
        "A backlog of 100 000 records drains in order, and new alerts of other topics do not wait")
    func largeBacklog() throws {
        let directory = try TemporaryDirectory("outbox")
        let count = 100_000
        do {
            let configuration = OutboxConfiguration(path: directory.file("outbox.db"))
            let store = try OutboxStore(configuration: configuration)
            _ = try store.beginBoot(now: .now())
            for start in stride(from: 1, through: count, by: 1_000) {
                _ = try store.write(
                    OutboxBatch(
                        inserts: (start..<start + 1_000).map {
                            OutboxFixture.record(Int64($0), topic: "b/\($0 % 10)", payload: "\($0)")
                        }))
            }
        }
        let broker = try TestBroker { $0.extraLines = ["log_type error"] }
        let consumer = try OutboxConsumer(broker.port, ["b/#"])
        let liveConsumer = try OutboxConsumer(broker.port, ["live/x"])
        let started = MonotonicClock.nanoseconds
        let rig = try OutboxRig(broker.port, directory: directory)
        try consumer.wait("start of the drain") { $0.count > 1_000 }
        var delays: [UInt64] = []
        for number in 1...20 {
            let before = MonotonicClock.nanoseconds
            try rig.send("new \(number)", topic: "live/x")
            try liveConsumer.wait("new alert") { $0.count == number }
            delays.append(MonotonicClock.nanoseconds &- before)
        }
        let duringDrain = consumer.all.count
        #expect(duringDrain < count, "the drain was over before the alerts were")
        try consumer.wait("all", within: 120) { $0.count >= count }
        let seconds = Double(MonotonicClock.nanoseconds &- started) / 1e9
        for topic in 0..<10 {
            let numbers = consumer.texts("b/\(topic)").compactMap { Int($0) }
            #expect(numbers == (1...count).filter { $0 % 10 == topic })
        }
        try rig.waitUntilClear()
        rig.stop()
        print(
            "drained \(count) in \(seconds) s: \(Int(Double(count) / seconds)) records/s;"
                + " new alerts meanwhile took \(delays.sorted()[10] / 1_000) us (median),"
                + " \(delays.max()! / 1_000) us (worst)")
        #expect(delays.sorted()[10] < 500_000_000)
    }
}
