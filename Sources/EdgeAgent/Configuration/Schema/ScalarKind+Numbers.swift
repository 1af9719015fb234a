internal import SensorIO

extension ScalarKind where Value == Bool {
    /// `true` or `false`, and no other word.
    static var boolean: ScalarKind {
        ScalarKind(
            description: ScalarDescription(
                typeName: "boolean", expectation: "true or false", range: nil,
                schema: JSONValue.members(["type": .string("boolean")])),
            parse: { (text, isPlain, _) throws(ScalarProblem) in
                switch (text, isPlain) {
                case ("true", true): true
                case ("false", true): false
                default: nil
                }
            },
            format: { $0 ? "true" : "false" })
    }
}

extension ScalarKind where Value == Int {
    /// A decimal integer, without leading zeros (which mean octal to some readers and not to
    /// others).
    static func integer(_ range: ClosedRange<Int>, unit: String? = nil) -> ScalarKind {
        let bounds = rangeText(
            range.lowerBound == .min ? nil : "\(range.lowerBound)",
            range.upperBound == .max ? nil : "\(range.upperBound)")
        var schema = JSONValue.members(["type": .string("integer")])
        if range.lowerBound != .min {
            schema += JSONValue.members(["minimum": .integer(Int64(range.lowerBound))])
        }
        if range.upperBound != .max {
            schema += JSONValue.members(["maximum": .integer(Int64(range.upperBound))])
        }
        return ScalarKind(
            description: ScalarDescription(
                typeName: unit.map { "integer (\($0))" } ?? "integer",
                expectation: "an integer", range: bounds, schema: schema),
            parse: { (text, isPlain, _) throws(ScalarProblem) in
                let digits = text.utf8.drop { $0 == UInt8(ascii: "-") }
                guard isPlain, !digits.isEmpty, text.utf8.count - digits.count <= 1,
                    digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
                    digits.count == 1 || digits.first != UInt8(ascii: "0")
                else { return nil }
                guard let value = Int(text), range.contains(value) else {
                    throw .outOfRange(bounds ?? "a number of 64 bits", text)
                }
                return value
            },
            format: { "\($0)" })
    }

    /// A number of bytes with its unit.
    static func size(_ range: ClosedRange<Int>) -> ScalarKind {
        let bounds = rangeText(
            SizeText.format(range.lowerBound),
            range.upperBound == .max ? nil : SizeText.format(range.upperBound))
        return ScalarKind(
            description: ScalarDescription(
                typeName: "size", expectation: "a size such as 64KiB or 100MB", range: bounds,
                schema: JSONValue.members([
                    "type": .string("string"),
                    "pattern": .string("^[0-9]+(\\.[0-9]+)?(B|kB|KB|KiB|MB|MiB|GB|GiB)$"),
                ])),
            parse: { (text, _, _) throws(ScalarProblem) in
                guard let value = SizeText.parse(text) else { return nil }
                guard range.contains(value) else {
                    throw .outOfRange(bounds ?? "a size", text)
                }
                return value
            },
            format: SizeText.format)
    }
}

extension ScalarKind where Value == Double {
    /// A finite number.
    static func number(_ range: ClosedRange<Double>? = nil, unit: String? = nil) -> ScalarKind {
        let bounds = range.flatMap { rangeText(decimal($0.lowerBound), decimal($0.upperBound)) }
        var schema = JSONValue.members(["type": .string("number")])
        if let range {
            schema += JSONValue.members([
                "minimum": .number(range.lowerBound), "maximum": .number(range.upperBound),
            ])
        }
        return ScalarKind(
            description: ScalarDescription(
                typeName: unit.map { "number (\($0))" } ?? "number", expectation: "a number",
                range: bounds, schema: schema),
            parse: { (text, isPlain, _) throws(ScalarProblem) in
                // Swift also reads `0x1p4`, `nan` and `inf`, which are no numbers here.
                guard isPlain,
                    text.utf8.allSatisfy({ byte in
                        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                            || [0x2B, 0x2D, 0x2E, 0x45, 0x65].contains(byte)
                    }), let value = Double(text)
                else { return nil }
                guard value.isFinite, range?.contains(value) ?? true else {
                    throw .outOfRange(bounds ?? "a finite number", text)
                }
                return value
            },
            format: decimal)
    }

    private static func decimal(_ value: Double) -> String {
        Int(exactly: value).map { "\($0)" } ?? "\(value)"
    }
}

extension ScalarKind where Value == Duration {
    /// A duration with its unit.
    static func duration(_ range: ClosedRange<Duration>) -> ScalarKind {
        let bounds = rangeText(
            DurationText.format(range.lowerBound), DurationText.format(range.upperBound))
        return ScalarKind(
            description: ScalarDescription(
                typeName: "duration", expectation: "a duration such as 20ms, 1.5s, 5m, 2h or 30d",
                range: bounds,
                schema: JSONValue.members([
                    "type": .string("string"),
                    "pattern": .string("^[0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h|d)$"),
                ])),
            parse: { (text, _, _) throws(ScalarProblem) in
                guard let value = DurationText.parse(text) else { return nil }
                guard range.contains(value) else {
                    throw .outOfRange(bounds ?? "a duration", text)
                }
                return value
            },
            format: DurationText.format)
    }
}

extension ScalarKind {
    fileprivate static func rangeText(_ lower: String?, _ upper: String?) -> String? {
        switch (lower, upper) {
        case (nil, nil): nil
        case (let lower?, nil): "at least \(lower)"
        case (nil, let upper?): "at most \(upper)"
        case (let lower?, let upper?): "\(lower) to \(upper)"
        }
    }
}
