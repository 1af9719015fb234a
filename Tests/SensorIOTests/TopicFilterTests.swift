import CMosquitto
import Foundation
import SensorIO
import TestSupport
import Testing

@Suite("Topic filters")
struct TopicFilterTests {
    /// The captures of a match as text; nil if there is none.
    private func match(_ filter: String, _ topic: String) throws -> [String]? {
        let filter = try TopicFilter(filter)
        var captures = TopicCaptures()
        let bytes = Array(topic.utf8)
        return bytes.withUnsafeBytes { buffer in
            guard filter.matches(buffer, captures: &captures) else { return nil }
            return (0..<captures.count).map { index in
                let range = captures[index]
                let start = Int(range.start)
                return String(decoding: buffer[start..<(start + Int(range.count))], as: UTF8.self)
            }
        }
    }

    @Test("become filters of MQTT")
    func translation() throws {
        let filter = try TopicFilter("plant/{site}/pump/{asset}/vibration")
        #expect(filter.mqttFilter == "plant/+/pump/+/vibration")
        #expect(filter.captureNames == ["site", "asset"])
        #expect(filter.captureIndex(of: "asset") == 1)
        #expect(filter.captureIndex(of: "pump") == nil)
        let shared = try TopicFilter("$share/agents/{asset}/#")
        #expect(shared.mqttFilter == "$share/agents/+/#")
    }

    @Test(
        "match by the rules of MQTT",
        arguments: [
            ("a/b", "a/b", []), ("a/b", "a/c", nil), ("a/b", "a", nil), ("a/b", "a/b/", nil),
            ("a/b", "a/b/c", nil), ("a/b", "/a/b", nil), ("a", "ab", nil), ("ab", "a", nil),
            ("+", "a", []), ("+", "", nil), ("+", "/", nil), ("+/+", "/", []), ("/+", "/a", []),
            ("+", "/a", nil), ("a/+", "a/", []), ("a/+", "a", nil), ("#", "a/b/c", []),
            ("a/#", "a", []), ("a/#", "a/", []), ("a/#", "a/b/c", []), ("a/#", "ab", nil),
            ("a/+/#", "a", nil), ("a/+/#", "a/b", []), ("+/#", "a", []), ("#", "$SYS/x", nil),
            ("+/x", "$SYS/x", nil), ("{a}/x", "$SYS/x", nil), ("$SYS/#", "$SYS/x", []),
            ("a/+", "a/$b", []), ("{a}/{b}", "x/y", ["x", "y"]),
            ("p/{s}/q/{a}/v", "p/north/q/7/v", ["north", "7"]),
            ("p/{s}/#", "p/north/q/7/v", ["north"]), ("{a}", "pümpe-3", ["pümpe-3"]),
            ("{a}/", "x/", ["x"]), ("a/{b}", "a/", [""]),
            ("$share/g/p/{a}", "p/7", ["7"]), ("$share/g/p/{a}", "$share/g/p/7", nil),
            ("$sharex/{a}", "$sharex/7", ["7"]),
        ] as [(String, String, [String]?)])
    func matching(filter: String, topic: String, captures: [String]?) throws {
        #expect(try match(filter, topic) == captures)
    }

    @Test(
        "are refused with the position of what is wrong",
        arguments: [
            ("", .empty, 0), ("a/b+/c", .wildcardWithinLevel, 3), ("a/+b", .wildcardWithinLevel, 2),
            ("a/#/b", .multiLevelWildcardNotLast, 2), ("a/b#", .wildcardWithinLevel, 3),
            ("##", .wildcardWithinLevel, 0), ("a/{x}y", .captureWithinLevel, 2),
            ("a/y{x}", .captureWithinLevel, 2), ("a/{x", .unbalancedBrace, 2),
            ("a/x}", .unbalancedBrace, 3), ("a/{x}{y}", .captureWithinLevel, 2),
            ("a/{}", .invalidName(""), 2), ("a/{1x}", .invalidName("1x"), 2),
            ("a/{x y}", .invalidName("x y"), 2), ("a/{{x}}", .captureWithinLevel, 2),
            ("{x}/{y}/{x}", .duplicateName("x"), 8), ("a\0b", .containsNUL, 1),
            ("{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}", .tooManyCaptures, 32),
            ("$share", .invalidShare, 6), ("$share/", .invalidShare, 6),
            ("$share/g", .invalidShare, 6), ("$share/g/", .invalidShare, 6),
            ("$share//a", .invalidShare, 6), ("$share/+/a", .invalidShare, 7),
            ("$share/{g}/a", .invalidShare, 7),
            (String(repeating: "x", count: 65_536), .tooLong(bytes: 65_536), 65_535),
        ] as [(String, TopicError.Problem, Int)])
    func refusals(text: String, problem: TopicError.Problem, offset: Int) {
        let error = #expect(throws: TopicError.self) { try TopicFilter(text) }
        #expect(error == TopicError(problem, at: offset))
        #expect(error?.description.hasPrefix("byte \(offset): ") == true)
    }

