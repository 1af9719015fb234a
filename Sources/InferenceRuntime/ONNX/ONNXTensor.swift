/// A constant of an ONNX model: the type and shape that its elements were checked against.
///
/// - Source: TensorProto of onnx.proto (1.20).
struct ONNXTensor {
    let name: String
    /// Dimensions, all at least 0; an empty tensor has a 0 among them.
    let shape: [Int]
    let elementType: ElementType
    /// Where its elements lie.
    private let storage: Storage

    private enum Storage {
        /// Little-endian elements in the file.
        case raw(ModelBytes, Range<Int>)
        /// Elements in a repeated field of the message.
        case typed(ModelBytes, Range<Int>)
        /// Made here.
        case bytes([UInt8])
        case strings([String])
    }

    var elementCount: Int { shape.reduce(1, *) }

    /// - Throws: `malformed`, `invalidTensor`, `rankTooLarge`, `tensorTooLarge`.
    init(_ file: ModelBytes, _ message: Range<Int>, limits: ModelLimits) throws(ModelError) {
        var name = ""
        var shape: [Int] = []
        var code = 0
        var raw: Range<Int>?
        var isExternal = false
        var strings: [String] = []
        var reader = ProtobufReader(file, message)
        while let field = try reader.next() {
            switch field.number {
            case 1: break
            case 2: code = try field.integer()
            case 6: strings.append(try field.string(file))
            case 8: name = try field.string(file)
            case 9: raw = try field.range()
            case 13: isExternal = true
            case 14: if try field.integer() != 0 { isExternal = true }
            default: break
            }
        }
        let limit = limits.rank + 2
        try ProtobufReader.forEachInteger(file, in: message, field: 1) {
            dimension throws(ModelError) in
            guard shape.count < limit else {
                throw .rankTooLarge(tensor: name, rank: shape.count + 1, limit: limit)
            }
            shape.append(dimension)
        }
        func invalid(_ reason: String) -> ModelError {
            .invalidTensor(name: name, index: -1, reason: reason)
        }
        guard !isExternal else {
            throw invalid(
                "its data lies in another file; save the model with all data inside the file")
        }
        guard let type = ElementType(onnxCode: code) else {
            throw invalid("elements of ONNX type \(code) are not supported")
        }
        var elements = 1
        let width = type.byteCount ?? 1
        for dimension in shape {
            guard dimension >= 0 else { throw invalid("a dimension is \(dimension)") }
            let (product, overflow) = elements.multipliedReportingOverflow(by: dimension)
            guard !overflow, product <= limits.tensorBytes / width else {
                throw .tensorTooLarge(tensor: name, limitBytes: limits.tensorBytes)
            }
            elements = product
        }
        self.name = name
        self.shape = shape
        elementType = type
        if type == .string {
            guard strings.count == elements else {
                throw .malformed(
                    strings.count < elements ? .dataTooShort : .dataTooLong,
                    offset: message.lowerBound)
            }
            storage = .strings(strings)
        } else if let raw {
            guard type.byteCount != nil else { throw invalid("\(type.rawValue) is not supported") }
            guard raw.count >= elements * width else {
                throw .malformed(.dataTooShort, offset: raw.lowerBound)
            }
            guard raw.count == elements * width else {
                throw .malformed(.dataTooLong, offset: raw.lowerBound)
            }
            storage = .raw(file, raw)
        } else {
            storage = .typed(file, message)
            try checkTyped(file, message, elements: elements)
        }
    }

