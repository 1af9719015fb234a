import SensorIO
import Testing

@Suite("Waits between attempts")
struct MQTTBackoffTests {
    @Test("stay between the floor and a ceiling that doubles up to the maximum")
    func bounds() {
        let policy = BackoffPolicy(
            initialNanoseconds: 1_000_000_000, maximumNanoseconds: 30_000_000_000)
        #expect(
            (0...7).map { policy.ceilingNanoseconds(afterFailures: $0) / 1_000_000_000 }
                == [1, 2, 4, 8, 16, 30, 30, 30])
        #expect(policy.ceilingNanoseconds(afterFailures: .max) == 30_000_000_000)
        #expect(policy.ceilingNanoseconds(afterFailures: .min) == 1_000_000_000)
        var backoff = Backoff(policy: policy)
        var random = SplitMix64(seed: 7)
        for failures in 0..<200 {
            let ceiling = policy.ceilingNanoseconds(afterFailures: failures)
            let wait = backoff.nextWaitNanoseconds(using: &random)
            #expect((BackoffPolicy.floorNanoseconds...ceiling).contains(wait))
        }
    }

    @Test("spread over the whole range: full jitter")
    func jitter() {
        var backoff = Backoff(
            policy: BackoffPolicy(
                initialNanoseconds: 1_000_000_000, maximumNanoseconds: 1_000_000_000))
        var random = SplitMix64(seed: 42)
        let waits = (0..<4_000).map { _ in backoff.nextWaitNanoseconds(using: &random) }
        for decile in 0..<10 {
            let low = UInt64(decile) * 100_000_000
            let share = waits.count { $0 >= low && $0 < low + 100_000_000 }
            #expect(share > 250, "decile \(decile) has \(share) of 4000")
        }
    }

    @Test("are drawn from the longest range at once when waiting alone will not help")
    func permanent() {
        let policy = BackoffPolicy(
            initialNanoseconds: 100_000_000, maximumNanoseconds: 60_000_000_000)
        var longest: UInt64 = 0
        for seed in 0..<50 {
            var backoff = Backoff(policy: policy)
            var random = SplitMix64(seed: UInt64(seed))
            longest = max(longest, backoff.nextWaitNanoseconds(isTransient: false, using: &random))
        }
        #expect(longest > 30_000_000_000)
    }

    @Test("start again only after a connection that lasted")
    func reset() {
        var backoff = Backoff(
            policy: BackoffPolicy(resetAfterNanoseconds: 10_000_000_000))
        var random = SplitMix64(seed: 1)
        for _ in 0..<5 { _ = backoff.nextWaitNanoseconds(using: &random) }
        backoff.succeeded(forNanoseconds: 9_999_999_999)
        #expect(backoff.failures == 5)
        backoff.succeeded(forNanoseconds: 10_000_000_000)
        #expect(backoff.failures == 0)
    }

    @Test("take no nonsense from a configuration")
    func nonsense() {
        let policy = BackoffPolicy(initialNanoseconds: 0, maximumNanoseconds: 0)
        #expect(policy.initialNanoseconds == BackoffPolicy.floorNanoseconds)
        #expect(policy.maximumNanoseconds == BackoffPolicy.floorNanoseconds)
    }
}
