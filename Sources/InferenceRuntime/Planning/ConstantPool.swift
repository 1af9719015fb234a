/// Immutable memory of a plan: packed weights, biases, multipliers, tables. Bounded.
///
/// Pieces are 64-byte aligned and follow each other in large blocks, in the order of the steps
/// that read them, so that running the plan streams through memory.
@safe struct ConstantPool {
    private(set) var blocks: [AlignedMemory] = []
    /// Bytes handed out, with alignment.
    private(set) var byteCount = 0
    private let limit: Int
    private var used = 0

    /// A block is as large as all before it together, within these: a small model takes a small one.
    private static let blockBytes = (64 << 10)...(1 << 20)

    init(limit: Int) { self.limit = limit }

    /// Zeroed memory for `count` elements, and `slack` zeroed bytes after them.
    ///
    /// - Throws: `weightsTooLarge`, `outOfMemory`.
    mutating func allocate<T: BitwiseCopyable>(
        _ type: T.Type, count: Int, slack: Int = 0
    ) throws(ModelError) -> UnsafeMutableBufferPointer<T> {
        let (bytes, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<T>.stride)
        guard !overflow, bytes <= limit - byteCount else {
            throw .weightsTooLarge(bytes: overflow ? .max : byteCount + bytes, limit: limit)
        }
        let padded = (bytes + slack + 63) & ~63
        if blocks.isEmpty || blocks[blocks.count - 1].byteCount - used < padded {
            let block = min(
                max(byteCount, Self.blockBytes.lowerBound), Self.blockBytes.upperBound)
            blocks.append(try AlignedMemory(byteCount: max(padded, block)))
            used = 0
        }
        let start = unsafe blocks[blocks.count - 1].base + used
        used += padded
        byteCount += padded
        return unsafe UnsafeMutableBufferPointer(
            start: start.bindMemory(to: T.self, capacity: count), count: count)
    }

    /// A copy of `values`.
    mutating func store<T: BitwiseCopyable>(
        _ values: [T]
    ) throws(ModelError) -> UnsafePointer<T>? {
        let memory = unsafe try allocate(T.self, count: values.count)
        _ = unsafe memory.update(fromContentsOf: values)
        return unsafe UnsafePointer(memory.baseAddress)
    }
}
