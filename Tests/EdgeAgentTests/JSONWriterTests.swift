import Foundation
import TestSupport
import Testing

@testable import EdgeAgent

@Suite("JSON writer")
struct JSONWriterTests {
    /// What a writer over a buffer of its own writes.
    private func written(_ body: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter(growingTo: 1 << 20)
        body(&writer)
        guard case .complete = writer.finish() else { return "overflow" }
        return String(decoding: writer.copyBytes(), as: UTF8.self)
    }

    @Test("nested containers get their commas and colons")
    func nestedContainersGetTheirCommasAndColons() {
        let text = written { json in
            json.beginObject()
            json.key("a")
            json.beginArray()
            json.integer(1)
            json.beginObject()
            json.endObject()
            json.beginArray()
            json.endArray()
            json.null()
            json.endArray()
            json.key("b \"quoted\"" as String)
            json.boolean(true)
            json.key("c")
            json.fragment(Array("{\"x\":1}".utf8))
            json.endObject()
        }
        #expect(text == #"{"a":[1,{},[],null],"b \"quoted\"":true,"c":{"x":1}}"#)
    }

    @Test("an indented document breaks its lines")
    func anIndentedDocumentBreaksItsLines() {
        var json = JSONWriter(growingTo: 1000, layout: .indented)
        json.beginObject()
        json.key("a")
        json.beginArray()
        json.integer(1)
        json.integer(-2)
        json.endArray()
        json.key("b")
        json.beginObject()
        json.endObject()
        json.endObject()
        _ = json.finish()
        let expected = """
            {
              "a": [
                1,
                -2
              ],
              "b": {}
            }
            """
        #expect(String(decoding: json.copyBytes(), as: UTF8.self) == expected)
    }

    @Test(
        "a signed integer is written in full",
        arguments: [
            (Int64.min, "-9223372036854775808"), (Int64.max, "9223372036854775807"), (0, "0"),
            (-1, "-1"), (10, "10"), (999, "999"), (1000, "1000"),
        ])
    func aSignedIntegerIsWrittenInFull(value: Int64, expected: String) {
        #expect(written { $0.integer(value) } == expected)
    }

    @Test(
        "an unsigned integer is written in full",
        arguments: [
            (UInt64.max, "18446744073709551615"),
            (10_000_000_000_000_000_000, "10000000000000000000"),
            (9_999_999_999_999_999_999, "9999999999999999999"), (0, "0"),
        ])
    func anUnsignedIntegerIsWrittenInFull(value: UInt64, expected: String) {
        #expect(written { $0.integer(value) } == expected)
    }

    @Test(
        "a double is written with as few digits as possible",
        arguments: [
            (0.0, "0.0"), (-0.0, "-0.0"), (1, "1.0"), (-1.5, "-1.5"), (0.1, "0.1"), (0.3, "0.3"),
            (100, "100.0"), (123.456, "123.456"), (1e15, "1000000000000000.0"), (1e16, "1e16"),
            (1.25e-5, "0.0000125"), (1.25e-6, "1.25e-6"), (.leastNonzeroMagnitude, "5e-324"),
            (1.7976931348623157e308, "1.7976931348623157e308"),
            (
                2.2250738585072014e-308,
                "2.2250738585072014e-308"
            ), (9_007_199_254_740_994, "9007199254740994.0"),
            (1e23, "1e23"), (9.5e-3, "0.0095"), (.nan, "null"), (.infinity, "null"),
            (-.infinity, "null"),
        ])
    func aDoubleIsWrittenWithAsFewDigitsAsPossible(value: Double, expected: String) {
        #expect(written { $0.number(value) } == expected)
    }

    @Test(
        "a float is written with as few digits as a float needs",
        arguments: [
            (Float(0.1), "0.1"), (0.3, "0.3"), (16_777_216, "16777216.0"),
            (3.4028235e38, "3.4028235e38"),
            (.leastNonzeroMagnitude, "1e-45"), (0.0625, "0.0625"), (.nan, "null"),
            (-.infinity, "null"),
        ])
    func aFloatIsWrittenWithAsFewDigitsAsAFloatNeeds(value: Float, expected: String) {
        #expect(written { $0.number(value) } == expected)
    }

    @Test(
        "shortest digits agree with the standard library on random doubles",
        arguments: [UInt64(1), 2, 3])
    func shortestDigitsAgreeWithTheStandardLibraryOnRandomDoubles(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<50_000 {
            let value = Double(bitPattern: generator.next())
            guard value.isFinite, value != 0 else { continue }
            checkDigits(value.description, ShortestDecimal(magnitudeOf: value), seed)
            let small = Float(bitPattern: UInt32(truncatingIfNeeded: generator.next()))
            guard small.isFinite, small != 0 else { continue }
            checkDigits(small.description, ShortestDecimal(magnitudeOf: small), seed)
        }
    }

