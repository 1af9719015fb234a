internal import Synchronization

/// A bounded ring of bytes between one writing and one reading thread, with records of any length.
///
/// Every entry starts on 16 bytes and is contiguous; one that does not fit before the end is preceded
/// by padding. For every live record the 16 bytes of its later acknowledgement are reserved, so an
/// acknowledgement always finds room.
@safe final class OutboxRing: Sendable {
    enum Kind: UInt8 {
        case padding
        case record
        case liveRecord
        case acknowledged
        case rejected
        case handOver
        case releaseAll
        case keep
        case keepLater
    }

    enum WriteResult { case written, full, tooLarge }

    /// What the reading side gets; the pointers are valid during the call only.
    @safe enum Entry {
        // Proof of @safe: made by `read` only, for the duration of one call of its body.
        case record(
            OutboxRecordHeader, UnsafeRawBufferPointer, UnsafeRawBufferPointer, isLive: Bool)
        case acknowledged(sequence: UInt64)
        case rejected(sequence: UInt64, reasonCode: UInt8)
        case handOver(sequence: UInt64)
        case releaseAll
        case keep(
            sequence: UInt64, key: UnsafeRawBufferPointer, bytes: UnsafeRawBufferPointer,
            isAwaited: Bool)
    }

    static let controlBytes = 16
    static let headerBytes = 48

    // Proof of @safe and of sharing: the bytes in [head, tail) belong to the reader, the others to the writer;
    // each passes bytes on by a releasing store of its own counter that the other acquires. Allocated in
    // init, freed in deinit, when no thread has a reference.
    private nonisolated(unsafe) let storage: UnsafeMutableRawPointer
    let capacity: Int
    private let mask: UInt64

    /// Bytes ever released by the reader.
    private let head = Atomic<UInt64>(0)
    /// Bytes ever written by the writer.
    private let tail = Atomic<UInt64>(0)

    // The writer's own state. Proof: relaxed, only the writer's thread writes them; atomics because the class
    // is shared, and `live` is also shown in metrics.
    private let live = Atomic<Int>(0)
    private let handedOverEnd = Atomic<UInt64>(0)
    private let urgent = Atomic<Bool>(false)
    /// The tail at the last ``takeNews()``.
    private let known = Atomic<UInt64>(0)

