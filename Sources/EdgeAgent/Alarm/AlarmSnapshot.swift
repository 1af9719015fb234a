/// Why saved alarms cannot be restored.
package enum AlarmSnapshotError: Error, Equatable, CustomStringConvertible {
    case notASnapshot
    case unknownVersion(UInt16)
    case truncated(offset: Int)
    case wrongChecksum
    case invalidValue(name: String, offset: Int)

    package var description: String {
        switch self {
        case .notASnapshot: "this is not a file of saved alarms"
        case .unknownVersion(let version): "alarms saved in version \(version) cannot be read"
        case .truncated(let offset): "the saved alarms end early, at byte \(offset)"
        case .wrongChecksum: "the saved alarms are damaged: their checksum is wrong"
        case .invalidValue(let name, let offset):
            "the saved alarms have an impossible \(name) at byte \(offset)"
        }
    }
}

/// The alarms of a pipeline as bytes, for a warm restart.
///
/// Layout, little-endian: magic `EAAL`, version UInt16, zero UInt16, count UInt32, wall time of the
/// saving Int64; then for each alarm: key length UInt16, key, severity UInt8 (0 idle), label Int16,
/// raisedAt Int64, raisedBy boot and sequence UInt64, reminder due in UInt64 nanoseconds, clear
/// count UInt16, four band counts UInt16; last an FNV-1a 64 of all before it, against damage.
package struct AlarmSnapshotWriter: ~Copyable {
    static let magic: UInt32 = 0x4C41_4145
    static let version: UInt16 = 1
    static let headerBytes = 20
    static let entryBytes = 47
    /// What one alarm takes beside its key.
    package static let bytesPerAlarm = entryBytes
    /// What a snapshot takes beside its alarms.
    package static let bytesBeside = headerBytes + 8

    private var bytes: [UInt8] = []
    private var count: UInt32 = 0
    private let now: AlarmInstant

    /// Starts a snapshot.
    ///
    /// - Parameter capacityBytes: so much is allocated, once; the snapshot grows beyond it.
    ///   `bytesBeside` and for each alarm `bytesPerAlarm` and its key are enough.
    package init(now: AlarmInstant, capacityBytes: Int = 4096) {
        self.now = now
        bytes.reserveCapacity(capacityBytes)
        put(Self.magic)
        put(Self.version)
        put(UInt16(0))
        put(UInt32(0))
        put(UInt64(bitPattern: now.wallNanoseconds))
    }

    /// Adds one alarm; a pristine one is left out.
    ///
    /// - Parameter key: the asset's, at most 65 535 bytes (a longer one is left out).
    package mutating func append(_ state: AlarmState, key: UnsafeRawBufferPointer) {
        guard !state.isPristine, let length = UInt16(exactly: key.count) else { return }
        put(length)
        unsafe bytes.append(contentsOf: key)
        bytes.append(state.severity?.rawValue ?? 0)
        put(UInt16(bitPattern: state.labelIndex))
        put(UInt64(bitPattern: state.raisedAtNanoseconds))
        put(state.raisedBy.boot)
        put(state.raisedBy.sequence)
        let due = state.reminderDueNanoseconds
        put(
            due == .max
                ? .max : due > now.monotonicNanoseconds ? due - now.monotonicNanoseconds : 0)
        put(state.clearCount)
        for band in 0..<AlarmRule.maximumBands { put(state.bandCounts[band]) }
        count += 1
    }

    /// Ends the snapshot.
    package consuming func finish() -> [UInt8] {
        for index in 0..<4 {
            bytes[8 + index] = UInt8(truncatingIfNeeded: count >> UInt32(8 * index))
        }
        put(AlarmSnapshotReader.checksum(bytes[...]))
        return bytes
    }

    private mutating func put<Value: FixedWidthInteger>(_ value: Value) {
        for index in 0..<(Value.bitWidth / 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> Value(8 * index)))
        }
    }
}

/// Reads what `AlarmSnapshotWriter` wrote; anything else is an error, never a trap.
package struct AlarmSnapshotReader {
    /// Wall time of the saving, nanoseconds since 1970: how fresh it is.
    package private(set) var savedAtNanoseconds: Int64
    /// How many alarms follow.
    package private(set) var count: Int

    private let bytes: [UInt8]
    private let end: Int
    private var offset: Int
    private var remaining: Int

    /// Checks the header and the checksum.
    package init(_ bytes: [UInt8]) throws(AlarmSnapshotError) {
        self.bytes = bytes
        guard bytes.count >= 4 else { throw .notASnapshot }
        end = bytes.count - 8
        offset = 0
        remaining = 0
        savedAtNanoseconds = 0
        count = 0
        guard end >= 0, try take(UInt32.self) == AlarmSnapshotWriter.magic else {
            throw .notASnapshot
        }
        let version = try take(UInt16.self)
        guard version == AlarmSnapshotWriter.version else { throw .unknownVersion(version) }
        _ = try take(UInt16.self)
        let count = try take(UInt32.self)
        let savedAt = try take(UInt64.self)
        var stored: UInt64 = 0
        for index in 0..<8 { stored |= UInt64(bytes[end + index]) << UInt64(8 * index) }
        guard Self.checksum(bytes[..<end]) == stored else { throw .wrongChecksum }
        self.count = Int(count)
        remaining = Int(count)
        savedAtNanoseconds = Int64(bitPattern: savedAt)
    }

    /// The next alarm and its asset's key; nil after the last.
    ///
    /// - Parameter now: the moment of the restart, against which reminders are set again.
    package mutating func next(
        now: AlarmInstant
    ) throws(AlarmSnapshotError) -> (key: [UInt8], state: AlarmState)? {
        guard remaining > 0 else {
            guard offset == end else { throw .invalidValue(name: "count", offset: offset) }
            return nil
        }
        remaining -= 1
        let length = Int(try take(UInt16.self))
        guard length <= end - offset else { throw .truncated(offset: end) }
        let key = Array(bytes[offset..<(offset + length)])
        offset += length
        let severityOffset = offset
        let code = try take(UInt8.self)
        let severity = Severity(rawValue: code)
        guard code == 0 || severity != nil else {
            throw .invalidValue(name: "severity", offset: severityOffset)
        }
        let label = Int16(bitPattern: try take(UInt16.self))
        let raisedAt = Int64(bitPattern: try take(UInt64.self))
        let boot = try take(UInt64.self)
        let sequence = try take(UInt64.self)
        let dueIn = try take(UInt64.self)
        let clearCount = try take(UInt16.self)
        var bandCounts = InlineArray<4, UInt16>(repeating: 0)
        for band in 0..<AlarmRule.maximumBands { bandCounts[band] = try take(UInt16.self) }
        let (due, overflow) = now.monotonicNanoseconds.addingReportingOverflow(dueIn)
        let state = AlarmState(
            severity: severity, raisedAtNanoseconds: raisedAt,
            raisedBy: EventReference(boot: boot, sequence: sequence), labelIndex: max(label, -1),
            reminderDueNanoseconds: overflow ? .max : due, clearCount: clearCount,
            bandCounts: bandCounts)
        return (key, state)
    }

    private mutating func take<Value: FixedWidthInteger>(
        _ type: Value.Type
    ) throws(AlarmSnapshotError) -> Value {
        let size = Value.bitWidth / 8
        guard size <= end - offset else { throw .truncated(offset: max(end, 0)) }
        var value: Value = 0
        for index in 0..<size {
            value |= Value(truncatingIfNeeded: bytes[offset + index]) << Value(8 * index)
        }
        offset += size
        return value
    }

    /// FNV-1a, 64 bits.
    static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return hash
    }
}
