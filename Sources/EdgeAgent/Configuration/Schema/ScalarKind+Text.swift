internal import SensorIO

extension ScalarKind where Value == String {
    /// Any text of one line.
    static func text(
        _ expectation: String = "a text", maximumBytes: Int = 1024, typeName: String = "text"
    ) -> ScalarKind {
        ScalarKind(
            description: ScalarDescription(
                typeName: typeName, expectation: expectation, range: nil,
                schema: JSONValue.members(["type": .string("string"), "minLength": .integer(1)])),
            parse: { (text, _, _) throws(ScalarProblem) in
                guard !text.isEmpty else { return nil }
                try checkText(text, maximumBytes: maximumBytes)
                return text
            },
            format: { $0 })
    }

    /// A name that stands in topics, files and metrics: letters, digits, `.`, `_` and `-`.
    static func identifier(_ expectation: String) -> ScalarKind {
        ScalarKind(
            description: ScalarDescription(
                typeName: "name", expectation: expectation,
                range: "at most 64 letters, digits, '.', '_' or '-', the first a letter or digit",
                schema: JSONValue.members([
                    "type": .string("string"),
                    "pattern": .string("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"),
                ])),
            parse: { (text, _, _) throws(ScalarProblem) in
                guard !text.isEmpty else { return nil }
                guard isIdentifier(text) else {
                    throw .outOfRange(
                        "at most 64 letters, digits, '.', '_' or '-', the first a letter or digit",
                        "'\(text)'")
                }
                return text
            },
            format: { $0 })
    }

    /// A path of the file system. A relative one starts at the main file's directory; `${NAME}/…`
    /// at the directory that an environment variable names, as systemd's
    /// `${CREDENTIALS_DIRECTORY}`.
    static func path(_ expectation: String) -> ScalarKind {
        ScalarKind(
            description: ScalarDescription(
                typeName: "path", expectation: expectation, range: nil,
                schema: JSONValue.members(["type": .string("string"), "minLength": .integer(1)])),
            parse: { (text, _, context) throws(ScalarProblem) in
                guard !text.isEmpty else { return nil }
                try checkText(text, maximumBytes: 4095)
                return try resolve(text, context)
            },
            format: { $0 })
    }

    static func isIdentifier(_ text: String) -> Bool {
        let bytes = text.utf8
        guard let first = bytes.first, bytes.count <= 64, isAlphanumeric(first) else {
            return false
        }
        return bytes.allSatisfy { isAlphanumeric($0) || [0x2E, 0x5F, 0x2D].contains($0) }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
            || (0x61...0x7A).contains(byte)
    }

    private static func resolve(
        _ text: String, _ context: ConfigurationContext
    ) throws(ScalarProblem) -> String {
        if text.hasPrefix("/") { return text }
        if text.hasPrefix("${"), let end = text.firstIndex(of: "}") {
            let name = String(text[text.index(text.startIndex, offsetBy: 2)..<end])
            guard let directory = context.environment[name], directory.hasPrefix("/") else {
                throw ScalarProblem(
                    message: "the environment variable \(YAMLNode.excerpt(name)) does not hold"
                        + " an absolute path")
            }
            return directory + text[text.index(after: end)...]
        }
        return context.baseDirectory == "/"
            ? "/\(text)" : "\(context.baseDirectory)/\(text)"
    }
}

extension ScalarKind {
    /// One of a few words.
    static func choice(_ words: KeyValuePairs<String, Value>) -> ScalarKind {
        let names = words.map(\.key)
        let pairs = words.map { ($0.key, $0.value) }
        return ScalarKind(
            description: ScalarDescription(
                typeName: "choice",
                expectation: "one of " + names.joined(separator: ", "),
                range: names.joined(separator: ", "),
                schema: JSONValue.members(["enum": .array(names.flatMap(schemaValues))])),
            parse: { (text, _, _) throws(ScalarProblem) in
                if let match = pairs.first(where: { $0.0 == text }) { return match.1 }
                guard let nearest = NearestKey.find(text, among: names) else { return nil }
                throw ScalarProblem(
                    message: "expected one of \(names.joined(separator: ", ")),"
                        + " found '\(YAMLNode.excerpt(text))'; did you mean '\(nearest)'?")
            },
            format: { value in pairs.first { $0.1 == value }?.0 ?? "" })
    }

    /// What a word is to a reader of JSON Schema: `5` without quotes is a number there.
    private static func schemaValues(_ word: String) -> [JSONValue] {
        if let integer = Int64(word) { return [.string(word), .integer(integer)] }
        if let number = Double(word) { return [.string(word), .number(number)] }
        return [.string(word)]
    }

    /// A text that another type reads: nil says that it is no such text, a problem says in its own words what is wrong.
    static func parsed(
        _ typeName: String, _ expectation: String, range: String? = nil,
        parse: @escaping @Sendable (String) throws(ScalarProblem) -> Value?,
        format: @escaping @Sendable (Value) -> String
    ) -> ScalarKind {
        ScalarKind(
            description: ScalarDescription(
                typeName: typeName, expectation: expectation, range: range,
                schema: JSONValue.members(["type": .string("string"), "minLength": .integer(1)])),
            parse: { (text, _, _) throws(ScalarProblem) in
                guard !text.isEmpty else { return nil }
                return try parse(text)
            },
            format: format)
    }

    fileprivate static func checkText(
        _ text: String, maximumBytes: Int
    ) throws(ScalarProblem) {
        guard text.utf8.count <= maximumBytes else {
            throw ScalarProblem(
                message: "must be at most \(maximumBytes) bytes long, is \(text.utf8.count)")
        }
        guard text.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) else {
            throw ScalarProblem(message: "must not contain control characters")
        }
    }
}
