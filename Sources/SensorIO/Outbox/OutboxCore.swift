/// The outbox's logic, without a clock, a disk or a session: what happens goes in, what to do comes out.
///
/// A record is **fresh** when it is accepted: it is in memory, and either live (its producer publishes it),
/// pending, or in flight on the outbox's own session. It becomes **durable** by a commit, and **settled** by its
/// PUBACK; a settled record that is durable is deleted by a later transaction. A durable record
/// that cannot be sent now leaves memory: it is **backlog**, and read again when its turn comes.
///
/// Order per topic: a record is sent when all earlier ones of its topic are settled, or in flight before
/// it on the same connection. And a record whose topic has rows on the disk is committed before it is sent:
/// else a crash could make the older row arrive after it.
struct OutboxCore {
    struct Limits {
        var window = 100
        var commitDelay: UInt64 = 50_000_000
        var maximumAttempts = 5
        var retry: UInt64 = 1_000_000_000
        var maximumMemoryBytes = 4 << 20
        var maximumAge: Int64 = 30 * 86_400 * 1_000_000_000
        var drainRecordsPerSecond: Int?
        var diskRetry: UInt64 = 2_000_000_000
        /// For how long nobody goes on with what is in memory only, while the disk fails.
        var memoryPatience: UInt64 = 5_000_000_000
        /// For how long what is new waits for rows of its topic that cannot be read.
        var unreadablePatience: UInt64 = 10_000_000_000
        /// Settled rows are deleted when there are so many, or after so long, or with other writes.
        var deleteBatch = 512
        var deleteDelay: UInt64 = 1_000_000_000
        /// Rows that are read from the backlog at once.
        var loadBatch = 256

        /// A tenth of the window is for records that do not come from the backlog.
        var backlogWindow: Int { max(1, window - window / 10) }
    }

    enum Delivery: Equatable {
        /// On its way on the producer's session.
        case live
        /// To be sent.
        case pending
        /// On its way on the outbox's session.
        case inFlight
    }

    struct Entry {
        var record: OutboxRecord
        /// The index of its lane; -1 for one that came from the disk.
        var lane: Int
        var acceptedAt: UInt64
        var delivery: Delivery
        var isDurable = false
        /// Whether it is sent later than it was decided.
        var isLate = false
        /// Whether its PUBACK came before that of an earlier record of its topic.
        var isAcknowledged = false
        /// Whether it must be sent again after an earlier record of its topic that was refused for now.
        var mustRepeat = false
        /// Whether its row was evicted while it was on its way: it is written again if it comes back.
        var isEvicted = false
    }

    struct Topic {
        /// All its records are of one class.
        var recordClass: OutboxRecordClass
        /// Records in memory.
        var inMemory = 0
        /// Of these, on their way on a producer's session.
        var live = 0
        /// Rows on the disk, settled ones that are not deleted yet among them.
        var rows = 0
        /// Of these, backlog: neither in memory nor settled.
        var backlog = 0
        /// The last durable record with the mark "supersedes".
        var latestSuperseding: Int64 = -1
        /// The last one of all, durable or not.
        var newestSuperseding: Int64 = -1
        var blockedUntil: UInt64 = 0
    }

    struct Lane {
        /// Records that are neither durable nor settled, in their order.
        var awaiting = Fifo<(sequence: UInt64, id: Int64)>()
        /// Records on the producer's session, in their order.
        var live: [(sequence: UInt64, id: Int64)] = []
        /// Records in memory that are the outbox's to send.
        var held = 0
        var durableSequence: UInt64 = 0
        /// Changes of kept bytes that are not on the disk, and those of them that go there next.
        var kept = KeptSequences()
        var keptClosed = KeptSequences()
        /// All changes of kept bytes up to here that are waited for are on the disk.
        var keptDurable: UInt64 = 0
    }

    /// Of changes of kept bytes; 0: none.
    struct KeptSequences {
        var newest: UInt64 = 0
        /// The newest that is waited for.
        var awaited: UInt64 = 0
    }

    struct InFlight {
        var id: Int64
        var topicHash: UInt64
        var messageIdentifier: Int32
    }

    var limits: Limits
    var boot: UInt64
    var nextCounter: Int64 = 1
    var isConnected = false
    /// Whether the rows of earlier boots are known; nothing is published before.
    var isScanned = false
    /// Whether the backlog is sent; false at the end, when it stays for the next start.
    var drainsBacklog = true

    var entries: [Int64: Entry] = [:]
    var topics: [UInt64: Topic] = [:]
    var lanes: [Lane] = []
    /// Records to be sent from memory: by class, ascending.
    var pending: [[Int64]] = OutboxRecordClass.allCases.map { _ in [] }
    var inFlight: [InFlight] = []
    var memoryBytes = 0

