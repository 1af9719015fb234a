import SensorIO
import Testing

@Suite("JSON nodes")
struct JSONNodeTests {
    private let root: JSONNode

    init() throws {
        root = JSONNode(
            try JSONValue(
                parsing: """
                    {"name": "pump", "inputs": {"hop": 64, "rate": 0.5, "on": true, "none": null,
                     "channels": [{"unit": "mm/s"}, {"unit": 3}], "offsets": [1, 2.5, "x"]}}
                    """))
    }

    @Test("read values by type")
    func typedReads() throws {
        let inputs = try root.required("inputs")
        #expect(try root.required("name").string() == "pump")
        #expect(try inputs.required("hop").integer(in: 1...64) == 64)
        #expect(try inputs.required("hop").number() == 64)
        #expect(try inputs.required("rate").number() == 0.5)
        #expect(try inputs.required("on").bool())
        #expect(try inputs.optional("none") == nil)
        #expect(try inputs.optional("absent") == nil)
        #expect(try inputs.required("channels").elements().count == 2)
        #expect(
            try inputs.members().map(\.key) == ["hop", "rate", "on", "none", "channels", "offsets"])
    }

    @Test("name the path of what is wrong")
    func errorsNameThePath() throws {
        let inputs = try root.required("inputs")
        #expect(throws: JSONError.missing(path: "inputs.window")) { try inputs.required("window") }
        #expect(
            throws: JSONError.wrongType(
                path: "inputs.channels[1].unit", expected: "a string", found: "an integer")
        ) {
            try inputs.required("channels").elements()[1].required("unit").string()
        }
        #expect(throws: JSONError.invalid(path: "inputs.hop", reason: "be within 1...32")) {
            try inputs.required("hop").integer(in: 1...32)
        }
        #expect(
            throws: JSONError.wrongType(
                path: "inputs.offsets[2]", expected: "a number", found: "a string")
        ) {
            try inputs.required("offsets").numbers()
        }
        #expect(throws: JSONError.unknownKey(path: "inputs", key: "rate")) {
            try inputs.requireKeys(among: ["hop", "on", "none", "channels", "offsets"])
        }
        #expect(throws: JSONError.wrongType(path: "name", expected: "an object", found: "a string"))
        {
            try root.required("name").optional("x")
        }
        #expect("\(JSONError.missing(path: "inputs.window"))" == "inputs.window: missing")
    }
}
