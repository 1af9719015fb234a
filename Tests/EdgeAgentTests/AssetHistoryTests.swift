import SensorIO
import Testing

@testable import EdgeAgent

@Suite("History of assets")
struct AssetHistoryTests {
    private static let channels = [
        ChannelDescription(name: "a", unit: "V"), ChannelDescription(name: "b"),
    ]
    private static let second: UInt64 = 1_000_000_000

    private static func history(
        assets: Int = 4, rings: Int = 4, points: Int = 5
    ) -> AssetHistory {
        var limits = AssetHistory.Limits()
        limits.assets = rings
        limits.pointsPerAsset = points
        return AssetHistory(
            channels: channels, maximumAssets: assets, limits: limits, startNanoseconds: 0)
    }

    private static func record(
        _ history: AssetHistory, _ slot: Int, _ key: String, _ score: Float,
        severity: Severity? = nil, action: AlarmAction = .none, generation: UInt32 = 1,
        at milliseconds: UInt64, row: [Float] = [1, 2]
    ) {
        Array(key.utf8).withUnsafeBytes { key in
            row.withUnsafeBufferPointer { row in
                history.record(
                    slot: slot, generation: generation, key: key, score: score, severity: severity,
                    action: action, isFallback: false, nowNanoseconds: milliseconds * 1_000_000,
                    row: row)
            }
        }
    }

    @Test("shows what was last decided, with its age and since when it is raised")
    func standing() throws {
        let history = Self.history()
        Self.record(history, 2, "P-1", 0.5, at: 1000)
        Self.record(history, 2, "P-1", 9, severity: .major, action: .raise, at: 3000)
        Self.record(history, 2, "P-1", 8, severity: .major, at: 5000)
        let selection = history.select(limit: 10, nowNanoseconds: 8 * Self.second)
        let asset = try #require(selection.assets.first)
        #expect((selection.total, selection.raised, selection.assets.count) == (1, 1, 1))
        #expect(asset.key == "P-1" && asset.score == 8 && asset.severity == .major)
        #expect(abs(asset.ageSeconds - 3) < 0.05)
        #expect(abs((asset.raisedSeconds ?? 0) - 5) < 0.05)
    }

    @Test(
        "keeps a point for two seconds with the highest score in between, and each change of an alarm at once"
    )
    func points() throws {
        let history = Self.history(points: 10)
        for (milliseconds, score) in [(0, 1), (200, 7), (400, 2), (2400, 3)] as [(UInt64, Float)] {
            Self.record(history, 0, "P-1", score, at: milliseconds, row: [score, .nan])
        }
        Self.record(history, 0, "P-1", 50, severity: .warning, action: .raise, at: 2500)
        let points = try #require(history.points(slot: 0, nowNanoseconds: 3 * Self.second))
        #expect(points.map(\.score) == [1, 7, 50])
        #expect(points.map(\.transition) == [nil, nil, .raised])
        #expect(points.map(\.severity) == [nil, nil, .warning])
        #expect(points[1].channels[0] == 3 && points[1].channels[1].isNaN)
        #expect(points.map(\.number) == [0, 1, 2])
    }

    @Test("forgets the oldest points, and gives the newest on demand")
    func wraps() throws {
        let history = Self.history(points: 5)
        for index in 0..<12 {
            Self.record(history, 0, "P-1", Float(index), at: UInt64(index) * 2200)
        }
        let points = try #require(history.points(slot: 0, nowNanoseconds: 28 * Self.second))
        // One place is always the one that is written next.
        #expect(points.map(\.score) == [8, 9, 10, 11])
        #expect(history.points(slot: 0, limit: 2, nowNanoseconds: 0)?.map(\.score) == [10, 11])
    }