    // The disk.
    var fresh = Fifo<Int64>()
    var mustCommitNow = false
    /// Settled rows: the topic of each.
    var deletable: [Int64: UInt64] = [:]
    var oldestDeletableAt: UInt64 = 0
    /// What was settled before the disk was read anew, and is not to be sent again.
    var settledBeforeScan: [Int64: UInt64] = [:]
    /// Records of a transaction that failed: they may be on the disk all the same, as the next scan will tell.
    var inDoubt: Set<Int64> = []
    var refusals: [OutboxRefusal] = []
    var refusedAt: UInt64 = 0
    var attemptChanges: [(id: Int64, attempts: Int)] = []
    var attemptedAt: UInt64 = 0
    var uncountedDrops: [OutboxDropCount] = []
    var kept = KeptChanges()
    /// Topics of which a state may be in the quarantine, or is on its way there.
    var refusedStates: Set<UInt64> = []
    /// What the next transaction deletes from the quarantine, by topic.
    var outdated: [UInt64: OutboxOutdated] = [:]
    var rows = 0
    var isDiskFailed = false
    /// Since when the disk is known not to be writable.
    var diskFailedSince: UInt64?
    /// Whether that has lasted, so that the quarantine is not waited for any more.
    var isQuarantineAwaited = true
    /// Since when there is no uplink either; nil: one of them is there.
    var nothingLeftSince: UInt64?
    /// Whether that has lasted, so that a record is taken for safe when it is in memory.
    var isMemoryAllThereIs = false
    /// Whether it is known how the uplink is: at the start it is neither there nor away.
    var isUplinkTried = false
    var diskRetryAt: UInt64 = 0
    var readRetryAt: UInt64 = 0
    /// Since when rows cannot be read that are to be sent.
    var unreadableSince: UInt64?
    /// Whether there may be rows that nobody knows of before the next scan.
    var isBacklogForgotten = false
    /// The newest state of each topic that was delivered meanwhile: an older one among those rows is not sent after it.
    var deliveredStates: [UInt64: Int64] = [:]

    // The backlog.
    var backlogByClass = OutboxRecordClass.allCases.map { _ in 0 }
    var cursor = OutboxRecordClass.allCases.map { OutboxRecord.base(of: $0) - 1 }
    var isExhausted = OutboxRecordClass.allCases.map { _ in false }
    var loaded: [OutboxRecord] = []
    var loadedIndex = 0
    /// Topics that the cursor passed over, because they could not be sent from.
    var skipped: Set<UInt64> = []
    var skippedFloor = OutboxRecordClass.allCases.map { _ in Int64.max }
    var blocked: [(until: UInt64, topicHash: UInt64)] = []
    var drainTokens = 1.0
    var drainTokensAt: UInt64 = 0

    var counters = Counters()
    var events: [OutboxEvent] = []

    struct Counters {
        var accepted: UInt64 = 0
        var delivered: UInt64 = 0
        var deliveredLive: UInt64 = 0
        var drained: UInt64 = 0
        var sparedTheDisk: UInt64 = 0
        var superseded: UInt64 = 0
        var commits: UInt64 = 0
        var drops = [[UInt64]](
            repeating: [UInt64](repeating: 0, count: OutboxDropCause.allCases.count),
            count: OutboxRecordClass.allCases.count)
    }

    init(limits: Limits, boot: UInt64) {
        self.limits = limits
        self.boot = boot
    }

    // MARK: Lanes

    mutating func addLane() -> Int {
        lanes.append(Lane())
        return lanes.count - 1
    }

    /// Takes a record over from a lane.
    mutating func accept(
        lane: Int, header: OutboxRecordHeader, topic: UnsafeRawBufferPointer,
        payload: UnsafeRawBufferPointer, isLive: Bool, now: UInt64, elapsed: Int64
    ) {
        var record = unsafe OutboxRecord(
            id: 0, boot: boot, header: header, elapsedNanoseconds: elapsed, topic: topic,
            payload: payload)
        let hash = record.topicHash
        var state = topics[hash] ?? Topic(recordClass: header.recordClass)
        record.id = OutboxRecord.base(of: state.recordClass) | nextCounter
        record.header.recordClass = state.recordClass
        nextCounter += 1
        state.inMemory += 1
        if isLive {
            state.live += 1
            if state.rows > 0 { mustCommitNow = true }
            lanes[lane].live.append((header.sequence, record.id))
        } else {
            lanes[lane].held += 1
            pending[Int(state.recordClass.rawValue)].append(record.id)
        }
        if header.supersedes { state.newestSuperseding = record.id }
        topics[hash] = state
        lanes[lane].awaiting.append((header.sequence, record.id))
        if header.supersedes, outdate(hash, unsafe Array(topic), by: record.id) {
            lanes[lane].awaiting.append((header.sequence, Self.outdatingMark))
        }
        fresh.append(record.id)
        memoryBytes += record.memoryBytes
        counters.accepted += 1
        entries[record.id] = Entry(
            record: record, lane: lane, acceptedAt: now, delivery: isLive ? .live : .pending,
            isLate: !isLive && !isConnected)
        if isDiskFailed { boundMemory() }
    }

