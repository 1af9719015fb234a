package import SensorIO

/// What a reader of values may look at besides the file.
struct ConfigurationContext: Sendable {
    /// Relative paths start here: the directory of the main file.
    var baseDirectory: String
    var environment: [String: String]
}

/// Why a scalar cannot be taken: the sentence that follows the key.
struct ScalarProblem: Error, Equatable {
    var message: String
}

/// What a scalar's documentation says, without its type.
package struct ScalarDescription: Sendable {
    /// As in `duration`.
    package var typeName: String
    /// As in `a duration such as 20ms`.
    package var expectation: String
    /// As in `1ms to 1h`; nil where the type says it all.
    package var range: String?
    /// The members of the JSON Schema of a value.
    package var schema: [JSONMember]
}

/// How one kind of scalar is read, shown and documented.
struct ScalarKind<Value: Sendable & Equatable>: Sendable {
    typealias Parse =
        @Sendable (_ text: String, _ isPlain: Bool, ConfigurationContext) throws(ScalarProblem)
        -> Value?

    var description: ScalarDescription
    /// Returns nil for what is not of this kind at all; throws what is, but cannot be taken.
    var parse: Parse
    /// The text that `parse` reads back.
    var format: @Sendable (Value) -> String

    /// Reads a node.
    func read(
        _ node: YAMLNode, _ context: ConfigurationContext
    ) throws(ScalarProblem) -> Value {
        guard !node.isNull else {
            throw ScalarProblem(message: "has no value: expected \(description.expectation)")
        }
        guard case .scalar(let text, let isPlain) = node.content,
            let value = try parse(text, isPlain, context)
        else {
            throw ScalarProblem(
                message: "expected \(description.expectation), found \(node.found)")
        }
        return value
    }
}

extension ScalarProblem {
    /// A value of the right type outside its range.
    static func outOfRange(_ range: String, _ text: String) -> ScalarProblem {
        ScalarProblem(message: "must be \(range), is \(YAMLNode.excerpt(text))")
    }
}

extension JSONValue {
    /// Members of an object, for schemas.
    static func members(_ members: KeyValuePairs<String, JSONValue>) -> [JSONMember] {
        members.map { JSONMember(key: $0.key, value: $0.value) }
    }
}
