internal import Logging

/// Keeps one cause from filling the log: so many lines at once, then one now and then, and the number of those that
/// were left out.
///
/// A cause is a level, the beginning of a message up to its first `": "`, and the pipeline that it is about.
struct LogLimiter: Sendable {
    /// What makes lines the same kind of line.
    struct Cause: Hashable, Sendable {
        var level: Logger.Level
        var head: String
        var pipeline: String
    }

    /// Lines that were left out.
    struct Summary: Sendable, Equatable {
        var cause: Cause
        var count: UInt64
    }

    /// So many lines of a cause are written at once.
    static let burst: UInt64 = 20
    /// After that one in this time, and one that says how many there were besides.
    static let intervalNanoseconds: UInt64 = 10_000_000_000
    /// More causes than these share one.
    static let maximumCauses = 256

    private struct Entry: Sendable {
        /// When the line after the next would be due if lines came evenly.
        /// - Source: the generic cell rate algorithm, ITU-T I.371.
        var due: UInt64 = 0
        var leftOut: UInt64 = 0
        var leftOutSince: UInt64 = 0
    }

    private var entries: [Cause: Entry] = [:]
    /// Whether anything was left out that no summary has said.
    private(set) var hasLeftOut = false

    /// Whether a line may be written; counts it if not.
    mutating func admits(_ cause: Cause, now: UInt64) -> Bool {
        let cause = place(cause, now)
        var entry = entries[cause] ?? Entry()
        defer { entries[cause] = entry }
        let tolerance = (Self.burst &- 1) &* Self.intervalNanoseconds
        guard entry.due <= now &+ tolerance else {
            if entry.leftOut == 0 { entry.leftOutSince = now }
            entry.leftOut &+= 1
            hasLeftOut = true
            return false
        }
        entry.due = max(entry.due, now) &+ Self.intervalNanoseconds
        return true
    }

    /// Takes what was left out for long enough to be said, or all of it.
    mutating func takeSummaries(now: UInt64, all: Bool = false) -> [Summary] {
        guard hasLeftOut else { return [] }
        hasLeftOut = false
        var summaries: [Summary] = []
        for (cause, entry) in entries where entry.leftOut > 0 {
            guard all || now &- entry.leftOutSince >= Self.intervalNanoseconds else {
                hasLeftOut = true
                continue
            }
            summaries.append(Summary(cause: cause, count: entry.leftOut))
            entries[cause]?.leftOut = 0
        }
        return summaries.sorted {
            ($0.cause.head, $0.cause.pipeline) < ($1.cause.head, $1.cause.pipeline)
        }
    }

    /// The cause to count a line under, with room for it.
    private mutating func place(_ cause: Cause, _ now: UInt64) -> Cause {
        guard entries[cause] == nil, entries.count >= Self.maximumCauses else { return cause }
        // Who was silent for so long may have a whole burst again: forgetting it changes nothing.
        entries = entries.filter { $0.value.leftOut > 0 || $0.value.due > now }
        guard entries.count >= Self.maximumCauses else { return cause }
        return Cause(level: cause.level, head: "something else", pipeline: "")
    }
}
