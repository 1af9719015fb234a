internal import SensorIO
internal import Synchronization

// What people who look are shown. Allocates; any thread.
extension AssetHistory {
    static func state(
        _ severity: Severity?, _ transition: AlertTransition?, _ isFallback: Bool
    ) -> UInt32 {
        UInt32(severity?.rawValue ?? 0) | UInt32(transition.map { $0.rawValue + 1 } ?? 0) << 8
            | (isFallback ? 1 << 16 : 0)
    }

    static func severity(_ state: UInt32) -> Severity? {
        Severity(rawValue: UInt8(truncatingIfNeeded: state))
    }

    private static func transition(_ state: UInt32) -> AlertTransition? {
        let raw = UInt8(truncatingIfNeeded: state >> 8)
        return raw == 0 ? nil : AlertTransition(rawValue: raw - 1)
    }

    /// The assets that are listed, and how many there are.
    package struct Selection: Sendable {
        /// Raised ones first, each kind by key.
        package var assets: [AssetStanding] = []
        /// Assets that were evaluated, and those of them that match.
        package var total = 0
        package var matching = 0
        package var raised = 0
    }

    /// How assets stand.
    ///
    /// - Parameters:
    ///   - text: what a key contains; upper and lower case of ASCII are the same.
    ///   - limit: of the assets that are returned; raised ones come before others.
    package func select(
        matching text: String = "", limit: Int, nowNanoseconds: UInt64
    ) -> Selection {
        var selection = Selection()
        var raised: [Int] = []
        var others: [Int] = []
        let wanted = Self.folded(Array(text.utf8))
        for slot in 0..<maximumAssets where board[slot * Board.words + Board.keyBytes] > 0 {
            selection.total += 1
            let isRaised = Self.severity(board[slot * Board.words + Board.state]) != nil
            if isRaised { selection.raised += 1 }
            guard wanted.isEmpty || Self.folded(keyBytes(slot)).contains(wanted) else { continue }
            selection.matching += 1
            if isRaised {
                if raised.count < limit { raised.append(slot) }
            } else if others.count < limit {
                others.append(slot)
            }
        }
        selection.assets = (raised + others.prefix(max(0, limit - raised.count))).compactMap {
            standing(slot: $0, nowNanoseconds: nowNanoseconds)
        }
        selection.assets.sort {
            ($0.severity == nil ? 1 : 0, $0.key) < ($1.severity == nil ? 1 : 0, $1.key)
        }
        return selection
    }

    private static func folded(_ bytes: [UInt8]) -> [UInt8] {
        bytes.map { $0 >= 0x41 && $0 <= 0x5A ? $0 + 32 : $0 }
    }

    /// How one asset stands; nil where there is none, or another one was put there meanwhile.
    func standing(slot: Int, nowNanoseconds: UInt64) -> AssetStanding? {
        let base = slot * Board.words
        let version = board[base + Board.version]
        guard version & 1 == 0, board[base + Board.keyBytes] > 0 else { return nil }
        atomicMemoryFence(ordering: .acquiring)
        let now = stamp(nowNanoseconds)
        let state = board[base + Board.state]
        let severity = Self.severity(state)
        let standing = AssetStanding(
            key: key(slot), score: Float(bitPattern: board[base + Board.score]),
            severity: severity, isFallback: state >> 16 & 1 == 1,
            ageSeconds: age(board[base + Board.stamp], now),
            raisedSeconds: severity.map { _ in age(board[base + Board.raisedAt], now) }, slot: slot)
        atomicMemoryFence(ordering: .acquiring)
        return board[base + Board.version] == version ? standing : nil
    }

    /// The slot of an asset.
    func slot(ofKey key: String) -> Int? {
        let bytes = Array(key.utf8)
        return (0..<maximumAssets).first { slot in
            board[slot * Board.words + Board.keyBytes] == UInt32(bytes.count)
                && keyBytes(slot) == bytes
        }
    }

    /// The last points of an asset, oldest first; nil while it has no ring.
    ///
    /// - Parameter limit: the newest so many.
    func points(slot: Int, limit: Int = .max, nowNanoseconds: UInt64) -> [HistoryPoint]? {
        guard slot >= 0, slot < maximumAssets,
            let ring = ringNumber(board[slot * Board.words + Board.ring]), ring < ringCount
        else { return nil }
        let base = ring * ringWords
        let epoch = rings[base + Ring.epoch]
        atomicMemoryFence(ordering: .acquiring)
        guard rings[base + Ring.owner] == UInt32(slot + 1) else { return nil }
        let written = rings[base + Ring.written]
        atomicMemoryFence(ordering: .acquiring)
        let now = stamp(nowNanoseconds)
        // One place less than there are: the one that is written next is not whole.
        let count = min(Int(written), pointsPerAsset - 1, max(limit, 0))
        var points: [HistoryPoint] = []
        points.reserveCapacity(count)
        for index in (Int(written) - count)..<Int(written) {
            points.append(
                point(index, base + Ring.words + index % pointsPerAsset * pointWords, now))
        }
        atomicMemoryFence(ordering: .acquiring)
        guard rings[base + Ring.epoch] == epoch else { return nil }
        let overwritten = Int(rings[base + Ring.written]) - pointsPerAsset + 1
        let first = Int(written) - count
        if overwritten > first { points.removeFirst(min(overwritten - first, points.count)) }
        return points
    }

    private func point(_ number: Int, _ start: Int, _ now: UInt32) -> HistoryPoint {
        let state = rings[start + Point.state]
        return HistoryPoint(
            number: number, ageSeconds: age(rings[start + Point.stamp], now),
            score: Float(bitPattern: rings[start + Point.score]),
            severity: Self.severity(state), transition: Self.transition(state),
            isFallback: state >> 16 & 1 == 1,
            channels: channels.indices.map {
                Float(bitPattern: rings[start + Point.words + $0])
            })
    }

    private func age(_ stamp: UInt32, _ now: UInt32) -> Double {
        // A stamp that was made after `now` was read is of now.
        let age = now &- stamp
        return age > UInt32.max / 2 ? 0 : Self.seconds(age)
    }

    private func key(_ slot: Int) -> String { String(decoding: keyBytes(slot), as: UTF8.self) }

    private func keyBytes(_ slot: Int) -> [UInt8] {
        let count = min(
            Int(board[slot * Board.words + Board.keyBytes]), TopicKey.maximumBytes)
        return (0..<count).map { byte in
            UInt8(
                truncatingIfNeeded: keys[slot * Self.keyWords + byte / 4] >> UInt32(8 * (byte % 4)))
        }
    }
}
