// An alarm as bytes of fixed length, for a warm restart.
//
// Little-endian: severity UInt8 (0 idle), label Int16, raisedAt Int64, raisedBy boot and sequence UInt64,
// clear count UInt16, four band counts UInt16. Whoever stores them adds a checksum.
extension AlarmState {
    /// How many bytes a state takes.
    package static let byteCount = 37

    /// Writes the state; allocates nothing.
    ///
    /// - Parameter buffer: at least `byteCount` bytes.
    package func write(to buffer: UnsafeMutableRawBufferPointer) {
        precondition(buffer.count >= Self.byteCount, "A state has its bytes.")
        var offset = 0
        func put<Value: FixedWidthInteger>(_ value: Value) {
            // Within `byteCount`: the sum of what is put below.
            unsafe buffer.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
            offset += Value.bitWidth / 8
        }
        put(severity?.rawValue ?? 0)
        put(labelIndex)
        put(raisedAtNanoseconds)
        put(raisedBy.boot)
        put(raisedBy.sequence)
        put(clearCount)
        for band in 0..<AlarmRule.maximumBands { put(bandCounts[band]) }
    }

    /// Reads what `write` wrote; nil if no alarm can be in that state.
    ///
    /// When a reminder is due is not among it: `resume` sets it.
    package init?(bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.byteCount else { return nil }
        var offset = 0
        func take<Value: FixedWidthInteger>(_ type: Value.Type) -> Value {
            // Within the count that was checked.
            defer { offset += Value.bitWidth / 8 }
            return unsafe Value(
                littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Value.self))
        }
        let code = take(UInt8.self)
        let severity = Severity(rawValue: code)
        guard code == 0 || severity != nil else { return nil }
        let label = take(Int16.self)
        let raisedAt = take(Int64.self)
        let boot = take(UInt64.self)
        let sequence = take(UInt64.self)
        let clearCount = take(UInt16.self)
        var bandCounts = InlineArray<4, UInt16>(repeating: 0)
        for band in 0..<AlarmRule.maximumBands { bandCounts[band] = take(UInt16.self) }
        self.init(
            severity: severity, raisedAtNanoseconds: raisedAt,
            raisedBy: EventReference(boot: boot, sequence: sequence), labelIndex: max(label, -1),
            reminderDueNanoseconds: .max, clearCount: clearCount, bandCounts: bandCounts)
    }
}
