/// An attribute of an ONNX node: where it lies, decoded when it is asked for.
///
/// - Source: AttributeProto of onnx.proto (1.20).
struct ONNXAttribute {
    let name: String
    private let file: ModelBytes
    private let message: Range<Int>

    init(_ file: ModelBytes, _ message: Range<Int>) throws(ModelError) {
        self.file = file
        self.message = message
        var name = ""
        var reader = ProtobufReader(file, message)
        while let field = try reader.next() {
            if field.number == 1 { name = try field.string(file) }
            // Values that come from a function's caller: functions are not supported.
            if field.number == 21 { throw .malformed(.badEnumeration, offset: field.offset) }
        }
        self.name = name
    }

    /// Byte offset of the attribute in the file.
    var offset: Int { message.lowerBound }

    /// The last field `number`; nil when there is none.
    private func field(_ number: Int) throws(ModelError) -> ProtobufField? {
        var found: ProtobufField?
        var reader = ProtobufReader(file, message)
        while let field = try reader.next() {
            if field.number == number { found = field }
        }
        return found
    }

    /// A value of type INT; nil when the attribute has another type.
    func integer() throws(ModelError) -> Int? {
        try field(3)?.integer()
    }

    func float() throws(ModelError) -> Float? {
        try field(2)?.float()
    }

    func string() throws(ModelError) -> String? {
        try field(4)?.string(file)
    }

    func tensor(_ limits: ModelLimits) throws(ModelError) -> ONNXTensor? {
        guard let field = try field(5) else { return nil }
        return try ONNXTensor(file, try field.range(), limits: limits)
    }

    /// Whether the attribute holds a graph: control flow.
    func holdsGraph() throws(ModelError) -> Bool {
        if try field(6) != nil { return true }
        return try field(11) != nil
    }

    /// Values of type INTS. As many as the file has bytes for.
    func integers() throws(ModelError) -> [Int] {
        var result: [Int] = []
        try ProtobufReader.forEachInteger(file, in: message, field: 8) {
            value throws(ModelError) in result.append(value)
        }
        return result
    }

    func floats() throws(ModelError) -> [Float] {
        var result: [Float] = []
        try ProtobufReader.forEachFloat(file, in: message, field: 7) {
            value throws(ModelError) in result.append(value)
        }
        return result
    }

    func strings() throws(ModelError) -> [String] {
        var result: [String] = []
        var reader = ProtobufReader(file, message)
        while let field = try reader.next() {
            if field.number == 9 { result.append(try field.string(file)) }
        }
        return result
    }

    /// Values of type STRINGS by `body`, which gets their bytes: no string is made.
    func mapStrings<T>(_ body: (UnsafeRawBufferPointer) -> T?) throws(ModelError) -> [T] {
        var result: [T] = []
        var reader = ProtobufReader(file, message)
        while let field = try reader.next() {
            guard field.number == 9 else { continue }
            guard let value = unsafe body(file.bytes(try field.range())) else {
                throw .malformed(.badEnumeration, offset: field.offset)
            }
            result.append(value)
        }
        return result
    }
}
