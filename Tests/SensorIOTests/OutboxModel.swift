import TestSupport

@testable import SensorIO

/// The outbox's core among models of everything around it: a disk, a broker, connections that break, producers
/// that publish live, and a process that dies. Everything happens when the test says so.
struct OutboxModel {
    struct Name: Hashable, Comparable, CustomStringConvertible {
        var boot: UInt64
        var sequence: UInt64

        static func < (left: Name, right: Name) -> Bool {
            (left.boot, left.sequence) < (right.boot, right.sequence)
        }
        var description: String { "\(boot)/\(sequence)" }
    }

    struct Message {
        var name: Name
        var topic: String
        var payload: [UInt8]
        /// The outbox's message identifier, or the lane's sequence number.
        var key: Int32
    }

    /// A connection to the broker: what was written and not processed yet, and PUBACKs on their way back.
    struct Connection {
        var isUp = false
        var wire: [Message] = []
        var acknowledgements: [Int32] = []

        /// The connection breaks; what was on the wire arrives in part.
        mutating func breakDown(using random: inout some RandomNumberGenerator) -> [Message] {
            defer { self = Connection() }
            return Array(wire.prefix(Int.random(in: 0...wire.count, using: &random)))
        }
    }

    enum RingEntry {
        case record(OutboxRecordHeader, String, isLive: Bool)
        case acknowledged(UInt64)
        case handOver(UInt64)
        case releaseAll
    }

    struct Producer {
        var connection = Connection()
        var ring: [RingEntry] = []
        var handedOverInRing = 0
        var isOpen = false
        var durableSequence: UInt64 = 0
        var live: [UInt64] = []
        var submitted: [UInt64] = []
        var topics: [String]
    }

    // Survives a crash.
    var disk: [Int64: OutboxRecord] = [:]
    var quarantine: [OutboxRecord] = []
    var log: [Message] = [] {
        didSet { for message in log.dropFirst(oldValue.count) { arrived.insert(message.name) } }
    }
    var arrived: Set<Name> = []
    /// Records that a producer was told are safe.
    var safe: [String: Set<Name>] = [:]
    /// What a producer was told of records that were safe nowhere.
    var falseWords: [String] = []
    var topicOf: [Name: String] = [:]
    var boot: UInt64 = 0

    // Dies with the process.
    var core: OutboxCore
    var producers: [Producer]
    var uplink = Connection()
    var sequence: UInt64 = 0
    var nextIdentifier: Int32 = 1
    var now: UInt64 = 1_000_000_000
    /// Whether the disk cannot be written.
    var diskFails = false {
        didSet { if diskFails, !oldValue, !core.isDiskFailed { lastRefuge = now } }
    }
    /// Whether it cannot be read.
    var readFails = false
    /// Whether the database has to be opened, and read, before anything is written to it.
    var isClosed = false
    /// Whether the closed one is still there to read from.
    var hasReader = true
    /// Whether the database could ever be opened in this boot.
    var hasOpened = true
    /// When there was last an uplink or a disk.
    var lastRefuge: UInt64 = 0
    /// Decides what a failed transaction leaves behind.
    var chance = SplitMix64(seed: 1)
    let limits: OutboxCore.Limits
    /// Whether topics carry retained states, of which only the last counts.
    let supersedes: Bool

    static func topics(_ producer: Int) -> [String] {
        (0..<3).map { "lane\(producer)/topic\($0)" }
    }

    init(limits: OutboxCore.Limits, supersedes: Bool = false) {
        self.limits = limits
        self.supersedes = supersedes
        core = OutboxCore(limits: limits, boot: 0)
        producers = []
        restart()
    }

    // MARK: Processes

    /// The process dies: some of what was on the wires still arrives.
    mutating func crash(using random: inout some RandomNumberGenerator) {
        log += uplink.breakDown(using: &random)
        for index in producers.indices {
            log += producers[index].connection.breakDown(using: &random)
        }
        restart()
    }

    // MARK: Producers