    @Test("take the longest filter and topic, and nothing longer")
    func longest() throws {
        let text = String(repeating: "x", count: 65_535)
        #expect(try match(text, text) == [])
        #expect(try match("{a}", text)?.first?.utf8.count == 65_535)
        #expect(try match("{a}", text + "x") == nil)
    }

    @Test("match as libmosquitto does", arguments: 0..<8 as Range<UInt64>)
    func property(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var matches = 0
        for _ in 0..<4_000 {
            let filter = Self.randomText(["a", "b", "+", "#", "", "$a", "{x}"], &random)
            let topic = Self.randomText(["a", "b", "", "$a", "ab"], &random)
            let isValid = { (text: String) in
                mosquitto_sub_topic_check(text) == Int32(MOSQ_ERR_SUCCESS.rawValue)
            }
            guard let parsed = try? TopicFilter(filter) else {
                // Ours is stricter about names only: "{x}" twice is refused.
                #expect(
                    filter.isEmpty || !isValid(filter)
                        || filter.components(separatedBy: "{x}").count > 2,
                    "seed \(seed): \(filter)")
                continue
            }
            #expect(isValid(parsed.mqttFilter), "seed \(seed): \(filter)")
            guard !topic.isEmpty else { continue }
            var expected = false
            let code = mosquitto_topic_matches_sub(parsed.mqttFilter, topic, &expected)
            guard code == Int32(MOSQ_ERR_SUCCESS.rawValue) else { continue }
            if expected { matches += 1 }
            #expect(
                try (match(filter, topic) != nil) == expected,
                "seed \(seed): filter \(filter) topic \(topic)")
        }
        #expect(matches > 100)
    }

    private static func randomText(_ levels: [String], _ random: inout SplitMix64) -> String {
        (0..<Int.random(in: 1...4, using: &random))
            .map { _ in levels.randomElement(using: &random) ?? "" }.joined(separator: "/")
    }

    @Test("route a topic to the first that matches")
    func routing() throws {
        let router = TopicRouter([
            try TopicFilter("plant/{asset}/vibration"), try TopicFilter("plant/+/temperature"),
            try TopicFilter("plant/{asset}/{channel}"),
        ])
        func route(_ topic: String) -> (Int?, Int) {
            var captures = TopicCaptures()
            let bytes = Array(topic.utf8)
            return (bytes.withUnsafeBytes { router.route($0, captures: &captures) }, captures.count)
        }
        #expect(route("plant/7/vibration") == (0, 1))
        #expect(route("plant/7/temperature") == (1, 0))
        #expect(route("plant/7/pressure") == (2, 2))
        #expect(route("other/7/pressure").0 == nil)
    }
}

@Suite("Keys of assets")
struct TopicKeyTests {
    private func key(
        _ filter: String, _ topic: String, template: String? = nil, excluding: Set<String> = [],
        room: Int = 256
    ) throws -> String? {
        let filter = try TopicFilter(filter)
        let key =
            try template.map { try TopicKey(template: $0, for: filter) }
            ?? TopicKey(for: filter, excluding: excluding)
        var captures = TopicCaptures()
        var buffer = [UInt8](repeating: 0xEE, count: room)
        return Array(topic.utf8).withUnsafeBytes { topic in
            guard filter.matches(topic, captures: &captures) else { return nil }
            let count = buffer.withUnsafeMutableBytes {
                key.write(topic: topic, captures: captures, into: $0)
            }
            return count.map { String(decoding: buffer[..<$0], as: UTF8.self) }
        }
    }

    @Test("are the asset, else all captures, else the topic")
    func defaults() throws {
        #expect(try key("p/{site}/{asset}", "p/north/7") == "7")
        #expect(try key("p/{site}/{line}", "p/north/7") == "north/7")
        #expect(try key("p/{line}/{channel}", "p/7/rpm", excluding: ["channel"]) == "7")
        #expect(try key("p/+", "p/7") == "p/7")
        #expect(try key("p/{site}/{asset}", "p/north/7", template: "{site}-{asset}") == "north-7")
    }