    init(capacityBytes: Int) {
        var capacity = 4096
        while capacity < capacityBytes, capacity < 1 << 30 { capacity <<= 1 }
        self.capacity = capacity
        mask = UInt64(capacity - 1)
        unsafe storage = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit {
        unsafe storage.deallocate()
    }

    // MARK: Writer

    /// Writes a record, or nothing.
    func write(
        _ header: OutboxRecordHeader, topic: UnsafeRawBufferPointer,
        payload: UnsafeRawBufferPointer, isLive: Bool
    ) -> WriteResult {
        unsafe write(
            isLive ? .liveRecord : .record, header, topic: topic, payload: payload)
    }

    /// Writes bytes to be kept under a key, or nothing.
    func writeKept(
        sequence: UInt64, key: UnsafeRawBufferPointer, bytes: UnsafeRawBufferPointer,
        isAwaited: Bool
    ) -> WriteResult {
        let header = OutboxRecordHeader(sequence: sequence, recordClass: .notice)
        return unsafe write(
            isAwaited ? .keep : .keepLater, header, topic: key, payload: bytes)
    }

    private func write(
        _ kind: Kind, _ header: OutboxRecordHeader, topic: UnsafeRawBufferPointer,
        payload: UnsafeRawBufferPointer
    ) -> WriteResult {
        let isLive = kind == .liveRecord
        // A quarter of the ring at most, so that one record never needs the whole of it with its padding.
        guard topic.count <= 65_535, payload.count <= capacity,
            Self.headerBytes + topic.count + payload.count <= capacity / 4
        else { return .tooLarge }
        let length = (Self.headerBytes + topic.count + payload.count + 15) & ~15
        let start = tail.load(ordering: .relaxed)
        let offset = Int(start & mask)
        let padding = capacity - offset < length ? capacity - offset : 0
        let liveCount = live.load(ordering: .relaxed)
        let reserved = (liveCount + (isLive ? 1 : 0)) * Self.controlBytes
        // Proof: acquiring the head: the reader is done with the bytes that are now overwritten.
        let used = Int(start &- head.load(ordering: .acquiring))
        guard used + padding + length + reserved <= capacity else { return .full }

        if padding > 0 { unsafe store(.padding, length: padding, at: storage + offset) }
        let at = unsafe storage + (padding > 0 ? 0 : offset)
        unsafe store(kind, length: length, at: at)
        unsafe at.storeBytes(of: header.flags, toByteOffset: 5, as: UInt8.self)
        unsafe at.storeBytes(of: header.recordClass.rawValue, toByteOffset: 6, as: UInt8.self)
        unsafe at.storeBytes(
            of: UInt8(truncatingIfNeeded: header.contentType.rawValue), toByteOffset: 7,
            as: UInt8.self)
        unsafe at.storeBytes(of: header.sequence, toByteOffset: 8, as: UInt64.self)
        unsafe at.storeBytes(of: header.createdNanoseconds, toByteOffset: 16, as: Int64.self)
        unsafe at.storeBytes(of: UInt32(topic.count), toByteOffset: 24, as: UInt32.self)
        unsafe at.storeBytes(of: UInt32(payload.count), toByteOffset: 28, as: UInt32.self)
        let token = header.historicalOffset
        unsafe at.storeBytes(
            of: token > 0 && token + 5 <= payload.count ? UInt32(token) : 0, toByteOffset: 32,
            as: UInt32.self)
        unsafe at.storeBytes(of: header.expirySeconds, toByteOffset: 36, as: UInt32.self)
        if let base = topic.baseAddress {
            unsafe (at + Self.headerBytes).copyMemory(from: base, byteCount: topic.count)
        }
        if let base = payload.baseAddress {
            unsafe (at + Self.headerBytes + topic.count)
                .copyMemory(from: base, byteCount: payload.count)
        }
        let end = start &+ UInt64(padding + length)
        if isLive {
            live.store(liveCount + 1, ordering: .relaxed)
        } else if kind != .keepLater {
            // Kept bytes are no message: nothing can overtake them.
            if kind == .record { handedOverEnd.store(end, ordering: .relaxed) }
            urgent.store(true, ordering: .relaxed)
        }
        if used + padding + length > capacity / 2 { urgent.store(true, ordering: .relaxed) }
        // Proof: releasing: the reader that acquires this tail sees the bytes before it.
        tail.store(end, ordering: .releasing)
        return .written
    }

    /// Writes what became of a live record, into the room that was reserved for it.
    func writeControl(_ kind: Kind, sequence: UInt64, reasonCode: UInt8 = 0) {
        let liveCount = live.load(ordering: .relaxed)
        // None is outstanding: this one was released to the outbox before, which has its own view of it.
        guard liveCount > 0 else { return }
        live.store(liveCount - 1, ordering: .relaxed)
        appendControl(
            kind, sequence: sequence, reasonCode: reasonCode,
            isHandOver: kind == .handOver || kind == .rejected)
    }

    /// Writes that no live record is the writer's any more; uses one of the reservations.
    func writeReleaseAll() {
        guard live.load(ordering: .relaxed) > 0 else { return }
        live.store(0, ordering: .relaxed)
        appendControl(.releaseAll, sequence: 0, reasonCode: 0, isHandOver: true)
    }

    private func appendControl(
        _ kind: Kind, sequence: UInt64, reasonCode: UInt8, isHandOver: Bool
    ) {
        let start = tail.load(ordering: .relaxed)
        // Proof: never past the end: every length is a multiple of 16, and so is the capacity.
        let at = unsafe storage + Int(start & mask)
        unsafe store(kind, length: Self.controlBytes, at: at)
        unsafe at.storeBytes(of: reasonCode, toByteOffset: 5, as: UInt8.self)
        unsafe at.storeBytes(of: sequence, toByteOffset: 8, as: UInt64.self)
        let end = start &+ UInt64(Self.controlBytes)
        if isHandOver {
            handedOverEnd.store(end, ordering: .relaxed)
            urgent.store(true, ordering: .relaxed)
        }
        // Proof: as in `write`.
        tail.store(end, ordering: .releasing)
    }

    private func store(_ kind: Kind, length: Int, at: UnsafeMutableRawPointer) {
        unsafe at.storeBytes(of: UInt32(length), as: UInt32.self)
        unsafe at.storeBytes(of: kind.rawValue, toByteOffset: 4, as: UInt8.self)
    }

    /// Bytes that records may still take, reservations for acknowledgements left aside. For the writer.
    var freeBytes: Int {
        // Proof: acquiring the head, as in `write`.
        let used = Int(tail.load(ordering: .relaxed) &- head.load(ordering: .acquiring))
        return capacity - used - live.load(ordering: .relaxed) * Self.controlBytes
    }

    /// How many live records have no answer yet.
    var liveCount: Int { live.load(ordering: .relaxed) }

    /// Whether the reader has taken everything that is its to send.
    var areHandedOverTaken: Bool {
        // Proof: acquiring: what the reader stored before it released these bytes is seen after this.
        head.load(ordering: .acquiring) >= handedOverEnd.load(ordering: .relaxed)
    }

    /// Whether anything was written since the last call.
    func takeNews() -> Bool {
        let end = tail.load(ordering: .relaxed)
        guard end != known.load(ordering: .relaxed) else { return false }
        known.store(end, ordering: .relaxed)
        return true
    }

    /// Whether something was written since the last call that the reader must not sleep over.
    func takeUrgency() -> Bool {
        let value = urgent.load(ordering: .relaxed)
        if value { urgent.store(false, ordering: .relaxed) }
        return value
    }

    // MARK: Reader

    /// Whether there is nothing to read.
    var isEmpty: Bool {
        head.load(ordering: .relaxed) == tail.load(ordering: .acquiring)
    }

    /// How many of the live records that are there to read, from the first one on, have been
    /// acknowledged in their order, with nothing but kept bytes in between.
    ///
    /// - Parameter earlier: the live records of this ring that were read before and have had no answer yet, in
    ///   their order: theirs have to come first.
    func acknowledgedCount<Earlier: Collection<UInt64>>(after earlier: Earlier) -> Int {
        // Proof: acquiring the tail, as in `read`; what comes later is not looked at.
        let end = tail.load(ordering: .acquiring)
        var records = head.load(ordering: .relaxed)
        var acknowledgements = records
        for sequence in earlier {
            guard next(.acknowledged, from: &acknowledgements, before: end) == sequence else {
                return 0
            }
        }
        var count = 0
        while let record = next(.liveRecord, from: &records, before: end),
            next(.acknowledged, from: &acknowledgements, before: end) == record
        {
            count += 1
        }
        return count
    }

    /// The sequence number of the next entry of a kind, and the position behind it; nil at the end, and before
    /// an entry that is neither a live record nor an acknowledgement nor kept bytes.
    private func next(_ wanted: Kind, from position: inout UInt64, before end: UInt64) -> UInt64? {
        while position != end {
            let at = unsafe UnsafeRawPointer(storage + Int(position & mask))
            let kind = Kind(rawValue: unsafe at.load(fromByteOffset: 4, as: UInt8.self))
            switch kind {
            case .padding, .liveRecord, .acknowledged, .keep, .keepLater: break
            case .record, .rejected, .handOver, .releaseAll, nil: return nil
            }
            position &+= UInt64(unsafe at.load(as: UInt32.self))
            if kind == wanted { return unsafe at.load(fromByteOffset: 8, as: UInt64.self) }
        }
        return nil
    }

    /// Gives every entry that is there to `body`, in order, at most `limit` of them, then releases them.
    ///
    /// Releasing at the end, and not entry by entry, lets the caller close the lane before the writer
    /// sees that its records have been taken.
    ///
    /// - Returns: how many entries there were.
    @discardableResult
    func read(limit: Int, beforeRelease: () -> Void, _ body: (Entry) -> Void) -> Int {
        // Proof: acquiring the tail: the bytes before it are complete.
        let end = tail.load(ordering: .acquiring)
        var position = head.load(ordering: .relaxed)
        var count = 0
        while position != end, count < limit {
            let at = unsafe UnsafeRawPointer(storage + Int(position & mask))
            let length = Int(unsafe at.load(as: UInt32.self))
            let kind = Kind(rawValue: unsafe at.load(fromByteOffset: 4, as: UInt8.self))
            position &+= UInt64(length)
            let sequence =
                kind == .padding ? 0 : unsafe at.load(fromByteOffset: 8, as: UInt64.self)
            switch kind {
            case .padding, nil: continue
            case .record: unsafe body(Self.record(at, sequence: sequence, isLive: false))
            case .liveRecord: unsafe body(Self.record(at, sequence: sequence, isLive: true))
            case .keep, .keepLater:
                if case .record(_, let key, let bytes, _) = unsafe Self.record(
                    at, sequence: sequence, isLive: false)
                {
                    unsafe body(
                        .keep(
                            sequence: sequence, key: key, bytes: bytes,
                            isAwaited: kind == .keep))
                }
            case .acknowledged: body(.acknowledged(sequence: sequence))
            case .rejected:
                let code = unsafe at.load(fromByteOffset: 5, as: UInt8.self)
                body(.rejected(sequence: sequence, reasonCode: code))
            case .handOver: body(.handOver(sequence: sequence))
            case .releaseAll: body(.releaseAll)
            }
            count += 1
        }
        beforeRelease()
        // Proof: releasing: the writer that acquires this head overwrites bytes that are read, and sees what
        // `beforeRelease` stored.
        head.store(position, ordering: .releasing)
        return count
    }

    private static func record(_ at: UnsafeRawPointer, sequence: UInt64, isLive: Bool) -> Entry {
        // Proof: the writer checked all lengths against the ring's capacity before it wrote them.
        let topicCount = Int(unsafe at.load(fromByteOffset: 24, as: UInt32.self))
        let payloadCount = Int(unsafe at.load(fromByteOffset: 28, as: UInt32.self))
        let recordClass = OutboxRecordClass(
            rawValue: unsafe at.load(fromByteOffset: 6, as: UInt8.self))
        let contentType = MQTTContentType(
            rawValue: Int(unsafe at.load(fromByteOffset: 7, as: UInt8.self)))
        let header = OutboxRecordHeader(
            sequence: sequence, recordClass: recordClass ?? .prediction,
            flags: unsafe at.load(fromByteOffset: 5, as: UInt8.self),
            contentType: contentType ?? .none,
            historicalOffset: Int(unsafe at.load(fromByteOffset: 32, as: UInt32.self)),
            expirySeconds: unsafe at.load(fromByteOffset: 36, as: UInt32.self),
            createdNanoseconds: unsafe at.load(fromByteOffset: 16, as: Int64.self))
        let bytes = unsafe at + headerBytes
        return unsafe .record(
            header, UnsafeRawBufferPointer(start: bytes, count: topicCount),
            UnsafeRawBufferPointer(start: bytes + topicCount, count: payloadCount),
            isLive: isLive)
    }
}
