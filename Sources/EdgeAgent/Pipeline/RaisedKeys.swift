internal import SensorIO

/// The keys of the assets whose alarm is raised, one place a slot of the asset table.
///
/// The table forgets a key when it evicts the asset; the alarm's last event still needs it.
/// - Thread: one at a time.
// Allocated in init for `capacity` slots, indexed by slots below it, freed in deinit. Pages that
// no raised alarm needs are never touched.
@safe
final class RaisedKeys {
    private let bytes: UnsafeMutablePointer<UInt8>
    private let lengths: UnsafeMutablePointer<UInt16>
    private let capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
        unsafe bytes = .allocate(capacity: capacity * TopicKey.maximumBytes)
        unsafe lengths = .allocate(capacity: capacity)
        unsafe lengths.initialize(repeating: 0, count: capacity)
    }

    deinit {
        unsafe bytes.deallocate()
        unsafe lengths.deallocate()
    }

    /// Keeps a key; longer than a key can be, it is cut.
    func keep(_ key: UnsafeRawBufferPointer, slot: Int) {
        precondition(slot >= 0 && slot < capacity, "A slot of the asset table is out of range.")
        let count = min(key.count, TopicKey.maximumBytes)
        let start = unsafe bytes + slot * TopicKey.maximumBytes
        unsafe UnsafeMutableRawBufferPointer(start: start, count: count).copyMemory(
            from: UnsafeRawBufferPointer(rebasing: key[..<count]))
        unsafe lengths[slot] = UInt16(count)
    }

    /// The key kept last for a slot; valid until the next `keep` for it.
    func key(slot: Int) -> UnsafeRawBufferPointer {
        precondition(slot >= 0 && slot < capacity, "A slot of the asset table is out of range.")
        return unsafe UnsafeRawBufferPointer(
            start: bytes + slot * TopicKey.maximumBytes, count: Int(lengths[slot]))
    }
}
