internal import SensorIO

extension ConfigurationReference {
    /// A JSON Schema (2020-12) of the configuration, for editors: completion, and marks under
    /// mistakes.
    package static var jsonSchema: String {
        var root = JSONValue.members([
            "$schema": .string("https://json-schema.org/draft/2020-12/schema"),
            "title": .string("edge-agent configuration"),
        ])
        root += object(keys)
        var writer = JSONWriter(growingTo: 4 << 20, layout: .indented)
        writer.value(.object(root))
        guard case .complete = writer.finish() else { return "" }
        return String(decoding: writer.copyBytes(), as: UTF8.self) + "\n"
    }

    private static func object(_ keys: [KeyDescription]) -> [JSONMember] {
        var members = JSONValue.members([
            "type": .string("object"), "additionalProperties": .bool(false),
            "properties": .object(
                keys.map { JSONMember(key: $0.name, value: .object(schema(of: $0))) }),
        ])
        let required = keys.filter(\.isRequired).map { JSONValue.string($0.name) }
        if !required.isEmpty { members += JSONValue.members(["required": .array(required)]) }
        return members
    }

    private static func schema(of key: KeyDescription) -> [JSONMember] {
        var description = key.summary + "."
        if let range = key.rangeText { description += " Range: \(range)." }
        if let text = key.defaultText { description += " Default: \(text)." }
        let head = JSONValue.members(["description": .string(description)])
        switch key.shape {
        case .scalar(let scalar):
            return head + scalar.schema
        case .list(let scalar):
            return head
                + JSONValue.members([
                    "type": .string("array"), "items": .object(scalar.schema),
                ])
        case .table(let scalar):
            return head
                + JSONValue.members([
                    "type": .string("object"), "additionalProperties": .object(scalar.schema),
                ])
        case .section(let keys):
            guard key.defaultText == nil else { return head + object(keys) }
            // Nothing at all stands for a section of which every key is commented out.
            return head
                + JSONValue.members([
                    "anyOf": .array([
                        .object(object(keys)),
                        .object(JSONValue.members(["type": .string("null")])),
                    ])
                ])
        case .sectionList(let keys, _):
            return head
                + JSONValue.members([
                    "type": .string("array"), "items": .object(object(keys)),
                ])
        case .sectionTable(let keys):
            return head
                + JSONValue.members([
                    "type": .string("object"), "minProperties": .integer(1),
                    "additionalProperties": .object(object(keys)),
                ])
        }
    }
}
