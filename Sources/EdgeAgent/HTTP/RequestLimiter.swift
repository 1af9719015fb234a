/// How many requests an address may make: a bucket for each that fills by time.
///
/// Bounded: of more than `capacity` addresses the one that was silent longest is forgotten.
/// - Thread: one at a time.
package struct RequestLimiter {
    /// IPv4 as ::ffff:a.b.c.d; of IPv6 the network of 64 bits, which is one subscriber's.
    package struct Address: Sendable, Hashable {
        package let high: UInt64
        package let low: UInt64

        package init(bytes: [UInt8]) {
            let padded = bytes + [UInt8](repeating: 0, count: max(0, 16 - bytes.count))
            let high = padded[..<8].reduce(0) { $0 << 8 | UInt64($1) }
            let low = padded[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
            self.high = high
            self.low = high == 0 && low >> 32 == 0xFFFF ? low : 0
        }
    }

    private struct Bucket {
        var requests: Double
        var at: UInt64
    }

    private static let capacity = 256
    /// Bursts of so many seconds' requests pass: a page with all its files.
    private static let burstSeconds = 3.0
    /// What a wrong token costs, so that guessing is slower still.
    private static let requestsOfAWrongToken = 10.0

    private let perSecond: Double
    private var buckets: [Address: Bucket] = [:]

    package init(requestsPerSecond: Int) {
        perSecond = Double(max(1, requestsPerSecond))
        buckets.reserveCapacity(Self.capacity)
    }

    /// Whether a request may be answered now. - Units: nanoseconds, monotonic.
    package mutating func admit(_ address: Address, now: UInt64) -> Bool {
        var bucket = filled(address, now)
        let isAdmitted = bucket.requests >= 1
        if isAdmitted { bucket.requests -= 1 }
        buckets[address] = bucket
        return isAdmitted
    }

    /// Counts a wrong token.
    package mutating func charge(_ address: Address, now: UInt64) {
        var bucket = filled(address, now)
        bucket.requests = max(
            bucket.requests - Self.requestsOfAWrongToken, -Self.requestsOfAWrongToken)
        buckets[address] = bucket
    }

    private mutating func filled(_ address: Address, _ now: UInt64) -> Bucket {
        let most = perSecond * Self.burstSeconds
        guard let known = buckets[address] else {
            if buckets.count >= Self.capacity,
                let oldest = buckets.min(by: { $0.value.at < $1.value.at })?.key
            {
                buckets[oldest] = nil
            }
            return Bucket(requests: most, at: now)
        }
        let seconds = Double(now &- min(known.at, now)) / 1e9
        return Bucket(requests: min(most, known.requests + seconds * perSecond), at: now)
    }
}