    /// A tensor of int64 values.
    init(_ values: [Int], shape: [Int], name: String) {
        self.init(
            bytes: values.flatMap { value in
                (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
            }, shape: shape, elementType: .int64, name: name)
    }

    /// A tensor of float32 values.
    init(_ values: [Float], shape: [Int], name: String) {
        self.init(
            bytes: values.flatMap { value in
                (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
            }, shape: shape, elementType: .float32, name: name)
    }

    /// - Parameter bytes: as many as the shape needs.
    init(bytes: [UInt8], shape: [Int], elementType: ElementType, name: String) {
        self.name = name
        self.shape = shape
        self.elementType = elementType
        storage = .bytes(bytes)
    }

    /// The same elements in another shape of as many.
    func reshaped(_ shape: [Int]) -> ONNXTensor {
        ONNXTensor(copying: self, shape: shape)
    }

    private init(copying other: ONNXTensor, shape: [Int]) {
        name = other.name
        self.shape = shape
        elementType = other.elementType
        storage = other.storage
    }

    /// Elements of typed fields are counted once, when the tensor is read.
    private func checkTyped(
        _ file: ModelBytes, _ message: Range<Int>, elements: Int
    ) throws(ModelError) {
        var count = 0
        func tick() throws(ModelError) {
            count += 1
            guard count <= elements else {
                throw .malformed(.dataTooLong, offset: message.lowerBound)
            }
        }
        switch elementType {
        case .float32:
            try ProtobufReader.forEachFloat(file, in: message, field: 4) {
                _ throws(ModelError) in try tick()
            }
        case .float64:
            try ProtobufReader.forEachDouble(file, in: message, field: 10) {
                _ throws(ModelError) in try tick()
            }
        default:
            try ProtobufReader.forEachInteger(file, in: message, field: integerField) {
                _ throws(ModelError) in try tick()
            }
        }
        guard count == elements else {
            throw .malformed(.dataTooShort, offset: message.lowerBound)
        }
    }

    /// The field that holds integers of this type.
    private var integerField: Int {
        switch elementType {
        case .int64: 7
        case .uint32, .uint64: 11
        default: 5
        }
    }

    // MARK: - Elements

    /// The elements as little-endian bytes, exactly as many as the shape needs.
    func bytes() throws(ModelError) -> [UInt8] {
        switch storage {
        case .bytes(let bytes): return bytes
        case .raw(let file, let range): return unsafe [UInt8](file.bytes(range))
        case .strings: return []
        case .typed(let file, let message):
            var result: [UInt8] = []
            let width = elementType.byteCount ?? 1
            result.reserveCapacity(elementCount * width)
            func append(_ bits: UInt64) {
                for byte in 0..<width {
                    result.append(UInt8(truncatingIfNeeded: bits >> UInt64(8 * byte)))
                }
            }
            switch elementType {
            case .float32:
                try ProtobufReader.forEachFloat(file, in: message, field: 4) {
                    value throws(ModelError) in append(UInt64(value.bitPattern))
                }
            case .float64:
                try ProtobufReader.forEachDouble(file, in: message, field: 10) {
                    value throws(ModelError) in append(value.bitPattern)
                }
            default:
                try ProtobufReader.forEachInteger(file, in: message, field: integerField) {
                    value throws(ModelError) in append(UInt64(bitPattern: Int64(value)))
                }
            }
            return result
        }
    }

    /// The elements as strings; empty for numbers.
    var strings: [String] {
        if case .strings(let values) = storage { values } else { [] }
    }

    /// The elements as integers; floats are truncated, what is out of range is clamped.
    func integers() throws(ModelError) -> [Int] {
        let bytes = try bytes()
        func load<T: FixedWidthInteger>(_ type: T.Type) -> [Int] {
            stride(from: 0, to: bytes.count, by: MemoryLayout<T>.size).map { start in
                var bits: T = 0
                for byte in 0..<MemoryLayout<T>.size {
                    bits |= T(truncatingIfNeeded: bytes[start + byte]) << T(8 * byte)
                }
                return Int(clamping: bits)
            }
        }
        switch elementType {
        case .int64: return load(Int64.self)
        case .int32: return load(Int32.self)
        case .int16: return load(Int16.self)
        case .int8: return load(Int8.self)
        case .uint8, .bool: return load(UInt8.self)
        case .uint16: return load(UInt16.self)
        case .uint32: return load(UInt32.self)
        case .uint64: return load(UInt64.self)
        default:
            return try reals().map { value in
                value.isNaN
                    ? 0 : Int(exactly: value.rounded(.towardZero)) ?? (value < 0 ? .min : .max)
            }
        }
    }

    /// The elements as real numbers.
    func reals() throws(ModelError) -> [Double] {
        switch elementType {
        case .float32:
            let bytes = try bytes()
            return stride(from: 0, to: bytes.count, by: 4).map {
                Double(Float(bitPattern: UInt32(truncatingIfNeeded: Self.bits(bytes, $0, 4))))
            }
        case .float64:
            let bytes = try bytes()
            return stride(from: 0, to: bytes.count, by: 8).map {
                Double(bitPattern: Self.bits(bytes, $0, 8))
            }
        case .float16:
            let bytes = try bytes()
            return stride(from: 0, to: bytes.count, by: 2).map {
                Self.half(UInt16(truncatingIfNeeded: Self.bits(bytes, $0, 2)))
            }
        default: return try integers().map(Double.init)
        }
    }

    /// The elements rounded to float32.
    func floats() throws(ModelError) -> [Float] {
        try reals().map(Float.init)
    }

    private static func bits(_ bytes: [UInt8], _ start: Int, _ count: Int) -> UInt64 {
        (0..<count).reduce(0) { $0 | UInt64(bytes[start + $1]) << UInt64(8 * $1) }
    }

    /// IEEE 754 binary16. Not `Float16`, which x86-64 macOS lacks.
    private static func half(_ bits: UInt16) -> Double {
        let sign: Double = bits & 0x8000 == 0 ? 1 : -1
        let exponent = Int(bits >> 10 & 0x1F)
        let fraction = Double(bits & 0x3FF) / 1024
        switch exponent {
        case 0: return sign * fraction * 0x1p-14
        case 31: return fraction == 0 ? sign * .infinity : .nan
        default:
            return sign * (1 + fraction)
                * Double(sign: .plus, exponent: exponent - 15, significand: 1)
        }
    }
}

extension ElementType {
    /// - Source: TensorProto.DataType of onnx.proto.
    init?(onnxCode code: Int) {
        switch code {
        case 1: self = .float32
        case 2: self = .uint8
        case 3: self = .int8
        case 4: self = .uint16
        case 5: self = .int16
        case 6: self = .int32
        case 7: self = .int64
        case 8: self = .string
        case 9: self = .bool
        case 10: self = .float16
        case 11: self = .float64
        case 12: self = .uint32
        case 13: self = .uint64
        default: return nil
        }
    }
}
