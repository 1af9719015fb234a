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
    var log: [Message] = []
    /// Records that a producer was told are safe.
    var safe: [String: Set<Name>] = [:]
    var topicOf: [Name: String] = [:]
    var boot: UInt64 = 0

    // Dies with the process.
    var core: OutboxCore
    var producers: [Producer]
    var uplink = Connection()
    var sequence: UInt64 = 0
    var nextIdentifier: Int32 = 1
    var now: UInt64 = 1_000_000_000
    var diskFails = false
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

    mutating func restart() {
        boot += 1
        sequence = 0
        core = OutboxCore(limits: limits, boot: boot)
        producers = (0..<2).map { Producer(topics: Self.topics($0)) }
        for _ in producers { _ = core.addLane() }
        uplink = Connection()
        core.beginScan()
        core.scannedQuarantine(
            OutboxStore.RefusedStates(
                topics: Set(quarantine.lazy.filter(\.header.supersedes).map(\.topicHash)),
                highestCounter: quarantine.map { $0.id & OutboxRecord.counterMask }.max() ?? 0))
        for id in disk.keys.sorted() { core.scanned(disk[id]!) }
        core.endScan()
    }

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

    private mutating func markSafe(_ name: Name) {
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
        // While the disk fails, "durable" says no more than "taken".
        guard !core.isDiskFailed else { return }
        for sequence in producers[index].submitted where sequence <= durable {
            markSafe(Name(boot: boot, sequence: sequence))
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
                let ids = disk.keys.filter {
                    $0 > after && OutboxRecord.recordClass(of: $0) == recordClass
                }
                core.loaded(ids.sorted().prefix(limit).map { disk[$0]! }, of: recordClass)
            case .nothing: return
            }
        }
    }

    mutating func commitIfDue() {
        guard let due = core.commitDue(now: now), due <= now else { return }
        if core.areInsertsDue(now: now) {
            for index in producers.indices { producers[index].isOpen = false }
            readLanes()
            for index in producers.indices { producers[index].isOpen = false }
        }
        let batch = core.makeBatch(withInserts: core.areInsertsDue(now: now))
        if diskFails {
            core.commitFailed(
                SQLiteError(operation: "test", code: 13, text: "full"), now: now)
            return
        }
        for record in batch.inserts { disk[record.id] = record }
        for change in batch.attempts { disk[change.id]?.attempts = change.attempts }
        for id in batch.deletes { disk[id] = nil }
        quarantine += batch.quarantines.map(\.record)
        var report = OutboxWriteReport()
        for outdated in batch.outdated {
            let before = quarantine.count
            quarantine.removeAll {
                Array($0.topic.utf8) == outdated.topic
                    && $0.id & OutboxRecord.counterMask < outdated.counter
            }
            report.outdated += before - quarantine.count
        }
        core.committed(batch, report)
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
        core.connected()
    }

    mutating func uplinkDisconnects(using random: inout some RandomNumberGenerator) {
        guard uplink.isUp else { return }
        log += uplink.breakDown(using: &random)
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

    /// Whether the core's books agree with the disk; what is wrong if not.
    func imbalance() -> String? {
        let durable = core.entries.values.count { $0.isDurable }
        let backlog = core.backlogByClass.reduce(0, +)
        guard core.rows == disk.count else { return "\(core.rows) rows, \(disk.count) on the disk" }
        guard durable + backlog + core.deletable.count == disk.count else {
            return "\(durable) + \(backlog) + \(core.deletable.count) of \(disk.count)"
        }
        let topics = core.topics.values
        guard topics.reduce(0, { $0 + $1.rows }) == disk.count else { return "rows by topic" }
        guard topics.reduce(0, { $0 + $1.backlog }) == backlog else { return "backlog by topic" }
        guard topics.reduce(0, { $0 + $1.inMemory }) == core.entries.count else {
            return "memory by topic"
        }
        let live = core.entries.values.count { $0.delivery == .live }
        guard topics.reduce(0, { $0 + $1.live }) == live else { return "live by topic" }
        return nil
    }

    /// What is wrong with what the broker got; empty if nothing is.
    func faults() -> [String] {
        var faults: [String] = []
        var byTopic: [String: [Name]] = [:]
        for message in log { byTopic[message.topic, default: []].append(message.name) }
        for (topic, names) in safe {
            let got = Set(byTopic[topic] ?? [])
            // Of states only the last one has to arrive.
            let wanted = supersedes ? names.max().map { [$0] } ?? [] : names.sorted()
            for name in wanted where !got.contains(name) { faults.append("\(topic): lost \(name)") }
        }
        for (topic, names) in byTopic {
            var highest: Name?
            var seen: Set<Name> = []
            for name in names where seen.insert(name).inserted {
                if let before = highest, name < before {
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
