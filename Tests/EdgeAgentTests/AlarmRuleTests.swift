import Testing

@testable import EdgeAgent

@Suite("Alarm rule")
struct AlarmRuleTests {
    private static let two = [
        SeverityBand(severity: .warning, raiseAbove: 1),
        SeverityBand(severity: .major, raiseAbove: 2),
    ]

    @Test(
        "a fault in a rule is named",
        arguments: [
            ([], nil, 1, 1, AlarmRuleError.noBands),
            (Array(repeating: two[0], count: 5), nil, 1, 1, .tooManyBands(count: 5, maximum: 4)),
            ([SeverityBand(severity: .warning, raiseAbove: .nan)], nil, 1, 1, .notFinite),
            (two, -.infinity, 1, 1, .notFinite),
            (
                [two[1], two[0]], nil, 1, 1,
                .bandsNotAscending(severity: .warning, raiseAbove: 1, previous: 2)
            ),
            (
                [two[0], SeverityBand(severity: .warning, raiseAbove: 3)], nil, 1, 1,
                .bandsNotAscending(severity: .warning, raiseAbove: 3, previous: 1)
            ),
            (two, 1.5, 1, 1, .clearAboveRaise(clearBelow: 1.5, raiseAbove: 1)),
            (two, nil, 0, 1, .countOutOfRange(name: "raiseAfter", value: 0, allowed: 1...10_000)),
            (
                two, nil, 1, 10_001,
                .countOutOfRange(name: "clearAfter", value: 10_001, allowed: 1...10_000)
            ),
        ] as [([SeverityBand], Float?, Int, Int, AlarmRuleError)])
    func aFaultInARuleIsNamed(
        bands: [SeverityBand], clearBelow: Float?, raiseAfter: Int, clearAfter: Int,
        error: AlarmRuleError
    ) {
        #expect(throws: error) {
            try AlarmRule(
                bands: bands, clearBelow: clearBelow, raiseAfter: raiseAfter,
                clearAfter: clearAfter)
        }
        #expect(!error.description.isEmpty)
    }

    @Test(
        "a score holds every band below it and clears strictly below the clear threshold",
        arguments: [
            (Float(0.4), 0, true), (0.5, 0, false), (1, 0, false), (1.01, 1, false), (2, 1, false),
            (2.01, 2, false), (-1, 0, true), (.greatestFiniteMagnitude, 2, false),
        ])
    func aScoreHoldsEveryBandBelowIt(score: Float, bands: UInt8, isBelowClear: Bool) throws {
        let rule = try AlarmRule(bands: Self.two, clearBelow: 0.5)
        #expect(
            rule.observe(score) == AlarmObservation(bandsHeld: bands, isBelowClear: isBelowClear))
    }

    @Test("without a clear threshold the lowest band's is taken")
    func withoutAClearThresholdTheLowestBandsIsTaken() throws {
        let rule = try AlarmRule(bands: Self.two)
        #expect(rule.clearBelow == 1)
        #expect(rule.raiseAbove(for: .warning) == 1)
        #expect(rule.raiseAbove(for: .minor) == 1)
        #expect(rule.raiseAbove(for: .critical) == 2)
    }

    @Test("a severity is found by its name", arguments: Severity.allCases)
    func aSeverityIsFoundByItsName(severity: Severity) {
        #expect(Severity(name: severity.name.description) == severity)
        #expect(Severity(name: "") == nil)
    }

    @Test(
        "a fallback rule speaks for its band",
        arguments: [
            (FallbackDirection.above, Float(11), UInt8(2), false), (.above, 10, 0, false),
            (.above, 8, 0, false), (.above, 7.9, 0, true), (.below, 11, 0, false),
            (.below, 9.9, 2, false), (.below, 12.1, 0, true), (.below, 12, 0, false),
        ])
    func aFallbackRuleSpeaksForItsBand(
        direction: FallbackDirection, value: Float, bands: UInt8, isClear: Bool
    ) throws {
        let rule = try #require(
            FallbackRule(
                featureIndex: 1, direction: direction, threshold: 10,
                clearThreshold: direction == .above ? 8 : 12, band: 2))
        let features: [Float] = [99, value]
        let verdict = features.withUnsafeBufferPointer { rule.evaluate($0) }
        #expect(verdict?.value == value)
        #expect(
            verdict?.observation == AlarmObservation(bandsHeld: bands, isBelowClear: isClear))
    }

    @Test("a fallback rule with impossible numbers is refused, and one over NaN does not decide")
    func aFallbackRuleWithImpossibleNumbersIsRefused() throws {
        #expect(FallbackRule(featureIndex: -1, direction: .above, threshold: 1) == nil)
        #expect(FallbackRule(featureIndex: 0, direction: .above, threshold: .nan) == nil)
        #expect(FallbackRule(featureIndex: 0, direction: .above, threshold: 1, band: 5) == nil)
        #expect(
            FallbackRule(featureIndex: 0, direction: .above, threshold: 1, clearThreshold: 2) == nil
        )
        let rule = try #require(FallbackRule(featureIndex: 0, direction: .below, threshold: 1))
        let features: [Float] = [.nan]
        #expect(features.withUnsafeBufferPointer { rule.evaluate($0) == nil })
    }
}