    mutating func submit(_ index: Int, topic: String, recordClass: OutboxRecordClass = .alert) {
        sequence += 1
        let name = Name(boot: boot, sequence: sequence)
        topicOf[name] = topic
        let header = OutboxRecordHeader(
            sequence: sequence, recordClass: recordClass, isRetained: supersedes,
            supersedes: supersedes)
        let isLive =
            producers[index].connection.isUp && producers[index].isOpen
            && producers[index].handedOverInRing == 0
        producers[index].ring.append(.record(header, topic, isLive: isLive))
        producers[index].submitted.append(sequence)
        if isLive {
            producers[index].live.append(sequence)
            producers[index].connection.wire.append(
                Message(
                    name: name, topic: topic, payload: Array("\(name)".utf8), key: Int32(sequence)))
        } else {
            producers[index].handedOverInRing += 1
        }
    }

    mutating func producerConnects(_ index: Int) {
        producers[index].connection.isUp = true
    }

    mutating func producerDisconnects(
        _ index: Int, using random: inout some RandomNumberGenerator
    ) {
        guard producers[index].connection.isUp else { return }
        log += producers[index].connection.breakDown(using: &random)
        guard !producers[index].live.isEmpty else { return }
        producers[index].live.removeAll()
        producers[index].ring.append(.releaseAll)
        producers[index].handedOverInRing += 1
    }

    mutating func producerGetsAcknowledgement(_ index: Int) {
        guard !producers[index].connection.acknowledgements.isEmpty else { return }
        let sequence = UInt64(producers[index].connection.acknowledgements.removeFirst())
        producers[index].live.removeAll { $0 == sequence }
        producers[index].ring.append(.acknowledged(sequence))
        markSafe(Name(boot: boot, sequence: sequence))
    }

    mutating func markSafe(_ name: Name) {
        if let topic = topicOf[name] { safe[topic, default: []].insert(name) }
    }

    // MARK: Broker

    mutating func brokerProcesses(_ connection: inout Connection) {
        guard !connection.wire.isEmpty else { return }
        let message = connection.wire.removeFirst()
        log.append(message)
        connection.acknowledgements.append(message.key)
    }

    mutating func uplinkProcesses() {
        var connection = uplink
        brokerProcesses(&connection)
        uplink = connection
    }

    mutating func producersBrokerProcesses(_ index: Int) {
        var connection = producers[index].connection
        brokerProcesses(&connection)
        producers[index].connection = connection
    }

    // MARK: Outbox

    mutating func readLanes() {
        for index in producers.indices {
            let entries = producers[index].ring
            producers[index].ring.removeAll()
            producers[index].handedOverInRing = 0
            for entry in entries {
                switch entry {
                case .record(let header, let topic, let isLive):
                    let payload = Array("\(boot)/\(header.sequence)".utf8)
                    Array(topic.utf8).withUnsafeBytes { topicBytes in
                        payload.withUnsafeBytes { payloadBytes in
                            core.accept(
                                lane: index, header: header, topic: topicBytes,
                                payload: payloadBytes, isLive: isLive, now: now, elapsed: Int64(now)
                            )
                        }
                    }
                case .acknowledged(let sequence):
                    core.acknowledgeLive(lane: index, sequence: sequence, now: now)
                case .handOver(let sequence):
                    core.handOver(lane: index, sequence: sequence)
                case .releaseAll:
                    core.releaseLive(lane: index)
                }
            }
            publishState(index)
        }
    }

    /// A live record whose PUBACK was there before the outbox looked.
    mutating func acceptSettled(_ sequence: UInt64, topic: String = "t", supersedes: Bool = false) {
        let header = OutboxRecordHeader(
            sequence: sequence, recordClass: .alert, supersedes: supersedes)
        Array(topic.utf8).withUnsafeBytes {
            core.acceptSettled(lane: 0, header: header, topic: $0)
        }
    }