    /// Whether a lane's producer may publish live: nothing that it would overtake is with the outbox.
    func isOpen(lane: Int) -> Bool {
        isScanned && rows == 0 && !isBacklogForgotten && lanes[lane].held == 0 && !mustKeepClosed
    }

    /// Refused records are not rows yet, but their topics' later ones may not pass a retry.
    private var mustKeepClosed: Bool { !blocked.isEmpty }

    /// Every record of the lane up to this one is durable or settled.
    ///
    /// While the disk cannot be written, only a PUBACK counts. With no uplink either for a while, memory is what there
    /// is: then a record counts when it is there, so that readings do not stand still.
    mutating func durableSequence(lane: Int) -> UInt64 {
        while let first = lanes[lane].awaiting.first {
            if first.id == Self.keptMark {
                if first.sequence > lanes[lane].keptDurable, !isDiskFailed { break }
            } else if first.id == Self.outdatingMark {
                if !outdated.isEmpty, !isDiskFailed { break }
            } else if !isMemoryAllThereIs, isInMemoryOnly(first.id) {
                break
            }
            lanes[lane].durableSequence = first.sequence
            lanes[lane].awaiting.removeFirst()
        }
        return lanes[lane].durableSequence
    }

    /// Whether a crash would lose a record: it is not on the disk, and either waits for its PUBACK or was refused
    /// and is not in the quarantine yet. A quarantine that cannot be written for long must not stop the plant's readings.
    private func isInMemoryOnly(_ id: Int64) -> Bool {
        if let entry = entries[id] { return !entry.isDurable }
        return isQuarantineAwaited && refusals.contains { $0.record.id == id }
    }

    // MARK: Shared

    /// Puts a record back among those to be sent, where it belongs.
    mutating func insertPending(_ id: Int64) {
        let index = Int(OutboxRecord.recordClass(of: id).rawValue)
        var position = pending[index].count
        while position > 0, pending[index][position - 1] > id { position -= 1 }
        pending[index].insert(id, at: position)
    }

    /// Has a record written again whose row was evicted.
    mutating func refreshIfEvicted(_ id: Int64) {
        guard entries[id]?.isEvicted == true else { return }
        entries[id]?.isEvicted = false
        fresh.append(id)
    }

    /// Forgets a record in memory; its row, if it has one, is deleted by the next transaction.
    mutating func settle(_ id: Int64, now: UInt64, isDelivered: Bool = true) {
        guard let entry = entries.removeValue(forKey: id) else { return }
        let hash = entry.record.topicHash
        memoryBytes -= entry.record.memoryBytes
        if isDelivered {
            counters.delivered += 1
            if isBacklogForgotten, entry.record.header.supersedes {
                deliveredStates[hash] = max(deliveredStates[hash] ?? -1, id)
            }
        }
        if entry.delivery == .live {
            topics[hash]?.live -= 1
        } else if entry.lane >= 0 {
            lanes[entry.lane].held -= 1
        }
        topics[hash]?.inMemory -= 1
        if entry.isDurable {
            markDeletable(id, hash, now: now)
        } else {
            if isDelivered { counters.sparedTheDisk += 1 }
            if inDoubt.remove(id) != nil { settledBeforeScan[id] = hash }
            forgetTopicIfIdle(hash)
        }
    }

    mutating func markDeletable(_ id: Int64, _ hash: UInt64, now: UInt64) {
        if deletable.isEmpty { oldestDeletableAt = now }
        deletable[id] = hash
    }

    mutating func forgetTopicIfIdle(_ hash: UInt64) {
        guard let topic = topics[hash], topic.inMemory == 0, topic.rows == 0 else { return }
        topics[hash] = nil
    }

    mutating func countDrop(
        _ recordClass: OutboxRecordClass, _ cause: OutboxDropCause, _ count: Int
    ) {
        guard count > 0 else { return }
        counters.drops[Int(recordClass.rawValue)][cause.rawValue] += UInt64(count)
        // One event for what happened together.
        if case .dropped(recordClass, cause, let before)? = events.last {
            events[events.count - 1] = .dropped(recordClass, cause, count: before + count)
        } else {
            events.append(.dropped(recordClass, cause, count: count))
        }
    }

    /// Counts a drop that the counters on the disk do not know yet.
    mutating func countDropForDisk(_ recordClass: OutboxRecordClass, _ cause: OutboxDropCause) {
        countDrop(recordClass, cause, 1)
        if let index = uncountedDrops.firstIndex(where: {
            $0.recordClass == recordClass && $0.cause == cause
        }) {
            uncountedDrops[index].count += 1
        } else {
            uncountedDrops.append(
                OutboxDropCount(recordClass: recordClass, cause: cause, count: 1))
        }
    }

    mutating func takeEvents() -> [OutboxEvent] {
        defer { events.removeAll() }
        return events
    }
}
