package import SensorIO
internal import Synchronization

/// What a pipeline's assets did lately, for people who look: how every asset stands, and the last minutes of some.
///
/// The pipeline's thread writes without allocating or waiting; any thread reads at any time and throws away what
/// was overwritten meanwhile. All memory is taken when it is made; a page that nothing was written to costs none.
///
/// With more assets than rings, the first that report have one. Later ones get one when their alarm is raised
/// or somebody looks at them, from an asset of which neither is true.
/// - Thread: `record` and `show` the pipeline's; the rest any.
package final class AssetHistory: Sendable {
    /// How large it is.
    package struct Limits: Sendable, Equatable {
        /// How many assets have a ring at most.
        package var assets = 100
        /// What all rings take at most. - Units: bytes
        package var bytes = 768 << 10
        package var pointsPerAsset = 150
        package var channels = 16

        package init() {}

        /// A share of the agent's whole history for each of its pipelines.
        package init(pipelines: Int) { bytes /= max(pipelines, 1) }
    }

    // MARK: Layout
    /// Words of a slot of the board: version, stamp, score, state, ring, key's length, raised at.
    enum Board {
        static let version = 0
        static let stamp = 1
        static let score = 2
        static let state = 3
        /// The ring's number and 1; 0: none.
        static let ring = 4
        static let keyBytes = 5
        static let raisedAt = 6
        static let generation = 7
        static let words = 8
    }
    /// Words at the start of a ring: epoch, points written, slot and 1, highest score since the last point.
    enum Ring {
        static let epoch = 0
        static let written = 1
        static let owner = 2
        static let pending = 3
        static let words = 4
    }
    /// Words of a point, before its channels.
    enum Point {
        static let stamp = 0
        static let score = 1
        static let state = 2
        static let words = 3
    }
    static let keyWords = TopicKey.maximumBytes / 4
    /// Two seconds in stamps; a point each at most, but for one of an alarm that changes.
    private static let interval: UInt32 = 119
    private static let lookStamps: UInt32 = 1788

    /// How many assets the pipeline can know.
    package let maximumAssets: Int
    /// Names and units of the channels that are recorded.
    package let channels: [ChannelDescription]
    package let pointsPerAsset: Int
    /// How many assets have a ring.
    package let ringCount: Int
    /// What the rings take once all are full. - Units: bytes
    package var ringBytes: Int { ringCount * ringWords * 4 }

    let board: AtomicWords
    let keys: AtomicWords
    let rings: AtomicWords
    let pointWords: Int
    let ringWords: Int
    private let startNanoseconds: UInt64
    private let usedRings = Atomic<Int>(0)
    private let nextVictim = Atomic<Int>(0)
    /// Slots that somebody looks at, and 1, in the upper half; until when, as a stamp, in the lower.
    private let looks = InlineArray<8, Atomic<UInt64>> { _ in Atomic(0) }
    private let nextLook = Atomic<Int>(0)
    private let rule = InlineArray<4, Atomic<UInt64>> { _ in Atomic(0) }
    private let clearBelow = Atomic<UInt32>(0)

    /// - Parameter channels: the model's; of more than `limits.channels` the first are recorded.
    package init(
        channels: [ChannelDescription], maximumAssets: Int, limits: Limits = Limits(),
        startNanoseconds: UInt64 = MonotonicClock.nanoseconds
    ) {
        self.maximumAssets = maximumAssets
        self.channels = Array(channels.prefix(limits.channels))
        self.startNanoseconds = startNanoseconds
        pointsPerAsset = max(limits.pointsPerAsset, 2)
        pointWords = Point.words + self.channels.count
        ringWords = Ring.words + pointsPerAsset * pointWords
        ringCount = max(1, min(limits.assets, maximumAssets, limits.bytes / (ringWords * 4)))
        board = AtomicWords(count: maximumAssets * Board.words)
        keys = AtomicWords(count: maximumAssets * Self.keyWords)
        rings = AtomicWords(count: ringCount * ringWords)
    }

    // MARK: Time

    /// 16.8 ms each: 2.3 years until they come round.
    func stamp(_ monotonicNanoseconds: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: (monotonicNanoseconds &- startNanoseconds) >> 24)
    }

    static func seconds(_ stamps: UInt32) -> Double { Double(stamps) * 0.016_777_216 }

    // MARK: The pipeline's thread

    /// Shows the thresholds of the model that decides.
    func show(_ rule: AlarmRule) {
        for band in 0..<4 {
            let word =
                band < rule.bandCount
                ? UInt64(rule.severity(ofBand: band).rawValue) << 32
                    | UInt64(rule.raiseAbove(ofBand: band).bitPattern) : 0
            self.rule[band].store(word, ordering: .relaxed)
        }
        clearBelow.store(rule.clearBelow.bitPattern, ordering: .relaxed)
    }

    /// Notes one evaluation. Allocates nothing.
    ///
    /// - Parameters:
    ///   - key: the asset's.
    ///   - severity: of the alarm afterwards.
    ///   - row: the window's newest; empty: its rows are gone.
    func record(
        slot: Int, generation: UInt32, key: UnsafeRawBufferPointer, score: Float,
        severity: Severity?, action: AlarmAction, isFallback: Bool, nowNanoseconds: UInt64,
        row: UnsafeBufferPointer<Float>
    ) {
        guard slot >= 0, slot < maximumAssets else { return }
        let base = slot * Board.words
        if board[base + Board.keyBytes] == 0 || board[base + Board.generation] != generation {
            unsafe begin(slot, generation, key)
        }
        let now = stamp(nowNanoseconds)
        let state = Self.state(severity, AlertTransition(action), isFallback)
        board[base + Board.stamp] = now
        board[base + Board.score] = score.bitPattern
        if severity != nil, Self.severity(board[base + Board.state]) == nil {
            board[base + Board.raisedAt] = now
        }
        board[base + Board.state] = state
        if let ring = ring(of: slot, isRaised: severity != nil, now) {
            unsafe append(ring, now, score, state, isChange: action != .none, row)
        }
    }

    /// Gives a slot of the board to another asset.
    private func begin(_ slot: Int, _ generation: UInt32, _ key: UnsafeRawBufferPointer) {
        let base = slot * Board.words
        if let ring = ringNumber(board[base + Board.ring]) { clear(ring, owner: 0) }
        board[base + Board.version] &+= 1  // Odd: not to be read.
        atomicMemoryFence(ordering: .releasing)
        let count = min(key.count, TopicKey.maximumBytes)
        for word in 0..<((count + 3) / 4) {
            var value: UInt32 = 0
            for byte in 0..<min(4, count - word * 4) {
                value |= unsafe UInt32(key[word * 4 + byte]) << UInt32(8 * byte)
            }
            keys[slot * Self.keyWords + word] = value
        }
        board[base + Board.keyBytes] = UInt32(count)
        board[base + Board.generation] = generation
        board[base + Board.ring] = 0
        board[base + Board.state] = 0
        atomicMemoryFence(ordering: .releasing)
        board[base + Board.version] &+= 1
    }

    /// The slot's ring, perhaps one that it gets now.
    private func ring(of slot: Int, isRaised: Bool, _ now: UInt32) -> Int? {
        let word = slot * Board.words + Board.ring
        if let ring = ringNumber(board[word]) { return ring }
        let used = usedRings.load(ordering: .relaxed)
        let found: Int?
        if used < ringCount {
            usedRings.store(used + 1, ordering: .relaxed)
            found = used
        } else if isRaised || isLookedAt(slot, now) {
            found = victim(now)
        } else {
            found = nil
        }
        guard let found else { return nil }
        clear(found, owner: slot + 1)
        board[word] = UInt32(found + 1)
        return found
    }

    /// A ring of an asset that is neither raised nor looked at; of several, the next in turn.
    private func victim(_ now: UInt32) -> Int? {
        var ring = nextVictim.load(ordering: .relaxed)
        for _ in 0..<ringCount {
            ring = ring + 1 < ringCount ? ring + 1 : 0
            let owner = Int(rings[ring * ringWords + Ring.owner]) - 1
            if owner >= 0 {
                let base = owner * Board.words
                guard Self.severity(board[base + Board.state]) == nil, !isLookedAt(owner, now)
                else { continue }
                board[base + Board.ring] = 0
            }
            nextVictim.store(ring, ordering: .relaxed)
            return ring
        }
        return nil
    }

    private func clear(_ ring: Int, owner: Int) {
        let base = ring * ringWords
        rings[base + Ring.epoch] &+= 1
        atomicMemoryFence(ordering: .releasing)
        rings[base + Ring.owner] = UInt32(truncatingIfNeeded: owner)
        rings[base + Ring.written] = 0
        rings[base + Ring.pending] = (-Float.infinity).bitPattern
    }

    private func append(
        _ ring: Int, _ now: UInt32, _ score: Float, _ state: UInt32, isChange: Bool,
        _ row: UnsafeBufferPointer<Float>
    ) {
        let base = ring * ringWords
        let highest = max(score, Float(bitPattern: rings[base + Ring.pending]))
        let written = rings[base + Ring.written]
        let first = base + Ring.words
        let last = first + Int(written &- 1) % pointsPerAsset * pointWords
        guard written == 0 || isChange || now &- rings[last + Point.stamp] >= Self.interval else {
            rings[base + Ring.pending] = highest.bitPattern
            return
        }
        // Whoever reads a word of this point sees at least the count before it.
        atomicMemoryFence(ordering: .releasing)
        let point = first + Int(written) % pointsPerAsset * pointWords
        rings[point + Point.stamp] = now
        rings[point + Point.score] = highest.bitPattern
        rings[point + Point.state] = state
        for channel in 0..<channels.count {
            rings[point + Point.words + channel] =
                unsafe channel < row.count ? row[channel].bitPattern : Float.nan.bitPattern
        }
        atomicMemoryFence(ordering: .releasing)
        rings[base + Ring.written] = written &+ 1
        rings[base + Ring.pending] = (-Float.infinity).bitPattern
    }

    func ringNumber(_ word: UInt32) -> Int? { word == 0 ? nil : Int(word) - 1 }

    // MARK: Looking

    private func isLookedAt(_ slot: Int, _ now: UInt32) -> Bool {
        for index in 0..<8 {
            let look = looks[index].load(ordering: .relaxed)
            guard look >> 32 == UInt64(slot + 1) else { continue }
            if Int32(bitPattern: UInt32(truncatingIfNeeded: look) &- now) > 0 { return true }
        }
        return false
    }

    /// Says that somebody looks at an asset, for the next half minute: it gets a ring.
    func look(at slot: Int, nowNanoseconds: UInt64) {
        let until = stamp(nowNanoseconds) &+ Self.lookStamps
        let word = UInt64(slot + 1) << 32 | UInt64(until)
        for index in 0..<8
        where looks[index].load(ordering: .relaxed) >> 32 == UInt64(slot + 1) {
            return looks[index].store(word, ordering: .relaxed)
        }
        let index = nextLook.wrappingAdd(1, ordering: .relaxed).oldValue & 7
        looks[index].store(word, ordering: .relaxed)
    }

    // MARK: Rule and state

    /// The thresholds of the model that decides, once `show` was called.
    package var currentRule: HistoryRule? {
        var bands: [SeverityBand] = []
        for band in 0..<4 {
            let word = rule[band].load(ordering: .relaxed)
            guard let severity = Severity(rawValue: UInt8(truncatingIfNeeded: word >> 32)) else {
                break
            }
            bands.append(
                SeverityBand(
                    severity: severity,
                    raiseAbove: Float(bitPattern: UInt32(truncatingIfNeeded: word))))
        }
        guard !bands.isEmpty else { return nil }
        return HistoryRule(
            bands: bands, clearBelow: Float(bitPattern: clearBelow.load(ordering: .relaxed)))
    }
}
