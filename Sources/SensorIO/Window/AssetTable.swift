/// Asset keys with their slots, bounded: the asset that has been silent for longest makes room.
///
/// - Thread: one at a time.
// Safe: `links` is allocated in init with one entry a slot, indexed by slots of the table, and
// freed in deinit.
@safe
struct AssetTable: ~Copyable {
    /// Where an asset stands.
    enum Lookup {
        case found(Int)
        /// New, in a slot that was free.
        case added(Int)
        /// New, in the slot of the asset that was silent for longest, which is gone.
        case replaced(Int)
        case refused(RejectionCause)
    }

    private struct Link {
        var older: Int32 = -1
        var newer: Int32 = -1
        var lastSeen: UInt64 = 0
    }

    private var keys: ByteKeyTable
    private let links: UnsafeMutableBufferPointer<Link>
    private let minimumIdle: UInt64
    private var oldest: Int32 = -1
    private var newest: Int32 = -1

    var count: Int { keys.count }

    init(_ limits: AssetLimits) {
        keys = ByteKeyTable(
            capacity: limits.maximumAssets, maximumKeyBytes: limits.maximumKeyBytes)
        unsafe links = .allocate(capacity: limits.maximumAssets)
        unsafe links.initialize(repeating: Link())
        minimumIdle = limits.minimumIdleNanoseconds
    }

    deinit {
        unsafe links.deallocate()
    }

    /// Finds or makes the slot of an asset that has just reported.
    ///
    /// - Complexity: O(1) on average
    mutating func touch(_ key: UnsafeRawBufferPointer, nowNanoseconds: UInt64) -> Lookup {
        if let slot = unsafe keys.find(key) {
            if Int32(slot) != newest {
                unlink(slot)
                append(slot)
            }
            unsafe links[slot].lastSeen = nowNanoseconds
            return .found(slot)
        }
        guard unsafe !key.isEmpty, key.count <= keys.maximumKeyBytes else {
            return .refused(.invalidAssetKey)
        }
        var isReplacement = false
        if keys.count == keys.capacity {
            let idle = Int(oldest)
            let lastSeen = unsafe links[idle].lastSeen
            guard nowNanoseconds >= lastSeen, nowNanoseconds - lastSeen >= minimumIdle else {
                return .refused(.tooManyAssets)
            }
            unlink(idle)
            keys.remove(slot: idle)
            isReplacement = true
        }
        guard let slot = unsafe keys.insert(key) else { return .refused(.internalError) }
        append(slot)
        unsafe links[slot].lastSeen = nowNanoseconds
        return isReplacement ? .replaced(slot) : .added(slot)
    }

    /// The bytes of an asset's key, empty for a free slot. Valid until the asset is evicted.
    borrowing func key(of slot: Int) -> UnsafeRawBufferPointer { unsafe keys.key(of: slot) }

    borrowing func isUsed(_ slot: Int) -> Bool { keys.isUsed(slot) }

    /// The slot of a key that is there.
    borrowing func find(_ key: UnsafeRawBufferPointer) -> Int? { unsafe keys.find(key) }

    /// The slots from the one silent for longest to the one that reported last.
    borrowing func forEachFromOldest(_ body: (_ slot: Int, _ lastSeen: UInt64) -> Void) {
        var slot = oldest
        while slot >= 0 {
            let link = unsafe links[Int(slot)]
            body(Int(slot), link.lastSeen)
            slot = link.newer
        }
    }

    private mutating func append(_ slot: Int) {
        unsafe links[slot].older = newest
        unsafe links[slot].newer = -1
        if newest >= 0 {
            unsafe links[Int(newest)].newer = Int32(slot)
        } else {
            oldest = Int32(slot)
        }
        newest = Int32(slot)
    }

    private mutating func unlink(_ slot: Int) {
        let link = unsafe links[slot]
        if link.older >= 0 {
            unsafe links[Int(link.older)].newer = link.newer
        } else {
            oldest = link.newer
        }
        if link.newer >= 0 {
            unsafe links[Int(link.newer)].older = link.older
        } else {
            newest = link.older
        }
    }
}
