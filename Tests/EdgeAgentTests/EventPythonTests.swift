import Foundation
import TestSupport
import Testing

@testable import EdgeAgent

/// Messages as the consumers' own tools read them.
@Suite("Event messages in Python")
struct EventPythonTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    @Test(
        "Python's parser reads every message and writes the same values back",
        .enabled(if: EventPython.has("json"), "there is no python3"))
    func pythonReadsEveryMessage() throws {
        let program = """
            import json, sys
            for line in sys.stdin:
                value = json.loads(line)
                again = json.loads(json.dumps(value))
                assert value == again and isinstance(value, dict), line
                print("ok")
            """
        let messages = try EventSamples.all().map(\.text)
        let (status, output) = try EventPython.run(
            program, input: messages.joined(separator: "\n"))
        #expect(status == 0, "\(output)")
        #expect(output.split(separator: "\n").count == messages.count)
    }

    @Test(
        "Python reads each number as exactly the value that was written",
        .enabled(if: EventPython.has("json", "struct"), "there is no python3"))
    func pythonReadsEachNumberExactly() throws {
        var generator = SeededGenerator(seed: 5)
        let values = (0..<1000).compactMap { _ -> Double? in
            let value = Double(bitPattern: generator.next())
            return value.isFinite ? value : nil
        }
        var json = JSONWriter(growingTo: 1 << 20)
        json.beginArray()
        for value in values { json.number(value) }
        json.endArray()
        _ = json.finish()
        let program = """
            import json, struct, sys
            for value in json.load(sys.stdin):
                print(struct.unpack("<Q", struct.pack("<d", value))[0])
            """
        let text = String(decoding: json.copyBytes(), as: UTF8.self)
        let (status, output) = try EventPython.run(program, input: text)
        #expect(status == 0)
        let read = output.split(separator: "\n").compactMap { UInt64($0) }
        #expect(read == values.map(\.bitPattern))
    }

    @Test(
        "the CloudEvents SDK reads every event",
        .enabled(
            if: EventPython.has("cloudevents.core.formats.json"),
            "EDGE_AGENT_PYTHON names no Python with the package cloudevents 2"))
    func theCloudEventsSDKReadsEveryEvent() throws {
        let program = """
            import json, sys
            from cloudevents.core.formats.json import JSONFormat
            for line in sys.stdin:
                event = JSONFormat().read(None, line)
                assert event.get_specversion() == "1.0"
                raw = json.loads(line)
                assert event.get_id() == raw["id"] and event.get_source() == raw["source"]
                assert event.get_type() == raw["type"] and event.get_subject() == raw.get("subject")
                assert event.get_time().tzinfo is not None
                assert event.get_data() == raw["data"]
                print("ok")
            """
        let events = try EventSamples.all().filter { ["alert", "prediction"].contains($0.schema) }
        let (status, output) = try EventPython.run(
            program, input: events.map(\.text).joined(separator: "\n"))
        #expect(status == 0, "\(output)")
        #expect(output.split(separator: "\n").count == events.count)
    }

    private static let validate = """
        import json, pathlib, sys
        from jsonschema import Draft202012Validator
        folder = pathlib.Path(sys.argv[1])
        schemas = {}
        for path in folder.glob("*.schema.json"):
            schema = json.loads(path.read_text())
            Draft202012Validator.check_schema(schema)
            schemas[path.name.removesuffix(".schema.json")] = Draft202012Validator(schema)
        for line in sys.stdin:
            name, text = line.split(" ", 1)
            for error in schemas[name].iter_errors(json.loads(text)):
                sys.exit(f"{name}: {error.json_path}: {error.message}: {text}")
            print("ok")
        """

    @Test(
        "every message keeps to its schema",
        .enabled(
            if: EventPython.has("jsonschema"),
            "EDGE_AGENT_PYTHON names no Python with the package jsonschema"))
    func everyMessageKeepsToItsSchema() throws {
        let messages = try EventSamples.all()
        let (status, output) = try EventPython.run(
            Self.validate, Self.root.appending(path: "docs/schemas").path,
            input: messages.map { "\($0.schema) \($0.text)" }.joined(separator: "\n"))
        #expect(status == 0, "\(output)")
        #expect(output.split(separator: "\n").count == messages.count)
    }

    @Test(
        "every example in docs/events.md keeps to the schema that its block names",
        .enabled(
            if: EventPython.has("jsonschema"),
            "EDGE_AGENT_PYTHON names no Python with the package jsonschema"))
    func everyExampleKeepsToItsSchema() throws {
        let text = try String(
            contentsOf: Self.root.appending(path: "docs/events.md"), encoding: .utf8)
        let examples = text.components(separatedBy: "```json ").dropFirst().map { block in
            let end = block.range(of: "```")?.lowerBound ?? block.endIndex
            return block[..<end].split(separator: "\n").joined(separator: " ")
        }
        #expect(examples.count >= 6)
        let (status, output) = try EventPython.run(
            Self.validate, Self.root.appending(path: "docs/schemas").path,
            input: examples.joined(separator: "\n"))
        #expect(status == 0, "\(output)")
    }
}
