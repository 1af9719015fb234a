import EdgeAgent
import TestSupport
import Testing

@Suite("YAML")
struct ConfigurationYAMLTests {
    private func parse(
        _ text: String, _ limits: YAMLLimits = YAMLLimits()
    ) throws(YAMLError) -> YAMLNode? {
        try YAMLParser.parse(Array(text.utf8), file: "f", limits: limits)
    }

    @Test("columns count characters, and a byte order mark is none")
    func columns() throws {
        let lines = ConfigurationText.lines(
            "\u{FEFF}" + ConfigurationText.minimal + "\nagent: {id: \"Wälzlager 🙂\", x: 1}\n")
        #expect(lines.count == 2)
        #expect(lines.first?.hasPrefix("edge-agent.yaml:8:13: agent.id: ") == true)
        #expect(lines.last?.hasPrefix("edge-agent.yaml:8:28: agent.x: ") == true)
    }

    @Test(
        "text that is not UTF-8 is refused with its place",
        arguments: [
            ([0x61, 0x3A, 0x20, 0xFF], 1, 4), ([0x61, 0x3A, 0x0A, 0x20, 0xC3, 0x28], 2, 3),
            ([0x61, 0x3A, 0x20, 0x00], 1, 4), ([0x61, 0x3A, 0x20, 0x07], 1, 4),
            ([0xFF, 0xFE, 0x61, 0x00], 1, 1),
        ] as [([UInt8], Int, Int)])
    func notUTF8(bytes: [UInt8], line: Int, column: Int) throws {
        let error = #expect(throws: YAMLError.self) { try YAMLParser.parse(bytes, file: "f") }
        #expect(
            try #require(error).location == .file("f", line: line, column: column),
            "\(error as Any)")
    }

    @Test("aliases are followed, within bounds")
    func aliases() throws {
        let loaded = try ConfigurationText.read(
            """
            brokers:
              a: &a {host: x, keepAlive: 10s}
              b: *a
            sensors: {broker: a}
            pipelines: [{name: p, topics: [t], model: m}]
            """)
        #expect(loaded.configuration.brokers.map(\.keepAlive) == [.seconds(10), .seconds(10)])

        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...20 {
            let alias = [String](repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            bomb += "a\(level): &a\(level) [\(alias)]\n"
        }
        let error = #expect(throws: YAMLError.self) { try parse(bomb) }
        #expect(
            try #require(error).message == "more than 50000 values (aliases count each time)")
    }

    @Test("depth, values and bytes are bounded")
    func bounds() throws {
        for bracket in ["[", "{a: ", "- "] {
            let error = #expect(throws: YAMLError.self) {
                try parse(String(repeating: bracket, count: 100_000))
            }
            #expect(try #require(error).message == "nested deeper than 32")
        }
        let many = String(repeating: "- x\n", count: 60_000)
        #expect(throws: YAMLError.self) { try parse(many) }
        let large = String(repeating: "#", count: 2 << 20)
        let error = #expect(throws: YAMLError.self) { try parse(large) }
        #expect(try #require(error).location == .wholeFile("f"))
        #expect(try parse("[[1]]", YAMLLimits(maximumDepth: 3)) != nil)
        #expect(throws: YAMLError.self) { try parse("[[1]]", YAMLLimits(maximumDepth: 2)) }
    }

    @Test("damaged files give a configuration or errors, never a trap", arguments: 1...8)
    func fuzz(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let whole = Array(try ConfigurationSample.uncommented().utf8)
        for round in 0..<150 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<5, using: &generator) {
                case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                case 1: bytes[index] = UInt8.random(in: 0...255, using: &generator)
                case 2: bytes.remove(at: index)
                case 3:
                    bytes.insert(
                        Array("\n\t :-{}[]&*!|>'\"#%@`,?~0".utf8).randomElement(using: &generator)!,
                        at: index)
                default: bytes.removeSubrange(index..<min(bytes.count, index + 40))
                }
            }
            do throws(ConfigurationError) {
                _ = try ConfigurationText.read(bytes)
            } catch {
                #expect(
                    !error.diagnostics.all.isEmpty, "seed \(seed), round \(round): no reason given")
            }
        }
    }

    @Test(
        "durations and sizes are exact",
        arguments: [
            ("20ms", 20_000_000), ("1.5s", 1_500_000_000), ("5m", 300_000_000_000),
            ("2h", 7_200_000_000_000), ("30d", 2_592_000_000_000_000), ("0s", 0), ("3us", 3000),
            ("3µs", 3000), ("0.1s", 100_000_000), ("1.25m", 75_000_000_000), ("7ns", 7),
            ("0.000000001s", 1), ("1.50ns", nil), ("1.0ns", 1), ("-1s", nil), ("1", nil),
            ("s", nil), ("1 s", nil), ("1S", nil), (".5s", nil), ("1.s", nil), ("1e3s", nil),
            ("9223372036854775807ns", Int64.max), ("9223372036854775808ns", nil),
            ("106752d", nil), ("1h30m", nil), ("", nil), ("99999999999999999999s", nil),
        ] as [(String, Int64?)])
    func durations(text: String, nanoseconds: Int64?) {
        let duration = DurationText.parse(text)
        #expect(duration?.wholeNanoseconds == nanoseconds)
        if let duration { #expect(DurationText.parse(DurationText.format(duration)) == duration) }
    }

    @Test(
        "sizes are exact",
        arguments: [
            ("64KiB", 65_536), ("100MB", 100_000_000), ("1.5GiB", 1_610_612_736), ("512B", 512),
            ("1kB", 1000), ("1KB", 1000), ("0.5B", nil), ("0.5KiB", 512), ("1", nil), ("1Mb", nil),
            ("8589934592GiB", nil), ("0B", 0),
        ] as [(String, Int?)])
    func sizes(text: String, bytes: Int?) {
        #expect(SizeText.parse(text) == bytes)
        if let bytes { #expect(SizeText.parse(SizeText.format(bytes)) == bytes) }
    }
}
