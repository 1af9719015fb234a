internal import Synchronization

/// What became of a record that was handed to a lane.
package enum OutboxSubmission: Sendable, Equatable {
    /// The outbox has it, and it is the caller's to publish now, on its own session; afterwards one of
    /// ``OutboxLane/acknowledge(sequence:)``, ``OutboxLane/reject(sequence:reasonCode:)`` or
    /// ``OutboxLane/handOver(sequence:)`` must follow, or ``OutboxLane/releaseLive()`` for all at once.
    case publishLive
    /// The outbox has it and sends it.
    case kept
    /// There is no room: nothing was taken. The caller counts it and holds the record, or drops it.
    case full
    /// The record is larger than any lane of this capacity takes: nothing was taken.
    case tooLarge
}

/// What became of bytes that a producer wants kept.
package enum OutboxKeeping: Sendable, Equatable {
    /// They are on the disk once ``OutboxLane/durableSequence`` has reached them.
    case awaited
    /// They change too often for that: they are on the disk a second later.
    case later
    /// There was no room, or they are too many: nothing was taken.
    case refused
}

/// The way of one producer's records to the outbox: a bounded ring in memory that is never waited for.
///
/// A producer that shares the uplink's broker asks to publish a record itself (`live`), which costs no
/// hop to another thread. It may while ``isClear`` holds: then nothing of this lane waits that
/// would have to arrive earlier. The outbox journals such a record beside it, and only if the PUBACK is not
/// there in time.
///
/// A record is safe when its PUBACK has come or ``durableSequence`` has reached it.
///
/// - Thread: `submit`, `acknowledge`, `reject`, `handOver`, `releaseLive`, `flush` and the properties
///   under "Producer" belong to one thread, the producer's; the rest to the outbox.
/// - Complexity: no call allocates or blocks; only ``flush()`` may make a system call.
package final class OutboxLane: Sendable {
    /// Shown in metrics and events.
    package let name: String
    let ring: OutboxRing
    let doorbell: OutboxDoorbell
    private let sequencer: OutboxSequencer
    /// Signalled for the producer; see ``wantsWake``.
    private let wake: EventDescriptor

    /// Everything up to here is on the disk or settled. Written by the outbox only.
    private let durable = Atomic<UInt64>(0)
    /// Whether the outbox has nothing of this lane that live records would overtake. Written by the outbox.
    private let isOpen = Atomic<Bool>(false)
    private let producerWantsWake = Atomic<Bool>(false)
    /// Records that found the ring full.
    private let refused = Atomic<UInt64>(0)

    /// - Parameter capacityBytes: rounded up to a power of two of at least 4 KiB.
    init(
        name: String, capacityBytes: Int, sequencer: OutboxSequencer, doorbell: OutboxDoorbell,
        startsOpen: Bool
    ) throws(MQTTError) {
        self.name = name
        self.sequencer = sequencer
        self.doorbell = doorbell
        ring = OutboxRing(capacityBytes: capacityBytes)
        wake = try EventDescriptor()
        isOpen.store(startsOpen, ordering: .relaxed)
    }

    // MARK: Producer

    /// Returns a new sequence number, for a record's identifier and header.
    package func makeSequence() -> UInt64 { sequencer.next() }

    /// Hands a record to the outbox; never blocks.
    ///
    /// - Parameters:
    ///   - topic: without a NUL at its end, at most 65 535 bytes.
    ///   - live: whether the caller can publish the record itself, now: its session is connected and
    ///     its window has room.
    package func submit(
        _ header: OutboxRecordHeader, topic: UnsafeRawBufferPointer,
        payload: UnsafeRawBufferPointer, live: Bool
    ) -> OutboxSubmission {
        let live = live && isClear
        switch unsafe ring.write(header, topic: topic, payload: payload, isLive: live) {
        case .full:
            refused.wrappingAdd(1, ordering: .relaxed)
            return .full
        case .tooLarge:
            refused.wrappingAdd(1, ordering: .relaxed)
            return .tooLarge
        case .written:
            guard live else { return .kept }
        }
        // Proof: the ring's tail was stored before this fence; the outbox stores `isOpen = false`, fences,
        // then reads the tail. So either it sees this record and commits it with the others, or this load
        // sees false: a live record never overtakes one that has gone to the disk.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        guard isOpen.load(ordering: .relaxed) else {
            ring.writeControl(.handOver, sequence: header.sequence)
            return .kept
        }
        return .publishLive
    }

    /// Has bytes kept for the next start, in place of the earlier ones of the key; none forget the key.
    ///
    /// - Parameters:
    ///   - sequence: from ``makeSequence()``.
    ///   - key: at most ``OutboxKept/maximumKeyBytes``.
    ///   - bytes: at most ``OutboxKept/maximumBytes``.
    package func keep(
        sequence: UInt64, key: UnsafeRawBufferPointer, bytes: UnsafeRawBufferPointer,
        nowNanoseconds: UInt64
    ) -> OutboxKeeping {
        let isAwaited = doorbell.keptPace.take(nowNanoseconds: nowNanoseconds)
        guard key.count <= OutboxKept.maximumKeyBytes, bytes.count <= OutboxKept.maximumBytes,
            unsafe ring.writeKept(
                sequence: sequence, key: key, bytes: bytes, isAwaited: isAwaited) == .written
        else {
            refused.wrappingAdd(1, ordering: .relaxed)
            return .refused
        }
        return isAwaited ? .awaited : .later
    }

    /// Says that the broker has a record that the caller published: its PUBACK has come.
    package func acknowledge(sequence: UInt64) {
        ring.writeControl(.acknowledged, sequence: sequence)
    }

    /// Says that the broker refused a record that the caller published.
    ///
    /// - Parameter reasonCode: of the PUBACK, 0x80 or more.
    package func reject(sequence: UInt64, reasonCode: UInt8) {
        ring.writeControl(.rejected, sequence: sequence, reasonCode: reasonCode)
    }

    /// Gives a record to the outbox that was to be published live and could not be.
    package func handOver(sequence: UInt64) {
        ring.writeControl(.handOver, sequence: sequence)
    }

    /// Gives all live records without a PUBACK to the outbox: the caller's connection was lost.
    package func releaseLive() {
        ring.writeReleaseAll()
    }

    /// Wakes the outbox if it has to be woken for what was submitted since the last call. Call at the end of a
    /// turn, after live records were published.
    package func flush() {
        guard ring.takeNews() else { return }
        doorbell.ring(isUrgent: ring.takeUrgency())
    }

    /// Whether nothing of this lane is with the outbox that a live record would overtake.
    package var isClear: Bool {
        // Proof: the outbox closes the lane before it releases the ring's head past a record that is its
        // to send; `areHandedOverTaken` acquires the head first, so a stale `true` is impossible.
        ring.areHandedOverTaken && isOpen.load(ordering: .acquiring)
    }

    /// Every record of this lane up to this sequence number is on the disk, or settled.
    package var durableSequence: UInt64 { durable.load(ordering: .acquiring) }

    /// Whether records of that many bytes together, topics and headers included, find room for certain.
    ///
    /// For a producer that takes no work in unless it can keep what comes of it.
    package func hasRoom(forBytes bytes: Int) -> Bool {
        // Twice: each record may leave as much unused at the ring's end as it takes.
        ring.freeBytes >= 2 * bytes
    }

    /// How many live records wait for their PUBACK.
    package var liveCount: Int { ring.liveCount }

    /// Whether ``wakeDescriptor`` is to become readable when ``durableSequence`` or ``isClear`` changes.
    ///
    /// Set it, look at the two once more, then poll.
    package var wantsWake: Bool {
        get { producerWantsWake.load(ordering: .relaxed) }
        set {
            producerWantsWake.store(newValue, ordering: .relaxed)
            // Proof: pairs with the fence in `publishState`: one of the two sides sees the other's store.
            atomicMemoryFence(ordering: .sequentiallyConsistent)
        }
    }

    /// The descriptor to poll for reading; owned by the lane.
    package var wakeDescriptor: Int32 { wake.fileDescriptor }

    /// Makes ``wakeDescriptor`` readable, so that the producer's poll ends. - Thread: any.
    package func wakeProducer() { wake.signal() }

    /// Makes ``wakeDescriptor`` unreadable again.
    package func drainWake() { wake.drain() }

    /// How many submissions found no room. - Thread: any.
    package var refusedCount: UInt64 { refused.load(ordering: .relaxed) }

    // MARK: Outbox

    /// Closes the lane for live records, and only then returns: what is submitted later sees it.
    func close() {
        isOpen.store(false, ordering: .releasing)
        // Proof: see `submit`; the reads of the ring that follow are ordered after this store.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
    }

    /// Tells the producer where the outbox stands, and wakes it if it wants.
    ///
    /// - Parameter hasTaken: whether room was made in the ring, which a producer may wait for as well.
    func publishState(durableSequence: UInt64, isOpen open: Bool, hasTaken: Bool = false) {
        let before = durable.load(ordering: .relaxed)
        let wasOpen = isOpen.load(ordering: .relaxed)
        guard durableSequence != before || open != wasOpen || hasTaken else { return }
        // Proof: releasing: whatever the producer does after it has seen the value comes after the commit.
        durable.store(max(durableSequence, before), ordering: .releasing)
        isOpen.store(open, ordering: .releasing)
        // Proof: pairs with the fence in `wantsWake`.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        if producerWantsWake.load(ordering: .relaxed) { wake.signal() }
    }
}
