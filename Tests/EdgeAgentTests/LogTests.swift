import Foundation
import Logging
import Testing

@testable import EdgeAgent

@Suite("The log")
struct LogTests {
    private static let second: UInt64 = 1_000_000_000

    private func handler(
        _ format: StderrLogHandler.Format = .text, isJournal: Bool = true
    ) -> StderrLogHandler {
        StderrLogHandler(level: .trace, format: format, isJournal: isJournal)
    }

    @Test(
        "gives each level the journal's priority",
        arguments: [
            (.trace, 7), (.debug, 7), (.info, 6), (.notice, 5), (.warning, 4), (.error, 3),
            (.critical, 2),
        ] as [(Logger.Level, Int)])
    func priorities(level: Logger.Level, priority: Int) {
        #expect(handler().render(level: level, message: "m", [:]) == "<\(priority)>m\n")
        #expect(
            handler(.json).render(level: level, message: "m", [:])
                == "<\(priority)>{\"level\":\"\(level)\",\"message\":\"m\"}\n")
    }

    @Test("outside of the journal has the time itself")
    func time() throws {
        let text = handler(isJournal: false).render(level: .notice, message: "ready", [:])
        #expect(text.wholeMatch(of: /\d\d:\d\d:\d\d\.\d{3} NOTE  ready\n/) != nil, "\(text)")
        let json = handler(.json, isJournal: false).render(level: .notice, message: "ready", [:])
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: String])
        #expect(object["time"]?.hasSuffix("Z") == true)
        #expect(object["message"] == "ready")
    }

    @Test(
        "keeps an event on one line, and values apart from each other",
        arguments: [
            ("plain", "plain"), ("", "\"\""), ("a b", "\"a b\""), ("a=b", "\"a=b\""),
            ("say \"x\"", "\"say \\\"x\\\"\""), ("end\\", "\"end\\\\\""), ("é", "é"),
            ("a\nb", "\"a\\u{a}b\""), ("\u{1B}[2J", "\"\\u{1b}[2J\""),
            ("\u{9B}2J", "\"\\u{9b}2J\""),
            ("a\u{2028}b", "\"a\\u{2028}b\""), ("\u{202E}x", "\"\\u{202e}x\""),
        ])
    func values(value: String, shown: String) throws {
        let line = handler().render(level: .info, message: "m", ["k": "\(value)", "z": "1"])
        #expect(line == "<6>m k=\(shown) z=1\n")
        #expect(
            handler().render(level: .info, message: "a\nb\u{1B}", [:])
                == "<6>a\\u{a}b\\u{1b}\n")
        let json = handler(.json).render(level: .info, message: "m", ["k": "\(value)"])
        #expect(json.filter { $0 == "\n" || $0 == "\u{1B}" } == "\n")
        _ = try JSONSerialization.jsonObject(with: Data(json.dropFirst(3).utf8))
    }

    @Test("has no line longer than the journal takes")
    func length() {
        let long = String(repeating: "\u{1}é\"", count: 40_000)
        for format in StderrLogHandler.Format.allCases {
            let line = handler(format).render(
                level: .info, message: long, ["topic": "\(long)", "k": "\(long)"])
            #expect(line.utf8.count < 48 << 10)
            #expect(line.contains("…"))
        }
    }

    @Test(
        "writes 20 lines of one cause at once, then one in ten seconds, and says how many more there were"
    )
    func limit() {
        let log = handler()
        func lines(_ number: Int, _ now: UInt64) -> [String] {
            log.lines(
                level: .warning, message: "session lost: error \(number)",
                ["pipeline": "pumps"], now: now)
        }
        var written = (0..<100).flatMap { lines($0, Self.second) }
        #expect(written.count == 20)
        #expect(log.summaries(now: 10 * Self.second).isEmpty)
        #expect(
            log.summaries(now: 11 * Self.second)
                == ["<4>80 more of this: session lost pipeline=pumps\n"])
        #expect(log.summaries(now: 30 * Self.second).isEmpty, "it is said once")
        // Ten minutes at a hundred a second: one in ten seconds.
        written = (0..<60_000).flatMap { lines($0, (100 + UInt64($0) / 100) * Self.second) }
        #expect(written.count <= 20 + 60)
        #expect(written.count >= 60)
        let rest = log.summaries(now: 0, all: true)
        #expect(
            rest == ["<4>\(60_000 - written.count) more of this: session lost pipeline=pumps\n"])
    }

    @Test("limits each cause for itself: other pipelines, levels and messages are written")
    func causes() {
        let log = handler()
        for _ in 0..<50 {
            _ = log.lines(level: .warning, message: "lost: x", ["pipeline": "a"], now: 1)
        }
        #expect(log.lines(level: .warning, message: "lost: y", ["pipeline": "a"], now: 1).isEmpty)
        #expect(!log.lines(level: .warning, message: "lost: x", ["pipeline": "b"], now: 1).isEmpty)
        #expect(!log.lines(level: .error, message: "lost: x", ["pipeline": "a"], now: 1).isEmpty)
        #expect(!log.lines(level: .warning, message: "found", ["pipeline": "a"], now: 1).isEmpty)
    }

    @Test("keeps to its bounds when every line has a cause of its own")
    func manyCauses() {
        let log = handler()
        let written = (0..<10_000).flatMap {
            log.lines(level: .info, message: "message \($0)", [:], now: Self.second)
        }
        #expect(written.count == LogLimiter.maximumCauses + Int(LogLimiter.burst))
        #expect(
            log.summaries(now: 0, all: true)
                == ["<6>\(10_000 - written.count) more of this: something else\n"])
        // Once they have been silent, their places are free again.
        #expect(
            !log.lines(level: .info, message: "new", [:], now: 100_000 * Self.second).isEmpty)
    }
}
