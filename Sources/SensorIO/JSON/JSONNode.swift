/// A value together with its place in the document: reads with types, and errors that name the
/// path.
///
/// ```swift
/// let root = JSONNode(try JSONValue(parsing: bytes))
/// let hop = try root.required("inputs").required("hop").integer(in: 1...1024)
/// ```
package struct JSONNode: Sendable, Equatable {
    package let value: JSONValue
    /// As in `inputs.channels[2].unit`; the document itself is `$`.
    package let path: String

    /// The document's own node, or that of a part under a path of the caller's.
    package init(_ value: JSONValue, path: String = "$") {
        self.value = value
        self.path = path
    }

    /// The member `key` of this object.
    ///
    /// - Throws: `.wrongType` if this is no object, `.missing` if the key is absent.
    package func required(_ key: String) throws(JSONError) -> JSONNode {
        guard let node = try member(key) else { throw .missing(path: path(of: key)) }
        return node
    }

    /// The member `key` of this object; `nil` if it is absent or `null`.
    ///
    /// - Throws: `.wrongType` if this is no object.
    package func optional(_ key: String) throws(JSONError) -> JSONNode? {
        guard let node = try member(key), node.value != .null else { return nil }
        return node
    }

    /// All members of this object in the order of the document.
    ///
    /// - Throws: `.wrongType` if this is no object.
    package func members() throws(JSONError) -> [(key: String, node: JSONNode)] {
        guard case .object(let members) = value else { throw wrongType("an object") }
        return members.map { ($0.key, JSONNode($0.value, path: path(of: $0.key))) }
    }

    /// All elements of this array.
    ///
    /// - Throws: `.wrongType` if this is no array.
    package func elements() throws(JSONError) -> [JSONNode] {
        guard case .array(let elements) = value else { throw wrongType("an array") }
        return elements.enumerated().map { JSONNode($1, path: "\(path)[\($0)]") }
    }

    /// - Throws: `.wrongType` if this is no string.
    package func string() throws(JSONError) -> String {
        guard case .string(let string) = value else { throw wrongType("a string") }
        return string
    }

    /// - Throws: `.wrongType` if this is no boolean.
    package func bool() throws(JSONError) -> Bool {
        guard case .bool(let bool) = value else { throw wrongType("a boolean") }
        return bool
    }

    /// An integer within bounds; `2.0` is not one.
    ///
    /// - Throws: `.wrongType`, or `.invalid` if it is out of bounds.
    package func integer(
        in range: ClosedRange<Int> = Int.min...Int.max
    ) throws(JSONError) -> Int {
        guard case .integer(let integer) = value else { throw wrongType("an integer") }
        guard let fitting = Int(exactly: integer), range.contains(fitting) else {
            throw .invalid(
                path: path, reason: "be within \(range.lowerBound)...\(range.upperBound)")
        }
        return fitting
    }

    /// Any number, integers included.
    ///
    /// - Throws: `.wrongType` if this is no number.
    package func number() throws(JSONError) -> Double {
        switch value {
        case .integer(let integer): return Double(integer)
        case .number(let number): return number
        default: throw wrongType("a number")
        }
    }

    /// An array of numbers.
    ///
    /// - Throws: `.wrongType` for the array or the first element that is none.
    package func numbers() throws(JSONError) -> [Double] {
        guard case .array(let elements) = value else { throw wrongType("an array") }
        var numbers: [Double] = []
        numbers.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            switch element {
            case .integer(let integer): numbers.append(Double(integer))
            case .number(let number): numbers.append(number)
            default:
                throw .wrongType(
                    path: "\(path)[\(index)]", expected: "a number", found: element.typeName)
            }
        }
        return numbers
    }

    /// An array of strings.
    ///
    /// - Throws: `.wrongType` for the array or the first element that is none.
    package func strings() throws(JSONError) -> [String] {
        var strings: [String] = []
        for element in try elements() { strings.append(try element.string()) }
        return strings
    }

    /// Checks that this object has no other keys than these.
    ///
    /// - Throws: `.wrongType` if this is no object, `.unknownKey` for the first stranger.
    package func requireKeys(among known: [String]) throws(JSONError) {
        guard case .object(let members) = value else { throw wrongType("an object") }
        for member in members where !known.contains(member.key) {
            throw .unknownKey(path: path, key: member.key)
        }
    }

    /// The error that says what a value must be; `reason` completes "must …".
    package func invalid(_ reason: String) -> JSONError { .invalid(path: path, reason: reason) }

    private func member(_ key: String) throws(JSONError) -> JSONNode? {
        guard case .object(let members) = value else { throw wrongType("an object") }
        return members.first { $0.key == key }.map { JSONNode($0.value, path: path(of: key)) }
    }

    private func path(of key: String) -> String { path == "$" ? key : "\(path).\(key)" }

    private func wrongType(_ expected: String) -> JSONError {
        .wrongType(path: path, expected: expected, found: value.typeName)
    }
}
