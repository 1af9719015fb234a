internal import SensorIO
internal import Synchronization

/// Hands a pipeline's windows to the thread that writes them, a buffer at a time: the pipeline's thread copies
/// memory and never waits.
// `buffer` is allocated in init and freed in deinit. In phase `requested` it is the pipeline's thread's, in
// the others the saver's: each passes it on by a releasing store of `phase` that the other acquires.
@safe
final class StateExchange: Sendable {
    private enum Phase: UInt8 { case idle, requested, filled }

    /// What is copied in one turn at most, unless a single window is longer.
    static let chunkBytes = 64 << 10

    private nonisolated(unsafe) let buffer: UnsafeMutableRawBufferPointer
    private let phase = Atomic<UInt8>(Phase.idle.rawValue)
    private let filledBytes = Atomic<Int>(0)
    private let entryCount = Atomic<Int>(0)
    private let slot = Atomic<Int>(0)
    private let decidedSequence = Atomic<UInt64>(0)
    /// Signalled when a buffer is full.
    let filled: EventDescriptor

    init(bank: WindowBank, filled: EventDescriptor) {
        self.filled = filled
        unsafe buffer = .allocate(
            byteCount: max(
                Self.chunkBytes, SavedState.entryHeaderBytes + bank.maximumEntryBytes),
            alignment: 16)
    }

    deinit { unsafe buffer.deallocate() }

    // MARK: Saver

    /// Asks for the first buffer, or with `goesOn` for the next one; then wake the pipeline.
    func request(goesOn: Bool) {
        if !goesOn { slot.store(0, ordering: .relaxed) }
        phase.store(Phase.requested.rawValue, ordering: .releasing)
    }

    /// Lends the buffer once it is full; nil: not yet.
    func withFilled<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer, _ entries: Int, _ isLast: Bool) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        guard phase.load(ordering: .acquiring) == Phase.filled.rawValue else { return nil }
        let bytes = unsafe UnsafeRawBufferPointer(
            rebasing: UnsafeRawBufferPointer(buffer)[..<filledBytes.load(ordering: .relaxed)])
        return unsafe try body(
            bytes, entryCount.load(ordering: .relaxed), slot.load(ordering: .relaxed) < 0)
    }

    /// The last record that the windows in the buffer have led to.
    var decided: UInt64 { decidedSequence.load(ordering: .relaxed) }

    // MARK: Pipeline

    /// Whether a buffer waits to be filled.
    var isRequested: Bool { phase.load(ordering: .acquiring) == Phase.requested.rawValue }

    /// Fills the buffer with as many assets as it holds.
    ///
    /// - Parameter decided: the last record that they have led to.
    func fill(
        from bank: WindowBank, alarms: borrowing AlarmBank, nowNanoseconds: UInt64, decided: UInt64
    ) {
        let most = SavedState.entryHeaderBytes + bank.maximumEntryBytes
        var next = slot.load(ordering: .relaxed)
        var offset = 0
        var entries = 0
        while next < bank.limits.maximumAssets, unsafe offset + most <= buffer.count {
            if bank.isUsed(next) {
                let entry = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[offset...])
                unsafe alarms[next].write(
                    to: UnsafeMutableRawBufferPointer(rebasing: entry[4...]))
                let count = unsafe bank.saveAsset(
                    next,
                    into: UnsafeMutableRawBufferPointer(
                        rebasing: entry[SavedState.entryHeaderBytes...]),
                    nowNanoseconds: nowNanoseconds)
                unsafe entry.storeBytes(
                    of: UInt32(AlarmState.byteCount + count).littleEndian, as: UInt32.self)
                offset += SavedState.entryHeaderBytes + count
                entries += 1
            }
            next += 1
        }
        decidedSequence.store(decided, ordering: .relaxed)
        filledBytes.store(offset, ordering: .relaxed)
        entryCount.store(entries, ordering: .relaxed)
        slot.store(next < bank.limits.maximumAssets ? next : -1, ordering: .relaxed)
        phase.store(Phase.filled.rawValue, ordering: .releasing)
        filled.signal()
    }
}
