// Saving the windows for a restart, so that a window of an hour need not be an hour long again.
//
// One entry an asset, little-endian: key length UInt32, rows kept UInt32, rows missing UInt32, time of the
// asset's silence UInt64, newest time Int64, next slot Int64, the key, the rows' times, the rows; at a fixed
// rate the observations' times and values. Entries are independent of each other, so that they need not be
// written at one time. Whoever stores them adds a checksum and `shape`.
extension WindowBank {
    private static let entryHeaderBytes = 36

    /// Whether a slot has an asset that can be saved.
    package func isUsed(_ slot: Int) -> Bool { table.isUsed(slot) }

    /// The most bytes that an asset's entry takes.
    package var maximumEntryBytes: Int {
        let observations = unsafe held.isEmpty ? 0 : channelCount * 12
        return Self.entryHeaderBytes + limits.maximumKeyBytes
            + window.samples * (8 + 4 * channelCount) + observations
    }

    /// What saved and restoring bank must have in common.
    ///
    /// - Parameter clockIdentity: What tells one life of the monotonic clock from the next, such as
    ///   a hash of the boot's identifier; times of arrival mean nothing in another.
    package func shape(clockIdentity: UInt64) -> [UInt64] {
        var interval: Int64 = 0
        if case .fixedRate(let nanoseconds, _) = window.alignment { interval = nanoseconds }
        let isMonotonic = timeAxis == .monotonic
        return [
            UInt64(window.samples), UInt64(window.hop), UInt64(channelCount),
            UInt64(bitPattern: interval), isMonotonic ? 1 : 0, isMonotonic ? clockIdentity : 0,
        ]
    }

