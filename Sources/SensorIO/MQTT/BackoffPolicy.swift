/// How long to wait between attempts at something that keeps failing: exponential, bounded, with
/// full jitter, so that a plant's boxes do not all come back in the same instant.
///
/// - Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("full jitter").
package struct BackoffPolicy: Sendable, Equatable {
    /// The ceiling of the first wait.
    package let initialNanoseconds: UInt64
    /// The ceiling of every wait.
    package let maximumNanoseconds: UInt64
    /// How long things must have gone well before the count of failures starts again from zero.
    package let resetAfterNanoseconds: UInt64

    /// No wait is shorter than this, so that nothing spins however the dice fall.
    package static let floorNanoseconds: UInt64 = 20_000_000

    /// No wait is longer than this: a day.
    package static let limitNanoseconds: UInt64 = 86_400_000_000_000

    /// - Range: ``floorNanoseconds`` <= `initialNanoseconds` <= `maximumNanoseconds` <= ``limitNanoseconds``; what is
    ///   outside is moved to the nearest end.
    package init(
        initialNanoseconds: UInt64 = 1_000_000_000, maximumNanoseconds: UInt64 = 60_000_000_000,
        resetAfterNanoseconds: UInt64 = 10_000_000_000
    ) {
        let initial = min(max(initialNanoseconds, Self.floorNanoseconds), Self.limitNanoseconds)
        self.initialNanoseconds = initial
        self.maximumNanoseconds = min(max(maximumNanoseconds, initial), Self.limitNanoseconds)
        self.resetAfterNanoseconds = resetAfterNanoseconds
    }

    /// The ceiling of the wait after `failures` failures in a row before this one.
    package func ceilingNanoseconds(afterFailures failures: Int) -> UInt64 {
        let shift = UInt64(max(0, min(failures, 63)))
        let (high, low) = initialNanoseconds.multipliedFullWidth(by: 1 << shift)
        return high > 0 ? maximumNanoseconds : min(low, maximumNanoseconds)
    }
}

/// Counts failures and draws the waits between attempts by a ``BackoffPolicy``. Pure: no clock, and
/// the dice are the caller's.
package struct Backoff: Sendable {
    package let policy: BackoffPolicy
    /// How many failures there have been in a row.
    package private(set) var failures = 0

    package init(policy: BackoffPolicy) {
        self.policy = policy
    }

    /// Counts a failure and returns how long to wait before the next attempt.
    ///
    /// - Parameter isTransient: false draws from the longest range at once: waiting alone will not help,
    ///   but an operator may, so attempts go on.
    /// - Range: ``BackoffPolicy/floorNanoseconds`` ... ``BackoffPolicy/maximumNanoseconds``.
    package mutating func nextWaitNanoseconds(
        isTransient: Bool = true, using random: inout some RandomNumberGenerator
    ) -> UInt64 {
        let ceiling =
            isTransient
            ? policy.ceilingNanoseconds(afterFailures: failures) : policy.maximumNanoseconds
        if failures < Int.max { failures += 1 }
        return UInt64.random(in: BackoffPolicy.floorNanoseconds...ceiling, using: &random)
    }

    /// Notes that things went well for `nanoseconds`: long enough, and the count starts again.
    package mutating func succeeded(forNanoseconds nanoseconds: UInt64) {
        if nanoseconds >= policy.resetAfterNanoseconds { failures = 0 }
    }
}

/// A small seedable generator (SplitMix64), so that a test can say how the dice fall.
///
/// - Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
package struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
