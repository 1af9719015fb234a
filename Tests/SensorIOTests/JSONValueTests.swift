import Foundation
import SensorIO
import TestSupport
import Testing

@Suite("JSON values")
struct JSONValueTests {
    @Test(
        "keep integers and other numbers apart",
        arguments: [
            ("1", JSONValue.integer(1)), ("-9223372036854775808", .integer(.min)),
            ("9223372036854775807", .integer(.max)), ("9223372036854775808", .number(0x1p63)),
            ("18446744073709551616", .number(0x1p64)), ("1.0", .number(1)), ("1e2", .number(100)),
            ("0", .integer(0)), (" true ", .bool(true)), ("null", .null),
            ("\"\\u00e9\"", .string("é")),
            ("[]", .array([])), ("{}", .object([])), ("1e-400", .number(0)),
            ("[1,[2.5]]", .array([.integer(1), .array([.number(2.5)])])),
            (
                "{\"a\":{\"b\":false}}",
                .object([
                    JSONMember(
                        key: "a", value: .object([JSONMember(key: "b", value: .bool(false))]))
                ])
            ),
        ])
    func values(text: String, expected: JSONValue) throws {
        #expect(try JSONValue(parsing: text) == expected)
    }

    @Test("keep the sign of -0")
    func negativeZero() throws {
        #expect(try JSONNode(JSONValue(parsing: "-0")).number().sign == .minus)
    }

    @Test(
        "refuse what is not JSON and say where",
        arguments: [
            ("", JSONError.empty), (" \n", .empty),
            ("{\n  \"a\": 1,\n  \"b\": tru\n}", .syntax(line: 3, column: 8)),
            ("[1 2]", .syntax(line: 1, column: 2)),
            ("1e999", .numberOutOfRange(line: 1, column: 1)),
            ("[1,\n-1e400]", .numberOutOfRange(line: 2, column: 1)),
            ("{\"a\":1,\"b\":{\"c\":1,\"c\":2}}", .duplicateKey(path: "b", key: "c")),
            ("[0,{\"c\":1,\"\\u0063\":2}]", .duplicateKey(path: "$[1]", key: "c")),
        ])
    func errors(text: String, expected: JSONError) {
        #expect(throws: expected) { try JSONValue(parsing: text) }
    }

    @Test(
        "refuse every kind of broken syntax",
        arguments: [
            "{", "}", "[", "]", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}",
            "{\"a\" 1}", "{a:1}",
            "{'a':1}", "[1,]", "[,1]", "[1,,2]", "1 2", "1,2", "1],[2", "[1]]", "[[1]",
            "{\"a\":1}x", "{\"a\":1}{}",
            "\"", "\"a", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\u{1}\"", "tru", "truee",
            "nul", "NaN",
            "-", "+1", "01", "-01", ".5", "1.", "1.e2", "1e", "1e+", "0x10", "Infinity",
            "-Infinity", "1_000",
            "// c\n1", "{\"a\":1 \"b\":2}", "{1:2}", "{\"a\":1,2}", "\u{FEFF}{}", "[1}",
            "{\"a\":1]", "\u{0}", "1\u{0}",
        ])
    func brokenSyntax(text: String) {
        #expect { try JSONValue(parsing: text) } throws: { error in
            if case JSONError.syntax = error { true } else { false }
        }
    }

    @Test(
        "refuse invalid UTF-8",
        arguments: [
            [0xFF], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x82],
        ] as [[UInt8]])
    func invalidUTF8(bytes: [UInt8]) {
        #expect(throws: JSONError.notUTF8) {
            try JSONValue(parsing: [UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")])
        }
    }

    @Test("are bounded in size and depth")
    func bounds() throws {
        let limits = JSONValue.Limits(maximumBytes: 100, maximumDepth: 3)
        #expect(try JSONValue(parsing: "[[[1]]]", limits: limits) != .null)
        #expect(throws: JSONError.tooDeep(maximum: 3)) {
            try JSONValue(parsing: "[[[[1]]]]", limits: limits)
        }
        #expect(throws: JSONError.tooLarge(actual: 101, maximum: 100)) {
            try JSONValue(parsing: String(repeating: " ", count: 101), limits: limits)
        }
        for bracket in ["[", "{\"a\":"] {
            let bomb = String(repeating: bracket, count: 100_000)
            #expect(throws: JSONError.tooDeep(maximum: 32)) { try JSONValue(parsing: bomb) }
        }
    }

    @Test("agree with Foundation on generated documents", arguments: 1...8 as ClosedRange<UInt64>)
    func agreesWithFoundation(seed: UInt64) throws {
        var corpus = JSONCorpus(seed: seed)
        for _ in 0..<300 {
            let document = corpus.document()
            let reference = try JSONSerialization.jsonObject(
                with: Data(document.utf8), options: .fragmentsAllowed)
            let value = try JSONValue(parsing: document)
            #expect(matches(value, reference), "seed \(seed): \(document)")
        }
    }

    @Test("agree with Foundation on what is broken", arguments: 1...8 as ClosedRange<UInt64>)
    func agreesOnBrokenDocuments(seed: UInt64) throws {
        var corpus = JSONCorpus(seed: seed &+ 1000)
        for _ in 0..<2000 {
            let bytes = corpus.injured(corpus.document(depth: 3))
            let isValid =
                (try? JSONSerialization.jsonObject(
                    with: Data(bytes), options: .fragmentsAllowed)) != nil
            let result = Result { () throws(JSONError) in try JSONValue(parsing: bytes) }
            switch result {
            case .success:
                #expect(
                    isValid,
                    "seed \(seed): accepted \(String(decoding: bytes, as: UTF8.self)) \(bytes)")
            case .failure(.duplicateKey), .failure(.numberOutOfRange): break
            case .failure where JSONCorpus.mayHaveTrailingComma(bytes): break
            case .failure:
                #expect(
                    !isValid,
                    "seed \(seed): refused \(String(decoding: bytes, as: UTF8.self)) \(bytes)")
            }
        }
    }

    @Test("round numbers correctly", arguments: 1...4 as ClosedRange<UInt64>)
    func numbersAreExact(seed: UInt64) throws {
        var corpus = JSONCorpus(seed: seed)
        for _ in 0..<2000 {
            let text = corpus.number()
            #expect(
                try JSONNode(JSONValue(parsing: text)).number() == Double(text),
                "seed \(seed): \(text)")
        }
    }

    private func matches(_ value: JSONValue, _ reference: Any) -> Bool {
        switch value {
        case .null: reference is NSNull
        case .bool(let bool): (reference as? NSNumber)?.boolValue == bool
        case .integer(let integer): (reference as? NSNumber)?.int64Value == integer
        case .number(let number):
            // Foundation keeps some numbers as decimals, whose conversion to double is off by an
            // ulp or two.
            (reference as? NSNumber).map { abs($0.doubleValue - number) <= 4 * number.ulp } ?? false
        case .string(let string):
            (reference as? String).map { Array($0.utf8) == Array(string.utf8) } ?? false
        case .array(let elements):
            (reference as? [Any]).map {
                $0.count == elements.count && zip(elements, $0).allSatisfy(matches)
            } ?? false
        case .object(let members):
            (reference as? [String: Any]).map { reference in
                reference.count == members.count
                    && members.allSatisfy { member in
                        reference[member.key].map { matches(member.value, $0) } ?? false
                    }
            } ?? false
        }
    }
}