    /// Writes a used slot's window. A window that is due is not in it: evaluate it before.
    ///
    /// Allocates nothing.
    /// - Parameters:
    ///   - buffer: At least `maximumEntryBytes`.
    ///   - nowNanoseconds: The monotonic clock.
    /// - Returns: How many bytes were written.
    /// - Complexity: O(rows of a window), as copies of memory.
    package func saveAsset(
        _ slot: Int, into buffer: UnsafeMutableRawBufferPointer, nowNanoseconds: UInt64
    ) -> Int {
        precondition(buffer.count >= maximumEntryBytes, "an entry has its bytes")
        let asset = unsafe assets[slot]
        let key = unsafe table.key(of: slot)
        let kept = Int(min(asset.rowsWritten, UInt64(window.samples)))
        let silence = nowNanoseconds >= asset.acceptedAt ? nowNanoseconds - asset.acceptedAt : 0
        // All within `maximumEntryBytes`, which is the sum of the same counts at their greatest.
        unsafe buffer.storeBytes(of: UInt32(key.count), toByteOffset: 0, as: UInt32.self)
        unsafe buffer.storeBytes(of: UInt32(kept), toByteOffset: 4, as: UInt32.self)
        unsafe buffer.storeBytes(of: asset.missingRows, toByteOffset: 8, as: Int32.self)
        unsafe buffer.storeBytes(of: silence, toByteOffset: 12, as: UInt64.self)
        unsafe buffer.storeBytes(of: asset.newestTime, toByteOffset: 20, as: Int64.self)
        unsafe buffer.storeBytes(of: asset.nextSlot, toByteOffset: 28, as: Int64.self)
        var offset = Self.entryHeaderBytes
        func copy(_ bytes: UnsafeRawBufferPointer) {
            unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[offset...]).copyMemory(
                from: bytes)
            offset += bytes.count
        }
        unsafe copy(key)
        // The rows are one run of the ring, or two.
        let first = ring(asset.rowsWritten - UInt64(kept))
        let run = min(kept, ringRows - first)
        let base = slot * ringRows
        for range in [base + first..<base + first + run, base..<base + kept - run] {
            unsafe copy(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: times[range])))
        }
        for range in [base + first..<base + first + run, base..<base + kept - run] {
            let values = range.lowerBound * channelCount..<range.upperBound * channelCount
            unsafe copy(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: rows[values])))
        }
        if unsafe !held.isEmpty {
            let range = slot * channelCount..<(slot + 1) * channelCount
            unsafe copy(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: heldTimes[range])))
            unsafe copy(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: held[range])))
        }
        return offset
    }

    /// For how long the asset of an entry had been silent when it was saved: restore the most silent first.
    /// - Units: nanoseconds
    package static func silenceNanoseconds(ofEntry bytes: UnsafeRawBufferPointer) -> UInt64 {
        guard bytes.count >= entryHeaderBytes else { return 0 }
        return unsafe bytes.loadUnaligned(fromByteOffset: 12, as: UInt64.self)
    }

    /// Takes up a saved window. The asset must not be there yet.
    ///
    /// - Parameters:
    ///   - entry: What `saveAsset` wrote, of a bank of the same shape.
    ///   - nowNanoseconds: The monotonic clock, from which the asset's silence counts.
    /// - Returns: The slot.
    /// - Throws: `.unusableState`, if the bytes are not such an entry, or there is no room; then the
    ///   bank is as it was.
    package func restoreAsset(
        _ entry: UnsafeRawBufferPointer, nowNanoseconds: UInt64
    ) throws(WindowError) -> Int {
        guard entry.count >= Self.entryHeaderBytes else { throw .unusableState("too short") }
        func number<Value: FixedWidthInteger>(_ offset: Int, _ type: Value.Type) -> Value {
            // Within the header, whose length was checked.
            unsafe entry.loadUnaligned(fromByteOffset: offset, as: Value.self)
        }
        let keyBytes = Int(number(0, UInt32.self))
        let kept = Int(number(4, UInt32.self))
        let missing = Int(number(8, Int32.self))
        guard keyBytes <= limits.maximumKeyBytes, kept <= window.samples, missing >= 1,
            // When the window is complete again, all of its rows must be there.
            missing <= window.samples, kept >= window.samples - missing
        else { throw .unusableState("rows are missing") }
        let observations = unsafe held.isEmpty ? 0 : channelCount
        let timesAt = Self.entryHeaderBytes + keyBytes
        let rowsAt = timesAt + 8 * kept
        let heldTimesAt = rowsAt + 4 * kept * channelCount
        let heldAt = heldTimesAt + 8 * observations
        guard entry.count == heldAt + 4 * observations else { throw .unusableState("its length") }
        for offset in stride(from: rowsAt, to: heldTimesAt, by: 4) {
            guard unsafe entry.loadUnaligned(fromByteOffset: offset, as: Float.self).isFinite
            else { throw .unusableState("a value that is not finite") }
        }
        for index in 0..<observations {
            let value = unsafe entry.loadUnaligned(
                fromByteOffset: heldAt + 4 * index, as: Float.self)
            guard value.isFinite || number(heldTimesAt + 8 * index, Int64.self) == .min
            else { throw .unusableState("an observation that is not finite") }
        }
        try checkTimes(newest: number(20, Int64.self), next: number(28, Int64.self))
        let key = unsafe UnsafeRawBufferPointer(rebasing: entry[Self.entryHeaderBytes..<timesAt])
        guard assetCount < limits.maximumAssets, unsafe table.find(key) == nil,
            case .new(let slot) = unsafe asset(key: key, nowNanoseconds: nowNanoseconds)
        else { throw .unusableState("a key twice, or too many") }
        unsafe assets[slot].missingRows = Int32(missing)
        unsafe assets[slot].rowsWritten = UInt64(kept)
        unsafe assets[slot].acceptedAt = nowNanoseconds
        unsafe assets[slot].newestTime = number(20, Int64.self)
        unsafe assets[slot].nextSlot = number(28, Int64.self)
        let base = slot * ringRows
        for row in 0..<kept { unsafe times[base + row] = number(timesAt + 8 * row, Int64.self) }
        for index in 0..<(kept * channelCount) {
            unsafe rows[base * channelCount + index] = unsafe entry.loadUnaligned(
                fromByteOffset: rowsAt + 4 * index, as: Float.self)
        }
        for index in 0..<observations {
            let channel = slot * channelCount + index
            unsafe heldTimes[channel] = number(heldTimesAt + 8 * index, Int64.self)
            unsafe held[channel] = unsafe entry.loadUnaligned(
                fromByteOffset: heldAt + 4 * index, as: Float.self)
        }
        return slot
    }

    /// At a fixed rate the slot that is to be closed next is the first one not before the newest time:
    /// from another one on there could be slots without end.
    private func checkTimes(newest: Int64, next: Int64) throws(WindowError) {
        guard case .fixedRate(let interval, _) = window.alignment, newest != .min else { return }
        guard newest.magnitude < 1 << 62, next >= newest, next - newest < interval else {
            throw .unusableState("times that do not go together")
        }
    }
}
