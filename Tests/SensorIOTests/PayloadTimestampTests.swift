import Foundation
import SensorIO
import TestSupport
import Testing

@Suite("Payload timestamps")
struct PayloadTimestampTests {
    private static let wall: Int64 = 1_795_253_400_000_000_000

    private func rfc3339(_ text: String) -> Int64? {
        Array(text.utf8).withUnsafeBytes { RFC3339Timestamp.nanoseconds($0) }
    }

    private func epoch(_ text: String, _ digits: Int) -> Int64? {
        Array(text.utf8).withUnsafeBytes { EpochTimestamp.nanoseconds($0, unitDigits: digits) }
    }

    @Test(
        "of RFC 3339 are read to the nanosecond",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-11-21T09:30:00Z", wall),
            ("2026-11-21t10:30:00.25+01:00", wall + 250_000_000),
            ("2026-11-21 04:00:00.123456789-05:30", wall + 123_456_789),
            ("2026-11-21T09:30:00.1234567899999z", wall + 123_456_789),
            ("2026-11-21T09:30:00-00:00", wall), ("1969-12-31T23:59:59Z", -1_000_000_000),
            ("2000-02-29T00:00:00Z", 951_782_400_000_000_000),
            // Leap seconds of 2016: POSIX time counts them as the first second of the next day.
            ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
            ("2017-01-01T00:59:60.5+01:00", 1_483_228_800_500_000_000),
            ("0000-01-01T00:00:00Z", .min), ("9999-12-31T23:59:59Z", .max),
        ] as [(String, Int64)])
    func validDateTimes(text: String, expected: Int64) {
        #expect(rfc3339(text) == expected)
    }

    @Test(
        "of RFC 3339 are refused when they are none",
        arguments: [
            "", "2026", "2026-11-21", "2026-11-21T09:30:00", "2026-11-21T09:30:00+0100",
            "2026-11-21T09:30:00.Z", "2026-11-21T09:30Z", "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
            "2026-11-31T00:00:00Z", "2026-11-00T00:00:00Z", "2026-11-21T24:00:00Z",
            "2026-11-21T09:60:00Z", "2026-11-21T09:30:61Z", "2026-11-21T09:30:60Z",
            "2026-11-20T23:59:60Z", "2016-12-31T23:59:60+01:00", "2026-11-21T09:30:00+24:00",
            "2026-11-21T09:30:00+01:60", "2026-11-21T09:30:00Z ", " 2026-11-21T09:30:00Z",
            "2026-11-21T09:30:00ZZ", "2026/11/21T09:30:00Z", "+026-11-21T09:30:00Z",
            "2026-11-21T09:30:00,5Z", "2026-11-21T09:30:00+01", "20261121T093000Z00000",
            "2026-11-21T09:30:00.\(String(repeating: "1", count: 60))Z",
        ])
    func invalidDateTimes(text: String) {
        #expect(rfc3339(text) == nil)
    }

    @Test("of RFC 3339 agree with Foundation", arguments: 1...4 as ClosedRange<UInt64>)
    func agreesWithFoundation(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            let seconds = Int64.random(in: -9_000_000_000...9_000_000_000, using: &generator)
            let offset = Int.random(in: -14 * 60...14 * 60, using: &generator)
            let formatter = ISO8601DateFormatter()
            formatter.timeZone = TimeZone(secondsFromGMT: offset * 60)
            let text = formatter.string(from: Date(timeIntervalSince1970: Double(seconds)))
            #expect(rfc3339(text) == seconds * 1_000_000_000, "seed \(seed): \(text)")
        }
    }

    @Test(
        "since 1970 lose no nanosecond",
        arguments: [
            ("1795253400", 0, wall), ("1795253400.123456789", 0, wall + 123_456_789),
            ("1795253400123", 3, wall + 123_000_000),
            ("1795253400123.456789", 3, wall + 123_456_789),
            ("1795253400123456", 6, wall + 123_456_000),
            ("1795253400123456.789", 6, wall + 123_456_789),
            ("1795253400123456789", 9, wall + 123_456_789),
            ("1795253400123456789.999", 9, wall + 123_456_789),
            ("1.7952534e9", 0, wall), ("1.7952534E+18", 9, wall), ("17952534e2", 0, wall),
            ("1795253400.1234567890123456789012345", 0, wall + 123_456_789),
            ("0", 0, 0), ("-1", 0, -1_000_000_000), ("-0.0000000001", 0, 0), ("0.000e5", 0, 0),
            ("99999999999999999999", 9, .max), ("1e99999999999999", 0, .max),
            ("-1e30", 0, -.max), ("1e-99999999999", 0, 0),
            ("000000000000000000000000001795253400", 0, wall),
        ] as [(String, Int, Int64)])
    func epochNumbers(text: String, digits: Int, expected: Int64) {
        #expect(epoch(text, digits) == expected)
    }

    @Test(
        "since 1970 are refused when they are no numbers",
        arguments: [
            "", "-", ".", "1.", ".5", "1e", "1e+", "1x", "1 ", " 1", "1.2.3", "e5", "1e5.5", "0x1",
        ])
    func invalidEpochNumbers(text: String) {
        #expect(epoch(text, 0) == nil)
    }

    @Test(
        "outside the acceptable range are refused with their cause",
        arguments: [
            ("1795253400", .s, nil), ("1795167000", .s, nil), ("1795166999", .s, .timestampTooOld),
            ("1795253700", .s, nil), ("1795253701", .s, .timestampInFuture),
            ("0", .s, .timestampTooOld),
            ("12345", .s, .timestampTooOld), ("1795253400000", .s, .timestampInFuture),
            ("1795253400", .ms, .timestampTooOld), ("1e300", .s, .timestampInFuture),
            ("1e999", .s, .timestampInFuture), ("-5", .s, .timestampTooOld),
            ("null", .s, .timestampMissing), ("true", .s, .timestampInvalid),
            ("[1]", .s, .timestampInvalid),
            (#""1795253400""#, .s, nil), (#""soon""#, .s, .timestampInvalid),
            (#""2026-11-21T09:30:00Z""#, .rfc, nil),
            (#""2027-11-21T09:30:00Z""#, .rfc, .timestampInFuture),
            (#""1970-01-01T00:00:00Z""#, .rfc, .timestampTooOld),
            ("1795253400", .rfc, .timestampInvalid),
            (#""2026-11-21""#, .rfc, .timestampInvalid),
        ] as [(String, Unit, RejectionCause?)])
    func ranges(text: String, unit: Unit, cause: RejectionCause?) throws {
        let decoder = try decoder(unit.unit)
        #expect(decoder.timeAxis == .epoch)
        #expect(decoder.decode(#"{"v":1,"t":\#(text)}"#) == .samples(1))
        if let cause {
            #expect(decoder.sample(0) == .rejected(cause))
        } else if case .rejected(let found) = decoder.sample(0) {
            Issue.record("rejected as \(found)")
        }
    }

    enum Unit: Sendable {
        case s, ms, rfc
        var unit: TimestampUnit {
            switch self {
            case .s: .seconds
            case .ms: .milliseconds
            case .rfc: .rfc3339
            }
        }
    }

    @Test("are missing where the key is")
    func missing() throws {
        let decoder = try decoder(.seconds)
        #expect(decoder.decode(#"{"v":1}"#) == .samples(1))
        #expect(decoder.sample(0) == .rejected(.timestampMissing))
    }

    @Test("are only held to plausible years while the box's clock is not synchronised")
    func unsynchronisedClock() throws {
        let decoder = try decoder(.seconds)
        let clock = ArrivalClock(
            monotonicNanoseconds: 1, wallNanoseconds: 60_000_000_000, isWallSynchronised: false)
        #expect(decoder.decode(#"{"v":1,"t":1795253400}"#, clock: clock) == .samples(1))
        #expect(decoder.sample(0) == .sample(timeNanoseconds: Self.wall))
        #expect(decoder.decode(#"{"v":1,"t":86400}"#, clock: clock) == .samples(1))
        #expect(decoder.sample(0) == .rejected(.timestampTooOld))
        #expect(decoder.decode(#"{"v":1,"t":1e10}"#, clock: clock) == .samples(1))
        #expect(decoder.sample(0) == .rejected(.timestampInFuture))
    }

    private func decoder(_ unit: TimestampUnit) throws -> PayloadDecoder {
        try PayloadDecoder(
            PayloadDescription(timestamp: .field(try PayloadPath("t"), unit: unit)),
            channels: [ChannelDescription(name: "v")])
    }
}