    mutating func publishState(_ index: Int) {
        producers[index].isOpen = core.isOpen(lane: index)
        let durable = core.durableSequence(lane: index)
        producers[index].durableSequence = max(producers[index].durableSequence, durable)
        for sequence in producers[index].submitted where sequence <= durable {
            judge(Name(boot: boot, sequence: sequence))
        }
        producers[index].submitted.removeAll { $0 <= durable }
    }

    mutating func pump(limit: Int = 1_000) {
        guard uplink.isUp else { return }
        for _ in 0..<limit {
            switch core.nextStep(now: now, elapsed: Int64(now)) {
            case .publish(let record):
                let identifier = nextIdentifier
                nextIdentifier += 1
                uplink.wire.append(
                    Message(
                        name: Name(boot: record.boot, sequence: record.header.sequence),
                        topic: record.topic, payload: Array(record.payload), key: identifier))
                core.sent(record.id, messageIdentifier: identifier)
            case .load(let recordClass, let after, let limit):
                load(recordClass, after: after, limit: limit)
            case .nothing: return
            }
        }
    }

    mutating func turn() {
        readLanes()
        pump()
        commitIfDue()
        pump()
        for index in producers.indices { publishState(index) }
    }

    mutating func uplinkConnects() {
        guard !uplink.isUp else { return }
        uplink.isUp = true
        lastRefuge = now
        core.connected()
    }

    mutating func uplinkDisconnects(using random: inout some RandomNumberGenerator) {
        guard uplink.isUp else { return }
        log += uplink.breakDown(using: &random)
        lastRefuge = now
        core.disconnected()
    }

    mutating func uplinkGetsAcknowledgement(
        _ reason: MQTTReasonCode = .success, at index: Int = 0
    ) {
        guard index < uplink.acknowledgements.count else { return }
        let identifier = uplink.acknowledgements.remove(at: index)
        core.acknowledged(messageIdentifier: identifier, reason: reason, now: now)
    }

    /// Everything is well again, for long enough.
    mutating func settleDown() {
        diskFails = false
        readFails = false
        uplinkConnects()
        for index in producers.indices { producerConnects(index) }
        var quiet = 0
        while quiet < 20 {
            let before = log.count
            now += 2_000_000_000
            turn()
            for index in producers.indices {
                while !producers[index].connection.wire.isEmpty { producersBrokerProcesses(index) }
                while !producers[index].connection.acknowledgements.isEmpty {
                    producerGetsAcknowledgement(index)
                }
            }
            while !uplink.wire.isEmpty { uplinkProcesses() }
            while !uplink.acknowledgements.isEmpty { uplinkGetsAcknowledgement() }
            turn()
            quiet = log.count == before ? quiet + 1 : 0
        }
    }

    // MARK: Verdict

    /// What is wrong with what the broker got; empty if nothing is.
    ///
    /// - Parameter judgesOrder: false: only that the last state of each topic is the newest.
    func faults(judgesOrder: Bool = true) -> [String] {
        var faults = falseWords
        var byTopic: [String: [Name]] = [:]
        for message in log { byTopic[message.topic, default: []].append(message.name) }
        for (topic, names) in safe {
            let got = Set(byTopic[topic] ?? [])
            // Of states only the last one has to arrive, or a newer one that was never called safe.
            let wanted = supersedes ? names.max().map { [$0] } ?? [] : names.sorted()
            for name in wanted where !got.contains(name) {
                if supersedes, let newest = got.max(), newest > name { continue }
                faults.append("\(topic): lost \(name)")
            }
        }
        for (topic, names) in byTopic where judgesOrder || supersedes {
            var highest: Name?
            var seen: Set<Name> = []
            for name in names where seen.insert(name).inserted {
                if judgesOrder, let before = highest, name < before {
                    faults.append("\(topic): \(name) first came after \(before)")
                }
                highest = max(highest ?? name, name)
            }
            if let last = names.last, let highest, last != highest {
                faults.append("\(topic): \(last) came last, after \(highest)")
            }
        }
        return faults
    }
}
