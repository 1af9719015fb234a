import Foundation

/// The counters of Tests/alloc/malloc_counter.c, read while the agent runs.
struct MallocCounters {
    private let bytes: [UInt8]

    init(_ path: String) throws { bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

    /// Allocations by the main executable on threads of this name.
    func allocations(thread: String) -> UInt64? { slots.first { $0.thread == thread }?.ours }

    /// Allocations by the main executable and by libraries, on all threads.
    var allAllocations: UInt64 { slots.reduce(0) { $0 + $1.ours + $1.libraries } }

    private var slots: [(thread: String, ours: UInt64, libraries: UInt64)] {
        let (header, slot) = (32, 8 + 16 + 8 * 8)
        func number(_ offset: Int) -> UInt64 {
            bytes[offset..<(offset + 8)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        return stride(from: header, through: bytes.count - slot, by: slot).compactMap { offset in
            guard bytes[offset] == 2 else { return nil }
            let name = bytes[(offset + 8)..<(offset + 24)].prefix { $0 != 0 }
            return (
                String(decoding: name, as: UTF8.self), number(offset + 24), number(offset + 48)
            )
        }
    }
}