    @Test("another asset in a slot begins anew")
    func eviction() throws {
        let history = Self.history()
        Self.record(history, 0, "old", 9, severity: .critical, action: .raise, at: 1000)
        Self.record(history, 0, "new", 1, generation: 2, at: 2000)
        #expect(history.slot(ofKey: "old") == nil)
        let slot = try #require(history.slot(ofKey: "new"))
        #expect(history.points(slot: slot, nowNanoseconds: 0)?.map(\.score) == [1])
        #expect(history.select(limit: 9, nowNanoseconds: 0).raised == 0)
    }

    @Test("with more assets than rings, raised ones and ones that are looked at have one")
    func scarcity() throws {
        let history = Self.history(assets: 8, rings: 2)
        for slot in 0..<8 { Self.record(history, slot, "P-\(slot)", 1, at: 1000) }
        let first = (0..<8).filter { history.points(slot: $0, nowNanoseconds: 0) != nil }
        #expect(first == [0, 1])
        Self.record(history, 5, "P-5", 9, severity: .major, action: .raise, at: 2000)
        #expect(history.points(slot: 5, nowNanoseconds: 0)?.count == 1)
        history.look(at: 6, nowNanoseconds: 2 * Self.second)
        Self.record(history, 6, "P-6", 1, at: 3000)
        #expect(history.points(slot: 6, nowNanoseconds: 0)?.count == 1)
        // Neither makes room for an asset that nobody looks at, nor for another raised one.
        Self.record(history, 7, "P-7", 9, severity: .major, action: .raise, at: 3100)
        #expect(history.points(slot: 7, nowNanoseconds: 0) == nil)
        #expect(history.points(slot: 5, nowNanoseconds: 0) != nil)
        // Nobody looks any more: the raised one gets the ring.
        Self.record(history, 7, "P-7", 9, severity: .major, at: 60_000)
        #expect(history.points(slot: 7, nowNanoseconds: 0)?.count == 1)
        #expect(history.points(slot: 6, nowNanoseconds: 0) == nil)
    }

    @Test("lists raised assets first, finds by a part of the key, and counts what it does not list")
    func selection() {
        let history = Self.history(assets: 6)
        for (slot, key) in ["pump-3", "Fan-1", "pump-1", "pump-2"].enumerated() {
            let isRaised = key == "pump-2"
            Self.record(
                history, slot, key, 1, severity: isRaised ? .warning : nil,
                action: isRaised ? .raise : .none, at: 1000)
        }
        let all = history.select(limit: 3, nowNanoseconds: 0)
        #expect(all.assets.map(\.key).first == "pump-2" && all.assets.count == 3)
        #expect(all.total == 4 && all.matching == 4)
        let fans = history.select(matching: "fAN", limit: 3, nowNanoseconds: 0)
        #expect(fans.assets.map(\.key) == ["Fan-1"] && fans.matching == 1 && fans.total == 4)
    }

    @Test(
        "takes at most what it is allowed, whatever the number of channels", arguments: [1, 16, 64])
    func memory(channels: Int) {
        let history = AssetHistory(
            channels: (0..<channels).map { ChannelDescription(name: "c\($0)") },
            maximumAssets: 10_000)
        #expect(history.ringBytes <= 768 << 10)
        #expect(history.ringCount >= 50 && history.channels.count == min(channels, 16))
    }

    @Test("a reader beside the writer sees whole points only")
    func concurrency() async throws {
        let history = Self.history(assets: 2, rings: 1, points: 8)
        let writer = Task.detached {
            for index in 0..<60_000 {
                // Two assets fight for the one ring, and one slot changes its owner.
                let slot = index / 500 % 2
                let value = Float(index)
                Self.record(
                    history, slot, "asset-\(slot)", value, severity: .warning, action: .remind,
                    generation: UInt32(index / 5000), at: UInt64(index) * 2200,
                    row: [value, -value])
            }
        }
        var seen = 0
        while !writer.isCancelled, seen < 20_000 {
            seen += 1
            for point in history.points(slot: seen % 2, nowNanoseconds: 0) ?? [] {
                #expect(point.channels[0] == point.score && point.channels[1] == -point.score)
            }
        }
        await writer.value
    }
}
