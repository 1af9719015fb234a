// Saving the windows for a restart, so that a window of an hour need not be an hour long again.
//
// Little-endian: magic "EAWB", version, the windows' shape, the clock's identity, the number of
// assets, the assets from the one silent for longest on, and FNV-1a 64 of all that.
extension WindowBank {
    private static let magic: UInt32 = 0x4257_4145
    private static let version: UInt32 = 1

    /// The windows of all assets as bytes. Windows that are due are not: evaluate them before.
    ///
    /// - Parameter clockIdentity: What tells one life of the monotonic clock from the next, such as
    ///   a hash of the boot's identifier; times of arrival mean nothing in another.
    /// - Complexity: O(all rows); allocates. Not for the hot path.
    package func savedState(clockIdentity: UInt64) -> [UInt8] {
        var writer = StateWriter()
        writer.append(Self.magic)
        writer.append(Self.version)
        for value in shape(clockIdentity: clockIdentity) { writer.append(value) }
        writer.append(UInt32(table.count))
        table.forEachFromOldest { slot, _ in
            let asset = unsafe assets[slot]
            let key = unsafe table.key(of: slot)
            writer.append(UInt32(key.count))
            unsafe writer.bytes.append(contentsOf: key)
            let kept = Int(min(asset.rowsWritten, UInt64(window.samples)))
            writer.append(UInt32(kept))
            writer.append(UInt32(asset.missingRows))
            writer.append(UInt64(bitPattern: asset.newestTime))
            writer.append(UInt64(bitPattern: asset.nextSlot))
            for row in (asset.rowsWritten - UInt64(kept))..<asset.rowsWritten {
                let position = slot * ringRows + ring(row)
                writer.append(unsafe UInt64(bitPattern: times[position]))
                for channel in 0..<channelCount {
                    writer.append(unsafe rows[position * channelCount + channel].bitPattern)
                }
            }
            guard unsafe !held.isEmpty else { return }
            for index in (slot * channelCount)..<((slot + 1) * channelCount) {
                writer.append(unsafe UInt64(bitPattern: heldTimes[index]))
                writer.append(unsafe held[index].bitPattern)
            }
        }
        writer.append(writer.checksum)
        return writer.bytes
    }

    /// Takes up saved windows. The bank must be new; on an error throw it away and make another.
    ///
    /// - Parameters:
    ///   - nowNanoseconds: The monotonic clock, from which the assets' silence counts.
    ///   - clockIdentity: As for `savedState`.
    /// - Throws: `.unusableState`, if the bytes are damaged, of another version, of windows of another
    ///   shape, or on a clock that is no more.
    package func restore(
        _ bytes: [UInt8], nowNanoseconds: UInt64, clockIdentity: UInt64
    ) throws(WindowError) {
        precondition(assetCount == 0, "state is restored into a new bank")
        var reader = try StateReader(bytes)
        guard try reader.uint32() == Self.magic else { throw .unusableState("not windows") }
        guard try reader.uint32() == Self.version else { throw .unusableState("other version") }
        for value in shape(clockIdentity: clockIdentity) {
            guard try reader.uint64() == value else {
                throw .unusableState("windows of another shape or clock")
            }
        }
        for _ in 0..<(try reader.count(maximum: limits.maximumAssets)) {
            try restoreAsset(from: &reader, nowNanoseconds: nowNanoseconds)
        }
        guard reader.isAtEnd else { throw .unusableState("more bytes than windows") }
    }

    private func restoreAsset(
        from reader: inout StateReader, nowNanoseconds: UInt64
    ) throws(WindowError) {
        let key = try reader.bytes(try reader.count(maximum: limits.maximumKeyBytes))
        let outcome = unsafe key.withUnsafeBytes {
            unsafe asset(key: $0, nowNanoseconds: nowNanoseconds)
        }
        guard case .new(let slot) = outcome else { throw .unusableState("a key twice") }
        let kept = try reader.count(maximum: window.samples)
        let missing = try reader.count(maximum: window.samples)
        // When the window is complete again, all of its rows must be there.
        guard missing >= 1, kept >= window.samples - missing else {
            throw .unusableState("rows are missing")
        }
        unsafe assets[slot].missingRows = Int32(missing)
        unsafe assets[slot].rowsWritten = UInt64(kept)
        unsafe assets[slot].acceptedAt = nowNanoseconds
        unsafe assets[slot].newestTime = Int64(bitPattern: try reader.uint64())
        unsafe assets[slot].nextSlot = Int64(bitPattern: try reader.uint64())
        for row in 0..<kept {
            let position = slot * ringRows + row
            unsafe times[position] = Int64(bitPattern: try reader.uint64())
            for channel in 0..<channelCount {
                let value = Float(bitPattern: try reader.uint32())
                guard value.isFinite else { throw .unusableState("a value that is not finite") }
                unsafe rows[position * channelCount + channel] = value
            }
        }
        guard unsafe !held.isEmpty else { return }
        for index in (slot * channelCount)..<((slot + 1) * channelCount) {
            unsafe heldTimes[index] = Int64(bitPattern: try reader.uint64())
            unsafe held[index] = Float(bitPattern: try reader.uint32())
            guard unsafe held[index].isFinite || heldTimes[index] == .min else {
                throw .unusableState("an observation that is not finite")
            }
        }
    }

    /// What saved and restoring bank must have in common.
    private func shape(clockIdentity: UInt64) -> [UInt64] {
        var interval: Int64 = 0
        if case .fixedRate(let nanoseconds, _) = window.alignment { interval = nanoseconds }
        let isMonotonic = timeAxis == .monotonic
        return [
            UInt64(window.samples), UInt64(window.hop), UInt64(channelCount),
            UInt64(bitPattern: interval), isMonotonic ? 1 : 0, isMonotonic ? clockIdentity : 0,
        ]
    }
}

private struct StateWriter {
    var bytes: [UInt8] = []

    mutating func append<Integer: FixedWidthInteger>(_ value: Integer) {
        for shift in stride(from: 0, to: Integer.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> Integer(shift)))
        }
    }

    var checksum: UInt64 { fnv1a(bytes[...]) }
}

private struct StateReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) throws(WindowError) {
        guard bytes.count >= 8 else { throw .unusableState("too short") }
        rest = bytes.suffix(8)
        let checksum = try uint64()
        rest = bytes.dropLast(8)
        guard fnv1a(rest) == checksum else { throw .unusableState("damaged") }
    }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func bytes(_ count: Int) throws(WindowError) -> [UInt8] {
        guard count <= rest.count else { throw .unusableState("too short") }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    mutating func uint32() throws(WindowError) -> UInt32 {
        try bytes(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    mutating func uint64() throws(WindowError) -> UInt64 {
        try bytes(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func count(maximum: Int) throws(WindowError) -> Int {
        let count = Int(try uint32())
        guard count <= maximum else { throw .unusableState("more than fits") }
        return count
    }
}

private func fnv1a(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
}
