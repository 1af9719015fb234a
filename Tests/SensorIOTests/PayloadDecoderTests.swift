import SensorIO
import Testing

/// Now, for tests: 2026-11-21T09:30:00Z.
private let wall: Int64 = 1_795_253_400_000_000_000
private let clock = ArrivalClock(monotonicNanoseconds: 5_000, wallNanoseconds: wall)

extension PayloadDecoder {
    func decode(
        _ text: String, channel: String? = nil, clock: ArrivalClock = clock
    ) -> PayloadOutcome {
        decode(Array(text.utf8), channel: channel, clock: clock)
    }

    func decode(
        _ bytes: [UInt8], channel: String? = nil, clock: ArrivalClock = clock
    ) -> PayloadOutcome {
        bytes.withUnsafeBytes { payload in
            guard var channel else { return decode(payload, clock: clock) }
            return channel.withUTF8 { name in
                decode(payload, channelName: UnsafeRawBufferPointer(name), clock: clock)
            }
        }
    }
}

@Suite("Payload decoder")
struct PayloadDecoderTests {
    private static let channels = [
        ChannelDescription(name: "speed"), ChannelDescription(name: "temperature"),
    ]
    private static let nested = PayloadDescription(
        channels: .fields([
            PayloadField(channel: "temperature", path: try! PayloadPath("motor.temperature")),
            PayloadField(channel: "speed", path: try! PayloadPath("motor.rpm.1")),
            PayloadField(channel: "unused", path: try! PayloadPath("not.there")),
        ]))

    @Test("reads channels by name in the model's order")
    func byName() throws {
        let decoder = try PayloadDecoder(PayloadDescription(), channels: Self.channels)
        let text = #"{"temperature": 36.5, "x": {"speed": [9]}, "speed": 1480, "unit": "a\"b"}"#
        #expect(decoder.decode(text) == .samples(1))
        #expect(decoder.sample(0) == .sample(timeNanoseconds: 5_000))
        #expect(decoder.timeAxis == .monotonic)
        #expect(Array(decoder.row) == [1480, 36.5])
    }

    @Test("follows paths through objects and arrays")
    func paths() throws {
        let decoder = try PayloadDecoder(Self.nested, channels: Self.channels)
        #expect(decoder.decode(#"{"motor":{"rpm":[1,2.5,3],"temperature":-4e1}}"#) == .samples(1))
        #expect(decoder.sample(0) == .sample(timeNanoseconds: 5_000))
        #expect(Array(decoder.row) == [2.5, -40])
        #expect(decoder.decode(#"{"motor":{"rpm":[1],"temperature":4}}"#) == .samples(1))
        #expect(decoder.sample(0) == .rejected(.missingChannel))
        #expect(decoder.rejectedChannel == 0)
    }

