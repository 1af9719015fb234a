/// A JSON document in memory, for files and answers of the control plane. Not for the hot path.
package enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    /// A number without fraction and exponent that fits.
    case integer(Int64)
    /// Any other number; always finite.
    case number(Double)
    case string(String)
    case array([JSONValue])
    /// Members in the order of the document; no key stands there twice.
    case object([JSONMember])

    /// What a document may be at most.
    package struct Limits: Sendable, Equatable {
        /// - Units: bytes
        package var maximumBytes: Int
        package var maximumDepth: Int

        /// Bounds for one document; the defaults fit any manifest.
        package init(maximumBytes: Int = 4 << 20, maximumDepth: Int = 32) {
            self.maximumBytes = maximumBytes
            self.maximumDepth = maximumDepth
        }
    }

    /// The type as an error message says it.
    package var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer: "an integer"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// The member of that name, if this is an object that has it.
    package subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }
}

/// One key of an object with its value.
package struct JSONMember: Sendable, Equatable {
    package var key: String
    package var value: JSONValue

    /// Pairs a key with its value.
    package init(key: String, value: JSONValue) {
        self.key = key
        self.value = value
    }
}
