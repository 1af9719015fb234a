internal import Glibc
internal import Synchronization

/// Zeroed 32-bit words that one thread writes while others read.
///
/// A page of it costs memory when it is first written, not before.
/// - Thread: any; each word is loaded and stored relaxed, so order is the user's to make with fences.
// `words` has `count` words from calloc: zero bits are an Atomic's zero, for an Atomic is laid out as its value. Freed
// in deinit, when no thread has a reference.
@safe
final class AtomicWords: Sendable {
    let count: Int
    private nonisolated(unsafe) let words: UnsafeMutablePointer<Atomic<UInt32>>

    /// - Parameter count: above 0.
    init(count: Int) {
        precondition(count > 0, "There is at least one word.")
        guard let memory = unsafe calloc(count, 4) else {
            preconditionFailure("There is no memory for the history.")
        }
        self.count = count
        unsafe words = memory.bindMemory(to: Atomic<UInt32>.self, capacity: count)
    }

    deinit { unsafe free(words) }

    @inline(__always)
    subscript(index: Int) -> UInt32 {
        get {
            precondition(index >= 0 && index < count, "A word of the history is out of range.")
            return unsafe words[index].load(ordering: .relaxed)
        }
        set {
            precondition(index >= 0 && index < count, "A word of the history is out of range.")
            unsafe words[index].store(newValue, ordering: .relaxed)
        }
    }
}