    @Test("knows escaped keys")
    func escapedKeys() throws {
        let decoder = try PayloadDecoder(
            PayloadDescription(
                channels: .fields([
                    PayloadField(channel: "speed", path: try PayloadPath(#"a\.b"#)),
                    PayloadField(channel: "temperature", path: try PayloadPath("Wälz\"lager")),
                ])), channels: Self.channels)
        #expect(decoder.decode(#"{"\u0061.b": 1, "W\u00e4lz\"lager": 2}"#) == .samples(1))
        #expect(decoder.sample(0) == .sample(timeNanoseconds: 5_000))
        #expect(Array(decoder.row) == [1, 2])
    }

    @Test(
        "refuses hostile payloads with a cause",
        arguments: [
            ("", .empty), ("  \n", .empty), ("{", .notJSON), ("{}", nil), ("nonsense", .notJSON),
            (#"{"speed":1,"temperature":2"#, .notJSON),
            (#"{"speed":1,"temperature":2}x"#, .notJSON),
            (#"{"speed":1,"temperature":2}{"speed":1}"#, .notJSON),
            (#"{"speed":1,"temperature":2},{"speed":1,"temperature":2}"#, .notJSON),
            (#"{"speed":1,"temperature":2}],[1"#, .notJSON),
            (#"{"speed":1,"temperature":2,}"#, .notJSON),
            (#"{"speed":1,"temperature":2,"z":tru}"#, .notJSON),
            (#"{"speed":1,"temperature":2,"z":[1,{"q":01}]}"#, .notJSON),
            (#"{"speed":1,"temperature":2,"z":"\q"}"#, .notJSON),
            (#"{"speed":1,"temperature":2,"\q":1}"#, .notJSON),
            (#"{"speed":1,"temperature":2,"z":NaN}"#, .notJSON),
            (#"{"speed":NaN,"temperature":2}"#, .notFinite),
            (#"{"speed":-Infinity,"temperature":2}"#, .notFinite),
            (#"{"speed":Infinity,"temperature":2}"#, .notFinite),
            (#"{"speed":01,"temperature":2}"#, .notJSON),
            (#"{"speed":-,"temperature":2}"#, .notJSON),
            (#"{"speed":1,"speed":1,"temperature":2}"#, .duplicateKey),
            (#"{"speed":1,"\u0073peed":1,"temperature":2}"#, .duplicateKey),
            ("5", .wrongType), ("null", .wrongType), (#""speed""#, .wrongType),
            (#"[{"speed":1,"temperature":2}]"#, .wrongType), ("[1", .notJSON),
        ] as [(String, RejectionCause?)])
    func hostile(text: String, cause: RejectionCause?) throws {
        let decoder = try PayloadDecoder(PayloadDescription(), channels: Self.channels)
        #expect(decoder.decode(text) == cause.map { .rejected($0) } ?? .samples(1))
        // The next good message is read as if nothing had been.
        #expect(decoder.decode(#"{"speed":1,"temperature":2}"#) == .samples(1))
        #expect(decoder.sample(0) == .sample(timeNanoseconds: 5_000))
        #expect(Array(decoder.row) == [1, 2])
    }

    @Test(
        "refuses samples with a cause and the channel",
        arguments: [
            (#"{}"#, .missingChannel, 0), (#"{"speed":1}"#, .missingChannel, 1),
            (#"{"speed":1,"temperature":null}"#, .missingChannel, 1),
            (#"{"speed":"1","temperature":2}"#, .wrongType, 0),
            (#"{"speed":1,"temperature":true}"#, .wrongType, 1),
            (#"{"speed":1,"temperature":[2]}"#, .wrongType, 1),
            (#"{"speed":{"speed":1},"temperature":2}"#, .wrongType, 0),
            (#"{"speed":1e999,"temperature":2}"#, .notFinite, 0),
            (#"{"speed":1,"temperature":-1e400}"#, .notFinite, 1),
            (#"{"speed":1e39,"temperature":2}"#, .notFinite, 0),
        ] as [(String, RejectionCause, Int)])
    func refusedSamples(text: String, cause: RejectionCause, channel: Int) throws {
        let decoder = try PayloadDecoder(PayloadDescription(), channels: Self.channels)
        #expect(decoder.decode(text) == .samples(1))
        #expect(decoder.sample(0) == .rejected(cause))
        #expect(decoder.rejectedChannel == channel)
    }

    @Test(
        "takes every spelling of a number",
        arguments: [
            ("-0", -0.0), ("1E+2", 100), ("1e-400", 0),
            ("123456789012345678901234567890", 1.2345679e29),
            ("0.1", 0.1), ("3.4028235e38", 3.4028235e38), ("-1.0e0", -1),
        ] as [(String, Float)])
    func numbers(text: String, expected: Float) throws {
        let decoder = try PayloadDecoder(PayloadDescription(), channels: Self.channels)
        #expect(
            decoder.decode(#"{"speed": \#(text) , "temperature":2, "big": 1e999}"#) == .samples(1))
        #expect(decoder.sample(0) == .sample(timeNanoseconds: 5_000))
        #expect(decoder.row[0] == expected && decoder.row[0].sign == expected.sign)
    }

    @Test("refuses what is too large, too deep or not UTF-8")
    func bounds() throws {
        let decoder = try PayloadDecoder(
            PayloadDescription(maximumBytes: 1000), channels: Self.channels)
        #expect(decoder.decode(String(repeating: " ", count: 1001)) == .rejected(.tooLarge))
        #expect(decoder.decode(String(repeating: " ", count: 1000)) == .rejected(.empty))
        #expect(decoder.decode(String(repeating: "[", count: 1000)) == .rejected(.tooDeep))
        #expect(decoder.decode(String(repeating: #"{"a":"#, count: 200)) == .rejected(.tooDeep))
        #expect(decoder.decode([0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D]) == .rejected(.notUTF8))
        #expect(
            decoder.decode(#"{"a":"\#(String(repeating: "\\", count: 300))"#) == .rejected(.notJSON)
        )
        let full = #"{"speed":1,"temperature":2,"s":""#
        let padded = full + String(repeating: "x", count: 1000 - full.count - 2) + "\"}"
        #expect(decoder.decode(padded) == .samples(1))
    }

    @Test("survives every truncation of a payload")
    func truncations() throws {
        let decoder = try PayloadDecoder(PayloadDescription(), channels: Self.channels)
        let text = Array(
            #"{"speed":1.5e3,"s":"\u00e9\\","n":null,"a":[true,false,{"k":-1}],"temperature":2}"#
                .utf8)
        for length in 0..<text.count {
            let outcome = decoder.decode(Array(text[..<length]))
            #expect(outcome == .rejected(length == 0 ? .empty : .notJSON), "length \(length)")
        }
        #expect(decoder.decode(text) == .samples(1))
    }

    @Test("reads several samples from an array")
    func batch() throws {
        let decoder = try PayloadDecoder(
            PayloadDescription(
                timestamp: .field(try PayloadPath("t"), unit: .seconds), maximumSamples: 3),
            channels: Self.channels)
        let text = """
            [{"t":1795253400,"speed":1,"temperature":2}, {"t":1795253401,"speed":"x"},
             {"t":1795253402,"temperature":4,"speed":3}]
            """
        #expect(decoder.decode(text) == .samples(3))
        #expect(decoder.sample(2) == .sample(timeNanoseconds: wall + 2_000_000_000))
        #expect(Array(decoder.row) == [3, 4])
        #expect(decoder.sample(1) == .rejected(.wrongType))
        #expect(decoder.sample(0) == .sample(timeNanoseconds: wall))
        #expect(decoder.decode("[]") == .rejected(.empty))
        #expect(decoder.decode("[{},{},{},{}]") == .rejected(.tooManySamples))
        #expect(decoder.decode("[{},1]") == .rejected(.wrongType))
        #expect(decoder.decode(#"[{"speed":1,"temperature":2},{"speed":1]"#) == .rejected(.notJSON))
        #expect(decoder.decode(#"{"t":1795253400,"speed":1,"temperature":2}"#) == .samples(1))
    }

    @Test("leaves absent channels open where rows may be partial")
    func partialRows() throws {
        let decoder = try PayloadDecoder(
            PayloadDescription(acceptsPartialRows: true), channels: Self.channels)
        #expect(decoder.decode(#"{"temperature":4}"#) == .samples(1))
        #expect(decoder.sample(0) == .sample(timeNanoseconds: 5_000))
        #expect(decoder.row[0].isNaN && decoder.row[1] == 4)
        #expect(decoder.decode(#"{"speed":null}"#) == .samples(1))
        #expect(decoder.sample(0) == .rejected(.missingChannel))
        #expect(decoder.decode(#"{"speed":true,"temperature":1}"#) == .samples(1))
        #expect(decoder.sample(0) == .rejected(.wrongType))
    }

    @Test("holds values to their valid range")
    func validRange() throws {
        let decoder = try PayloadDecoder(
            PayloadDescription(),
            channels: [
                ChannelDescription(name: "a", validRange: 0...10),
                ChannelDescription(name: "b", validRange: 0...10, outOfRange: .clamp),
            ])
        #expect(decoder.decode(#"{"a":10,"b":11}"#) == .samples(1))
        #expect(decoder.sample(0) == .sample(timeNanoseconds: 5_000))
        #expect(Array(decoder.row) == [10, 10])
        #expect(decoder.clampedValues == 1)
        #expect(decoder.decode(#"{"a":-0.001,"b":1}"#) == .samples(1))
        #expect(decoder.sample(0) == .rejected(.outOfValidRange))
        #expect(decoder.rejectedChannel == 0)
    }

    @Test(
        "reads JSON scalars",
        arguments: [
            ("12.5", 12.5, nil), (" -3 \n", -3, nil), ("", nil, .empty), ("1 2", nil, .notJSON),
            ("1,2", nil, .notJSON), ("+1", nil, .notJSON), ("NaN", nil, .notFinite),
            ("1e999", nil, .notFinite), (#""1""#, nil, .wrongType), ("[1]", nil, .wrongType),
            ("null", nil, .missingChannel), (#"{"v":1}"#, nil, .wrongType),
        ] as [(String, Float?, RejectionCause?)])
    func jsonScalars(text: String, expected: Float?, cause: RejectionCause?) throws {
        let decoder = try PayloadDecoder(
            PayloadDescription(format: .jsonScalar, channels: .topicCapture("channel", value: nil)),
            channels: Self.channels)
        expect(decoder, decoder.decode(text, channel: "temperature"), expected, cause)
        #expect(decoder.decode(text, channel: "pressure") == .rejected(.unknownChannel))
        #expect(decoder.decode(text, channel: nil) == .rejected(.unknownChannel))
    }

    @Test(
        "reads plain-text scalars",
        arguments: [
            ("12.5", 12.5, nil), (" +12.5\r\n", 12.5, nil), (".5", 0.5, nil), ("3.", 3, nil),
            ("1e3", 1000, nil), ("-1E-2", -0.01, nil), ("", nil, .empty), ("\n", nil, .empty),
            ("1e-999", 0, nil), ("-0.0000000000000000001e-999999999999", 0, nil),
            ("1e999", nil, .notFinite), ("0.00001e999999999999999999", nil, .notFinite),
            ("0e999999999999", 0, nil), ("nan", nil, .notFinite), ("-INF", nil, .notFinite),
            ("Infinity", nil, .notFinite), ("1,5", nil, .wrongType), ("12.5 °C", nil, .wrongType),
            ("0x10", nil, .wrongType), (".", nil, .wrongType), ("-", nil, .wrongType),
            ("1e", nil, .wrongType), ("1e+", nil, .wrongType), ("1.2.3", nil, .wrongType),
            ("true", nil, .wrongType), ("1\0", nil, .wrongType), ("--1", nil, .wrongType),
        ] as [(String, Float?, RejectionCause?)])
    func textScalars(text: String, expected: Float?, cause: RejectionCause?) throws {
        let decoder = try PayloadDecoder(
            PayloadDescription(format: .textScalar, channels: .fixed("temperature")),
            channels: Self.channels)
        expect(decoder, decoder.decode(text), expected, cause)
    }

    @Test("reads one value of an object for the channel of the topic")
    func objectValue() throws {
        let decoder = try PayloadDecoder(
            PayloadDescription(
                channels: .topicCapture("channel", value: try PayloadPath("value")),
                timestamp: .field(try PayloadPath("ts"), unit: .milliseconds)),
            channels: Self.channels)
        let outcome = decoder.decode(#"{"value":7,"ts":1795253400250}"#, channel: "temperature")
        #expect(outcome == .samples(1))
        #expect(decoder.sample(0) == .sample(timeNanoseconds: wall + 250_000_000))
        #expect(decoder.row[0].isNaN && decoder.row[1] == 7)
    }

    private func expect(
        _ decoder: PayloadDecoder, _ outcome: PayloadDecoder.PayloadOutcome, _ expected: Float?,
        _ cause: RejectionCause?, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        if let expected {
            #expect(outcome == .samples(1), sourceLocation: sourceLocation)
            guard outcome == .samples(1) else { return }
            #expect(
                decoder.sample(0) == .sample(timeNanoseconds: 5_000), sourceLocation: sourceLocation
            )
            #expect(
                decoder.row[0].isNaN && decoder.row[1] == expected, sourceLocation: sourceLocation)
        } else if outcome == .samples(1) {
            #expect(
                decoder.sample(0) == cause.map { .rejected($0) }, sourceLocation: sourceLocation)
            #expect(decoder.rejectedChannel == 1, sourceLocation: sourceLocation)
        } else {
            #expect(outcome == cause.map { .rejected($0) }, sourceLocation: sourceLocation)
        }
    }
}
