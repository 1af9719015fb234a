import EdgeAgent
import SensorIO
import Testing

@Suite("Rollouts, windows and requests of updates")
struct UpdatePolicyTests {
    @Test(
        "A rollout reaches the share that it says, and a larger one reaches the same agents and more"
    )
    func rollout() {
        let agents = (0..<2000).map { "box-\($0)" }
        func reached(_ percent: Double) -> Set<String> {
            Set(agents.filter { Rollout.includes(agent: $0, percent: percent) })
        }
        #expect(reached(0).isEmpty)
        #expect(reached(100).count == 2000)
        // Three standard deviations of 2000 throws.
        #expect((440...560).contains(reached(25).count))
        #expect(reached(10).isSubset(of: reached(25)))
    }

    @Test(
        "A maintenance window may lie over midnight",
        arguments: [
            ("22:00-04:30", 21 * 60 + 59, false), ("22:00-04:30", 22 * 60, true),
            ("22:00-04:30", 0, true), ("22:00-04:30", 4 * 60 + 30, false),
            ("08:00-09:00", 8 * 60 + 59, true), ("08:00-09:00", 9 * 60, false),
        ])
    func window(text: String, minute: Int, isOpen: Bool) throws {
        let window = try #require(MaintenanceWindow(text))
        let time = BundleVerifierTests.now + Int64(minute) * 60_000_000_000
        #expect(window.contains(nanosecondsSince1970: time) == isOpen)
        #expect(window.text == text)
    }

    @Test(
        "What is no window is none",
        arguments: ["", "22:00", "22:00-22:00", "24:00-01:00", "1:00-2:00", "aa:bb-cc:dd", "-"])
    func noWindow(text: String) {
        #expect(MaintenanceWindow(text) == nil)
    }

    @Test("A request is read as it was written; others are refused")
    func requests() throws {
        let request = UpdateRequest(.stage, pipeline: "pumps", argument: "/media/usb/\"x\"")
        #expect(try UpdateRequest(parsing: request.encoded) == request)
        for text in ["", "{}", "{\"command\":\"format\"}", "{\"command\":\"pull\",\"x\":1}", "[1]"]
        {
            #expect(throws: JSONError.self) { try UpdateRequest(parsing: Array(text.utf8)) }
        }
        let answer = UpdateAnswer(isAccepted: true, text: "ä")
        #expect(try UpdateAnswer(parsing: answer.encoded) == answer)
    }
}