    @Test("shortest digits agree with the standard library on every power of two")
    func shortestDigitsAgreeWithTheStandardLibraryOnEveryPowerOfTwo() {
        for exponent in -1074...1023 {
            let value = Double(sign: .plus, exponent: exponent, significand: 1)
            for neighbour in [value, value.nextUp, value.nextDown] where neighbour > 0 {
                checkDigits(neighbour.description, ShortestDecimal(magnitudeOf: neighbour), 0)
            }
        }
    }

    /// Compares digits and exponent with a description of the standard library.
    private func checkDigits(_ text: String, _ decimal: ShortestDecimal, _ seed: UInt64) {
        let parts = text.lowercased().drop { $0 == "-" }.split(separator: "e")
        var exponent = parts.count > 1 ? Int(parts[1]) ?? .max : 0
        let halves = parts[0].split(separator: ".")
        var digits = String(halves[0])
        if halves.count > 1 {
            digits += halves[1]
            exponent -= halves[1].count
        }
        var value = UInt64(digits) ?? .max
        while value % 10 == 0, value > 0 {
            value /= 10
            exponent += 1
        }
        if decimal.digits != value || decimal.exponent != exponent {
            Issue.record("\(text) became \(decimal), seed \(seed)")
        }
    }

    @Test(
        "a moment is written in RFC 3339",
        arguments: [
            (Int64(0), "1970-01-01T00:00:00.000000Z", "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999Z"),
            (951_827_696_123_456_789, "2000-02-29T12:34:56.123456Z", "2000-02-29T12:34:56.123Z"),
            (4_102_444_799_999_999_999, "2099-12-31T23:59:59.999999Z", "2099-12-31T23:59:59.999Z"),
            (Int64.max, "2262-04-11T23:47:16.854775Z", "2262-04-11T23:47:16.854Z"),
            (Int64.min, "1677-09-21T00:12:43.145224Z", "1677-09-21T00:12:43.145Z"),
        ])
    func aMomentIsWrittenInRFC3339(time: Int64, micro: String, milli: String) {
        #expect(written { $0.timestamp(nanosecondsSince1970: time) } == "\"\(micro)\"")
        #expect(
            written { $0.timestamp(nanosecondsSince1970: time, .milliseconds) } == "\"\(milli)\"")
    }

    @Test("every day of 200 years has the date that Foundation gives it")
    func everyDayOf200YearsHasTheDateThatFoundationGivesIt() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
        for day in stride(from: Int64(-36_500), to: 36_500, by: 1) {
            let date = Date(timeIntervalSince1970: Double(day) * 86_400)
            let parts = calendar.dateComponents([.year, .month, .day], from: date)
            let expected = String(
                format: "\"%04d-%02d-%02dT00:00:00.000Z\"", parts.year ?? 0, parts.month ?? 0,
                parts.day ?? 0)
            let text = written {
                $0.timestamp(nanosecondsSince1970: day * 86_400_000_000_000, .milliseconds)
            }
            if text != expected { Issue.record("\(day): \(text), not \(expected)") }
        }
    }

    @Test(
        "nanoseconds become milliseconds",
        arguments: [
            (UInt64(0), "0.000"), (999, "0.001"), (499, "0.000"), (1_234_567, "1.235"),
            (20_000_000, "20.000"), (UInt64.max, "18446744073709.552"),
        ])
    func nanosecondsBecomeMilliseconds(nanoseconds: UInt64, expected: String) {
        #expect(written { $0.milliseconds(ofNanoseconds: nanoseconds) } == expected)
    }

    @Test(
        "a string is escaped",
        arguments: [
            ("plain", #""plain""#), ("a\"b\\c/d", #""a\"b\\c/d""#),
            ("\u{8}\t\n\u{C}\r\u{0}\u{1F}\u{7F}", "\"\\b\\t\\n\\f\\r\\u0000\\u001f\u{7F}\""),
            ("Übung €🙂\u{2028}", "\"Übung €🙂\u{2028}\""), ("", "\"\""),
        ])
    func aStringIsEscaped(text: String, expected: String) {
        #expect(written { $0.string(text) } == expected)
        #expect(written { $0.string(Array(text.utf8)) } == expected)
    }

    @Test(
        "bytes that are not UTF-8 are replaced as Unicode recommends",
        arguments: [UInt64(11), 12, 13])
    func bytesThatAreNotUTF8AreReplacedAsUnicodeRecommends(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        // Bytes that make well-formed and ill-formed sequences likely.
        let pool: [UInt8] = [
            0x41, 0x80, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xA0, 0x9F, 0xE1, 0xED, 0xEF, 0xF0,
            0x90, 0x8F, 0xF1, 0xF4, 0xF5, 0xFF, 0x20,
        ]
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...8, using: &generator)).map { _ in
                pool[Int.random(in: 0..<pool.count, using: &generator)]
            }
            // The standard library repairs by the same rule.
            let expected = "\"" + String(decoding: bytes, as: UTF8.self) + "\""
            let text = written { $0.string(bytes) }
            if text != expected { Issue.record("\(bytes) became \(text), seed \(seed)") }
        }
    }

    @Test("an overflow tells the size that is needed and writes nothing beyond the buffer")
    func anOverflowTellsTheSizeThatIsNeededAndWritesNothingBeyondTheBuffer() {
        func fill(_ json: inout JSONWriter) {
            json.beginObject()
            json.key("text")
            json.string("a\"\u{1}é" as String)
            json.key("number")
            json.number(-12.5)
            json.key("time")
            json.timestamp(nanosecondsSince1970: 0)
            json.endObject()
        }
        var whole = JSONWriter(capacityBytes: 1000)
        fill(&whole)
        guard case .complete(let size) = whole.finish() else {
            Issue.record("1 000 bytes are enough")
            return
        }
        for capacity in 1..<size {
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: size + 1, alignment: 1)
            defer { memory.deallocate() }
            memory.initializeMemory(as: UInt8.self, repeating: 0xAA)
            var json = JSONWriter(
                over: UnsafeMutableRawBufferPointer(rebasing: memory[..<capacity]))
            fill(&json)
            #expect(json.finish() == .overflow(requiredBytes: size))
            #expect(json.copyBytes().isEmpty)
            #expect(memory[capacity...].allSatisfy { $0 == 0xAA })
            json.reset()
            json.null()
            let expected: JSONWriteResult =
                capacity >= 4 ? .complete(byteCount: 4) : .overflow(requiredBytes: 4)
            #expect(json.finish() == expected)
        }
        var exact = JSONWriter(capacityBytes: size)
        fill(&exact)
        #expect(exact.finish() == .complete(byteCount: size))
    }

    @Test("a growing writer grows up to its limit and not beyond")
    func aGrowingWriterGrowsUpToItsLimitAndNotBeyond() {
        var json = JSONWriter(growingTo: 3000)
        json.beginArray()
        for _ in 0..<1000 { json.integer(7) }
        json.endArray()
        #expect(json.finish() == .complete(byteCount: 2001))
        json.reset()
        json.beginArray()
        for _ in 0..<2000 { json.integer(7) }
        json.endArray()
        #expect(json.finish() == .overflow(requiredBytes: 4001))
    }

    @Test("each power of ten is the true one rounded up", arguments: -292...324)
    func eachPowerOfTenIsTheTrueOneRoundedUp(exponent: Int) {
        let power = PowersOfTen.significand(exponent)
        let significand = UInt128(power.high) << 64 | UInt128(power.low)
        #expect(power.high >> 63 == 1)
        // The significand stands for 10^exponent · 2^-binary; both sides are made whole numbers.
        let binary = (exponent * 1_741_647) >> 19 - 127
        func scaled(_ value: UInt128) -> WholeNumber {
            WholeNumber(value).times(10, -exponent).times(2, binary)
        }
        let truth = WholeNumber(1).times(10, exponent).times(2, -binary)
        #expect(!scaled(significand).isLess(than: truth))
        #expect(scaled(significand - 1).isLess(than: truth))
    }
}

/// A whole number of any size: enough of one to check the table.
private struct WholeNumber {
    /// Lowest first.
    private var words: [UInt32] = []

    init(_ value: UInt128) {
        words = (0..<4).map { UInt32(truncatingIfNeeded: value >> UInt128(32 * $0)) }
    }

    /// The product with `factor` raised to `power`; a negative power counts as 0.
    func times(_ factor: UInt64, _ power: Int) -> WholeNumber {
        var product = self
        for _ in 0..<max(power, 0) {
            var carry: UInt64 = 0
            for index in product.words.indices {
                let sum = UInt64(product.words[index]) * factor + carry
                product.words[index] = UInt32(truncatingIfNeeded: sum)
                carry = sum >> 32
            }
            if carry > 0 { product.words.append(UInt32(carry)) }
        }
        return product
    }

    func isLess(than other: WholeNumber) -> Bool {
        for index in (0..<max(words.count, other.words.count)).reversed() {
            let left = index < words.count ? words[index] : 0
            let right = index < other.words.count ? other.words[index] : 0
            if left != right { return left < right }
        }
        return false
    }
}
