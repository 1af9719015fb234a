/// A severity, and the score above which it holds.
package struct SeverityBand: Sendable, Equatable {
    package var severity: Severity
    /// The band holds for scores strictly above this.
    package var raiseAbove: Float

    package init(severity: Severity, raiseAbove: Float) {
        self.severity = severity
        self.raiseAbove = raiseAbove
    }
}

/// Why a rule cannot work.
package enum AlarmRuleError: Error, Equatable, CustomStringConvertible {
    case noBands
    case tooManyBands(count: Int, maximum: Int)
    case notFinite
    case bandsNotAscending(severity: Severity, raiseAbove: Float, previous: Float)
    case clearAboveRaise(clearBelow: Float, raiseAbove: Float)
    case countOutOfRange(name: String, value: Int, allowed: ClosedRange<Int>)

    package var description: String {
        switch self {
        case .noBands: "an alarm needs at least one threshold"
        case .tooManyBands(let count, let maximum):
            "\(count) severities, at most \(maximum) are allowed"
        case .notFinite: "a threshold must be a finite number"
        case .bandsNotAscending(let severity, let raiseAbove, let previous):
            "\(severity.name) at \(raiseAbove) must be above the lower severity's \(previous)"
        case .clearAboveRaise(let clearBelow, let raiseAbove):
            "clearBelow \(clearBelow) must not be above the lowest threshold \(raiseAbove)"
        case .countOutOfRange(let name, let value, let allowed):
            "\(name) is \(value), must be \(allowed.lowerBound) to \(allowed.upperBound)"
        }
    }
}

/// When an alarm is raised, escalated, repeated and cleared: checked thresholds and counts.
///
/// High scores are bad. A band that has held for `raiseAfter` evaluations in a row raises the
/// alarm with its severity, or escalates a raised one to it; a score strictly below `clearBelow`
/// for `clearAfter` evaluations in a row clears it. Between the two nothing changes: hysteresis.
package struct AlarmRule: Sendable, Equatable {
    /// As many bands as there are severities.
    package static let maximumBands = 4
    /// What `raiseAfter` and `clearAfter` may be.
    package static let countRange = 1...10_000

    package let clearBelow: Float
    package let raiseAfter: UInt16
    package let clearAfter: UInt16
    /// A raised alarm is repeated after this long; 0 is never.
    /// - Units: nanoseconds.
    package let reminderNanoseconds: UInt64
    package let bandCount: Int
    private let severities: InlineArray<4, Severity>
    private let thresholds: InlineArray<4, Float>

    /// Checks and makes a rule.
    ///
    /// - Parameters:
    ///   - bands: one to four, both severities and thresholds strictly ascending.
    ///   - clearBelow: nil is the lowest threshold: no hysteresis.
    /// - Throws: the first fault.
    package init(
        bands: [SeverityBand], clearBelow: Float? = nil, raiseAfter: Int = 1, clearAfter: Int = 1,
        reminderNanoseconds: UInt64 = 0
    ) throws(AlarmRuleError) {
        guard let first = bands.first else { throw .noBands }
        guard bands.count <= Self.maximumBands else {
            throw .tooManyBands(count: bands.count, maximum: Self.maximumBands)
        }
        let clearBelow = clearBelow ?? first.raiseAbove
        guard clearBelow.isFinite else { throw .notFinite }
        var severities = InlineArray<4, Severity>(repeating: .warning)
        var thresholds = InlineArray<4, Float>(repeating: .infinity)
        var previous: SeverityBand?
        for (index, band) in bands.enumerated() {
            guard band.raiseAbove.isFinite else { throw .notFinite }
            if let previous,
                band.raiseAbove <= previous.raiseAbove || band.severity <= previous.severity
            {
                throw .bandsNotAscending(
                    severity: band.severity, raiseAbove: band.raiseAbove,
                    previous: previous.raiseAbove)
            }
            severities[index] = band.severity
            thresholds[index] = band.raiseAbove
            previous = band
        }
        guard clearBelow <= first.raiseAbove else {
            throw .clearAboveRaise(clearBelow: clearBelow, raiseAbove: first.raiseAbove)
        }
        for (name, value) in [("raiseAfter", raiseAfter), ("clearAfter", clearAfter)]
        where !Self.countRange.contains(value) {
            throw .countOutOfRange(name: name, value: value, allowed: Self.countRange)
        }
        self.clearBelow = clearBelow
        self.raiseAfter = UInt16(raiseAfter)
        self.clearAfter = UInt16(clearAfter)
        self.reminderNanoseconds = reminderNanoseconds
        self.severities = severities
        self.thresholds = thresholds
        bandCount = bands.count
    }

    /// The severity of a band, 0..<`bandCount`.
    package func severity(ofBand band: Int) -> Severity { severities[band] }

    /// The threshold of a band, 0..<`bandCount`.
    package func raiseAbove(ofBand band: Int) -> Float { thresholds[band] }

    /// The threshold whose crossing gives `severity`: of the highest band not above it.
    package func raiseAbove(for severity: Severity) -> Float {
        var threshold = thresholds[0]
        for band in 0..<bandCount where severities[band] <= severity {
            threshold = thresholds[band]
        }
        return threshold
    }

    /// What a finite score says.
    ///
    /// - Parameter score: not NaN; a score that is not finite is an evaluation error, and no
    ///   observation is to be made of it.
    package func observe(_ score: Float) -> AlarmObservation {
        var bands: UInt8 = 0
        for band in 0..<bandCount where score > thresholds[band] { bands = UInt8(band) + 1 }
        return AlarmObservation(bandsHeld: bands, isBelowClear: score < clearBelow)
    }

    package static func == (left: AlarmRule, right: AlarmRule) -> Bool {
        guard left.bandCount == right.bandCount, left.clearBelow == right.clearBelow,
            left.raiseAfter == right.raiseAfter, left.clearAfter == right.clearAfter,
            left.reminderNanoseconds == right.reminderNanoseconds
        else { return false }
        return (0..<left.bandCount).allSatisfy {
            left.severities[$0] == right.severities[$0]
                && left.thresholds[$0] == right.thresholds[$0]
        }
    }
}

/// What one evaluation says to an alarm.
package struct AlarmObservation: Sendable, Equatable {
    /// How many of the rule's bands hold, from the lowest: 0 is none.
    package var bandsHeld: UInt8
    /// The score is below the rule's `clearBelow`.
    package var isBelowClear: Bool

    package init(bandsHeld: UInt8, isBelowClear: Bool) {
        self.bandsHeld = bandsHeld
        self.isBelowClear = isBelowClear
    }
}
