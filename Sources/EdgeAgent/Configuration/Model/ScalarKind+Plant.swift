internal import SensorIO

extension ScalarKind where Value == TopicFilter {
    /// An MQTT topic filter with captures.
    static var topicFilter: ScalarKind {
        parsed(
            "topic filter", "a topic filter such as plant/{site}/pump/{asset}/vibration",
            parse: { text throws(ScalarProblem) in
                do throws(TopicError) {
                    return try TopicFilter(text)
                } catch {
                    throw ScalarProblem(
                        message: "topic filter '\(YAMLNode.excerpt(text))': \(error)")
                }
            },
            format: { $0.text })
    }
}

extension ScalarKind where Value == String {
    /// The template of a topic to publish to; all of `required` must stand in it, so that two of
    /// its messages never share a topic.
    static func topicTemplate(_ names: [String], required: [String]) -> ScalarKind {
        let braced = names.map { "{\($0)}" }.joined(separator: ", ")
        return parsed(
            "topic template", "a topic with \(braced)", range: "names: \(braced)",
            parse: { text throws(ScalarProblem) in
                let bindings = Dictionary(
                    uniqueKeysWithValues: names.filter { $0 != "asset" }.map { ($0, "x") })
                do throws(TopicError) {
                    _ = try TopicTemplate(
                        text, bindings: bindings, variables: names.filter { $0 == "asset" })
                } catch {
                    throw ScalarProblem(message: "topic '\(YAMLNode.excerpt(text))': \(error)")
                }
                for name in required where text.replacingEach("{\(name)}", with: "") == text {
                    throw ScalarProblem(
                        message: "topic '\(YAMLNode.excerpt(text))': must contain {\(name)}")
                }
                return text
            },
            format: { $0 })
    }
}

extension ScalarKind where Value == PayloadPath {
    /// The way to a value in a JSON object.
    static var payloadPath: ScalarKind {
        parsed(
            "path in an object", "a dotted path such as motor.temperature",
            parse: { text throws(ScalarProblem) in
                do throws(PayloadPathError) {
                    return try PayloadPath(text)
                } catch {
                    throw ScalarProblem(message: "path '\(YAMLNode.excerpt(text))': \(error)")
                }
            },
            format: \.description)
    }
}

extension ScalarKind where Value == Severity {
    /// A severity by its name.
    static var severity: ScalarKind {
        choice([
            "warning": .warning, "minor": .minor, "major": .major, "critical": .critical,
        ])
    }
}
