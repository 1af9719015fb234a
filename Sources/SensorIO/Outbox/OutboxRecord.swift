/// A record with its place in the order.
struct OutboxRecord: Sendable, Equatable {
    /// The class in the top byte, below it a counter that never runs backwards: the order in which records
    /// are sent, and the key in the database, so that neither needs an index of its own.
    var id: Int64
    var boot: UInt64
    var header: OutboxRecordHeader
    /// When it was accepted, by the clock that counts the time that passed (``OutboxClock``).
    var elapsedNanoseconds: Int64
    /// How often the broker refused it.
    var attempts: Int
    /// The topic, a NUL, the payload: in one piece, and ready for a C function.
    var bytes: [UInt8]
    var topicCount: Int
    var topicHash: UInt64

    static let counterMask: Int64 = (1 << 56) - 1

    /// The smallest identifier of a class.
    static func base(of recordClass: OutboxRecordClass) -> Int64 {
        Int64(recordClass.rawValue) << 56
    }

    /// The class that an identifier says.
    static func recordClass(of id: Int64) -> OutboxRecordClass {
        OutboxRecordClass(rawValue: UInt8(truncatingIfNeeded: id >> 56)) ?? .prediction
    }

    var recordClass: OutboxRecordClass { Self.recordClass(of: id) }

    var topic: String { String(decoding: bytes.prefix(topicCount), as: UTF8.self) }

    var payload: ArraySlice<UInt8> { bytes[min(topicCount + 1, bytes.count)...] }

    /// What a record takes in memory, roughly: its bytes and its entry in the tables.
    var memoryBytes: Int { bytes.count + 256 }

    init(
        id: Int64, boot: UInt64, header: OutboxRecordHeader, elapsedNanoseconds: Int64,
        attempts: Int = 0, topic: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer
    ) {
        self.id = id
        self.boot = boot
        self.header = header
        self.elapsedNanoseconds = elapsedNanoseconds
        self.attempts = attempts
        topicCount = topic.count
        topicHash = unsafe OutboxHash.hash(topic)
        let total = topic.count + 1 + payload.count
        unsafe bytes = [UInt8](unsafeUninitializedCapacity: total) { buffer, count in
            // Proof: the three ranges are disjoint and together `total`.
            let raw = UnsafeMutableRawBufferPointer(buffer)
            unsafe UnsafeMutableRawBufferPointer(rebasing: raw[..<topic.count]).copyMemory(
                from: topic)
            unsafe raw[topic.count] = 0
            unsafe UnsafeMutableRawBufferPointer(rebasing: raw[(topic.count + 1)...])
                .copyMemory(from: payload)
            count = total
        }
    }

    /// A sum over everything that matters, to find damage that SQLite does not.
    func checksum() -> UInt64 {
        var sum = unsafe bytes.withUnsafeBytes { unsafe OutboxHash.hash($0) }
        OutboxHash.mix(&sum, UInt64(bitPattern: id))
        OutboxHash.mix(&sum, boot)
        OutboxHash.mix(&sum, header.sequence)
        OutboxHash.mix(
            &sum,
            UInt64(header.flags) | UInt64(truncatingIfNeeded: header.contentType.rawValue) << 8)
        OutboxHash.mix(&sum, UInt64(truncatingIfNeeded: header.historicalOffset))
        OutboxHash.mix(&sum, UInt64(header.expirySeconds))
        OutboxHash.mix(&sum, UInt64(bitPattern: header.createdNanoseconds))
        OutboxHash.mix(&sum, UInt64(bitPattern: elapsedNanoseconds))
        return sum
    }

    /// Makes the token `false` at the header's offset `true `: the record is sent late.
    mutating func markHistorical() {
        let start = topicCount + 1 + header.historicalOffset
        guard header.historicalOffset > 0, start + 5 <= bytes.count,
            bytes[start..<start + 5].elementsEqual("false".utf8)
        else { return }
        for (index, byte) in "true ".utf8.enumerated() { bytes[start + index] = byte }
    }
}

/// A quick 64-bit hash: finds damage, tells topics apart. Two topics with one hash only wait for each
/// other without need.
package enum OutboxHash {
    package static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var sum: UInt64 = 0x243F_6A88_85A3_08D3 ^ UInt64(bytes.count)
        var offset = 0
        // Proof: offset + 8 <= count, and the rest byte by byte.
        while offset + 8 <= bytes.count {
            mix(&sum, unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        var rest: UInt64 = 0
        while offset < bytes.count {
            rest = rest << 8 | UInt64(unsafe bytes[offset])
            offset += 1
        }
        mix(&sum, rest)
        return sum
    }

    @inline(__always)
    package static func mix(_ sum: inout UInt64, _ word: UInt64) {
        sum = (sum ^ word) &* 0x9E37_79B9_7F4A_7C15
        sum ^= sum >> 32
    }
}
