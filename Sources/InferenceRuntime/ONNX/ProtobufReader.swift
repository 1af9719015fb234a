/// Walks the fields of one protobuf message without trusting any of its bytes.
///
/// A reader of our own and not swift-protobuf: that library parses a whole message into objects of
/// its own before anything can be checked (a forest's 1.2 million attribute values become arrays
/// nobody has bounded yet), it needs Foundation, and it is larger than this runtime. Seven kinds of
/// message with forty fields are all that an inference needs of onnx.proto.
///
/// Reading is a walk over ranges of the file: nothing is allocated, every field takes at least two
/// bytes, and nesting is followed only where a caller asks for the next named message, so that
/// neither time, memory nor depth can exceed what the file's size bounds.
///
/// - Source: https://protobuf.dev/programming-guides/encoding/
struct ProtobufReader {
    private let file: ModelBytes
    private(set) var position: Int
    let end: Int

    /// - Parameter message: a range of the file that an earlier read has checked.
    init(_ file: ModelBytes, _ message: Range<Int>) {
        self.file = file
        position = message.lowerBound
        end = message.upperBound
    }

    /// The next field; nil at the message's end.
    ///
    /// - Throws: `malformed` with the offset of what is wrong.
    mutating func next() throws(ModelError) -> ProtobufField? {
        if position == end { return nil }
        let offset = position
        let tag = try varint()
        let number = tag >> 3
        guard number > 0, number < 1 << 29 else {
            throw .malformed(.badFieldNumber, offset: offset)
        }
        let value: ProtobufField.Value
        switch tag & 7 {
        case 0: value = .varint(try varint())
        case 1: value = .fixed64(try fixed(UInt64.self))
        case 2:
            let length = try varint()
            guard length <= UInt64(end - position) else {
                throw .malformed(.fieldOutOfBounds, offset: offset)
            }
            value = .bytes(position..<position + Int(length))
            position += Int(length)
        case 5: value = .fixed32(try fixed(UInt32.self))
        // Groups, 3 and 4, are in no ONNX message; 6 and 7 do not exist.
        default: throw .malformed(.badWireType, offset: offset)
        }
        return ProtobufField(number: Int(number), value: value, offset: offset)
    }

    /// A varint: seven bits a byte, low ones first, at most ten bytes.
    mutating func varint() throws(ModelError) -> UInt64 {
        var result: UInt64 = 0
        var shift: UInt64 = 0
        while position < end {
            let byte = UInt64(try file.load(UInt8.self, at: position))
            position += 1
            // The tenth byte has room for one bit.
            guard shift < 63 || byte <= 1 else {
                throw .malformed(.varintTooLong, offset: position - 1)
            }
            result |= (byte & 0x7F) << shift
            if byte & 0x80 == 0 { return result }
            shift += 7
        }
        throw .malformed(.fieldOutOfBounds, offset: position)
    }

    /// A little-endian integer of fixed width.
    mutating func fixed<T: FixedWidthInteger & BitwiseCopyable>(
        _ type: T.Type
    ) throws(ModelError) -> T {
        guard end - position >= MemoryLayout<T>.size else {
            throw .malformed(.fieldOutOfBounds, offset: position)
        }
        let value = try file.load(T.self, at: position)
        position += MemoryLayout<T>.size
        return value
    }
}

/// One field of a message.
struct ProtobufField {
    enum Value {
        case varint(UInt64)
        case fixed64(UInt64)
        case fixed32(UInt32)
        /// A string, bytes, a message or packed numbers: where it lies in the file.
        case bytes(Range<Int>)
    }

    let number: Int
    let value: Value
    /// Place of the field's tag in the file.
    let offset: Int

    /// The field as int64, int32, bool or an enumeration.
    func integer() throws(ModelError) -> Int {
        guard case .varint(let value) = value else { throw wrongType }
        return Int(Int64(bitPattern: value))
    }

    func float() throws(ModelError) -> Float {
        guard case .fixed32(let value) = value else { throw wrongType }
        return Float(bitPattern: value)
    }

    /// The field's place as a string, bytes or a message.
    func range() throws(ModelError) -> Range<Int> {
        guard case .bytes(let range) = value else { throw wrongType }
        return range
    }

    func string(_ file: ModelBytes) throws(ModelError) -> String {
        unsafe String(decoding: file.bytes(try range()), as: UTF8.self)
    }

    var wrongType: ModelError { .malformed(.badWireType, offset: offset) }
}

/// Repeated numbers, which may be packed into one field or stand in a field each.
extension ProtobufReader {
    /// Calls `body` for each value of a repeated varint field.
    static func forEachInteger(
        _ file: ModelBytes, in message: Range<Int>, field number: Int,
        _ body: (Int) throws(ModelError) -> Void
    ) throws(ModelError) {
        try forEach(file, in: message, field: number) { reader throws(ModelError) in
            try body(Int(Int64(bitPattern: try reader.varint())))
        } alone: { field throws(ModelError) in
            try body(try field.integer())
        }
    }

    /// Calls `body` for each value of a repeated float field.
    static func forEachFloat(
        _ file: ModelBytes, in message: Range<Int>, field number: Int,
        _ body: (Float) throws(ModelError) -> Void
    ) throws(ModelError) {
        try forEach(file, in: message, field: number) { reader throws(ModelError) in
            try body(Float(bitPattern: try reader.fixed(UInt32.self)))
        } alone: { field throws(ModelError) in
            try body(try field.float())
        }
    }

    /// Calls `body` for each value of a repeated double field.
    static func forEachDouble(
        _ file: ModelBytes, in message: Range<Int>, field number: Int,
        _ body: (Double) throws(ModelError) -> Void
    ) throws(ModelError) {
        try forEach(file, in: message, field: number) { reader throws(ModelError) in
            try body(Double(bitPattern: try reader.fixed(UInt64.self)))
        } alone: { field throws(ModelError) in
            guard case .fixed64(let bits) = field.value else { throw field.wrongType }
            try body(Double(bitPattern: bits))
        }
    }

    /// Reads each value where it stands: `packed` the next of several in one field, `alone` a field's only one.
    private static func forEach(
        _ file: ModelBytes, in message: Range<Int>, field number: Int,
        packed: (inout ProtobufReader) throws(ModelError) -> Void,
        alone: (ProtobufField) throws(ModelError) -> Void
    ) throws(ModelError) {
        var reader = ProtobufReader(file, message)
        while let field = try reader.next() {
            guard field.number == number else { continue }
            if case .bytes(let range) = field.value {
                var values = ProtobufReader(file, range)
                while values.position < values.end { try packed(&values) }
            } else {
                try alone(field)
            }
        }
    }
}
