import Foundation
import Synchronization
import TestSupport

@testable import EdgeAgent
@testable import SensorIO

/// A broker whose every byte is the test's: grants what is subscribed, sends readings when told, notes each PUBACK.
final class ScriptedBroker: Sendable {
    private let server: ScriptedServer
    private let connections = EventLog<ScriptedServer.Connection>()
    private let sent = Mutex(0)
    var port: UInt16 { server.port }

    /// - Parameters:
    ///   - properties: of the CONNACK, as MQTT 5 writes them.
    ///   - onAcknowledged: called for each PUBACK, on a thread of the broker's.
    init(properties: [UInt8] = [], onAcknowledged: @escaping @Sendable () -> Void = {}) throws {
        let connections = connections
        server = try ScriptedServer { connection in
            while let packet = connection.readPacket() {
                switch packet[0] & 0xF0 {
                case 0x10:
                    connection.write(
                        [0x20, UInt8(3 + properties.count), 0, 0, UInt8(properties.count)]
                            + properties)
                    connections.append(connection)
                case 0x80: connection.write([0x90, 4, packet[2], packet[3], 0, 1])
                case 0x40: onAcknowledged()
                case 0xC0: connection.write([0xD0, 0])
                default: break
                }
            }
        }
    }

    /// Sends readings at QoS 1, all at once.
    func send(_ readings: [(asset: String, level: Double)]) throws {
        let connection = try connections.first("connection of the pipeline") { _ in true }
        var bytes: [UInt8] = []
        for (asset, level) in readings {
            let number = sent.withLock { count in
                count += 1
                return UInt16(truncatingIfNeeded: (count - 1) % 65_535 + 1)
            }
            let topic = Array("plant/\(asset)/reading".utf8)
            let payload = Array(TestAgent.reading(level).utf8)
            let length = 2 + topic.count + 3 + payload.count
            precondition(length < 128, "One byte of length.")
            bytes += [0x32, UInt8(length), 0, UInt8(topic.count)] + topic
            bytes += [UInt8(number >> 8), UInt8(number & 0xFF), 0] + payload
        }
        connection.write(bytes)
    }
}

/// A pipeline on a thread of its own whose outbox is the test: it takes what is in the lane, and says what is safe.
final class LaneRig {
    struct Record {
        var sequence: UInt64
        var topic: String
        var payload: String
    }

    let broker: ScriptedBroker
    let metrics: PipelineMetrics
    /// How many PUBACKs have come, and how many of them for a reading whose record was not safe.
    let acknowledgements: Acknowledgements
    /// What saves the windows.
    let state: PipelineState
    private let filled: EventDescriptor
    private let lane: OutboxLane
    private var thread: PipelineThread
    private(set) var records: [Record] = []
    private(set) var keptCount = 0
    private let directory: TemporaryDirectory

    /// PUBACKs as they come, each held against what was safe at its moment.
    final class Acknowledgements: Sendable {
        let count = Atomic<Int>(0)
        let early = Atomic<Int>(0)
        /// So many readings are safe.
        let safe = Atomic<Int>(0)

        func note() {
            // PUBACKs come in the order of the readings.
            let number = count.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue
            if number > safe.load(ordering: .sequentiallyConsistent) {
                early.wrappingAdd(1, ordering: .sequentiallyConsistent)
            }
        }
    }

    /// - Parameters:
    ///   - pipeline: more settings, in YAML's flow form.
    ///   - alerts: the broker that alerts go to from the pipeline's thread; nil: the outbox's business.
    ///   - properties: of the sensors' broker's CONNACK.
    init(
        _ pipeline: String, alerts: ScriptedBroker? = nil, properties: [UInt8] = [],
        laneBytes: Int = 1 << 20
    ) throws {
        let acknowledgements = Acknowledgements()
        self.acknowledgements = acknowledgements
        broker = try ScriptedBroker(properties: properties) { acknowledgements.note() }
        directory = try TemporaryDirectory("lane")
        let path = try directory.write(
            """
            agent: { id: box, stateDirectory: \(directory.path) }
            brokers:
              plant: { host: 127.0.0.1, port: \(broker.port), keepAlive: 60s }
              cloud: { host: 127.0.0.1, port: \(alerts?.port ?? broker.port) }
            sensors: { broker: plant }
            uplink: { broker: cloud }
            pipelines:
              - { name: level, topics: ["plant/{asset}/reading"], model: \(TestAgent.levelBundle),
                  budget: 1m, \(pipeline) }
            """, to: "edge-agent.yaml")
        let plan = try AgentPlan(try Configuration.load(path: path, environment: [:]))
        var settings = PipelineHost.settings(plan.pipelines[0], agent: "box", boot: 1)
        settings.alerts = alerts == nil ? nil : plan.uplink
        lane = try OutboxLane(
            name: "level", capacityBytes: laneBytes, sequencer: OutboxSequencer(),
            doorbell: OutboxDoorbell(), startsOpen: true)
        let control = PipelineControl()
        let pipeline = try Pipeline(
            settings: settings, model: PipelineModel(plan.pipelines[0].bundle), lane: lane,
            wallClock: WallClock(), control: control)
        metrics = pipeline.metrics
        filled = try EventDescriptor()
        state = pipeline.saveWindows(in: directory.file("windows.state"), filled: filled)
        thread = PipelineThread(pipeline, control: control, lane: lane)
        guard thread.start() == 0 else { throw TestFailure("no thread") }
    }

    deinit { thread.stop() }

    /// Saves the windows as the agent does now and then.
    func saveWindows() throws {
        let deadline = MonotonicClock.nanoseconds &+ 10_000_000_000
        _ = try state.save {
            var poll = PollSet(capacity: 1)
            poll.add(filled.fileDescriptor, .readable)
            poll.wait(deadlineNanoseconds: deadline)
            filled.drain()
            return MonotonicClock.nanoseconds < deadline
        }
    }

    /// Ends the pipeline in good order.
    func stop() { thread.stop() }

    /// Whether there is a file of windows.
    var hasSavedWindows: Bool { FileManager.default.fileExists(atPath: state.path) }

    /// Takes what is in the lane; returns how many records and changes of kept bytes there were.
    @discardableResult
    func take() -> Int {
        let before = records.count + keptCount
        lane.ring.read(limit: .max, beforeRelease: {}) { entry in
            switch entry {
            case .record(let header, let topic, let payload, _):
                records.append(
                    Record(
                        sequence: header.sequence, topic: String(decoding: topic, as: UTF8.self),
                        payload: String(decoding: payload, as: UTF8.self)))
            case .keep(_, let key, _, _):
                if Array(key) != AlarmTopics.key { keptCount += 1 }
            default: break
            }
        }
        lane.publishState(durableSequence: 0, isOpen: true, hasTaken: true)
        return records.count + keptCount - before
    }

    /// Says that the first `count` records are on the disk, and all that came before the last of them.
    ///
    /// - Parameter readings: how many readings are safe with that.
    func makeSafe(records count: Int, readings: Int) {
        acknowledgements.safe.store(readings, ordering: .sequentiallyConsistent)
        lane.publishState(durableSequence: records.prefix(count).last?.sequence ?? 0, isOpen: true)
    }

    var acknowledged: Int { acknowledgements.count.load(ordering: .sequentiallyConsistent) }
    var acknowledgedEarly: Int { acknowledgements.early.load(ordering: .sequentiallyConsistent) }

    /// Takes until there are so many records.
    func takeRecords(_ count: Int, within seconds: Double = 15) throws {
        try waitUntil("\(count) records, there are \(records.count)", within: seconds) {
            take()
            return records.count >= count
        }
    }
}