    @Test("do not exist when a capture is empty or there is no room")
    func none() throws {
        #expect(try key("p/{asset}", "p/") == nil)
        #expect(try key("p/{a}/{b}", "p/x/") == nil)
        #expect(try key("p/{asset}", "p/12345678", room: 8) == "12345678")
        #expect(try key("p/{asset}", "p/123456789", room: 8) == nil)
        #expect(try key("p/{asset}", "p/" + String(repeating: "x", count: 256)) != nil)
        #expect(
            try key("p/{asset}", "p/" + String(repeating: "x", count: 257), room: 1_024) == nil)
        #expect(try key("p/+", "p/12345678", room: 8) == nil)
    }

    @Test("refuse a template with a name that is not captured")
    func unknownName() throws {
        let filter = try TopicFilter("p/{asset}")
        let error = #expect(throws: TopicError.self) {
            try TopicKey(template: "x-{site}", for: filter)
        }
        #expect(error == TopicError(.unknownName("site", known: ["asset"]), at: 2))
    }
}

@Suite("Topics of outgoing messages")
struct TopicTemplateTests {
    private func expand(
        _ template: TopicTemplate, _ first: String = "", _ second: String = "", room: Int = 128
    ) -> (TopicExpansion, String) {
        var buffer = [UInt8](repeating: 0xEE, count: room)
        let expansion = buffer.withUnsafeMutableBytes { buffer in
            Array(first.utf8).withUnsafeBytes { first in
                Array(second.utf8).withUnsafeBytes { template.expand(into: buffer, first, $0) }
            }
        }
        guard case .written(let count) = expansion else { return (expansion, "") }
        #expect(buffer[count] == 0)
        return (expansion, String(decoding: buffer[..<count], as: UTF8.self))
    }

    @Test("are filled in")
    func expansion() throws {
        let template = try TopicTemplate(
            "edge/{agent}/alerts/{pipeline}/{asset}",
            bindings: ["agent": "box7", "pipeline": "pumps"], variables: ["asset", "severity"])
        #expect(expand(template, "7").1 == "edge/box7/alerts/pumps/7")
        #expect(expand(template, "north/7").1 == "edge/box7/alerts/pumps/north/7")
        let other = try TopicTemplate("{severity}/x-{asset}", variables: ["asset", "severity"])
        #expect(expand(other, "7", "warning").1 == "warning/x-7")
        #expect(template.constantTopic == nil)
        #expect(
            try TopicTemplate("edge/{agent}/status", bindings: ["agent": "box7"]).constantTopic
                == "edge/box7/status")
    }

    @Test(
        "refuse values that would not make a topic",
        arguments: [
            ("", .emptyLevel), ("/7", .emptyLevel), ("7/", .emptyLevel), ("a//b", .emptyLevel),
            ("a+b", .forbiddenByte), ("#", .forbiddenByte), ("a\0b", .forbiddenByte),
            (String(repeating: "x", count: 119), .tooLong),
        ] as [(String, TopicExpansion)])
    func refusedValues(value: String, expansion: TopicExpansion) throws {
        let template = try TopicTemplate("a/alerts/{asset}", variables: ["asset"])
        #expect(expand(template, value).0 == expansion)
    }

    @Test("fill a buffer to its last byte but one, which is for the NUL")
    func exactRoom() throws {
        let template = try TopicTemplate("a/{asset}", variables: ["asset"])
        #expect(expand(template, "123", room: 6).0 == .written(count: 5))
        #expect(expand(template, "1234", room: 6).0 == .tooLong)
        #expect(expand(template, "1", room: 0).0 == .tooLong)
    }

    @Test("do not publish into the broker's own topics")
    func reserved() throws {
        let template = try TopicTemplate("{asset}/x", variables: ["asset"])
        #expect(expand(template, "$SYS").0 == .reserved)
        #expect(expand(template, "a/$SYS").1 == "a/$SYS/x")
        // The value ends in front of a slash of the template's own.
        #expect(expand(template, "a/").0 == .emptyLevel)
    }

    @Test(
        "are refused with the position of what is wrong",
        arguments: [
            ("", .empty, 0), ("a/+/b", .wildcardInTemplate, 2), ("a/#", .wildcardInTemplate, 2),
            ("a//b", .emptyLevel, 2), ("/a", .emptyLevel, 0), ("a/", .emptyLevel, 2),
            ("$SYS/a", .reservedTopic, 0), ("a/{x", .unbalancedBrace, 2),
            ("a/x}", .unbalancedBrace, 3), ("a/{1}", .invalidName("1"), 2),
            ("a/{x}", .unknownName("x", known: ["agent", "bad", "asset"]), 2),
            ("a\0", .containsNUL, 1), ("a/{bad}", .wildcardInTemplate, 3),
        ] as [(String, TopicError.Problem, Int)])
    func refusals(text: String, problem: TopicError.Problem, offset: Int) {
        let error = #expect(throws: TopicError.self) {
            try TopicTemplate(
                text, bindings: ["agent": "box", "bad": "x+y"], variables: ["asset"])
        }
        #expect(error == TopicError(problem, at: offset))
    }
}
