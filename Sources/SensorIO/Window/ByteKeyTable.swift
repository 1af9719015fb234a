internal import Glibc

/// Keys that are bytes, each with a slot number: a bounded hash table that allocates only when it
/// is made.
///
/// The whole key is kept and compared. The hash is SipHash with a seed of its own, so that nobody
/// outside can choose keys that fall into one bucket.
/// - Complexity: look-up, insertion and removal are O(1) on average, in the number of keys.
@safe  // All buffers are allocated in init, indexed below their counts, and freed in deinit.
package struct ByteKeyTable: ~Copyable {
    package let capacity: Int
    package let maximumKeyBytes: Int
    package private(set) var count = 0

    /// Slot of each bucket, or -1; a power of two, at most half full, linear probing.
    private let buckets: UnsafeMutableBufferPointer<Int32>
    private let hashes: UnsafeMutableBufferPointer<UInt64>
    /// -1: the slot is free.
    private let lengths: UnsafeMutableBufferPointer<Int32>
    private let keys: UnsafeMutableRawBufferPointer
    /// Free slots as a stack; slots are given out from 0 up at first.
    private let free: UnsafeMutableBufferPointer<Int32>
    private let seed: UInt64

    /// Makes room for `capacity` keys of at most `maximumKeyBytes` each.
    package init(capacity: Int, maximumKeyBytes: Int) {
        precondition(capacity > 0 && capacity <= 1 << 24, "between 1 and 2^24 keys")
        precondition(maximumKeyBytes >= 0 && maximumKeyBytes <= 1 << 16, "keys up to 64 KiB")
        self.capacity = capacity
        self.maximumKeyBytes = maximumKeyBytes
        var bucketCount = 4
        while bucketCount < capacity * 2 { bucketCount *= 2 }
        unsafe buckets = .allocate(capacity: bucketCount)
        unsafe buckets.initialize(repeating: -1)
        unsafe hashes = .allocate(capacity: capacity)
        unsafe hashes.initialize(repeating: 0)
        unsafe lengths = .allocate(capacity: capacity)
        unsafe lengths.initialize(repeating: -1)
        unsafe keys = .allocate(byteCount: max(1, capacity * maximumKeyBytes), alignment: 16)
        unsafe free = .allocate(capacity: capacity)
        for slot in 0..<capacity {
            unsafe free.initializeElement(at: slot, to: Int32(capacity - 1 - slot))
        }
        seed = UInt64.random(in: .min ... .max)
    }

    deinit {
        unsafe buckets.deallocate()
        unsafe hashes.deallocate()
        unsafe lengths.deallocate()
        unsafe keys.deallocate()
        unsafe free.deallocate()
    }

    /// The slot of `key`, if it is there.
    package borrowing func find(_ key: UnsafeRawBufferPointer) -> Int? {
        let hash = unsafe hash(of: key)
        var bucket = bucket(of: hash)
        while true {
            let slot = unsafe Int(buckets[bucket])
            guard slot >= 0 else { return nil }
            if unsafe hashes[slot] == hash && isEqual(slot, key) { return slot }
            bucket = next(bucket)
        }
    }

    /// Adds a key that is not there yet.
    ///
    /// - Returns: Its slot, or `nil` if the table is full or the key too long.
    package mutating func insert(_ key: UnsafeRawBufferPointer) -> Int? {
        guard count < capacity, key.count <= maximumKeyBytes else { return nil }
        let slot = unsafe Int(free[capacity - count - 1])
        count += 1
        let hash = unsafe hash(of: key)
        unsafe hashes[slot] = hash
        unsafe lengths[slot] = Int32(key.count)
        if let source = key.baseAddress, let base = unsafe keys.baseAddress {
            unsafe (base + slot * maximumKeyBytes).copyMemory(from: source, byteCount: key.count)
        }
        var bucket = bucket(of: hash)
        while unsafe buckets[bucket] >= 0 { bucket = next(bucket) }
        unsafe buckets[bucket] = Int32(slot)
        return slot
    }

    /// Takes out the key of a slot.
    package mutating func remove(slot: Int) {
        guard isUsed(slot) else { return }
        var hole = unsafe bucket(of: hashes[slot])
        while unsafe Int(buckets[hole]) != slot { hole = next(hole) }
        // Move up what would otherwise not be found past the hole (Knuth, TAOCP 3, 6.4, algorithm
        // R).
        var bucket = next(hole)
        while unsafe buckets[bucket] >= 0 {
            let home = unsafe self.bucket(of: hashes[Int(buckets[bucket])])
            let mask = unsafe buckets.count - 1
            if (bucket &- home) & mask >= (bucket &- hole) & mask {
                unsafe buckets[hole] = unsafe buckets[bucket]
                hole = bucket
            }
            bucket = next(bucket)
        }
        unsafe buckets[hole] = -1
        unsafe lengths[slot] = -1
        count -= 1
        unsafe free[capacity - count - 1] = Int32(slot)
    }

    /// Whether a slot has a key.
    package borrowing func isUsed(_ slot: Int) -> Bool {
        unsafe slot >= 0 && slot < capacity && lengths[slot] >= 0
    }

    /// The key of a slot, empty if it has none. Valid until the key is removed.
    package borrowing func key(of slot: Int) -> UnsafeRawBufferPointer {
        guard isUsed(slot), let base = unsafe keys.baseAddress else {
            return unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        }
        return unsafe UnsafeRawBufferPointer(
            start: base + slot * maximumKeyBytes, count: Int(lengths[slot]))
    }

    private borrowing func isEqual(_ slot: Int, _ key: UnsafeRawBufferPointer) -> Bool {
        guard unsafe Int(lengths[slot]) == key.count else { return false }
        guard let other = key.baseAddress, let base = unsafe keys.baseAddress else { return true }
        return unsafe memcmp(base + slot * maximumKeyBytes, other, key.count) == 0
    }

    private borrowing func hash(of key: UnsafeRawBufferPointer) -> UInt64 {
        // Seeded for the process already; the table's own seed holds even where that is turned off
        // for debugging.
        var hasher = Hasher()
        hasher.combine(seed)
        unsafe hasher.combine(bytes: key)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    private borrowing func bucket(of hash: UInt64) -> Int {
        unsafe Int(truncatingIfNeeded: hash) & (buckets.count - 1)
    }

    private borrowing func next(_ bucket: Int) -> Int {
        unsafe (bucket + 1) & (buckets.count - 1)
    }
}
