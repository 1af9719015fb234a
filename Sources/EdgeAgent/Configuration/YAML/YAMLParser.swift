internal import CYAML

/// Reads one YAML document through libyaml: the only file that talks to it.
///
/// Bounded in bytes, depth and nodes before anything is built, aliases included. Tags and several
/// documents are refused: a configuration has no use for either.
@safe  // `parser` and `event` are initialised and deleted by libyaml's own calls, in that order.
package struct YAMLParser: ~Copyable {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let event: UnsafeMutablePointer<yaml_event_t>
    private var holdsEvent = false
    private let file: String
    private let bytes: UnsafeRawBufferPointer
    private let limits: YAMLLimits
    private var anchors: [String: YAMLNode] = [:]
    private var nodes = 0

    /// Parses a document.
    ///
    /// - Parameters:
    ///   - bytes: UTF-8, with or without a byte order mark.
    ///   - file: the name for locations.
    /// - Returns: the root; nil for a text with no value in it (empty, or comments alone).
    /// - Throws: the first error; nothing after it can be trusted.
    package static func parse(
        _ bytes: [UInt8], file: String, limits: YAMLLimits = YAMLLimits()
    ) throws(YAMLError) -> YAMLNode? {
        guard bytes.count <= limits.maximumBytes else {
            throw YAMLError(
                location: .wholeFile(file),
                message: "has \(bytes.count) bytes, at most \(limits.maximumBytes) are read")
        }
        let result = unsafe bytes.withUnsafeBytes { bytes -> Result<YAMLNode?, YAMLError> in
            do throws(YAMLError) {
                // A byte order mark would count as a column. The parser borrows `bytes` and does
                // not outlive this call.
                let start = unsafe bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
                let text = unsafe UnsafeRawBufferPointer(rebasing: bytes[start...])
                var parser = try unsafe YAMLParser(bytes: text, file: file, limits: limits)
                return .success(try parser.document())
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private init(
        bytes: UnsafeRawBufferPointer, file: String, limits: YAMLLimits
    ) throws(YAMLError) {
        let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        guard unsafe yaml_parser_initialize(parser) == 1 else {
            unsafe parser.deallocate()
            throw YAMLError(location: .wholeFile(file), message: "out of memory")
        }
        unsafe self.parser = parser
        unsafe event = .allocate(capacity: 1)
        self.file = file
        unsafe self.bytes = bytes
        self.limits = limits
        unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        unsafe yaml_parser_set_input_string(
            parser, bytes.assumingMemoryBound(to: UInt8.self).baseAddress, bytes.count)
    }

    deinit {
        if holdsEvent { unsafe yaml_event_delete(event) }
        unsafe event.deallocate()
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
    }

    // MARK: Grammar

    private mutating func document() throws(YAMLError) -> YAMLNode? {
        try advance()  // stream start
        try advance()
        guard unsafe event.pointee.type == YAML_DOCUMENT_START_EVENT else { return nil }
        try advance()
        let root = try node(depth: 0)
        try advance()  // document end
        try advance()
        guard unsafe event.pointee.type == YAML_STREAM_END_EVENT else {
            throw error("a second document begins here; one file is one document")
        }
        // A document that says nothing: comments after `---`.
        return root.isNull ? nil : root
    }

    /// Reads the value that begins with the current event.
    private mutating func node(depth: Int) throws(YAMLError) -> YAMLNode {
        guard depth < limits.maximumDepth else {
            throw error("nested deeper than \(limits.maximumDepth)")
        }
        try count(1)
        let location = startLocation
        switch unsafe event.pointee.type {
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.pointee.data.scalar
            let anchor = unsafe try name(anchor: scalar.anchor, tag: scalar.tag)
            let isPlain = unsafe scalar.style == YAML_PLAIN_SCALAR_STYLE
            let text = unsafe Self.text(scalar.value, count: scalar.length)
            let node = YAMLNode(.scalar(text, isPlain: isPlain), at: location)
            return keep(node, as: anchor)
        case YAML_SEQUENCE_START_EVENT:
            let start = unsafe event.pointee.data.sequence_start
            let anchor = unsafe try name(anchor: start.anchor, tag: start.tag)
            var elements: [YAMLNode] = []
            try advance()
            while unsafe event.pointee.type != YAML_SEQUENCE_END_EVENT {
                elements.append(try node(depth: depth + 1))
                try advance()
            }
            return keep(YAMLNode(.sequence(elements), at: location), as: anchor)
        case YAML_MAPPING_START_EVENT:
            let start = unsafe event.pointee.data.mapping_start
            let anchor = unsafe try name(anchor: start.anchor, tag: start.tag)
            let pairs = try pairs(depth: depth)
            return keep(YAMLNode(.mapping(pairs), at: location), as: anchor)
        case YAML_ALIAS_EVENT:
            let alias = unsafe Self.text(event.pointee.data.alias.anchor)
            guard let node = anchors[alias] else {
                throw error("alias '*\(YAMLNode.excerpt(alias))' has no anchor before it")
            }
            try count(node.weight - 1)
            return node
        default:
            throw error("expected a value")
        }
    }

    private mutating func pairs(depth: Int) throws(YAMLError) -> [YAMLPair] {
        var pairs: [YAMLPair] = []
        try advance()
        while unsafe event.pointee.type != YAML_MAPPING_END_EVENT {
            let key = try node(depth: depth + 1)
            guard case .scalar(let text, _) = key.content else {
                throw YAMLError(location: key.location, message: "a key must be a plain text")
            }
            try advance()
            let value = try node(depth: depth + 1)
            pairs.append(YAMLPair(key: text, keyLocation: key.location, value: value))
            try advance()
        }
        return pairs
    }

    private mutating func count(_ more: Int) throws(YAMLError) {
        nodes += more
        guard nodes <= limits.maximumNodes else {
            throw error("more than \(limits.maximumNodes) values (aliases count each time)")
        }
    }

    private mutating func keep(_ node: YAMLNode, as anchor: String?) -> YAMLNode {
        if let anchor { anchors[anchor] = node }
        return node
    }

    private func name(
        anchor: UnsafeMutablePointer<UInt8>?, tag: UnsafeMutablePointer<UInt8>?
    ) throws(YAMLError) -> String? {
        if let tag = unsafe tag {
            throw unsafe error(
                "tag '\(YAMLNode.excerpt(Self.text(tag)))': tags have no meaning here")
        }
        guard let anchor = unsafe anchor else { return nil }
        return unsafe Self.text(anchor)
    }

    // MARK: Events

    private mutating func advance() throws(YAMLError) {
        if holdsEvent {
            holdsEvent = false
            unsafe yaml_event_delete(event)
        }
        guard unsafe yaml_parser_parse(parser, event) == 1 else { throw parserError() }
        holdsEvent = true
    }

    private var startLocation: SourceLocation { unsafe location(event.pointee.start_mark) }

    private func error(_ message: String) -> YAMLError {
        YAMLError(location: startLocation, message: message)
    }

    private func location(_ mark: yaml_mark_t) -> SourceLocation {
        .file(
            file, line: Int(clamping: mark.line) &+ 1, column: Int(clamping: mark.column) &+ 1)
    }

    private static func text(_ characters: UnsafeMutablePointer<UInt8>?) -> String {
        guard let characters = unsafe characters else { return "" }
        // libyaml ends names with NUL.
        return unsafe String(cString: characters)
    }

    private static func text(_ characters: UnsafeMutablePointer<UInt8>?, count: Int) -> String {
        unsafe String(
            decoding: UnsafeBufferPointer(start: characters, count: count), as: UTF8.self)
    }

    // MARK: Errors of libyaml

    private func parserError() -> YAMLError {
        let problem = unsafe parser.pointee.problem.map { unsafe String(cString: $0) }
        switch unsafe parser.pointee.error {
        case YAML_READER_ERROR:
            return unsafe YAMLError(
                location: location(ofByte: parser.pointee.problem_offset),
                message: unsafe parser.pointee.problem_value >= 0
                    ? "not valid UTF-8 text: \(problem ?? "unreadable")"
                    : problem ?? "unreadable")
        case YAML_MEMORY_ERROR:
            return YAMLError(location: .wholeFile(file), message: "out of memory")
        default:
            let mark = unsafe parser.pointee.problem_mark
            var message = problem ?? "not valid YAML"
            switch byte(at: mark) {
            case UInt8(ascii: "\t"):
                message = "a tab stands here: YAML is indented with spaces alone"
            case UInt8(ascii: "{"):
                message = "'{' begins a mapping here: put quotes around a text that contains it"
            default:
                guard let context = unsafe parser.pointee.context else { break }
                let line = unsafe Int(clamping: parser.pointee.context_mark.line) &+ 1
                message += unsafe " \(String(cString: context)) at line \(line)"
            }
            return YAMLError(location: location(mark), message: message)
        }
    }

    private func byte(at mark: yaml_mark_t) -> UInt8? {
        // The mark's index counts characters, so the byte is found by line and column.
        var line = 0
        var column = 0
        for index in unsafe 0..<bytes.count {
            let byte = unsafe bytes[index]
            if line == mark.line, column == mark.column, byte & 0xC0 != 0x80 {
                return byte
            }
            Self.count(byte, &line, &column)
        }
        return nil
    }

    private func location(ofByte offset: Int) -> SourceLocation {
        var line = 0
        var column = 0
        for index in unsafe 0..<min(max(0, offset), bytes.count) {
            unsafe Self.count(bytes[index], &line, &column)
        }
        return .file(file, line: line + 1, column: column + 1)
    }

    private static func count(_ byte: UInt8, _ line: inout Int, _ column: inout Int) {
        if byte == UInt8(ascii: "\n") {
            line += 1
            column = 0
        } else if byte & 0xC0 != 0x80 {
            column += 1
        }
    }
}
