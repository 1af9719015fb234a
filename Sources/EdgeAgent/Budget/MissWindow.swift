/// How many of the last windows missed: a ring of at most 1024 bits.
struct MissWindow: Sendable {
    /// How many of the last `length` were misses.
    private(set) var misses = 0
    private let length: Int
    private var next = 0
    private var bits = InlineArray<16, UInt64>(repeating: 0)

    /// - Parameter length: 1...1024.
    init(length: Int) {
        precondition((1...1024).contains(length), "A miss window holds 1 to 1024 bits.")
        self.length = length
    }

    /// Takes one window's outcome in, and the oldest out.
    mutating func push(isMiss: Bool) {
        let word = next / 64
        let bit: UInt64 = 1 &<< UInt64(truncatingIfNeeded: next % 64)
        if bits[word] & bit != 0 { misses -= 1 }
        if isMiss {
            bits[word] |= bit
            misses += 1
        } else {
            bits[word] &= ~bit
        }
        next = next + 1 == length ? 0 : next + 1
    }

    /// Forgets everything.
    mutating func removeAll() {
        misses = 0
        next = 0
        bits = .init(repeating: 0)
    }
}
