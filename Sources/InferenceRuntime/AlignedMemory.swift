internal import Glibc

/// Zeroed memory at a 64-byte boundary, freed with its owner.
@safe final class AlignedMemory: @unchecked Sendable {
    // Sendable: the pointer never changes; what it points at is written only while one thread owns
    // the memory (the planner, or the session), and a plan's memory is only read afterwards.
    let base: UnsafeMutableRawPointer
    let byteCount: Int

    /// - Throws: `outOfMemory`.
    init(byteCount: Int) throws(ModelError) {
        let (padded, overflow) = max(byteCount, 1).addingReportingOverflow(63)
        guard !overflow, let memory = unsafe aligned_alloc(64, padded & ~63) else {
            throw .outOfMemory(bytes: byteCount)
        }
        unsafe memset(memory, 0, padded & ~63)
        unsafe base = memory
        self.byteCount = byteCount
    }

    deinit { unsafe free(base) }

    var bytes: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: base, count: byteCount)
    }
}
