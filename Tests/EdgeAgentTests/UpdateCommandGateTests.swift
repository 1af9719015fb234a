import Foundation
import TestSupport
import Testing

@testable import EdgeAgent
@testable import SensorIO

@Suite("What becomes of a command over MQTT")
struct UpdateCommandGateTests {
    typealias Gate = UpdateCommandGate

    static let settings = Gate.Settings(
        agent: "box", allowed: [.list, .pull, .rollback],
        responses: try! TopicFilter("edge/box/response/#"), maximumPerMinute: 60)

    private static func arrival(
        _ command: String = "rollback", _ payload: String = "",
        responseTopic: String? = "edge/box/response/anna",
        correlation: String? = "c1", isRetained: Bool = false, prefix: String = "edge/box/command/"
    ) -> Gate.Arrival {
        Gate.Arrival(
            topic: Array((prefix + command).utf8), payload: Array(payload.utf8),
            isRetained: isRetained,
            origin: MQTTRequestOrigin(
                responseTopic: responseTopic, correlation: correlation.map { Array($0.utf8) }))
    }

    @Test("A request is obeyed with its arguments, and the log knows where it is answered")
    func obeyed() {
        var gate = Gate(Self.settings)
        let arrival = Self.arrival("pull", #"{"pipeline":"level","argument":"plant/level:stable"}"#)
        #expect(
            gate.decide(arrival, now: 0)
                == .obey(
                    UpdateRequest(.pull, pipeline: "level", argument: "plant/level:stable"),
                    actor: "mqtt edge/box/response/anna c1"))
        let binary = Gate.Arrival(
            topic: Array("edge/box/command/list".utf8), payload: [], isRetained: false,
            origin: MQTTRequestOrigin(
                responseTopic: "edge/box/response/anna", correlation: [0, 255, 10]))
        #expect(
            gate.decide(binary, now: 0)
                == .obey(UpdateRequest(.list), actor: "mqtt edge/box/response/anna 0x00ff0a"))
    }

    @Test(
        "Nothing is done and nothing answered where the answer may not go",
        arguments: [
            nil, "", "edge/box/response/+", "edge/box/response/#", "$SYS/broker", "#",
            "$share/a/edge/box/response/x", "plant/valve/set", "edge/box/status",
            "edge/box/command/rollback", "edge/other/response/anna", "edge/box/response/a\u{0}b",
            "edge/box/response/" + String(repeating: "x", count: 300),
        ])
    func unanswerable(topic: String?) {
        var gate = Gate(Self.settings)
        guard case .drop = gate.decide(Self.arrival(responseTopic: topic), now: 0) else {
            Issue.record("\(topic ?? "none") was taken")
            return
        }
    }

    @Test("An answer cannot become a command, whatever the configuration allows")
    func loop() throws {
        var settings = Self.settings
        settings.responses = try TopicFilter("#")
        var gate = Gate(settings)
        guard
            case .drop = gate.decide(
                Self.arrival(responseTopic: "edge/box/command/rollback"), now: 0)
        else {
            Issue.record("it was taken")
            return
        }
    }

    @Test(
        "What is no command is refused with a reason",
        arguments: [
            ("reboot", "", "there is no command 'reboot'"), ("", "", "there is no command"),
            ("hold", "", "not among updates.commands.allow"),
            ("pull", "{", "not valid JSON"), ("pull", #"{"argument":"#, "not valid JSON"),
            ("pull", "[]", "expected"), ("pull", #"{"argument":7}"#, "expected"),
            ("pull", #"{"argument":"a","argument":"b"}"#, "twice"),
            ("pull", #"{"command":"stage"}"#, "unknown key"),
            ("pull", #"{"a":{"b":{"c":{}}}}"#, "deeper"),
            ("pull", "{}" + String(repeating: " ", count: 9000), "more than 8192"),
            ("pull", "\u{0}\u{1}", "JSON"),
        ])
    func refused(command: String, payload: String, reason: String) {
        var gate = Gate(Self.settings)
        guard case .refuse(let answer) = gate.decide(Self.arrival(command, payload), now: 0) else {
            Issue.record("it was taken")
            return
        }
        #expect(!answer.isAccepted && answer.text.contains(reason), "\(answer.text)")
    }

    @Test("A retained request, and one without or with too many correlation data, is refused")
    func withoutIdentity() {
        var gate = Gate(Self.settings)
        for (arrival, reason) in [
            (Self.arrival(isRetained: true), "must not be retained"),
            (Self.arrival(correlation: nil), "needs correlation data"),
            (Self.arrival(correlation: ""), "needs correlation data"),
            (Self.arrival(correlation: String(repeating: "x", count: 65)), "64 bytes"),
        ] {
            guard case .refuse(let answer) = gate.decide(arrival, now: 0) else {
                Issue.record("it was taken: \(reason)")
                continue
            }
            #expect(answer.text.contains(reason))
        }
    }

    @Test("A request that comes again has its first answer, and is not obeyed again")
    func repetition() {
        var gate = Gate(Self.settings)
        let first = Self.arrival("pull", "{}")
        guard case .obey = gate.decide(first, now: 0) else {
            Issue.record("it was not obeyed")
            return
        }
        let answer = UpdateAnswer(isAccepted: true, text: "looking for level")
        gate.remember(first, answer)
        #expect(gate.decide(first, now: 1) == .again(answer))
        guard
            case .refuse(let other) = gate.decide(
                Self.arrival("pull", #"{"argument":"x"}"#), now: 2)
        else {
            Issue.record("another request under the same correlation data was taken")
            return
        }
        #expect(other.text.contains("another request's"))
        // Correlation data are the asker's own.
        guard
            case .obey = gate.decide(
                Self.arrival("pull", "{}", responseTopic: "edge/box/response/bob"), now: 3)
        else {
            Issue.record("another asker's request was taken for a repetition")
            return
        }
        // What is remembered is bounded: the oldest goes.
        for index in 0..<Gate.remembered {
            gate.remember(Self.arrival("pull", "{}", correlation: "n\(index)"), answer)
        }
        guard case .obey = gate.decide(first, now: 4) else {
            Issue.record("more is remembered than allowed")
            return
        }
    }

    @Test("A flood is answered once, costs its share, and ends with the minute")
    func flood() {
        var gate = Gate(Self.settings)
        var (obeyed, refused, dropped) = (0, 0, 0)
        for index in 0..<1000 {
            switch gate.decide(Self.arrival("list", correlation: "\(index)"), now: 0) {
            case .obey: obeyed += 1
            case .refuse: refused += 1
            case .drop: dropped += 1
            case .again: Issue.record("nothing was repeated")
            }
        }
        #expect(obeyed == 60 && refused == 1 && dropped == 939)
        guard case .obey = gate.decide(Self.arrival("list"), now: 1_100_000_000) else {
            Issue.record("a second later one is due")
            return
        }
    }

    @Test(
        "Whatever comes, no command is obeyed that is not allowed, and none twice", arguments: 1...5
    )
    func anything(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var settings = Self.settings
        settings.maximumPerMinute = 6000
        var gate = Gate(settings)
        var seen: Set<String> = []
        let pieces = [
            "edge/box/command/", "edge/", "rollback", "pull", "hold", "+", "#", "$", "/", "\u{0}",
            "{}",
            "{\"argument\":\"a\"}", "\u{1F600}", "edge/box/response/", "x",
        ]
        func text() -> String {
            (0..<Int.random(in: 0...4, using: &random)).map { _ in
                pieces.randomElement(using: &random) ?? ""
            }.joined()
        }
        for step in 0..<5000 {
            var arrival = Self.arrival(
                Bool.random(using: &random) ? "rollback" : text(), text(),
                responseTopic: Bool.random(using: &random) ? "edge/box/response/x" : text(),
                correlation: Bool.random(using: &random) ? "c\(step % 40)" : text(),
                isRetained: Int.random(in: 0..<8, using: &random) == 0)
            if Int.random(in: 0..<8, using: &random) == 0 {
                arrival.topic = Array(text().utf8)
                arrival.payload = (0..<20).map { _ in UInt8.random(in: 0...255, using: &random) }
            }
            guard
                case .obey(let request, _) = gate.decide(
                    arrival, now: UInt64(step) * 1_000_000_000)
            else { continue }
            #expect(settings.allowed.contains(request.verb) && !arrival.isRetained)
            let topic = arrival.origin.responseTopic ?? ""
            #expect(
                topic.hasPrefix("edge/box/response")
                    && !topic.contains(where: { "+#\0".contains($0) }))
            if request.verb.changesSomething {
                let key = "\(arrival.topic) \(topic) \(arrival.origin.correlation ?? [])"
                #expect(seen.insert(key).inserted, "\(key)")
                gate.remember(arrival, UpdateAnswer(isAccepted: true, text: ""))
                // What was forgotten may come again.
                if seen.count >= Gate.remembered { break }
            }
        }
        #expect(!seen.isEmpty)
    }
}
