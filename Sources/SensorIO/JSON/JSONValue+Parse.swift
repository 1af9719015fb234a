internal import CSimdjson

extension JSONValue {
    /// Reads a document, all of it: what follows the value must be white space.
    ///
    /// Strict: RFC 8259 and valid UTF-8, no byte order mark, no key twice in one object, no number
    /// beyond the range of a double. An integer beyond `Int64` becomes a `.number`.
    ///
    /// - Throws: `JSONError`: `.empty`, `.tooLarge`, `.tooDeep`, `.notUTF8`, `.syntax`,
    ///   `.numberOutOfRange`, `.duplicateKey`, `.outOfMemory`.
    package init(
        parsing bytes: UnsafeRawBufferPointer, limits: Limits = Limits()
    ) throws(JSONError) {
        guard bytes.count <= limits.maximumBytes else {
            throw unsafe .tooLarge(actual: bytes.count, maximum: limits.maximumBytes)
        }
        var status = EJS_OK
        var offset = 0
        // The tree is freed below on every way out; its nodes and texts are used only before that.
        guard
            let tree = unsafe ejs_tree_create(
                bytes.baseAddress, bytes.count, max(0, limits.maximumDepth), &status, &offset)
        else {
            throw unsafe Self.error(for: status, at: offset, in: bytes, limits: limits)
        }
        defer { unsafe ejs_tree_destroy(tree) }
        var count = 0
        let nodes = unsafe ejs_tree_nodes(tree, &count)
        var builder = unsafe TreeBuilder(nodes: UnsafeBufferPointer(start: nodes, count: count))
        self = try unsafe builder.next(path: "$")
    }

    /// Reads a document from bytes at hand.
    ///
    /// - Throws: as `init(parsing:limits:)` of a buffer.
    package init(parsing bytes: [UInt8], limits: Limits = Limits()) throws(JSONError) {
        let result = unsafe bytes.withUnsafeBytes { bytes -> Result<JSONValue, JSONError> in
            do throws(JSONError) {
                return .success(try unsafe JSONValue(parsing: bytes, limits: limits))
            } catch {
                return .failure(error)
            }
        }
        self = try result.get()
    }

    /// Reads a document from text.
    ///
    /// - Throws: as `init(parsing:limits:)` of a buffer.
    package init(parsing text: String, limits: Limits = Limits()) throws(JSONError) {
        try self.init(parsing: Array(text.utf8), limits: limits)
    }

    private static func error(
        for status: ejs_status, at offset: Int, in bytes: UnsafeRawBufferPointer, limits: Limits
    ) -> JSONError {
        var line = 0
        var column = 0
        if offset >= 0 && offset <= bytes.count {
            line = 1
            column = 1
            for index in 0..<offset {
                let isNewline = unsafe bytes[index] == UInt8(ascii: "\n")
                line += isNewline ? 1 : 0
                column = isNewline ? 1 : column + 1
            }
        }
        switch status {
        case EJS_EMPTY: return .empty
        case EJS_TOO_LARGE:
            return unsafe .tooLarge(actual: bytes.count, maximum: limits.maximumBytes)
        case EJS_TOO_DEEP: return .tooDeep(maximum: limits.maximumDepth)
        case EJS_NOT_UTF8: return .notUTF8
        case EJS_NUMBER_RANGE: return .numberOutOfRange(line: line, column: column)
        case EJS_NO_MEMORY: return .outOfMemory
        default: return .syntax(line: line, column: column)
        }
    }
}

/// Turns the flat list of nodes back into a tree; the depth was bounded when the list was made.
@unsafe private struct TreeBuilder {
    let nodes: UnsafeBufferPointer<ejs_tree_node>
    var position = 0

    init(nodes: UnsafeBufferPointer<ejs_tree_node>) {
        unsafe self.nodes = unsafe nodes
    }

    mutating func next(path: String) throws(JSONError) -> JSONValue {
        let node = unsafe nodes[position]
        unsafe position += 1
        switch unsafe ejs_tree_kind(node.kind) {
        case EJS_TREE_FALSE: return .bool(false)
        case EJS_TREE_TRUE: return .bool(true)
        case EJS_TREE_INTEGER: return unsafe .integer(node.integer)
        case EJS_TREE_DOUBLE: return unsafe .number(node.number)
        case EJS_TREE_STRING: return unsafe .string(text(of: node))
        case EJS_TREE_ARRAY: return try unsafe array(count: Int(node.length), path: path)
        case EJS_TREE_OBJECT: return try unsafe object(count: Int(node.length), path: path)
        default: return .null
        }
    }

    private mutating func array(count: Int, path: String) throws(JSONError) -> JSONValue {
        var elements: [JSONValue] = []
        elements.reserveCapacity(count)
        for index in 0..<count {
            // Only containers can fail below here, so only they need a path.
            let isContainer = unsafe nodes[position].kind >= EJS_TREE_ARRAY.rawValue
            elements.append(try unsafe next(path: isContainer ? "\(path)[\(index)]" : ""))
        }
        return .array(elements)
    }

    private mutating func object(count: Int, path: String) throws(JSONError) -> JSONValue {
        var members: [JSONMember] = []
        members.reserveCapacity(count)
        var keys = Set<String>(minimumCapacity: count)
        for _ in 0..<count {
            let key = unsafe text(of: nodes[position])
            unsafe position += 1
            // Canonically equivalent spellings are one key, as they are for `subscript(key:)`.
            guard keys.insert(key).inserted else { throw .duplicateKey(path: path, key: key) }
            let value = try unsafe next(path: path == "$" ? key : "\(path).\(key)")
            members.append(JSONMember(key: key, value: value))
        }
        return .object(members)
    }

    private func text(of node: ejs_tree_node) -> String {
        let bytes = unsafe UnsafeRawBufferPointer(start: node.text, count: Int(node.length))
        return unsafe String(decoding: bytes, as: UTF8.self)
    }
}
